/* What pb.h promises of packing and unpacking. Checking is in pb_rules_test.c. */
#include "runtime/pb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "quayside/customers/v1/customers.pb-c.h"
#include "quayside/ordering/v1/ordering.pb-c.h"

#define ID "018f2f6e-0000-7000-8000-000000000001"

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(4096, 64 * 1024);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static char *text(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

/* A customer with two addresses. */
static Customers__Customer *ada(void)
{
	Customers__Customer *customer = pb_new(arena, &customers__customer__descriptor);

	customer->customer_id = text(ID);
	customer->first_name = text("Ada");
	customer->last_name = text("Lovelace");
	customer->email = text("ada@example.com");
	customer->status = CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED;
	customer->n_addresses = 2;
	customer->addresses = arena_array(arena, 2, sizeof(*customer->addresses));
	for (size_t i = 0; i < 2; i++) {
		customer->addresses[i] = pb_new(arena, &customers__customer_address__descriptor);
		customer->addresses[i]->label = text(i == 0 ? "home" : "work");
	}
	return customer;
}

static void check_ada(const Customers__Customer *customer)
{
	assert_string_equal(customer->customer_id, ID);
	assert_string_equal(customer->last_name, "Lovelace");
	assert_string_equal(customer->company, "");
	assert_int_equal(customer->status, CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED);
	assert_int_equal(customer->n_addresses, 2);
	assert_string_equal(customer->addresses[1]->label, "work");
	assert_null(customer->addresses[1]->address);
}

static void a_new_message_is_empty(void **state)
{
	const Customers__Customer *customer = pb_new(arena, &customers__customer__descriptor);

	(void)state;
	assert_ptr_equal(customer->base.descriptor, &customers__customer__descriptor);
	assert_string_equal(customer->first_name, "");
	assert_int_equal(customer->n_addresses, 0);
	assert_int_equal(pb_pack(arena, &customer->base).len, 0);
}

static void what_was_packed_is_unpacked(void **state)
{
	const Customers__Customer *customer = ada();
	const struct str bytes = pb_pack(arena, &customer->base);
	void *again;

	(void)state;
	assert_null(pb_unpack(arena, &customers__customer__descriptor, bytes, &again).reason);
	check_ada(again);
	assert_true(str_equal(pb_pack(arena, again), bytes)); /* canonical */
}

static void a_copy_shares_nothing(void **state)
{
	Customers__Customer *customer = ada();
	const Customers__Customer *copy = pb_copy(arena, &customer->base);

	(void)state;
	customer->last_name = text("Byron");
	customer->addresses[1]->label = text("gone");
	check_ada(copy);
	assert_ptr_not_equal(copy->first_name, customer->first_name);
}

static void what_is_no_message_is_refused(void **state)
{
	static char untouched;
	void *message = &untouched;

	(void)state;
	assert_true(status_is(pb_unpack(arena, &customers__customer__descriptor, STR("\x0a\xff"), &message),
			      &MALFORMED_MESSAGE));
	assert_true(status_is(pb_unpack(arena, &customers__customer__descriptor, STR("\x0b\x0c"), &message),
			      &MALFORMED_MESSAGE));
	assert_ptr_equal(message, &untouched);
}

/* A small message may stand for much memory: a hundred bytes for each two on the wire. */
static void a_message_is_unpacked_within_the_budget(void **state)
{
	struct buf bytes = buf_new(arena);
	void *message = NULL;

	(void)state;
	for (int i = 0; i < 2000; i++)
		buf_bytes(&bytes, "\x3a\x00", 2); /* an empty address */
	assert_true(status_is(
	    pb_unpack(arena, &customers__customer__descriptor, (struct str){ bytes.data, bytes.len }, &message),
	    &MESSAGE_TOO_COMPLEX));
	assert_null(message);
	assert_true(arena_peak(arena) <= 80 * 1024);
}

/* What the check lets through, protobuf-c can read: also after any single bit was changed. */
static void the_check_and_the_reader_agree(void **state)
{
	const struct contract_message *contract =
	    contract_message(contract_load(), "quayside.ordering.v1.SubmitOrderRequest");
	Ordering__SubmitOrderRequest request = ORDERING__SUBMIT_ORDER_REQUEST__INIT;
	Ordering__SubmitOrderLine line = ORDERING__SUBMIT_ORDER_LINE__INIT, *lines[] = { &line, &line };
	struct str bytes;
	size_t passed = 0;

	(void)state;
	line.sku = text("COFFEE-1KG");
	line.quantity = 300;
	request.customer_id = text(ID);
	request.name = text("M\xc3\xbcller");
	request.n_lines = 2;
	request.lines = lines;
	bytes = pb_pack(arena, &request.base);
	assert_null(pb_check(arena, contract, bytes).reason);
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		struct arena *scratch = arena_new(4096, 64 * 1024);
		char *changed = arena_memdup(scratch, bytes.data, bytes.len);
		void *message;

		changed[bit / 8] = (char)(changed[bit / 8] ^ (1 << bit % 8));
		if (pb_check(scratch, contract, (struct str){ changed, bytes.len }).reason == NULL) {
			passed++;
			assert_null(pb_unpack(scratch, &ordering__submit_order_request__descriptor,
					      (struct str){ changed, bytes.len }, &message)
					.reason);
		}
		arena_free(scratch);
	}
	assert_true(passed > 50); /* another name is a name */
}

static void enums_have_names(void **state)
{
	(void)state;
	assert_string_equal(pb_enum_name(&customers__customer_status__descriptor, 2), "CUSTOMER_STATUS_BLOCKED");
	assert_string_equal(pb_enum_name(&customers__customer_status__descriptor, 99), "");
	assert_int_equal(pb_enum_number(&customers__customer_status__descriptor, "CUSTOMER_STATUS_BLOCKED"), 2);
	assert_int_equal(pb_enum_number(&customers__customer_status__descriptor, "BLOCKED"), -1);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_message_is_empty),
		TEST(what_was_packed_is_unpacked),
		TEST(a_copy_shares_nothing),
		TEST(what_is_no_message_is_refused),
		TEST(a_message_is_unpacked_within_the_budget),
		TEST(the_check_and_the_reader_agree),
		TEST(enums_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
