/* What customers/store.h and the handlers above it promise, on a real database. */
#include "customers/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "customers/store_test.h"

#define MANY 10
#define PAGE 3

static struct status unblock(const char *customer_id, const char *reason, const char *etag)
{
	Customers__UnblockCustomerRequest request = CUSTOMERS__UNBLOCK_CUSTOMER_REQUEST__INIT;

	request.customer_id = text(customer_id);
	request.reason = text(reason);
	request.etag = text(etag);
	return service_call("UnblockCustomer", NULL, &request.base, NULL);
}

/* All that a write leaves behind; one number, so that it is of one moment. */
static struct db_statement COUNT_WRITTEN =
    DB_READ("count_written", "SELECT (SELECT count(*) FROM customer) * 1000000 + (SELECT count(*) FROM history) * 10000"
			     " + (SELECT count(*) FROM outbox) * 100 + (SELECT count(*) FROM idempotency) AS n");

static void what_was_created_is_found(void **state)
{
	const Customers__CreateCustomerRequest *request = new_customer("Ada", "Byron");
	const Customers__Customer *created = create(request), *found = get(request->customer_id);

	(void)state;
	assert_same(&found->base, &created->base);
	assert_string_equal(found->customer_id, request->customer_id);
	assert_string_equal(found->first_name, "Ada");
	assert_string_equal(found->last_name, "Byron");
	assert_string_equal(found->company, "Analytical Engines & Sons");
	assert_string_equal(found->email, "Ada@example.com");
	assert_string_equal(found->phone, "+44 (0)20 7946-0000");
	assert_int_equal(found->status, STATUS(ACTIVE));
	assert_string_equal(found->status_reason, "");
	assert_string_equal(found->etag, "1");
	assert_same(&found->create_time->base, &found->update_time->base);
	assert_int_equal(found->n_addresses, 2);
	for (size_t i = 0; i < 2; i++)
		assert_same(&found->addresses[i]->base, &request->customer->addresses[i]->base);
}

static void an_id_is_made_where_none_was_chosen(void **state)
{
	Customers__CreateCustomerRequest *request = new_customer("Ada", "Byron");
	const Customers__Customer *first, *second;

	(void)state;
	request->customer_id = text("");
	request->customer->n_addresses = 0;
	first = create(request);
	second = create(request);
	assert_string_not_equal(first->customer_id, second->customer_id);
	assert_same(&get(first->customer_id)->base, &first->base);
	assert_int_equal(get(second->customer_id)->n_addresses, 0);
}

static void an_unknown_customer_is_not_found(void **state)
{
	Customers__GetCustomerRequest request = CUSTOMERS__GET_CUSTOMER_REQUEST__INIT;
	Customers__ListCustomerHistoryRequest history = CUSTOMERS__LIST_CUSTOMER_HISTORY_REQUEST__INIT;
	Customers__Customer *customer = new_customer("Ada", "Byron")->customer;

	(void)state;
	customer->customer_id = history.customer_id = request.customer_id = new_id();
	assert_refused(service_call("GetCustomer", NULL, &request.base, NULL), NOT_FOUND);
	assert_refused(service_call("ListCustomerHistory", NULL, &history.base, NULL), NOT_FOUND);
	assert_refused(update(NULL, customer, "company", NULL), NOT_FOUND);
	assert_refused(block(NULL, customer->customer_id, "unpaid", ""), NOT_FOUND);
	assert_refused(unblock(customer->customer_id, "paid", ""), NOT_FOUND);
	assert_int_equal(service_number(&COUNT_WRITTEN), 0);
}

/* Also from many at once: one of them makes the customer, and the others change nothing of it. */
static void an_id_is_given_once(void **state)
{
	Customers__CreateCustomerRequest *request = new_customer("Ada", "Byron");
	struct invocation attempts[MANY];
	int made = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		attempts[i] = (struct invocation){ .method = "CreateCustomer", .request = &request->base };
		service_start(&attempts[i]);
	}
	service_finish();
	for (int i = 0; i < MANY; i++) {
		if (attempts[i].outcome.reason == NULL)
			made++;
		else
			assert_refused(attempts[i].outcome, ALREADY_EXISTS);
	}
	assert_int_equal(made, 1);
	assert_int_equal(service_number(&COUNT_WRITTEN), 1010101);
	request->customer->company = text("Somebody Else");
	assert_refused(service_call("CreateCustomer", NULL, &request->base, NULL), ALREADY_EXISTS);
	assert_string_equal(get(request->customer_id)->company, "Analytical Engines & Sons");
	assert_int_equal(service_number(&COUNT_WRITTEN), 1010101);
}

