/* What uuid.h promises. */
#include "base/uuid.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define MANY 20000

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void assert_distinct(char (*texts)[UUID_TEXT], size_t count)
{
	qsort(texts, count, UUID_TEXT, compare_texts);
	for (size_t i = 1; i < count; i++)
		assert_string_not_equal(texts[i - 1], texts[i]);
}

static void a_new_id_has_version_7_and_the_time(void **state)
{
	(void)state;
	char text[UUID_TEXT];
	uint8_t bytes[UUID_BYTES];

	/* The moment of the example in RFC 9562, appendix A.6. */
	clock_freeze(INT64_C(0x017F22E279B0) * CLOCK_MILLISECOND + 999);
	uuid_new(text);
	clock_thaw();
	assert_memory_equal(text, "017f22e2-79b0-7", 15);
	assert_int_equal(strlen(text), UUID_TEXT - 1);
	assert_true(uuid_parse(text, bytes));
	assert_int_equal(bytes[8] & 0xC0, 0x80);
}

static void new_ids_differ_within_a_millisecond(void **state)
{
	(void)state;
	static char texts[MANY][UUID_TEXT];

	clock_freeze(CLOCK_SECOND);
	for (size_t i = 0; i < MANY; i++)
		uuid_new(texts[i]);
	clock_thaw();
	assert_distinct(texts, MANY);
}

static void later_ids_sort_later(void **state)
{
	(void)state;
	char earlier[UUID_TEXT], later[UUID_TEXT];

	clock_freeze(INT64_C(1795261124999) * CLOCK_MILLISECOND);
	uuid_new(earlier);
	clock_freeze(INT64_C(1795261125000) * CLOCK_MILLISECOND);
	uuid_new(later);
	clock_thaw();
	assert_true(strcmp(earlier, later) < 0);
}

/* Computed by a second implementation in another language. Stored ids depend on them, so they never change. */
static void derived_ids_never_change(void **state)
{
	(void)state;
	static const struct {
		const char *space, *name, *id;
	} known[] = {
		{ "", "", "37a57730-b2e5-8529-9f47-c939edc43470" },
		{ "payment", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "8b950bee-f649-863d-be47-adeb226a1752" },
		{ "a", "b", "b74cd090-eebd-8289-90b4-b325b3c6eea9" },
		{ "b", "a", "269de22b-48ad-8c2f-b800-64519c4d6a6b" },
		{ "Grüße", "€", "afbc862f-ece3-89f7-8789-d20d95d26a94" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char text[UUID_TEXT];

		uuid_derive(known[i].space, known[i].name, text);
		assert_string_equal(text, known[i].id);
		assert_int_equal(text[14], '8');
	}
}

static void derived_ids_differ_with_either_text(void **state)
{
	(void)state;
	static char texts[MANY][UUID_TEXT];
	char first[UUID_TEXT], second[UUID_TEXT], name[32];

	uuid_derive("ab", "c", first);
	uuid_derive("a", "bc", second);
	assert_string_not_equal(first, second);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%zu", i / 2);
		uuid_derive(i % 2 == 0 ? "payment" : "shipment", name, texts[i]);
	}
	assert_distinct(texts, MANY);
}

/* Of the 122 free bits about half change when one bit of a name does. */
static void derived_ids_scatter(void **state)
{
	(void)state;
	unsigned changed = 0;

	for (int i = 0; i < 1000; i++) {
		char text[UUID_TEXT], name[32];
		uint8_t a[UUID_BYTES], b[UUID_BYTES];

		snprintf(name, sizeof(name), "order-%04d-0", i);
		uuid_derive("space", name, text);
		assert_true(uuid_parse(text, a));
		name[11] = '1';
		uuid_derive("space", name, text);
		assert_true(uuid_parse(text, b));
		for (size_t at = 0; at < UUID_BYTES; at++)
			changed += (unsigned)__builtin_popcount((unsigned)(a[at] ^ b[at]));
	}
	assert_in_range(changed, 60 * 1000, 62 * 1000);
}

static void parsing_takes_both_cases_and_formatting_gives_lower(void **state)
{
	(void)state;
	uint8_t bytes[UUID_BYTES];
	char text[UUID_TEXT];

	assert_true(uuid_parse("017F22E2-79b0-7CC3-98c4-DC0C0C07398f", bytes));
	assert_memory_equal(bytes, "\x01\x7f\x22\xe2\x79\xb0\x7c\xc3\x98\xc4\xdc\x0c\x0c\x07\x39\x8f", UUID_BYTES);
	uuid_format(bytes, text);
	assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void what_is_no_uuid_is_refused_untouched(void **state)
{
	static const char *const wrong[] = {
		"",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
		"017f22e279b07cc398c4dc0c0c07398f",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
		"017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
		"{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
		"017f22e-279b0-7cc3-98c4-dc0c0c07398f",
		" 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
	};
	uint8_t bytes[UUID_BYTES] = { 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(uuid_parse(wrong[i], bytes));
		assert_false(uuid_valid(wrong[i]));
	}
	assert_false(uuid_valid(NULL));
	assert_true(uuid_valid("00000000-0000-0000-0000-000000000000"));
	assert_int_equal(bytes[0], 7);
}

static void random_bytes_fill_any_length(void **state)
{
	(void)state;
	unsigned char first[1000] = { 0 }, second[1000] = { 0 };

	random_bytes(first, 0);
	assert_int_equal(first[0], 0);
	random_bytes(first, 999);
	random_bytes(second, 999);
	assert_memory_not_equal(first, second, 999);
	assert_memory_not_equal(first + 960, second + 960, 39);
	assert_int_equal(first[999], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_id_has_version_7_and_the_time),
		cmocka_unit_test(new_ids_differ_within_a_millisecond),
		cmocka_unit_test(later_ids_sort_later),
		cmocka_unit_test(derived_ids_never_change),
		cmocka_unit_test(derived_ids_differ_with_either_text),
		cmocka_unit_test(derived_ids_scatter),
		cmocka_unit_test(parsing_takes_both_cases_and_formatting_gives_lower),
		cmocka_unit_test(what_is_no_uuid_is_refused_untouched),
		cmocka_unit_test(random_bytes_fill_any_length),
	};

	return cmocka_run_group_tests_name("base/uuid", tests, NULL, NULL);
}
