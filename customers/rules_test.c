/* What customers/rules.h promises. */
#include "customers/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "runtime/pb.h"

#define ACTIVE CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE
#define BLOCKED CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED
#define ERASED CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ERASED

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new(4096, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static Customers__Customer *customer_with(size_t n_addresses)
{
	Customers__Customer *customer = pb_new(arena, &customers__customer__descriptor);

	customer->status = ACTIVE;
	customer->first_name = arena_strdup(arena, "Ada");
	customer->last_name = arena_strdup(arena, "Lovelace");
	customer->email = arena_strdup(arena, "ada@example.com");
	customer->phone = arena_strdup(arena, "123");
	customer->n_addresses = n_addresses;
	customer->addresses = arena_array(arena, n_addresses, sizeof(*customer->addresses));
	for (size_t i = 0; i < n_addresses; i++)
		customer->addresses[i] = pb_new(arena, &customers__customer_address__descriptor);
	return customer;
}

static const Google__Protobuf__FieldMask *mask_of(const char *first, const char *second)
{
	Google__Protobuf__FieldMask *mask = pb_new(arena, &google__protobuf__field_mask__descriptor);

	mask->paths = arena_array(arena, 2, sizeof(*mask->paths));
	mask->paths[mask->n_paths++] = arena_strdup(arena, first);
	if (second != NULL)
		mask->paths[mask->n_paths++] = arena_strdup(arena, second);
	return mask;
}

static void one_default_for_each_use_is_fine(void **state)
{
	Customers__Customer *customer = customer_with(3);

	(void)state;
	customer->addresses[0]->default_shipping = true;
	customer->addresses[2]->default_billing = true;
	assert_null(customer_check(arena, customer).reason);
}

static void two_defaults_are_refused_by_name(void **state)
{
	Customers__Customer *customer = customer_with(3);
	struct status status;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		customer->addresses[i]->default_shipping = true;
	customer->addresses[0]->default_billing = customer->addresses[2]->default_billing = true;
	status = customer_check(arena, customer);
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, "customer.addresses[1].default_shipping");
	assert_string_equal(status.detail->violations->next->field, "customer.addresses[2].default_shipping");
	assert_string_equal(status.detail->violations->next->next->field, "customer.addresses[2].default_billing");
	assert_null(status.detail->violations->next->next->next);
}

static void a_mask_changes_what_it_names_and_nothing_else(void **state)
{
	Customers__Customer *customer = customer_with(1);
	Customers__Customer *changes = customer_with(2);

	(void)state;
	changes->first_name = arena_strdup(arena, "Augusta");
	changes->phone = arena_strdup(arena, "");
	changes->email = arena_strdup(arena, "other@example.com");
	assert_null(customer_update(arena, customer, changes, mask_of("first_name", "phone")).reason);
	assert_string_equal(customer->first_name, "Augusta");
	assert_string_equal(customer->phone, "");
	assert_string_equal(customer->email, "ada@example.com");
	assert_int_equal(customer->n_addresses, 1);
}

static void without_a_mask_what_is_set_is_changed(void **state)
{
	Customers__Customer *customer = customer_with(1);
	Customers__Customer *changes = customer_with(0);

	(void)state;
	changes->first_name = arena_strdup(arena, "");
	changes->last_name = arena_strdup(arena, "King");
	assert_null(customer_update(arena, customer, changes, NULL).reason);
	assert_string_equal(customer->first_name, "Ada");
	assert_string_equal(customer->last_name, "King");
	assert_int_equal(customer->n_addresses, 1);
}

static void a_mask_can_empty_the_addresses(void **state)
{
	Customers__Customer *customer = customer_with(3);

	(void)state;
	assert_null(customer_update(arena, customer, customer_with(0), mask_of("addresses", NULL)).reason);
	assert_int_equal(customer->n_addresses, 0);
}

static void a_mask_of_other_fields_is_refused_and_changes_nothing(void **state)
{
	Customers__Customer *customer = customer_with(1);
	Customers__Customer *changes = customer_with(1);
	struct status status;

	(void)state;
	changes->first_name = arena_strdup(arena, "Augusta");
	status = customer_update(arena, customer, changes, mask_of("first_name", "status"));
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, "update_mask");
	assert_string_equal(customer->first_name, "Ada");
}

static void an_erased_customer_is_not_changed(void **state)
{
	Customers__Customer *customer = customer_with(0);

	(void)state;
	customer->status = ERASED;
	assert_true(status_is(customer_update(arena, customer, customer_with(0), NULL), &CUSTOMER_ERASED));
}

/* Every status with every event: where it leads, or why not. */
static void the_status_moves_along_its_table(void **state)
{
	static const struct {
		Customers__CustomerStatus from;
		enum customer_event event;
		Customers__CustomerStatus to;
		const struct reason *refusal;
	} CASES[] = {
		{ ACTIVE, CUSTOMER_EVENT_BLOCK, BLOCKED, NULL },
		{ ACTIVE, CUSTOMER_EVENT_UNBLOCK, ACTIVE, &CUSTOMER_NOT_BLOCKED },
		{ BLOCKED, CUSTOMER_EVENT_BLOCK, BLOCKED, &CUSTOMER_BLOCKED },
		{ BLOCKED, CUSTOMER_EVENT_UNBLOCK, ACTIVE, NULL },
		{ ERASED, CUSTOMER_EVENT_BLOCK, ERASED, &CUSTOMER_ERASED },
		{ ERASED, CUSTOMER_EVENT_UNBLOCK, ERASED, &CUSTOMER_ERASED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		Customers__Customer *customer = customer_with(0);
		char *old = customer->status_reason;
		char *reason = arena_strdup(arena, "why");

		customer->status = CASES[i].from;
		assert_ptr_equal(customer_move(customer, CASES[i].event, reason).reason, CASES[i].refusal);
		assert_int_equal(customer->status, CASES[i].to);
		assert_ptr_equal(customer->status_reason, CASES[i].refusal == NULL ? reason : old);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_default_for_each_use_is_fine),
		cmocka_unit_test(two_defaults_are_refused_by_name),
		cmocka_unit_test(a_mask_changes_what_it_names_and_nothing_else),
		cmocka_unit_test(without_a_mask_what_is_set_is_changed),
		cmocka_unit_test(a_mask_can_empty_the_addresses),
		cmocka_unit_test(a_mask_of_other_fields_is_refused_and_changes_nothing),
		cmocka_unit_test(an_erased_customer_is_not_changed),
		cmocka_unit_test(the_status_moves_along_its_table),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