static struct db_statement COUNT_TOGETHER = DB_READ(
    "count_together", "SELECT count(*) AS n FROM customer c JOIN customer_address a USING (customer_id)"
		      " JOIN history h ON h.aggregate_id = c.customer_id::text AND h.version = c.version"
		      " JOIN outbox o ON o.aggregate_id = c.customer_id::text AND o.aggregate_version = c.version"
		      " JOIN idempotency i ON i.subject = c.customer_id::text AND i.time = c.update_time"
		      " WHERE c.xmin::text = ALL (ARRAY[a.xmin::text, h.xmin::text, o.xmin::text, i.xmin::text])"
		      " AND c.update_time = ALL (ARRAY[h.time, o.time]) AND o.aggregate_type = 'customer'"
		      " AND o.type = 'quayside.customers.v1.CustomerChanged'");

/* The rows carry the number of the transaction that wrote them. */
static void all_of_a_write_is_one_transaction(void **state)
{
	Customers__Customer *customer = ada();

	(void)state;
	assert_int_equal(service_number(&COUNT_TOGETHER), 2);
	assert_null(update(NULL, customer, "addresses", NULL).reason);
	assert_int_equal(service_number(&COUNT_TOGETHER), 2);
	assert_int_equal(service_number(&COUNT_WRITTEN), 1020202);
}

static struct db_statement COUNT_TOLD =
    DB_READ("count_told", "SELECT count(*) AS n FROM outbox WHERE position(convert_to('Leeds', 'UTF8') IN payload) > 0"
			  " AND position(convert_to('UnblockCustomer', 'UTF8') IN payload) > 0");

static void what_cannot_be_told_does_not_happen(void **state)
{
	Customers__Customer *customer = ada();

	(void)state;
	pg_execute(conninfo, "ALTER TABLE outbox ADD CONSTRAINT full_up CHECK (false) NOT VALID");
	assert_refused(block("key", customer->customer_id, "unpaid", ""), INTERNAL_ERROR);
	pg_execute(conninfo, "ALTER TABLE outbox DROP CONSTRAINT full_up");
	assert_same(&get(customer->customer_id)->base, &customer->base);
	assert_int_equal(service_number(&COUNT_WRITTEN), 1010101);
	assert_null(block("key", customer->customer_id, "unpaid", "").reason);
	assert_null(unblock(customer->customer_id, "", "").reason);
	assert_int_equal(service_number(&COUNT_TOLD), 1);
}

static void an_update_changes_what_the_mask_names(void **state)
{
	Customers__Customer *customer = ada(), *changed, *found;
	void *reply;

	(void)state;
	clock_freeze(clock_now() + CLOCK_SECOND);
	customer->company = text("Difference Engines");
	customer->first_name = text("Not Asked For");
	assert_null(update(NULL, customer, "company", &reply).reason);
	changed = reply;
	found = get(customer->customer_id);
	assert_same(&found->base, &changed->base);
	assert_string_equal(found->company, "Difference Engines");
	assert_string_equal(found->first_name, "Ada");
	assert_string_equal(found->etag, "2");
	assert_int_equal(found->n_addresses, 2);
	assert_same(&found->create_time->base, &customer->create_time->base);
	assert_int_equal(found->update_time->seconds, clock_now() / CLOCK_SECOND);
}

/* More, fewer, none, in another order: what is there is what was sent. */
static void an_update_replaces_the_addresses(void **state)
{
	static const struct {
		const char *cities[4];
		size_t count;
	} MOVES[] = {
		{ { "Leeds", "London", "Bath", "York" }, 4 },
		{ { "York", "Leeds" }, 2 },
		{ { NULL }, 0 },
		{ { "Bath" }, 1 },
	};
	Customers__Customer *customer = ada(), *other = ada();

	(void)state;
	for (size_t i = 0; i < sizeof(MOVES) / sizeof(MOVES[0]); i++) {
		const Customers__Customer *found;

		settle(customer, MOVES[i].cities, MOVES[i].count);
		customer->etag = text("");
		assert_null(update(NULL, customer, "addresses", NULL).reason);
		found = get(customer->customer_id);
		assert_int_equal(found->n_addresses, MOVES[i].count);
		for (size_t a = 0; a < MOVES[i].count; a++)
			assert_same(&found->addresses[a]->base, &customer->addresses[a]->base);
	}
	assert_same(&get(other->customer_id)->base, &other->base);
}

