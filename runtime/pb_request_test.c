/* What pb_request() promises beyond the check (pb_rules_test.c) and the unpacking (pb_test.c): ids in lower case, and nothing else changed. */
#include "runtime/pb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "quayside/customers/v1/customers.pb-c.h"
#include "quayside/warehouse/v1/warehouse.pb-c.h"

#define UPPER_A "018F2F6E-ABCD-7EF0-8000-00000000000A"
#define LOWER_A "018f2f6e-abcd-7ef0-8000-00000000000a"
#define UPPER_B "018F2F6E-ABCD-7EF0-8000-00000000000B"
#define LOWER_B "018f2f6e-abcd-7ef0-8000-00000000000b"

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

static const struct contract_message *contract_of(const char *name)
{
	const struct contract_message *message = contract_message(contract_load(), name);

	assert_non_null(message);
	return message;
}

/* Sends a request and reads it. */
static void *received(const struct contract_message *contract, const ProtobufCMessage *sent)
{
	void *request = NULL;

	assert_null(pb_request(arena, contract, sent->descriptor, pb_pack(arena, sent), &request).reason);
	return request;
}

static void an_id_is_lower_case_and_other_text_is_as_it_was(void **state)
{
	Customers__BlockCustomerRequest sent = CUSTOMERS__BLOCK_CUSTOMER_REQUEST__INIT;
	const Customers__BlockCustomerRequest *request;

	(void)state;
	sent.customer_id = text(UPPER_A);
	sent.reason = text(UPPER_B);
	request = received(contract_of("quayside.customers.v1.BlockCustomerRequest"), &sent.base);
	assert_string_equal(request->customer_id, LOWER_A);
	assert_string_equal(request->reason, UPPER_B);
	assert_string_equal(request->etag, "");
}

static void ids_in_nested_messages_and_in_lists_are_too(void **state)
{
	Warehouse__ReservationLine first = WAREHOUSE__RESERVATION_LINE__INIT, second = first;
	Warehouse__ReservationLine *lines[] = { &first, &second };
	Warehouse__ReserveStockRequest reserve = WAREHOUSE__RESERVE_STOCK_REQUEST__INIT;
	Warehouse__ReleaseReservationsRequest release = WAREHOUSE__RELEASE_RESERVATIONS_REQUEST__INIT;
	const Warehouse__ReserveStockRequest *reserved;
	const Warehouse__ReleaseReservationsRequest *released;
	char *ids[] = { text(UPPER_A), text(LOWER_B), text(UPPER_B) };

	(void)state;
	first.reservation_id = text(UPPER_A);
	second.reservation_id = text(UPPER_B);
	first.sku = second.sku = text("CAFE");
	first.quantity = second.quantity = 1;
	reserve.order_id = text(UPPER_B);
	reserve.lines = lines;
	reserve.n_lines = 2;
	reserved = received(contract_of("quayside.warehouse.v1.ReserveStockRequest"), &reserve.base);
	assert_string_equal(reserved->order_id, LOWER_B);
	assert_string_equal(reserved->lines[0]->reservation_id, LOWER_A);
	assert_string_equal(reserved->lines[1]->reservation_id, LOWER_B);
	assert_string_equal(reserved->lines[1]->sku, "CAFE");

	release.order_id = text(LOWER_A);
	release.reservation_ids = ids;
	release.n_reservation_ids = 3;
	released = received(contract_of("quayside.warehouse.v1.ReleaseReservationsRequest"), &release.base);
	assert_int_equal(released->n_reservation_ids, 3);
	assert_string_equal(released->order_id, LOWER_A);
	assert_string_equal(released->reservation_ids[0], LOWER_A);
	assert_string_equal(released->reservation_ids[1], LOWER_B);
	assert_string_equal(released->reservation_ids[2], LOWER_B);
}

/* An absent id is protobuf-c's own empty text; an absent message is none. */
static void what_is_absent_stays_absent(void **state)
{
	Customers__CreateCustomerRequest sent = CUSTOMERS__CREATE_CUSTOMER_REQUEST__INIT;
	const struct contract_message *contract = contract_of("quayside.customers.v1.UpdateCustomerRequest");
	Customers__Customer customer = CUSTOMERS__CUSTOMER__INIT;
	const Customers__CreateCustomerRequest *request;
	void *untouched = &sent;

	(void)state;
	customer.first_name = customer.last_name = text("A");
	customer.email = text("a@example.com");
	sent.customer = &customer;
	request = received(contract_of("quayside.customers.v1.CreateCustomerRequest"), &sent.base);
	assert_string_equal(request->customer_id, "");
	assert_string_equal(request->customer->customer_id, "");
	assert_true(
	    status_is(pb_request(arena, contract, &customers__update_customer_request__descriptor, STR(""), &untouched),
		      &INVALID_REQUEST));
	assert_ptr_equal(untouched, &sent);
}

/* The members of a oneof share their place: what is there is an id only if the id is what was set. No contract of ours has that yet. */
static void in_a_oneof_only_the_member_that_is_set_counts(void **state)
{
	static const struct contract_field fields[] = {
		{ .name = "id", .number = 3, .type = CONTRACT_STRING, .rules.format = FORMAT_UUID, .ids = true },
		{ .name = "other", .number = 7, .type = CONTRACT_STRING },
	};
	static const struct contract_message either = { .fields = fields, .n_fields = 2 };
	Grpc__Reflection__V1__ServerReflectionRequest sent = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	const Grpc__Reflection__V1__ServerReflectionRequest *request;

	(void)state;
	request = received(&either, &sent.base);
	assert_int_equal(request->message_request_case, 0);

	sent.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
	sent.list_services = text(UPPER_A);
	request = received(&either, &sent.base);
	assert_string_equal(request->list_services, UPPER_A);

	sent.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME;
	sent.file_by_filename = text(UPPER_A);
	request = received(&either, &sent.base);
	assert_string_equal(request->file_by_filename, LOWER_A);
}

static bool holds_ids(const char *message, const char *field)
{
	return contract_field_named(contract_of(message), str_of(field))->ids;
}

/* Nothing else is walked. */
static void the_contract_knows_where_ids_are(void **state)
{
	(void)state;
	assert_true(holds_ids("quayside.customers.v1.CreateCustomerRequest", "customer_id"));
	assert_true(holds_ids("quayside.customers.v1.CreateCustomerRequest", "customer")); /* in it */
	assert_true(holds_ids("quayside.customers.v1.ListCustomersResponse", "customers"));
	assert_false(holds_ids("quayside.customers.v1.Customer", "addresses"));
	assert_false(holds_ids("quayside.customers.v1.Customer", "email"));
	assert_false(holds_ids("google.protobuf.DescriptorProto", "nested_type")); /* holds itself */
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_id_is_lower_case_and_other_text_is_as_it_was),
		TEST(ids_in_nested_messages_and_in_lists_are_too),
		TEST(what_is_absent_stays_absent),
		TEST(in_a_oneof_only_the_member_that_is_set_counts),
		TEST(the_contract_knows_where_ids_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
