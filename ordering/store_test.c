/* What ordering/store.h promises: what is written is read again, guarded writes, pages and filters. */
#include "ordering/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "ordering/record.h"
#include "runtime/migrate.h"
#include "runtime/pb.h"
#include "runtime/types.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"

#define STATE(name_) ORDERING__ORDER_STATE__ORDER_STATE_##name_
#define ITEM(name_) ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_##name_
#define ADA "0199c1f0-0000-7000-8000-000000000001"
#define BOB "0199c1f0-0000-7000-8000-000000000002"
#define START INT64_C(1790000000000000) /* some day in 2026 */

extern const struct migration ordering_migrations[];

static const char *conninfo;

/* ---- What runs in a call, in the place of the service's methods ---- */

static struct status (*the_work)(struct call *call);

static struct status work(struct call *call, const void *request, void *reply)
{
	(void)request;
	(void)reply;
	return the_work(call);
}

static const struct rpc_method methods[] = { { .name = "PlaceOrder", .handler = work }, RPC_METHODS_END };
static const struct rpc_service service = { &ordering__order_service__descriptor, methods };

static void run(struct status (*what)(struct call *call))
{
	const Ordering__PlaceOrderRequest request = ORDERING__PLACE_ORDER_REQUEST__INIT;
	struct status status;

	the_work = what;
	status = service_call("PlaceOrder", NULL, &request.base, NULL);
	assert_string_equal(status.reason == NULL ? "OK" : status.reason->name, "OK");
}

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return migrate(conninfo, ordering_migrations) ? 0 : -1;
}

static int open_store(void **state)
{
	(void)state;
	pg_execute(
	    conninfo,
	    "TRUNCATE customer_order, order_item, order_shipment, order_invoice, idempotency, history, outbox, saga, saga_step");
	service_open(&service, conninfo);
	return 0;
}

static int close_store(void **state)
{
	(void)state;
	service_close();
	return 0;
}

static Common__Address *address(struct call *call, const char *city)
{
	Common__Address *made = pb_new(call->arena, &common__address__descriptor);

	made->recipient = arena_strdup(call->arena, "Ada \"Countess\" {Lovelace}");
	made->line1 = arena_strdup(call->arena, "St James's Square 12");
	made->city = arena_strdup(call->arena, city);
	made->country_code = arena_strdup(call->arena, "GB");
	return made;
}

static Ordering__OrderItem *item(struct call *call, const char *sku, int64_t quantity)
{
	Ordering__OrderItem *made = pb_new(call->arena, &ordering__order_item__descriptor);

	made->item_id = arena_alloc(call->arena, UUID_TEXT);
	uuid_new(made->item_id);
	made->sku = arena_strdup(call->arena, sku);
	made->name = arena_printf(call->arena, "Product %s", sku);
	made->quantity = quantity;
	made->unit_price = new_money(call->arena, "EUR", 100);
	made->tax_rate_basis_points = 1900;
	made->net = new_money(call->arena, "EUR", 100 * quantity);
	made->tax = new_money(call->arena, "EUR", 19 * quantity);
	made->gross = new_money(call->arena, "EUR", 119 * quantity);
	made->state = ITEM(RESERVED);
	return made;
}

static void total(struct call *call, Ordering__Order *order)
{
	int64_t quantity = 0;

	for (size_t i = 0; i < order->n_items; i++)
		quantity += order->items[i]->quantity;
	order->net = new_money(call->arena, "EUR", 100 * quantity);
	order->tax = new_money(call->arena, "EUR", 19 * quantity);
	order->gross = new_money(call->arena, "EUR", 119 * quantity);
}

