/* What trace.h promises. */
#include "runtime/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(1024, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void check_form(const char *text)
{
	assert_int_equal(strlen(text), 55);
	assert_memory_equal(text, "00-", 3);
	assert_int_equal(text[35], '-');
	assert_int_equal(text[52], '-');
	assert_int_equal(strspn(text, "0123456789abcdef-"), 55);
	assert_null(strstr(text, "-0000000000000000-"));
}

static void a_valid_parent_keeps_its_trace_and_flags(void **state)
{
	static const struct {
		const char *parent, *flags;
	} cases[] = {
		{ "00-" TRACE "-" SPAN "-01", "-01" },
		{ "00-" TRACE "-" SPAN "-00", "-00" },
		{ "cc-" TRACE "-" SPAN "-01-what-the-future-brings", "-01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = trace_child(arena, str_of(cases[i].parent));

		check_form(text);
		assert_true(str_is(trace_id(text), TRACE));
		assert_string_equal(text + 52, cases[i].flags);
		assert_null(strstr(text, SPAN));
	}
}

static void anything_else_begins_a_trace(void **state)
{
	static const char *const parents[] = {
		"",
		"00",
		"00-" TRACE,
		"00-" TRACE "-" SPAN "-0",
		"00-" TRACE "-" SPAN "-0x",
		"00-" TRACE "-" SPAN "-01-", /* version 00 ends here */
		"00-" TRACE "-" SPAN "-01x",
		"cc-" TRACE "-" SPAN "-01x",
		"ff-" TRACE "-" SPAN "-01",
		"0G-" TRACE "-" SPAN "-01",
		"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-" TRACE "-0000000000000000-01",
		"00_" TRACE "-" SPAN "-01",
		"00-" TRACE "_" SPAN "-01",
		"00-" TRACE "-" SPAN "_01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		const char *text = trace_child(arena, str_of(parents[i]));

		check_form(text);
		assert_false(str_is(trace_id(text), TRACE));
		assert_string_equal(text + 52, "-01");
	}
	check_form(trace_child(arena, (struct str){ NULL, 0 }));
}

static void ids_differ(void **state)
{
	const char *before = trace_child(arena, STR(""));

	(void)state;
	for (int i = 0; i < 1000; i++) {
		const char *text = trace_child(arena, STR(""));

		assert_memory_not_equal(text + 3, before + 3, 32);
		assert_memory_not_equal(text + 36, before + 36, 16);
		before = text;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_valid_parent_keeps_its_trace_and_flags, set_up, tear_down),
		cmocka_unit_test_setup_teardown(anything_else_begins_a_trace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ids_differ, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
