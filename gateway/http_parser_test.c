/* What is read as a request, and what is refused, whatever pieces the bytes come in. */
#include "gateway/http_parser.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/uuid.h"

#define MAX_BODY 1000

static int setup(void **state)
{
	*state = arena_new(16384, 0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

struct outcome {
	struct http_request *request;
	enum http_progress progress;
	size_t used;
};

/* Feeds the bytes in pieces of this size; the last answer counts. */
static struct outcome parse(struct arena *arena, struct str bytes, size_t piece)
{
	struct http_parser *parser = arena_alloc(arena, sizeof(*parser));
	struct outcome outcome = { .request = arena_alloc(arena, sizeof(*outcome.request)), .progress = HTTP_MORE };

	outcome.request->arena = arena;
	http_parser_start(parser, outcome.request, MAX_BODY);
	while (outcome.used < bytes.len && (outcome.progress == HTTP_MORE || outcome.progress == HTTP_CONTINUE)) {
		const size_t left = bytes.len - outcome.used;
		const size_t len = piece < left ? piece : left;
		size_t used;

		/* A copy of its own, so that reading beyond it is seen. */
		outcome.progress =
		    http_parse(parser, (struct str){ arena_memdup(arena, bytes.data + outcome.used, len), len }, &used);
		assert_true(used <= len);
		assert_true(used == len || outcome.progress == HTTP_COMPLETE || outcome.progress == HTTP_REFUSED);
		outcome.used += used;
	}
	return outcome;
}

static const size_t PIECES[] = { 100000, 1, 2, 7 };
#define N_PIECES (sizeof(PIECES) / sizeof(PIECES[0]))

static void refuse(struct arena *arena, struct str bytes, int status)
{
	for (size_t i = 0; i < N_PIECES; i++) {
		const struct outcome outcome = parse(arena, bytes, PIECES[i]);

		if (outcome.progress != HTTP_REFUSED || outcome.request->refusal != status)
			fail_msg("progress %d, status %d instead of %d in pieces of %zu: %.*s", outcome.progress,
				 outcome.request->refusal, status, PIECES[i], (int)bytes.len, bytes.data);
		assert_non_null(outcome.request->refusal_detail);
	}
}

/* All of the bytes are one request with this body. */
static struct http_request *accept(struct arena *arena, struct str bytes, const char *body)
{
	struct http_request *request = NULL;

	for (size_t i = 0; i < N_PIECES; i++) {
		const struct outcome outcome = parse(arena, bytes, PIECES[i]);

		request = outcome.request;
		if (outcome.progress != HTTP_COMPLETE)
			fail_msg("progress %d (%s) in pieces of %zu: %.*s", outcome.progress, request->refusal_detail,
				 PIECES[i], (int)bytes.len, bytes.data);
		assert_int_equal(outcome.used, bytes.len);
		assert_true(str_is(request->body, body));
	}
	return request;
}

#define REFUSE(status_, text_) refuse(*state, STR(text_), status_)
#define ACCEPT(body_, text_) accept(*state, STR(text_), body_)

static void requests_are_taken_apart(void **state)
{
	const struct http_request *r = ACCEPT("hello", "POST /v1/a%20b?x=1&y HTTP/1.1\r\nHost: h:80\r\nX-One:\t a  b "
						       "\t\r\ncontent-LENGTH: 5\r\nEmpty:\r\n\r\nhello");

	assert_true(str_is(r->method, "POST"));
	assert_true(str_is(r->path, "/v1/a%20b"));
	assert_true(str_is(r->query, "x=1&y"));
	assert_int_equal(r->n_fields, 4);
	assert_true(str_is(http_field(r, "x-one"), "a  b"));
	assert_true(str_is(http_field(r, "EMPTY"), ""));
	assert_null(http_field(r, "none").data);
	assert_true(r->keep_alive);
	r = ACCEPT("", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	assert_true(str_is(r->path, "/") && str_is(r->query, ""));
	assert_false(r->keep_alive);
	r = ACCEPT("", "\r\nGET http://example.org/a?b HTTP/1.1\r\nHost: example.org\r\n\r\n");
	assert_true(str_is(r->path, "/a") && str_is(r->query, "b"));
	r = ACCEPT("", "GET / HTTP/1.0\r\n\r\n");
	assert_false(r->keep_alive);
	(void)ACCEPT("", "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	(void)ACCEPT(
	    "ab", "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab");
	(void)ACCEPT("", "DELETE / HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n");
}

static void chunks_are_joined(void **state)
{
	(void)ACCEPT(
	    "hello world",
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
	(void)ACCEPT("hello", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
			      "chunked\r\n\r\n005;name=value\r\nhello\r\n0;last\r\nTrailer: x\r\n\r\n");
	(void)ACCEPT("\r\n", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n");
}

static void only_one_request_is_taken(void **state)
{
	static const char two[] = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
	const struct outcome outcome = parse(*state, str_of(two), 1000);

	assert_int_equal(outcome.progress, HTTP_COMPLETE);
	assert_int_equal(outcome.used, strlen(two) / 2);
	assert_true(str_is(outcome.request->path, "/1"));
}

static void expectations_are_told(void **state)
{
	const struct outcome outcome =
	    parse(*state, STR("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n"), 1000);

	assert_int_equal(outcome.progress, HTTP_CONTINUE);
	(void)ACCEPT("abc", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
	(void)ACCEPT("", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n");
	REFUSE(417, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: tea\r\n\r\n");
	REFUSE(413, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
}

static void lengths_cannot_be_read_two_ways(void **state)
{
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5x\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5 5\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nhello");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
	REFUSE(
	    400,
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\x0B"
		    "chunked\r\n\r\n0\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

static void lines_end_in_one_way(void **state)
{
	REFUSE(400, "GET / HTTP/1.1\nHost: h\n\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: y\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tfolded\r\n\r\n");
	REFUSE(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n 5\r\n\r\nhello");
	REFUSE(400, "GET / HTTP/1.1\r\n X: y\r\nHost: h\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX\0: a\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\x7F\r\n\r\n");
}

static void chunks_have_strict_frames(void **state)
{
#define CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	REFUSE(400, CHUNKED "5\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "5\r\nhello\n0\r\n\r\n");
	REFUSE(400, CHUNKED "5\r\nhelloXX0\r\n\r\n");
	REFUSE(400, CHUNKED "5\r\nhello0\r\n\r\n");
	REFUSE(400, CHUNKED "5\r\nhello\r\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "+5\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "0x5\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "-5\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED " 5\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "g\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "11111111111111111\r\nhello\r\n0\r\n\r\n");
	REFUSE(400, CHUNKED "5\r\nhello\r\n0\r\nTrailer: x\n\r\n");
	REFUSE(400, CHUNKED "5\r\nhello\r\n0\r\n\n");
	REFUSE(413, CHUNKED
	       "fffffff\r\nhello"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
}

static void hosts_and_targets_are_checked(void **state)
{
	REFUSE(400, "GET / HTTP/1.1\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n");
	REFUSE(400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n");
	REFUSE(400, "GET /\xC3\xBC HTTP/1.1\r\nHost: a\r\n\r\n");
	REFUSE(400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n");
	REFUSE(400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
	REFUSE(400, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	REFUSE(400, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
	REFUSE(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	REFUSE(400, "get / HTTP/1.1\r\nHost: a\r\n\r\n");
	REFUSE(400, "\x16\x03\x01\x02\x00\x01\x00");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a\r\nX@Y: 1\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n");
	REFUSE(400, "GET / HTTP/1.1\r\nHost: a\r\nIf-Match: \"1\"\r\nif-match: \"2\"\r\n\r\n");
	REFUSE(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n");
}

static struct str long_request(struct arena *arena, size_t target, size_t field, size_t fields)
{
	struct buf buf = buf_new(arena);

	buf_text(&buf, "GET /");
	for (size_t i = 0; i < target; i++)
		buf_byte(&buf, 'x');
	buf_text(&buf, " HTTP/1.1\r\nHost: h\r\n");
	for (size_t n = 0; n < fields; n++) {
		buf_printf(&buf, "X-%zu: ", n);
		for (size_t i = 0; i < field; i++)
			buf_byte(&buf, 'y');
		buf_text(&buf, "\r\n");
	}
	buf_text(&buf, "\r\n");
	return (struct str){ buf.data, buf.len };
}

static void sizes_are_limited(void **state)
{
	(void)accept(*state, long_request(*state, 8000, 0, 0), "");
	refuse(*state, long_request(*state, 8192, 0, 0), 414);
	refuse(*state, long_request(*state, 20000, 0, 0), 414);
	(void)accept(*state, long_request(*state, 1, 8000, 1), "");
	refuse(*state, long_request(*state, 1, 8192, 1), 431);
	(void)accept(*state, long_request(*state, 1, 8000, 2), "");
	refuse(*state, long_request(*state, 1, 5500, 3), 431);
	(void)accept(*state, long_request(*state, 1, 10, 99), "");
	refuse(*state, long_request(*state, 1, 10, 100), 431);
	REFUSE(413, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
}

static void framing_is_limited(void **state)
{
	struct buf buf = buf_new(*state);

	buf_text(&buf, CHUNKED);
	for (int i = 0; i < 300; i++)
		buf_text(&buf, "1\r\nx\r\n");
	refuse(*state, (struct str){ buf.data, buf.len }, 413);
}

/* Damaged requests end in an answer, and in the same one whatever the pieces. */
static void damage_is_judged_the_same_in_pieces(void **state)
{
	static const char good[] = "POST /v1/a?b=c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX: "
				   "y\r\n\r\n5;e=f\r\nhello\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n";

	(void)state;
	for (int i = 0; i < 3000; i++) {
		static const char alphabet[] = "\r\n\t :;0aX/\0,?\xFF";
		struct arena *arena = arena_new(16384, 0);
		char *bytes = arena_memdup(arena, good, sizeof(good) - 1);
		uint8_t dice[6];

		random_bytes(dice, sizeof(dice));
		for (size_t n = 0; n <= dice[0] % 2u; n++)
			bytes[(dice[1 + n] * 256u + dice[2 + n]) % (sizeof(good) - 1)] =
			    alphabet[dice[3 + n] % (sizeof(alphabet) - 1)];

		const struct outcome whole = parse(arena, (struct str){ bytes, sizeof(good) - 1 }, 1000);
		const struct outcome single = parse(arena, (struct str){ bytes, sizeof(good) - 1 }, 1);

		if (whole.progress != single.progress || !str_equal(whole.request->body, single.request->body))
			fail_msg("%d/%d and %d/%d: %s", whole.progress, whole.request->refusal, single.progress,
				 single.request->refusal, bytes);
		arena_free(arena);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_taken_apart),
		TEST(chunks_are_joined),
		TEST(only_one_request_is_taken),
		TEST(expectations_are_told),
		TEST(lengths_cannot_be_read_two_ways),
		TEST(lines_end_in_one_way),
		TEST(chunks_have_strict_frames),
		TEST(hosts_and_targets_are_checked),
		TEST(sizes_are_limited),
		TEST(framing_is_limited),
		TEST(damage_is_judged_the_same_in_pieces),
	};

	return cmocka_run_group_tests_name("gateway/http_parser", tests, NULL, NULL);
}