static Ordering__Order *new_order(struct call *call, const char *customer_id, const char *name, size_t n_items)
{
	Ordering__Order *order = pb_new(call->arena, &ordering__order__descriptor);

	order->order_id = arena_alloc(call->arena, UUID_TEXT);
	uuid_new(order->order_id);
	assert_null(store_take_number(call, &order->number).reason);
	order->customer_id = arena_strdup(call->arena, customer_id);
	order->customer_name =
	    arena_strdup(call->arena, strcmp(customer_id, ADA) == 0 ? "Ada Lovelace" : "Bob 100% GmbH");
	order->name = arena_strdup(call->arena, name);
	order->note = arena_strdup(call->arena, "with care");
	order->state = STATE(OPEN);
	order->state_reason = arena_strdup(call->arena, "");
	order->shipping_address = address(call, "London");
	order->create_time = pb_time(call->arena, call->time);
	order->items = arena_array(call->arena, n_items + 1, sizeof(*order->items));
	for (; order->n_items < n_items; order->n_items++)
		order->items[order->n_items] =
		    item(call, arena_printf(call->arena, "S%zu", order->n_items), (int64_t)order->n_items + 1);
	if (n_items > 0)
		total(call, order);
	return order;
}

/* Keys stand for one write each; a test makes many in one call. */
static struct write write_of(struct call *call, Ordering__Order *order, int64_t version)
{
	char *key = arena_alloc(call->arena, UUID_TEXT);

	uuid_new(key);
	call->key = key;
	return record_of(
	    call, &(const struct change){ .order = order, .version = version, .from = order_state_name(order->state) });
}

static struct status create(struct call *call, Ordering__Order *order)
{
	struct write write = write_of(call, order, 1);

	TRY(store_create(call, order, true, &write));
	assert_true(write.applied);
	return STATUS_OK;
}

static void assert_same(struct call *call, const Ordering__Order *a, const Ordering__Order *b)
{
	assert_true(str_equal(pb_pack(call->arena, &a->base), pb_pack(call->arena, &b->base)));
}

static struct status write_and_read(struct call *call)
{
	Ordering__Order *order = new_order(call, ADA, "Everything", 3), *empty = new_order(call, BOB, "Nothing", 0);
	Ordering__Order *read = pb_new(call->arena, &ordering__order__descriptor);
	struct order_row row = { 0 };

	empty->shipping_address = NULL;
	TRY(create(call, order));
	TRY(create(call, empty));
	TRY(store_get(call, order->order_id, read, &row));
	assert_same(call, order, read);
	assert_int_equal(row.version, 1);
	assert_true(row.submitted);
	TRY(store_get(call, empty->order_id, read, NULL));
	assert_same(call, empty, read);
	assert_null(read->net);
	assert_null(read->shipping_address);
	return STATUS_OK;
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	run(write_and_read);
}

static struct status change_everything(struct call *call)
{
	Ordering__Order *order = new_order(call, ADA, "Everything", 3);
	Ordering__Order *read = pb_new(call->arena, &ordering__order__descriptor);
	struct write write;

	TRY(create(call, order));
	order->items[0] = order->items[2];
	order->items[2] = item(call, "NEW", 7);
	order->items[1]->quantity = 9;
	order->items[1]->net->minor_units = 900;
	order->items[1]->tax->minor_units = 171;
	order->items[1]->gross->minor_units = 1071;
	order->items[1]->shipped_quantity = 4;
	order->items[1]->state = ITEM(PARTLY_SHIPPED);
	total(call, order);
	order->state = STATE(PARTLY_SHIPPED);
	order->state_reason = arena_strdup(call->arena, "why not");
	order->place_time = pb_time(call->arena, START);
	order->shipment_ids = order_item_ids(call, order);
	order->n_shipment_ids = 2;
	order->invoice_ids = order_item_ids(call, order);
	order->n_invoice_ids = 3;
	write = write_of(call, order, 2);
	TRY(store_update(call, order, STORE_ITEMS, &write));
	assert_true(write.applied);
	TRY(store_get(call, order->order_id, read, NULL));
	assert_same(call, order, read);
	assert_string_equal(read->shipment_ids[1], order->items[1]->item_id);