static void a_stale_etag_is_refused(void **state)
{
	Customers__Customer *customer = ada();

	(void)state;
	assert_null(update(NULL, customer, "phone", NULL).reason);
	assert_refused(update(NULL, customer, "phone", NULL), ETAG_MISMATCH);
	assert_refused(block(NULL, customer->customer_id, "unpaid", "1"), ETAG_MISMATCH);
	assert_null(block(NULL, customer->customer_id, "unpaid", "2").reason);
	assert_refused(unblock(customer->customer_id, "paid", "2"), ETAG_MISMATCH);
	assert_null(unblock(customer->customer_id, "paid", "3").reason);
	assert_string_equal(get(customer->customer_id)->etag, "4");
	assert_int_equal(service_number(&COUNT_WRITTEN), 1040404);
}

/* Without an etag all of them happen, one after the other; with the same one, one does. */
static void none_of_many_updates_is_lost(void **state)
{
	Customers__UpdateCustomerRequest request = CUSTOMERS__UPDATE_CUSTOMER_REQUEST__INIT;
	Customers__Customer *customer = ada();
	struct invocation updates[2 * MANY];
	int applied = 0;

	(void)state;
	request.customer = customer;
	for (int i = 0; i < 2 * MANY; i++) {
		if (i == MANY) {
			service_finish();
			customer->etag = get(customer->customer_id)->etag;
			assert_string_equal(customer->etag, arena_printf(service_arena(), "%d", MANY + 1));
		} else if (i == 0) {
			customer->etag = text("");
		}
		updates[i] = (struct invocation){ .method = "UpdateCustomer", .request = &request.base };
		service_start(&updates[i]);
	}
	service_finish();
	for (int i = 0; i < 2 * MANY; i++) {
		applied += updates[i].outcome.reason == NULL;
		if (updates[i].outcome.reason != NULL)
			assert_refused(updates[i].outcome, ETAG_MISMATCH);
	}
	assert_int_equal(applied, MANY + 1);
	assert_int_equal(service_number(&COUNT_WRITTEN), 1000000 + (MANY + 2) * 10101);
}

/* Below the handlers: an update of another version than the one that is there. */
RPC_UNARY(update_version, Customers__UpdateCustomerRequest, Customers__Customer);

static struct status update_version(struct call *call, const Customers__UpdateCustomerRequest *request,
				    Customers__Customer *reply)
{
	struct write write = { .aggregate_type = "customer",
			       .aggregate_id = request->customer->customer_id,
			       .version = request->customer->etag[0] - '0',
			       .from_state = "",
			       .to_state = "",
			       .event = &request->customer->base,
			       .reply = &reply->base };

	*reply = *request->customer;
	reply->status = STATUS(BLOCKED);
	TRY(store_update(call, reply, &write));
	return write.applied ? STATUS_OK : status_of(&CONCURRENT_CHANGE);
}

static const struct rpc_method version_methods[] = { RPC_METHOD("UpdateCustomer", update_version), RPC_METHODS_END };
static const struct rpc_service version_service = { &customers__customer_service__descriptor, version_methods };

static int open_version_service(void **state)
{
	(void)state;
	open_service_with(&version_service);
	service_add(&customer_service);
	return 0;
}

static void another_version_is_not_updated(void **state)
{
	static const char *const VERSIONS[] = { "1", "3" };
	Customers__Customer *customer = ada();
	Customers__UpdateCustomerRequest request = CUSTOMERS__UPDATE_CUSTOMER_REQUEST__INIT;

	(void)state;
	request.customer = pb_copy(service_arena(), &customer->base);
	settle(request.customer, TWO_CITIES, 1);
	for (size_t i = 0; i < 2; i++) {
		request.customer->etag = text(VERSIONS[i]);
		assert_refused(service_call("UpdateCustomer", "key", &request.base, NULL), CONCURRENT_CHANGE);
		assert_same(&get(customer->customer_id)->base, &customer->base);
		assert_int_equal(service_number(&COUNT_WRITTEN), 1010101);
	}
	request.customer->etag = text("2");
	assert_null(service_call("UpdateCustomer", "key", &request.base, NULL).reason);
	assert_int_equal(get(customer->customer_id)->status, STATUS(BLOCKED));
	assert_int_equal(get(customer->customer_id)->n_addresses, 1);
}

static void a_key_is_answered_once_and_for_all(void **state)
{
	Customers__CreateCustomerRequest *request = new_customer("Ada", "Byron");
	struct invocation first = { .method = "CreateCustomer", .request = &request->base, .key = "a key" };
	struct invocation again = first;
	Customers__Customer *created;

	(void)state;
	request->customer_id = text(""); /* the service chooses: the repeat must tell the same id */
	service_start(&first);
	service_finish();
	created = first.reply;
	assert_null(update(NULL, created, "phone", NULL).reason);
	service_start(&again);
	service_finish();
	assert_null(again.outcome.reason);
	assert_true(str_equal(again.bytes, first.bytes));
	assert_int_equal(service_number(&COUNT_WRITTEN), 1020202);
	request->customer->last_name = text("Lovelace");
	assert_refused(service_call("CreateCustomer", "a key", &request->base, NULL), KEY_REUSED);
	assert_refused(block("a key", created->customer_id, "unpaid", ""), KEY_REUSED);
	assert_int_equal(service_number(&COUNT_WRITTEN), 1020202);
}

