/* What clock.h promises. */
#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

static void wall_time_is_that_of_the_system(void **state)
{
	(void)state;
	struct timespec before, after;

	clock_gettime(CLOCK_REALTIME, &before);
	const int64_t now = clock_now();

	clock_gettime(CLOCK_REALTIME, &after);
	assert_true(now >= (int64_t)before.tv_sec * CLOCK_SECOND + before.tv_nsec / 1000);
	assert_true(now <= (int64_t)after.tv_sec * CLOCK_SECOND + after.tv_nsec / 1000);
}

static void frozen_time_stands_and_monotonic_time_runs(void **state)
{
	(void)state;
	clock_freeze(1234567);
	const int64_t started = clock_monotonic();

	while (clock_monotonic() == started)
		;
	assert_true(clock_monotonic() > started);
	assert_int_equal(clock_now(), 1234567);
	clock_freeze(0);
	assert_int_equal(clock_now(), 0);
	clock_thaw();
	assert_true(clock_now() > 1234567);
}

static void moments_are_written_as_rfc_3339(void **state)
{
	static const struct {
		int64_t micros;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ -CLOCK_SECOND, "1969-12-31T23:59:59.000000Z" },
		{ INT64_C(951827696) * CLOCK_SECOND, "2000-02-29T12:34:56.000000Z" },
		{ INT64_C(1795261124) * CLOCK_SECOND + 1, "2026-11-21T11:38:44.000001Z" },
		{ INT64_C(4107542399) * CLOCK_SECOND, "2100-02-28T23:59:59.000000Z" },
		{ INT64_C(4107542400) * CLOCK_SECOND, "2100-03-01T00:00:00.000000Z" },
		{ INT64_C(253402300799) * CLOCK_SECOND + 999999, "9999-12-31T23:59:59.999999Z" },
		{ INT64_C(253402300800) * CLOCK_SECOND, "9999-12-31T23:59:59.999999Z" },
		{ CLOCK_NEVER, "9999-12-31T23:59:59.999999Z" },
		{ INT64_C(-62135596800) * CLOCK_SECOND, "0001-01-01T00:00:00.000000Z" },
		{ INT64_MIN, "0001-01-01T00:00:00.000000Z" },
	};
	struct arena *arena = arena_new(1024, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(clock_format(arena, cases[i].micros), cases[i].text);
	arena_free(arena);
}

static void assert_date(int64_t micros, int year, int month, int day)
{
	const struct date date = clock_date(micros);

	assert_int_equal(date.year, year);
	assert_int_equal(date.month, month);
	assert_int_equal(date.day, day);
}

static void dates_change_at_midnight_utc(void **state)
{
	(void)state;
	assert_date(0, 1970, 1, 1);
	assert_date(-1, 1969, 12, 31);
	assert_date(CLOCK_DAY - 1, 1970, 1, 1);
	assert_date(CLOCK_DAY, 1970, 1, 2);
	assert_date(59 * CLOCK_DAY, 1970, 3, 1);
	assert_date(INT64_C(951827696) * CLOCK_SECOND, 2000, 2, 29);
	assert_date(INT64_C(1798761599) * CLOCK_SECOND + 999999, 2026, 12, 31);
	assert_date(INT64_C(1798761600) * CLOCK_SECOND, 2027, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_time_is_that_of_the_system),
		cmocka_unit_test(frozen_time_stands_and_monotonic_time_runs),
		cmocka_unit_test(moments_are_written_as_rfc_3339),
		cmocka_unit_test(dates_change_at_midnight_utc),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
