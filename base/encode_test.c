/* The encodings of str.h. */
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

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

static const char *json(struct arena *arena, struct str text)
{
	struct buf buf = buf_new(arena);

	buf_json(&buf, text.data, text.len);
	return buf.data;
}

static void json_escapes_what_it_must(void **state)
{
	assert_string_equal(json(*state, STR("")), "\"\"");
	assert_string_equal(json(*state, STR("plain text")), "\"plain text\"");
	assert_string_equal(json(*state, STR("a\"b\\c/d")), "\"a\\\"b\\\\c/d\"");
	assert_string_equal(json(*state, STR("\b\f\n\r\t")), "\"\\b\\f\\n\\r\\t\"");
	assert_string_equal(json(*state, STR("\0\x01\x1f\x7f")), "\"\\u0000\\u0001\\u001f\\u007f\"");
}

static void json_keeps_letters_of_all_scripts(void **state)
{
	assert_string_equal(json(*state, STR("Gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\xA2")),
			    "\"Gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\xA2\"");
}

static void json_escapes_what_hides(void **state)
{
	assert_string_equal(json(*state, STR("\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0")), "\"\\u0080\\u009b\\u009f\xC2\xA0\"");
	assert_string_equal(json(*state, STR("\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA")),
			    "\"\xE2\x80\xA7\\u2028\\u2029\xE2\x80\xAA\"");
}

static void json_replaces_what_is_not_utf8(void **state)
{
	assert_string_equal(json(*state, STR("y\xFFz")), "\"y\xEF\xBF\xBDz\"");
	assert_string_equal(json(*state, STR("\xE2\x82")), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
	assert_string_equal(json(*state, STR("\xED\xA0\x80")), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void hexadecimal_is_lower_case(void **state)
{
	struct buf buf = buf_new(*state);

	buf_hex(&buf, "\x00\x9a\xff", 3);
	assert_string_equal(buf.data, "009aff");
}

/* The test vectors of RFC 4648, section 10. */
static void base64_follows_the_vectors(void **state)
{
	static const struct {
		const char *plain, *padded, *bare;
	} vectors[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xFB\xFF\xFE", "+//+", "-__-" },
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct buf padded = buf_new(*state), bare = buf_new(*state);
		struct str decoded;

		buf_base64(&padded, vectors[i].plain, strlen(vectors[i].plain));
		assert_string_equal(padded.data, vectors[i].padded);
		buf_base64url(&bare, vectors[i].plain, strlen(vectors[i].plain));
		assert_string_equal(bare.data, vectors[i].bare);
		assert_true(base64url_decode(*state, str_of(vectors[i].bare), &decoded));
		assert_true(str_is(decoded, vectors[i].plain));
	}
}

static void every_byte_survives_base64(void **state)
{
	unsigned char bytes[256];

	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t len = 0; len <= 256; len++) {
		struct buf buf = buf_new(*state);
		struct str decoded;

		buf_base64url(&buf, bytes, len);
		assert_true(base64url_decode(*state, (struct str){ buf.data, buf.len }, &decoded));
		assert_int_equal(decoded.len, len);
		assert_memory_equal(decoded.data, bytes, len);
	}
}

static void only_what_encoding_makes_is_decoded(void **state)
{
	static const char *const wrong[] = { "A",    "AAAAA", "Zg==", "Zm8=", "Zh",          "Zm9",
					     "Zm+v", "Zm/v",  "Z g",  "Zg\n", "Zm9v\xC3\xBC" };
	struct str decoded = STR("untouched");

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(base64url_decode(*state, str_of(wrong[i]), &decoded));
	assert_false(base64url_decode(*state, STR("Zg\0\0"), &decoded));
	assert_true(str_is(decoded, "untouched"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(json_escapes_what_it_must),  TEST(json_keeps_letters_of_all_scripts),
		TEST(json_escapes_what_hides),    TEST(json_replaces_what_is_not_utf8),
		TEST(hexadecimal_is_lower_case),  TEST(base64_follows_the_vectors),
		TEST(every_byte_survives_base64), TEST(only_what_encoding_makes_is_decoded),
	};

	return cmocka_run_group_tests_name("base/encode", tests, NULL, NULL);
}
