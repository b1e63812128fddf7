/* The strict reader, exact numbers, and the writer of json.h. */
#include "gateway/json.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"

static int setup(void **state)
{
	*state = arena_new(4096, 0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

/* Reads everything; the last token, which is JSON_END or JSON_BROKEN. */
static enum json_token read_all(struct arena *arena, struct str text, const char **ret_error)
{
	struct json_reader reader = json_reader_of(arena, text);
	enum json_token token;

	do {
		token = json_next(&reader);
	} while (token != JSON_END && token != JSON_BROKEN);
	*ret_error = reader.error;
	assert_true(reader.offset <= text.len);
	return token;
}

static void accept(struct arena *arena, struct str text)
{
	const char *error;

	if (read_all(arena, text, &error) != JSON_END)
		fail_msg("refused (%s): %.*s", error, (int)text.len, text.data);
}

static void refuse(struct arena *arena, struct str text)
{
	const char *error;

	if (read_all(arena, text, &error) != JSON_BROKEN)
		fail_msg("accepted: %.*s", (int)text.len, text.data);
	assert_non_null(error);
}

#define ACCEPT(text_) accept(*state, STR(text_))
#define REFUSE(text_) refuse(*state, STR(text_))

static void values_of_all_kinds_are_read(void **state)
{
	ACCEPT("null");
	ACCEPT(" true ");
	ACCEPT("\t\r\nfalse");
	ACCEPT("{}");
	ACCEPT("[ ]");
	ACCEPT("\"\"");
	ACCEPT("[0,-0,1,12,-3.25,1e5,1E+5,1.5e-300,123456789012345678901234567890]");
	ACCEPT("{\"a\":{\"b\":[{},[],null]},\"c\" : \"d\"}");
	ACCEPT("[[[[[[[[[[1]]]]]]]]]]");
}

static void what_is_not_json_is_refused(void **state)
{
	REFUSE("");
	REFUSE("  ");
	REFUSE("\xEF\xBB\xBF{}");
	REFUSE("nul");
	REFUSE("nullx");
	REFUSE("True");
	REFUSE("NaN");
	REFUSE("Infinity");
	REFUSE("{} {}");
	REFUSE("{}x");
	REFUSE("[1,]");
	REFUSE("[,1]");
	REFUSE("[1 2]");
	REFUSE("[1");
	REFUSE("[1}");
	REFUSE("{\"a\":1]");
	REFUSE("]");
	REFUSE("{");
	REFUSE("{,}");
	REFUSE("{\"a\"}");
	REFUSE("{\"a\":}");
	REFUSE("{\"a\":1,}");
	REFUSE("{\"a\":1 \"b\":2}");
	REFUSE("{a:1}");
	REFUSE("{'a':1}");
	REFUSE("{1:1}");
	REFUSE("['a']");
	REFUSE("// c\n1");
	REFUSE("/* c */1");
	REFUSE("{\"a\"\0:1}");
	REFUSE("1\0");
}

static void numbers_follow_the_grammar(void **state)
{
	REFUSE("+1");
	REFUSE("01");
	REFUSE("-01");
	REFUSE("-");
	REFUSE("1.");
	REFUSE(".5");
	REFUSE("-.5");
	REFUSE("1e");
	REFUSE("1e+");
	REFUSE("0x10");
	REFUSE("1_000");
	REFUSE("--1");
	assert_true(json_is_number(STR("-0.0e-0")));
	assert_false(json_is_number(STR("")));
	assert_false(json_is_number(STR(" 1")));
	assert_false(json_is_number(STR("1 ")));
	assert_false(json_is_number(STR("12abc")));
}

static void strings_are_strict(void **state)
{
	ACCEPT("\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e4 \\uD83D\\uDEA2\"");
	ACCEPT("\"Gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\xA2 \x7F\"");
	REFUSE("\"abc");
	REFUSE("\"abc\\\"");
	REFUSE("\"\\x41\"");
	REFUSE("\"\\U0041\"");
	REFUSE("\"\\'\"");
	REFUSE("\"\\u12\"");
	REFUSE("\"\\u12G4\"");
	REFUSE("\"\\uD800\"");
	REFUSE("\"\\uD800x\"");
	REFUSE("\"\\uD800\\n\"");
	REFUSE("\"\\uD800\\uD800\"");
	REFUSE("\"\\uDC00\\uD800\"");
	REFUSE("\"\\uDC00\"");
	REFUSE("\"\n\"");
	REFUSE("\"\t\"");
	REFUSE("\"\0\"");
	REFUSE("\"\x1F\"");
	REFUSE("\"\xFF\"");
	REFUSE("\"\xC0\xAF\"");
	REFUSE("\"\xED\xA0\x80\"");
	REFUSE("\"\xF4\x90\x80\x80\"");
	REFUSE("\"\xE2\x82\"");
	REFUSE("{\"\xFF\":1}");
}

static struct str text_of(struct arena *arena, struct str json)
{
	struct json_reader reader = json_reader_of(arena, json);

	assert_int_equal(json_next(&reader), JSON_STRING);
	assert_int_equal(json_next(&reader), JSON_END);
	return reader.text;
}

static void strings_are_decoded(void **state)
{
	const struct str expected = STR("\"\\/\b\f\n\r\t\0\xC3\xA4\xE2\x82\xAC\xF0\x9F\x9A\xA2z");

	assert_true(str_equal(
	    text_of(*state, STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00E4\\u20ac\\ud83d\\udea2z\"")), expected));
	assert_true(str_is(text_of(*state, STR("\"plain\"")), "plain"));
	assert_true(str_is(text_of(*state, STR("\"\"")), ""));
}

static void depth_is_limited(void **state)
{
	char text[2 * JSON_DEPTH + 3];

	memset(text, '[', JSON_DEPTH);
	memset(text + JSON_DEPTH, ']', JSON_DEPTH);
	accept(*state, (struct str){ text, 2 * JSON_DEPTH });
	memset(text, '[', JSON_DEPTH + 1);
	memset(text + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
	refuse(*state, (struct str){ text, 2 * JSON_DEPTH + 2 });
}

static void a_failure_is_final_and_says_where(void **state)
{
	struct json_reader reader = json_reader_of(*state, STR("[1, x]"));

	assert_int_equal(json_next(&reader), JSON_ARRAY);
	assert_int_equal(json_next(&reader), JSON_NUMBER);
	assert_int_equal(json_next(&reader), JSON_BROKEN);
	assert_int_equal(reader.offset, 4);
	assert_string_equal(reader.error, "a value is missing");
	assert_int_equal(json_next(&reader), JSON_BROKEN);
}

static void skipping_reads_past_one_value(void **state)
{
	struct json_reader reader = json_reader_of(*state, STR("{\"a\":{\"b\":[1,{\"c\":[]}]},\"d\":7}"));

	assert_int_equal(json_next(&reader), JSON_OBJECT);
	assert_int_equal(json_next(&reader), JSON_NAME);
	json_skip(&reader, json_next(&reader));
	assert_int_equal(json_next(&reader), JSON_NAME);
	assert_true(str_is(reader.text, "d"));
	json_skip(&reader, json_next(&reader));
	assert_int_equal(json_next(&reader), JSON_OBJECT_END);
	assert_int_equal(json_next(&reader), JSON_END);
}

static void expect_whole(const char *number, bool negative, uint64_t magnitude)
{
	bool sign;
	uint64_t value;

	if (!json_whole(str_of(number), &sign, &value))
		fail_msg("not whole: %s", number);
	assert_int_equal(sign, negative);
	assert_true(value == magnitude);
}

static void whole_numbers_are_exact(void **state)
{
	static const char *const wrong[] = { "0.5",
					     "1e-1",
					     "1.05e1",
					     "18446744073709551616",
					     "1e20",
					     "1e99999",
					     "1.5",
					     "-0.1",
					     "1e-99999999999999",
					     "12345678901234567890123",
					     "1e19999",
					     "2e19",
					     "9007199254740993.5",
					     "0.00000000000000000001" };
	bool sign = true;
	uint64_t value = 77;

	(void)state;
	expect_whole("0", false, 0);
	expect_whole("-0", false, 0);
	expect_whole("0e999999999999999999999", false, 0);
	expect_whole("-0.000", false, 0);
	expect_whole("1.0", false, 1);
	expect_whole("1e5", false, 100000);
	expect_whole("1.25E2", false, 125);
	expect_whole("1200e-2", false, 12);
	expect_whole("0.001e3", false, 1);
	expect_whole("100.00", false, 100);
	expect_whole("9007199254740993", false, UINT64_C(9007199254740993));
	expect_whole("9223372036854775807", false, INT64_MAX);
	expect_whole("-9223372036854775808", true, (uint64_t)INT64_MAX + 1);
	expect_whole("18446744073709551615", false, UINT64_MAX);
	expect_whole("1844674407370955161500e-2", false, UINT64_MAX);
	expect_whole("1e19", false, UINT64_C(10000000000000000000));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (json_whole(str_of(wrong[i]), &sign, &value))
			fail_msg("whole: %s", wrong[i]);
	assert_true(sign && value == 77);
}

static void doubles_that_do_not_fit_are_refused(void **state)
{
	double d = 1;
	float f = 1;

	assert_true(json_double(*state, STR("1.7976931348623157e308"), &d));
	assert_false(json_double(*state, STR("1e400"), &d));
	assert_false(json_double(*state, STR("-1e400"), &d));
	assert_true(json_double(*state, STR("1e-400"), &d));
	assert_true(d == 0);
	assert_true(json_float(*state, STR("3.40282e38"), &f));
	assert_false(json_float(*state, STR("1e39"), &f));
}

static const char *written(struct arena *arena, double value, bool as_float)
{
	struct buf buf = buf_new(arena);
	struct json_writer writer = { .out = &buf };

	if (as_float)
		json_from_float(&writer, (float)value);
	else
		json_from_double(&writer, value);
	return buf.data;
}

static void doubles_are_short_and_exact(void **state)
{
	assert_string_equal(written(*state, 0.1, false), "0.1");
	assert_string_equal(written(*state, 0.1, true), "0.1");
	assert_string_equal(written(*state, 1.0 / 3, false), "0.3333333333333333");
	assert_string_equal(written(*state, -0.0, false), "-0");
	assert_string_equal(written(*state, 1e300, false), "1e+300");
	assert_string_equal(written(*state, NAN, false), "\"NaN\"");
	assert_string_equal(written(*state, -INFINITY, true), "\"-Infinity\"");
	for (int i = 0; i < 2000; i++) {
		uint64_t bits;
		double value;

		random_bytes(&bits, sizeof(bits));
		memcpy(&value, &bits, sizeof(value));
		if (!isfinite(value))
			continue;
		assert_true(strtod(written(*state, value, false), NULL) == value);
	}
}

static void the_writer_places_commas(void **state)
{
	struct buf buf = buf_new(*state);
	struct json_writer writer = { .out = &buf };

	json_open(&writer, '{');
	json_name(&writer, "a");
	json_open(&writer, '[');
	json_int(&writer, -1);
	json_raw(&writer, "true");
	json_open(&writer, '[');
	json_close(&writer, ']');
	json_open(&writer, '{');
	json_close(&writer, '}');
	json_close(&writer, ']');
	json_name(&writer, "b\"");
	json_text(&writer, STR("x\ny"));
	json_name(&writer, "c");
	json_base64(&writer, STR("fo"));
	json_close(&writer, '}');
	assert_string_equal(buf.data, "{\"a\":[-1,true,[],{}],\"b\\\"\":\"x\\ny\",\"c\":\"Zm8=\"}");
}

/* A random tree, written and read again: the same tokens come back. */
struct random_tree {
	struct buf tokens; /* one letter per token, texts behind it */
	struct json_writer writer;
};

static unsigned dice(unsigned sides)
{
	uint32_t value;

	random_bytes(&value, sizeof(value));
	return value % sides;
}

static struct str random_text(struct arena *arena)
{
	static const char *const pieces[] = {
		"a", "\"", "\\", "/", "\n", "\x01", "\xC3\xBC", "\xE2\x80\xA8", "\xF0\x9F\x9A\xA2", "\x7F", " ", "u0041"
	};
	struct buf buf = buf_new(arena);

	for (unsigned i = dice(12); i > 0; i--)
		buf_text(&buf, pieces[dice(sizeof(pieces) / sizeof(pieces[0]))]);
	return (struct str){ buf.data, buf.len };
}

static void grow(struct random_tree *tree, struct arena *arena, int depth);

static void grow_container(struct random_tree *tree, struct arena *arena, int depth, bool array)
{
	buf_byte(&tree->tokens, array ? '[' : '{');
	json_open(&tree->writer, array ? '[' : '{');
	for (unsigned i = dice(5); i > 0; i--) {
		if (!array) {
			const struct str name = random_text(arena);

			buf_printf(&tree->tokens, "N%s", name.data);
			json_name(&tree->writer, name.data);
		}
		grow(tree, arena, depth + 1);
	}
	buf_byte(&tree->tokens, array ? ']' : '}');
	json_close(&tree->writer, array ? ']' : '}');
}

static void grow(struct random_tree *tree, struct arena *arena, int depth)
{
	const unsigned kind = dice(depth < 6 ? 6 : 4);

	if (kind >= 4) {
		grow_container(tree, arena, depth, kind == 4);
	} else if (kind == 3) {
		const struct str text = random_text(arena);

		buf_printf(&tree->tokens, "S%s", text.data);
		json_text(&tree->writer, text);
	} else if (kind == 2) {
		const int64_t number = (int64_t)dice(UINT32_MAX) - INT32_MAX;

		buf_printf(&tree->tokens, "#%lld", (long long)number);
		json_int(&tree->writer, number);
	} else {
		buf_text(&tree->tokens, kind == 1 ? "t" : "0");
		json_raw(&tree->writer, kind == 1 ? "true" : "null");
	}
}

static const char *tokens_of(struct arena *arena, struct str json)
{
	static const char letters[] = {
		[JSON_OBJECT] = '{', [JSON_OBJECT_END] = '}', [JSON_ARRAY] = '[',  [JSON_ARRAY_END] = ']',
		[JSON_NAME] = 'N',   [JSON_STRING] = 'S',     [JSON_NUMBER] = '#', [JSON_TRUE] = 't',
		[JSON_FALSE] = 'f',  [JSON_NULL] = '0'
	};
	struct json_reader reader = json_reader_of(arena, json);
	struct buf tokens = buf_new(arena);

	for (enum json_token token = json_next(&reader); token != JSON_END; token = json_next(&reader)) {
		assert_int_not_equal(token, JSON_BROKEN);
		buf_byte(&tokens, letters[token]);
		if (token == JSON_NAME || token == JSON_STRING || token == JSON_NUMBER)
			buf_bytes(&tokens, reader.text.data, reader.text.len);
	}
	return tokens.data;
}

static void random_trees_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		struct arena *arena = arena_new(4096, 0);
		struct buf text = buf_new(arena);
		struct random_tree tree = { buf_new(arena), { .out = &text } };

		grow(&tree, arena, 0);
		assert_string_equal(tokens_of(arena, (struct str){ text.data, text.len }), tree.tokens.data);
		arena_free(arena);
	}
}

