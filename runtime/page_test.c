/* What page.h promises. */
#include "runtime/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ORDER "018f2f6e-0000-7000-8000-000000000001"

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

static void sizes_are_kept_in_bounds(void **state)
{
	static const struct {
		int32_t asked;
		size_t size;
	} cases[] = {
		{ 0, PAGE_SIZE_DEFAULT }, { 1, 1 }, { 200, 200 }, { 201, PAGE_SIZE_MAX }, { INT32_MAX, PAGE_SIZE_MAX }
	};
	struct page page;
	struct status status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(page_open(arena, cases[i].asked, "", "", &page).reason);
		assert_int_equal(page.size, cases[i].size);
		assert_int_equal(page.limit, cases[i].size + 1);
		assert_true(page.first);
	}
	memset(&page, 0x5a, sizeof(page));
	status = page_open(arena, -1, NULL, "", &page);
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, "page_size");
	assert_int_equal(*(unsigned char *)&page, 0x5a); /* untouched */
}

static void a_token_goes_on_where_the_page_ended(void **state)
{
	static const int64_t times[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 1764000000000000 };
	struct page page, next;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_null(page_open(arena, 0, NULL, "state=OPEN", &page).reason);

		const char *token = page_next(arena, &page, times[i], ORDER);

		assert_null(page_open(arena, 10, token, "state=OPEN", &next).reason);
		assert_false(next.first);
		assert_int_equal(next.after_time, times[i]);
		assert_string_equal(next.after_id, ORDER);
		assert_true(strlen(token) <= 500); /* what the contracts allow */
		assert_string_equal(page_next(arena, &next, times[i], ORDER), token);
	}
}

static void expect_refusal(const char *token, const char *filters)
{
	struct page page = { .size = 77 };
	const struct status status = page_open(arena, 0, token, filters, &page);

	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, "page_token");
	assert_int_equal(page.size, 77);
}

static void a_token_belongs_to_its_filters(void **state)
{
	struct page page;

	(void)state;
	assert_null(page_open(arena, 0, "", "state=OPEN", &page).reason);
	expect_refusal(page_next(arena, &page, 5, ORDER), "state=PLACED");
	expect_refusal(page_next(arena, &page, 5, ORDER), "");
}

static void what_is_no_token_is_refused(void **state)
{
	static const char *const tokens[] = { "x", "====", "not a token", "AAAA",
					      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
	struct page page;
	char *token;

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		expect_refusal(tokens[i], "");
	assert_null(page_open(arena, 0, "", "", &page).reason);
	token = page_next(arena, &page, 5, ORDER);
	for (size_t i = 0; token[i] != '\0'; i++) {
		char *changed = arena_strdup(arena, token);

		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		expect_refusal(changed, "");
		changed = arena_strndup(arena, token, i);
		if (i > 0)
			expect_refusal(changed, "");
	}
	expect_refusal(page_next(arena, &page, 5, ""), "");
	expect_refusal(page_next(arena, &page, 5, "with a space"), "");
	expect_refusal(page_next(arena, &page, 5, "'; DROP TABLE orders --\n"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sizes_are_kept_in_bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_token_goes_on_where_the_page_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_token_belongs_to_its_filters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_token_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
