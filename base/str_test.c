/* Views, UTF-8 and growing text of str.h; its encodings are tested in encode_test.c. */
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
	*state = arena_new(1024, 0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void views_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(str_equal(STR("a\0b"), STR("a\0b")));
	assert_false(str_equal(STR("a\0b"), STR("a\0c")));
	assert_true(str_equal(str_of(NULL), STR("")));
	assert_true(str_equal((struct str){ NULL, 0 }, STR("")));
	assert_true(str_is(STR("order"), "order"));
	assert_false(str_is(STR("order"), "orders"));
	assert_true(str_is_nocase(STR("Content-Type"), "cONTENT-tYPE"));
	assert_false(str_is_nocase(STR("@"), "`"));
	assert_false(str_is_nocase(STR("ab"), "abc"));
	assert_true(str_starts(STR("/v1/orders"), "/v1/"));
	assert_true(str_starts(STR(""), ""));
	assert_false(str_starts(STR("/v"), "/v1"));
}

static void cutting_gives_every_part(void **state)
{
	(void)state;
	struct str rest = STR("a,,b,"), head = STR("untouched");

	assert_true(str_cut(&rest, ',', &head) && str_is(head, "a"));
	assert_true(str_cut(&rest, ',', &head) && str_is(head, ""));
	assert_true(str_cut(&rest, ',', &head) && str_is(head, "b"));
	assert_true(str_cut(&rest, ',', &head) && str_is(head, ""));
	head = STR("untouched");
	assert_false(str_cut(&rest, ',', &head));
	assert_true(str_is(head, "untouched"));
	rest = STR("");
	assert_true(str_cut(&rest, ',', &head) && head.len == 0);
	assert_false(str_cut(&rest, ',', &head));
}

static void trimming_takes_spaces_and_tabs_only(void **state)
{
	(void)state;
	assert_true(str_is(str_trim(STR(" \t a b\t ")), "a b"));
	assert_true(str_is(str_trim(STR(" \t ")), ""));
	assert_true(str_is(str_trim(STR("\na ")), "\na"));
}

static void integers_are_read_to_their_limits(void **state)
{
	(void)state;
	int64_t value = 7;
	uint64_t natural = 7;

	assert_true(str_to_int64(STR("9223372036854775807"), &value) && value == INT64_MAX);
	assert_true(str_to_int64(STR("-9223372036854775808"), &value) && value == INT64_MIN);
	assert_true(str_to_int64(STR("0"), &value) && value == 0);
	assert_true(str_to_int64(STR("-0"), &value) && value == 0);
	assert_true(str_to_int64(STR("-42"), &value) && value == -42);
	assert_true(str_to_uint64(STR("18446744073709551615"), &natural) && natural == UINT64_MAX);
}

static void what_is_not_an_integer_is_refused_untouched(void **state)
{
	static const char *const wrong[] = { "",
					     "-",
					     "+1",
					     " 1",
					     "1 ",
					     "1.0",
					     "0x1",
					     "--1",
					     "1-",
					     "one",
					     "1e3",
					     "1\n",
					     "9223372036854775808",
					     "-9223372036854775809",
					     "99999999999999999999" };
	int64_t value = 7;
	uint64_t natural = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(str_to_int64(str_of(wrong[i]), &value));
	assert_false(str_to_int64(STR("1\0"), &value));
	assert_false(str_to_uint64(STR("-1"), &natural));
	assert_false(str_to_uint64(STR("18446744073709551616"), &natural));
	assert_int_equal(value, 7);
	assert_int_equal(natural, 7);
}

/* The definition itself, slowly: decode, then compare with the shortest form. */
static bool is_utf8_by_definition(const unsigned char *bytes, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t need = bytes[0] < 0x80       ? 1
			    : bytes[0] >> 5 == 6  ? 2
			    : bytes[0] >> 4 == 14 ? 3
			    : bytes[0] >> 3 == 30 ? 4
						  : 0;

	if (need == 0 || need != len)
		return false;

	uint32_t code = need == 1 ? bytes[0] : bytes[0] & (0x7Fu >> need);

	for (size_t i = 1; i < need; i++) {
		if (bytes[i] >> 6 != 2)
			return false;
		code = code << 6 | (bytes[i] & 0x3F);
	}
	return code >= least[need] && code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
}