/*
 * Broken input of any kind ends in a token, never in a read beyond the end (which the sanitizers would see: the copy
 * has no byte to spare).
 */
static void damaged_texts_are_survived(void **state)
{
	static const char good[] =
	    "{\"a\":[1,-2.5e3,\"x\\u00e4\\ud83d\\udea2\",true,false,null,{\"b\":{}}],\"c\":\"\xC3\xBC\"}";

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct arena *arena = arena_new(4096, 0);
		const size_t len = dice(sizeof(good));
		char *copy = arena_memdup(arena, good, len);
		const char *error;

		for (unsigned n = dice(3); len > 0 && n > 0; n--)
			random_bytes(copy + dice((unsigned)len), 1);
		(void)read_all(arena, (struct str){ copy, len }, &error);
		arena_free(arena);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_of_all_kinds_are_read),
		TEST(what_is_not_json_is_refused),
		TEST(numbers_follow_the_grammar),
		TEST(strings_are_strict),
		TEST(strings_are_decoded),
		TEST(depth_is_limited),
		TEST(a_failure_is_final_and_says_where),
		TEST(skipping_reads_past_one_value),
		TEST(whole_numbers_are_exact),
		TEST(doubles_that_do_not_fit_are_refused),
		TEST(doubles_are_short_and_exact),
		TEST(the_writer_places_commas),
		TEST(random_trees_come_back),
		TEST(damaged_texts_are_survived),
	};

	return cmocka_run_group_tests_name("gateway/json", tests, NULL, NULL);
}