	/* Items that are not named as changed stay. */
	order->n_items = 0;
	write = write_of(call, order, 3);
	TRY(store_update(call, order, STORE_ORDER, &write));
	assert_true(write.applied);
	TRY(store_get(call, order->order_id, read, NULL));
	assert_int_equal(read->n_items, 3);
	return STATUS_OK;
}

static void what_is_changed_is_read(void **state)
{
	(void)state;
	run(change_everything);
}

static struct status write_old_versions(struct call *call)
{
	static const struct {
		int64_t version;
		bool step, applied;
	} TRIES[] = { { 1, false, false }, { 3, false, false }, { 2, false, true }, { 2, false, false },
		      { 2, true, false },  { 4, true, false },  { 3, true, true },  { 4, false, true } };
	static const struct saga_kind kind = { .name = "test" };
	Ordering__Order *order = new_order(call, ADA, "First", 1);
	Ordering__Order *read = pb_new(call->arena, &ordering__order__descriptor);
	struct saga *saga = saga_new(call, &kind, order->order_id, order->order_id, STR(""));
	struct write write;
	bool exists;

	saga->place.state = SAGA_STATE_COMPLETED;
	TRY(create(call, order));
	TRY(store_exists(call, order->order_id, &exists));
	assert_true(exists);
	TRY(store_exists(call, BOB, &exists));
	assert_false(exists);
	TRY(store_exists(call, "", &exists));
	assert_false(exists);
	write = write_of(call, order, 1);
	TRY(store_create(call, order, false, &write));
	assert_false(write.applied);
	for (size_t i = 0; i < sizeof(TRIES) / sizeof(TRIES[0]); i++) {
		write = write_of(call, order, TRIES[i].version);
		write.saga = TRIES[i].version == 2 && !TRIES[i].step ? saga : NULL;
		if (TRIES[i].step)
			TRY(store_end(call, saga, order, STORE_ITEMS, &write, STATUS_OK));
		else
			TRY(store_update(call, order, STORE_ITEMS, &write));
		assert_int_equal(write.applied, TRIES[i].applied);
	}
	TRY(store_get(call, order->order_id, read, NULL));
	assert_string_equal(read->etag, "4");
	write = write_of(call, order, 5); /* a saga ends once */
	assert_true(status_is(store_end(call, saga, order, STORE_ITEMS, &write, STATUS_OK), &SAGA_LOST));
	return STATUS_OK;
}

static void only_the_next_version_is_written(void **state)
{
	(void)state;
	run(write_old_versions);
}

static char *drawn[60];

static struct status draw_numbers(struct call *call)
{
	for (size_t i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++) {
		char *number;

		TRY(store_take_number(call, &number));
		drawn[i] = arena_strdup(service_arena(), number);
	}
	return STATUS_OK;
}

static void numbers_rise_one_by_one(void **state)
{
	(void)state;
	run(draw_numbers);
	for (size_t i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++) {
		assert_int_equal(strncmp(drawn[i], "ORD-", 4), 0);
		assert_int_equal(strtoll(drawn[i] + 4, NULL, 10), strtoll(drawn[0] + 4, NULL, 10) + (int64_t)i);
	}
}

/* ---- Lists ---- */

#define ORDERS 25

static struct status create_many(struct call *call)
{
	for (int i = 0; i < ORDERS; i++) {
		Ordering__Order *order =
		    new_order(call, i % 5 == 0 ? BOB : ADA, arena_printf(call->arena, "Name_%d", i), (size_t)i % 4);

		/* Two orders in each second. */
		call->time = START + i / 2 * CLOCK_SECOND;
		order->create_time = pb_time(call->arena, call->time);
		if (i % 10 == 0)
			order->state = STATE(CANCELLED);
		TRY(create(call, order));
	}
	return STATUS_OK;
}

static Ordering__ListOrdersRequest wanted;
static size_t found, pages;

/* Reads all pages, checking their order, and counts. */
static struct status list_all(struct call *call)
{
	const char *token = "";
	int64_t last_time = INT64_MAX;
	const char *last_id = "";