static void every_short_sequence_is_judged_as_defined(void **state)
{
	(void)state;
	/* All lead bytes; the bytes after them around every limit that RFC 3629 knows. */
	static const unsigned char edges[] = { 0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xE0, 0xFF };
	const size_t n = sizeof(edges);

	for (unsigned lead = 0; lead < 256; lead++)
		for (size_t i = 0; i < n * n * n; i++) {
			const unsigned char bytes[] = { (unsigned char)lead, edges[i % n], edges[i / n % n],
							edges[i / n / n] };
			size_t expected = 0;

			for (size_t len = 1; len <= 4; len++)
				if (is_utf8_by_definition(bytes, len))
					expected = len;
			assert_int_equal(utf8_next((const char *)bytes, 4), expected);
			if (expected > 1)
				assert_int_equal(utf8_next((const char *)bytes, expected - 1), 0);
		}
	assert_int_equal(utf8_next("", 0), 0);
}

static void long_texts_are_judged_at_every_place(void **state)
{
	char text[64];

	(void)state;
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid(NULL, 0));
	for (size_t at = 0; at + 3 <= sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		memcpy(text + at, "\xE2\x82\xAC", 3);
		assert_true(utf8_valid(text, sizeof(text)));
		assert_int_equal(utf8_length(text, sizeof(text)), sizeof(text) - 2);
		text[at + 1] = 'a';
		assert_false(utf8_valid(text, sizeof(text)));
	}
	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		text[at] = (char)0xFF;
		assert_false(utf8_valid(text, sizeof(text)));
	}
	/* Cut short at the end, where eight bytes at a time must not read on. */
	assert_false(utf8_valid("aaaaaaa\xE2\x82\xAC", 9));
	assert_true(utf8_valid("a\0b", 3));
	assert_false(utf8_valid("\xED\xA0\x80", 3));
	assert_false(utf8_valid("\xF4\x90\x80\x80", 4));
	assert_false(utf8_valid("\xC0\x80", 2));
}

static void text_grows_as_needed(void **state)
{
	struct buf buf = buf_new(*state);

	assert_string_equal(buf.data, "");
	for (int i = 0; i < 1000; i++) {
		buf_byte(&buf, 'a');
		buf_text(&buf, "bc");
		buf_bytes(&buf, "d\0e", 3);
		buf_printf(&buf, "%d", i % 10);
		assert_int_equal(buf.data[buf.len], '\0');
	}
	assert_int_equal(buf.len, 7000);
	for (size_t i = 0; i < 1000; i++)
		assert_memory_equal(buf.data + i * 7, ((char[]){ 'a', 'b', 'c', 'd', 0, 'e', (char)('0' + i % 10) }),
				    7);
}

static void printing_fills_to_the_last_byte(void **state)
{
	for (int width = 0; width < 300; width++) {
		struct buf buf = buf_new(*state);

		buf_text(&buf, "ab");
		buf_printf(&buf, "%*s|", width, "");
		assert_int_equal(buf.len, 3 + width);
		assert_int_equal(buf.data[2 + width], '|');
		assert_int_equal(buf.data[buf.len], '\0');
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(views_compare_by_bytes),
		TEST(cutting_gives_every_part),
		TEST(trimming_takes_spaces_and_tabs_only),
		TEST(integers_are_read_to_their_limits),
		TEST(what_is_not_an_integer_is_refused_untouched),
		TEST(every_short_sequence_is_judged_as_defined),
		TEST(long_texts_are_judged_at_every_place),
		TEST(text_grows_as_needed),
		TEST(printing_fills_to_the_last_byte),
	};

	return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
