/* What money.h promises. */
#include "base/money.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void sums_and_products_are_exact(void **state)
{
	(void)state;
	struct money result;

	assert_true(money_add(money_of(199), money_of(-200), &result) && result.minor == -1);
	assert_true(money_subtract(money_of(199), money_of(200), &result) && result.minor == -1);
	assert_true(money_times(money_of(-1999), 3, &result) && result.minor == -5997);
	assert_true(money_times(money_of(1999), 0, &result) && result.minor == 0);
	assert_true(money_add(money_of(INT64_MAX), MONEY_ZERO, &result) && result.minor == INT64_MAX);
	assert_true(money_times(money_of(INT64_MIN), 1, &result) && result.minor == INT64_MIN);
}

static void overflow_is_refused_untouched(void **state)
{
	(void)state;
	struct money result = money_of(7);

	assert_false(money_add(money_of(INT64_MAX), money_of(1), &result));
	assert_false(money_add(money_of(INT64_MIN), money_of(-1), &result));
	assert_false(money_subtract(money_of(INT64_MIN), money_of(1), &result));
	assert_false(money_subtract(MONEY_ZERO, money_of(INT64_MIN), &result));
	assert_false(money_times(money_of(INT64_MAX), 2, &result));
	assert_false(money_times(money_of(INT64_MIN), -1, &result));
	assert_false(money_tax(money_of(INT64_MAX), 10001, &result));
	assert_false(money_tax(money_of(INT64_MIN), -10000, &result));
	assert_false(money_tax(money_of(INT64_MIN), INT32_MAX, &result));
	assert_int_equal(result.minor, 7);
}

static void tax_is_rounded_half_away_from_zero(void **state)
{
	static const struct {
		int64_t net;
		int32_t basis_points;
		int64_t tax;
	} cases[] = {
		{ 10000, 1900, 1900 },
		{ 1999, 1900, 380 },
		{ 0, 1900, 0 },
		{ 100, 0, 0 },
		{ 50, 100, 1 },
		{ 49, 100, 0 },
		{ -50, 100, -1 },
		{ -49, 100, 0 },
		{ 150, 100, 2 },
		{ 250, 100, 3 },
		{ -250, 100, -3 },
		{ 50, -100, -1 },
		{ 1, 4999, 0 },
		{ 1, 5000, 1 },
		{ INT64_MAX, 10000, INT64_MAX },
		{ INT64_MIN, 10000, INT64_MIN },
		{ INT64_MAX, 1, INT64_MAX / 10000 + 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct money tax;

		assert_true(money_tax(money_of(cases[i].net), cases[i].basis_points, &tax));
		assert_true(tax.minor == cases[i].tax);
	}
}

static void amounts_are_ordered(void **state)
{
	(void)state;
	assert_int_equal(money_compare(money_of(INT64_MIN), money_of(INT64_MAX)), -1);
	assert_int_equal(money_compare(money_of(1), money_of(-1)), 1);
	assert_int_equal(money_compare(money_of(5), money_of(5)), 0);
}

static void currencies_have_the_decimals_of_iso_4217(void **state)
{
	static const char *const unknown[] = { "", "EU", "EURO", "eur", "XXX", "ZZZ", "UR ", "R U", " EU", "E R" };

	(void)state;
	assert_int_equal(currency_decimals("EUR"), 2);
	assert_int_equal(currency_decimals("ZWG"), 2);
	assert_int_equal(currency_decimals("JPY"), 0);
	assert_int_equal(currency_decimals("KRW"), 0);
	assert_int_equal(currency_decimals("KWD"), 3);
	assert_int_equal(currency_decimals("TND"), 3);
	assert_int_equal(currency_decimals("CLF"), 4);
	assert_int_equal(currency_decimals(NULL), -1);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(currency_decimals(unknown[i]), -1);
}

static void amounts_are_written_with_their_decimals(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1024, 0);

	assert_string_equal(money_format(arena, money_of(123456), "EUR"), "1234.56");
	assert_string_equal(money_format(arena, money_of(5), "EUR"), "0.05");
	assert_string_equal(money_format(arena, money_of(-5), "EUR"), "-0.05");
	assert_string_equal(money_format(arena, money_of(0), "EUR"), "0.00");
	assert_string_equal(money_format(arena, money_of(123456), "JPY"), "123456");
	assert_string_equal(money_format(arena, money_of(123456), "KWD"), "123.456");
	assert_string_equal(money_format(arena, money_of(-123456), "CLF"), "-12.3456");
	assert_string_equal(money_format(arena, money_of(123456), "???"), "1234.56");
	assert_string_equal(money_format(arena, money_of(INT64_MIN), "EUR"), "-92233720368547758.08");
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_and_products_are_exact),
		cmocka_unit_test(overflow_is_refused_untouched),
		cmocka_unit_test(tax_is_rounded_half_away_from_zero),
		cmocka_unit_test(amounts_are_ordered),
		cmocka_unit_test(currencies_have_the_decimals_of_iso_4217),
		cmocka_unit_test(amounts_are_written_with_their_decimals),
	};

	return cmocka_run_group_tests_name("base/money", tests, NULL, NULL);
}