	found = pages = 0;
	do {
		Ordering__Order **orders;
		struct page page;
		size_t count;

		TRY(page_open(call->arena, wanted.page_size, token, "filters", &page));
		TRY(store_list(call, &wanted, &page, &count, &orders));
		assert_true(count <= page.size + 1);
		token = count > page.size ? NULL : "";
		count = count > page.size ? page.size : count;
		for (size_t i = 0; i < count; i++) {
			int64_t time = pb_micros(orders[i]->create_time);

			assert_true(time < last_time ||
				    (time == last_time && strcmp(orders[i]->order_id, last_id) < 0));
			for (size_t j = 0; j < orders[i]->n_items; j++)
				assert_int_equal(orders[i]->items[j]->quantity, j + 1);
			assert_int_equal(orders[i]->n_items == 0, orders[i]->net == NULL);
			last_time = time;
			last_id = orders[i]->order_id;
		}
		if (token == NULL)
			token = page_next(call->arena, &page, last_time, last_id);
		found += count;
		pages++;
	} while (*token != '\0');
	return STATUS_OK;
}

static void expect(const Ordering__ListOrdersRequest *request, size_t count)
{
	wanted = *request;
	run(list_all);
	assert_int_equal(found, count);
}

static Ordering__ListOrdersRequest query_of(char *query)
{
	Ordering__ListOrdersRequest request = ORDERING__LIST_ORDERS_REQUEST__INIT;

	request.query = query;
	return request;
}

static void pages_hold_every_order_once(void **state)
{
	Ordering__ListOrdersRequest request = ORDERING__LIST_ORDERS_REQUEST__INIT;

	(void)state;
	expect(&request, 0);
	run(create_many);
	for (int32_t size = 1; size <= ORDERS + 1; size++) {
		request.page_size = size;
		expect(&request, ORDERS);
		assert_int_equal(pages, (ORDERS + size - 1) / size);
	}
	request.customer_id = arena_strdup(service_arena(), BOB);
	request.page_size = 2;
	expect(&request, 5);
	assert_int_equal(pages, 3);
}

static void lists_are_filtered(void **state)
{
	Ordering__ListOrdersRequest request = ORDERING__LIST_ORDERS_REQUEST__INIT;
	Ordering__OrderState states[] = { STATE(CANCELLED), STATE(PLACED) };

	(void)state;
	run(create_many);
	request.states = states;
	request.n_states = 2;
	expect(&request, 3);
	request.n_states = 0;
	request.start_time = pb_time(service_arena(), START + 2 * CLOCK_SECOND);
	expect(&request, ORDERS - 4);
	request.end_time = pb_time(service_arena(), START + 4 * CLOCK_SECOND);
	expect(&request, 4);
	request.customer_id = arena_strdup(service_arena(), BOB);
	expect(&request, 1); /* the fifth */
}

static void words_are_found_in_number_name_and_customer(void **state)
{
	static const struct {
		const char *query;
		size_t count;
	} QUERIES[] = {
		{ "name_1", 11 }, { "NAME_24", 1 }, { "ada", 20 },   { "lovelace name_3", 1 },
		{ "100%", 5 },    { "name%", 0 },   { "ord-0", 25 }, { "bob ada", 0 },
	};

	(void)state;
	run(create_many);
	for (size_t i = 0; i < sizeof(QUERIES) / sizeof(QUERIES[0]); i++) {
		Ordering__ListOrdersRequest request = query_of(arena_strdup(service_arena(), QUERIES[i].query));

		expect(&request, QUERIES[i].count);
	}
}

#define STORE_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_is_written_is_read),
		STORE_TEST(what_is_changed_is_read),
		STORE_TEST(only_the_next_version_is_written),
		STORE_TEST(numbers_rise_one_by_one),
		STORE_TEST(pages_hold_every_order_once),
		STORE_TEST(lists_are_filtered),
		STORE_TEST(words_are_found_in_number_name_and_customer),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