static void a_refusal_is_kept_under_its_key(void **state)
{
	const char *id = ada()->customer_id;

	(void)state;
	assert_null(block(NULL, id, "unpaid", "").reason);
	assert_refused(block("given", id, "again", ""), CUSTOMER_BLOCKED);
	assert_null(unblock(id, "paid", "").reason);
	assert_refused(block("given", id, "again", ""), CUSTOMER_BLOCKED);
	assert_int_equal(get(id)->status, STATUS(ACTIVE));
	assert_null(block("another", id, "again", "").reason);
}

static void one_is_blocked_and_unblocked(void **state)
{
	const char *id = ada()->customer_id;
	const Customers__Customer *found;

	(void)state;
	assert_refused(unblock(id, "", ""), CUSTOMER_NOT_BLOCKED);
	assert_null(block(NULL, id, "invoices unpaid", "").reason);
	found = get(id);
	assert_int_equal(found->status, STATUS(BLOCKED));
	assert_string_equal(found->status_reason, "invoices unpaid");
	assert_refused(block(NULL, id, "again", ""), CUSTOMER_BLOCKED);
	assert_same(&get(id)->base, &found->base);
	assert_null(unblock(id, "", "").reason);
	assert_int_equal(get(id)->status, STATUS(ACTIVE));
	assert_string_equal(get(id)->status_reason, "");
}

static void history_tells_all_of_it(void **state)
{
	static const char *const ROWS[] = {
		"4 UnblockCustomer CUSTOMER_STATUS_BLOCKED>CUSTOMER_STATUS_ACTIVE paid",
		"3 UpdateCustomer CUSTOMER_STATUS_BLOCKED>CUSTOMER_STATUS_BLOCKED ",
		"2 BlockCustomer CUSTOMER_STATUS_ACTIVE>CUSTOMER_STATUS_BLOCKED unpaid",
		"1 CreateCustomer >CUSTOMER_STATUS_ACTIVE ",
	};
	Customers__ListCustomerHistoryRequest request = CUSTOMERS__LIST_CUSTOMER_HISTORY_REQUEST__INIT;
	Customers__Customer *customer = ada();
	size_t seen = 0;

	(void)state;
	ada(); /* somebody else's is not told */
	assert_null(block(NULL, customer->customer_id, "unpaid", "").reason);
	customer->etag = text("");
	assert_null(update(NULL, customer, "phone", NULL).reason);
	assert_null(unblock(customer->customer_id, "paid", "").reason);
	request.customer_id = customer->customer_id;
	request.page_size = PAGE;
	do {
		Customers__ListCustomerHistoryResponse *page;
		void *reply;

		assert_null(service_call("ListCustomerHistory", NULL, &request.base, &reply).reason);
		page = reply;
		assert_true(page->n_entries <= PAGE);
		for (size_t i = 0; i < page->n_entries; i++, seen++) {
			const Common__HistoryEntry *entry = page->entries[i];

			assert_true(seen < 4);
			assert_string_equal(entry->actor, "tester");
			assert_string_equal(arena_printf(service_arena(), "%d %s %s>%s %s", (int)entry->version,
							 entry->action, entry->from_state, entry->to_state,
							 entry->reason),
					    ROWS[seen]);
		}
		request.page_token = page->next_page_token;
	} while (*request.page_token != '\0');
	assert_int_equal(seen, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_created_is_found),
		TEST(an_id_is_made_where_none_was_chosen),
		TEST(an_unknown_customer_is_not_found),
		TEST(an_id_is_given_once),
		TEST(all_of_a_write_is_one_transaction),
		TEST(what_cannot_be_told_does_not_happen),
		TEST(an_update_changes_what_the_mask_names),
		TEST(an_update_replaces_the_addresses),
		TEST(a_stale_etag_is_refused),
		TEST(none_of_many_updates_is_lost),
		cmocka_unit_test_setup_teardown(another_version_is_not_updated, open_version_service, close_service),
		TEST(a_key_is_answered_once_and_for_all),
		TEST(a_refusal_is_kept_under_its_key),
		TEST(one_is_blocked_and_unblocked),
		TEST(history_tells_all_of_it),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
