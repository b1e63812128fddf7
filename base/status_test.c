/* What status.h promises. */
#include "base/status.h"

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

static const struct reason ORDER_EMPTY = { CODE_FAILED_PRECONDITION, "ORDER_EMPTY", "The order has no items." };

static void success_has_no_reason(void **state)
{
	(void)state;
	assert_int_equal(status_code(STATUS_OK), CODE_OK);
	assert_string_equal(status_message(STATUS_OK), "");
	assert_false(status_is(STATUS_OK, &ORDER_EMPTY));
}

static void a_reason_is_recognised_by_object_and_by_name(void **state)
{
	(void)state;
	const struct reason from_peer = { CODE_FAILED_PRECONDITION, "ORDER_EMPTY", "" };

	assert_true(status_is(status_of(&ORDER_EMPTY), &ORDER_EMPTY));
	assert_true(status_is(status_of(&from_peer), &ORDER_EMPTY));
	assert_false(status_is(status_of(&NOT_FOUND), &ORDER_EMPTY));
	assert_int_equal(status_code(status_of(&ORDER_EMPTY)), CODE_FAILED_PRECONDITION);
	assert_string_equal(status_message(status_of(&ORDER_EMPTY)), "The order has no items.");
}

static struct status fail_when(bool failing, int *ret_passed)
{
	TRY(failing ? status_of(&ORDER_EMPTY) : STATUS_OK);
	*ret_passed = 1;
	return STATUS_OK;
}

static void try_returns_the_failure_and_passes_success(void **state)
{
	(void)state;
	int passed = 0;

	assert_true(status_is(fail_when(true, &passed), &ORDER_EMPTY));
	assert_int_equal(passed, 0);
	assert_int_equal(status_code(fail_when(false, &passed)), CODE_OK);
	assert_int_equal(passed, 1);
}

static void a_fuller_sentence_is_shown(void **state)
{
	const struct status status = status_printf(*state, &ORDER_EMPTY, "Order %d has no items.", 7);

	assert_string_equal(status_message(status), "Order 7 has no items.");
}

static void particulars_of_our_own_failures_are_never_shown(void **state)
{
	const struct reason *const own[] = { &INTERNAL_ERROR, &DATABASE_UNAVAILABLE, &OUTCOME_UNKNOWN,
					     &PEER_UNAVAILABLE, &SHUTTING_DOWN };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		const struct status status = status_printf(*state, own[i], "host %s, password %s", "db1", "secret");

		assert_string_equal(status_message(status), own[i]->sentence);
	}
}

static void private_text_is_kept_and_not_shown(void **state)
{
	const struct status status = status_private(*state, &ORDER_EMPTY, "row %d", 9);

	assert_string_equal(status.detail->private, "row 9");
	assert_string_equal(status_message(status), ORDER_EMPTY.sentence);
}

static void a_field_becomes_a_violation(void **state)
{
	const struct status status =
	    status_field(*state, &INVALID_REQUEST, "order.items[2].quantity", "must be at least %d", 1);

	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, "order.items[2].quantity");
	assert_string_equal(status.detail->violations->description, "must be at least 1");
	assert_null(status.detail->violations->next);
}

static void violations_gather_in_order_from_success_on(void **state)
{
	char field[] = "a";
	struct status status = status_violation(*state, STATUS_OK, field, "first");

	field[0] = 'X';
	status = status_violation(*state, status, "b", "second");
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, "a");
	assert_string_equal(status.detail->violations->next->field, "b");
	assert_string_equal(status.detail->violations->next->description, "second");
}

static void violations_are_bounded(void **state)
{
	struct status status = STATUS_OK;
	int count = 0;

	for (int i = 0; i < STATUS_VIOLATIONS_MAX + 10; i++)
		status = status_violation(*state, status, arena_printf(*state, "f%d", i), "wrong");
	for (const struct violation *v = status.detail->violations; v != NULL; v = v->next)
		assert_string_equal(v->field, arena_printf(*state, "f%d", count++));
	assert_int_equal(count, STATUS_VIOLATIONS_MAX);
}

static void metadata_is_appended_to_failures_only(void **state)
{
	struct status status = status_metadata(*state, status_of(&ORDER_EMPTY), "sku", "A-1");

	status = status_metadata(*state, status, "available", "3");
	assert_string_equal(status.detail->metadata->name, "sku");
	assert_string_equal(status.detail->metadata->next->value, "3");
	assert_int_equal(status_code(status_metadata(*state, STATUS_OK, "sku", "A-1")), CODE_OK);
}

static void missing_and_existing_name_the_resource(void **state)
{
	struct status status = status_not_found(*state, "order", "42");

	assert_true(status_is(status, &NOT_FOUND));
	assert_int_equal(status_code(status), CODE_NOT_FOUND);
	assert_string_equal(status.detail->metadata->name, "resource");
	assert_string_equal(status.detail->metadata->value, "order");
	assert_string_equal(status.detail->metadata->next->name, "id");
	assert_string_equal(status.detail->metadata->next->value, "42");
	assert_non_null(strstr(status_message(status), "42"));
	status = status_already_exists(*state, "order", "42");
	assert_int_equal(status_code(status), CODE_ALREADY_EXISTS);
	assert_string_equal(status.detail->metadata->next->value, "42");
}

static void codes_have_their_canonical_names(void **state)
{
	(void)state;
	assert_string_equal(code_name(CODE_OK), "OK");
	assert_string_equal(code_name(CODE_INVALID_ARGUMENT), "INVALID_ARGUMENT");
	assert_string_equal(code_name(CODE_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_string_equal(code_name((enum code)17), "UNKNOWN");
	assert_string_equal(code_name((enum code) - 1), "UNKNOWN");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(success_has_no_reason),
		TEST(a_reason_is_recognised_by_object_and_by_name),
		TEST(try_returns_the_failure_and_passes_success),
		TEST(a_fuller_sentence_is_shown),
		TEST(particulars_of_our_own_failures_are_never_shown),
		TEST(private_text_is_kept_and_not_shown),
		TEST(a_field_becomes_a_violation),
		TEST(violations_gather_in_order_from_success_on),
		TEST(violations_are_bounded),
		TEST(metadata_is_appended_to_failures_only),
		TEST(missing_and_existing_name_the_resource),
		TEST(codes_have_their_canonical_names),
	};

	return cmocka_run_group_tests_name("base/status", tests, NULL, NULL);
}
