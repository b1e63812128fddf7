/* What the store and the handlers of shipping promise, on a real database. */
#include "shipping/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "quayside/shipping/v1/events.pb-c.h"
#include "runtime/migrate.h"
#include "runtime/pb.h"
#include "shipping/handlers.h"
#include "shipping/rules.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"

#define MANY 20
#define PAGE 3

extern const struct migration shipping_migrations[];

static const char *conninfo;

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return migrate(conninfo, shipping_migrations) ? 0 : -1;
}

static int open_service(void **state)
{
	(void)state;
	pg_execute(conninfo, "TRUNCATE shipment, shipment_line, idempotency, history, outbox");
	service_open(&shipment_service, conninfo);
	return 0;
}

static int close_service(void **state)
{
	(void)state;
	clock_thaw();
	service_close();
	return 0;
}

static char *text(const char *value)
{
	return arena_strdup(service_arena(), value);
}

static char *new_id(void)
{
	char id[UUID_TEXT];

	uuid_new(id);
	return text(id);
}

static Shipping__ShipmentLine *line(const char *sku, int64_t quantity)
{
	Shipping__ShipmentLine *made = pb_new(service_arena(), &shipping__shipment_line__descriptor);

	made->item_id = new_id();
	made->sku = text(sku);
	made->name = text("Tea, \"first\" {flush}, \\ and 'more'");
	made->quantity = quantity;
	return made;
}

static Shipping__CreateShipmentRequest *new_shipment(const char *number, const char *recipient)
{
	Shipping__CreateShipmentRequest *made = pb_new(service_arena(), &shipping__create_shipment_request__descriptor);

	made->shipment_id = new_id();
	made->order_id = new_id();
	made->order_number = text(number);
	made->customer_id = new_id();
	made->address = pb_new(service_arena(), &common__address__descriptor);
	made->address->recipient = text(recipient);
	made->address->line1 = text("12 St James's Square");
	made->address->city = text("London");
	made->address->country_code = text("GB");
	made->lines = arena_array(service_arena(), 2, sizeof(*made->lines));
	made->lines[0] = line("TEA-1", 5);
	made->lines[1] = line("CUP-2", 1);
	made->n_lines = 2;
	made->note = text("ring twice");
	return made;
}

static Shipping__Shipment *create(const Shipping__CreateShipmentRequest *request)
{
	void *reply;

	assert_null(service_call("CreateShipment", NULL, &request->base, &reply).reason);
	return reply;
}

static Shipping__Shipment *get(const char *shipment_id)
{
	Shipping__GetShipmentRequest request = SHIPPING__GET_SHIPMENT_REQUEST__INIT;
	void *reply;

	request.shipment_id = text(shipment_id);
	assert_null(service_call("GetShipment", NULL, &request.base, &reply).reason);
	return reply;
}

static Shipping__DispatchShipmentRequest *dispatch_of(const char *shipment_id)
{
	Shipping__DispatchShipmentRequest *made =
	    pb_new(service_arena(), &shipping__dispatch_shipment_request__descriptor);

	made->shipment_id = text(shipment_id);
	made->carrier = text("Parcels Ltd");
	made->tracking_number = text("PL-77");
	made->tracking_url = text("https://parcels.example/PL-77");
	return made;
}

static struct status try_to_dispatch(const char *shipment_id)
{
	return service_call("DispatchShipment", NULL, &dispatch_of(shipment_id)->base, NULL);
}

static Shipping__Shipment *dispatch(const char *shipment_id)
{
	void *reply;

	assert_null(service_call("DispatchShipment", NULL, &dispatch_of(shipment_id)->base, &reply).reason);
	return reply;
}

static struct status deliver(const char *shipment_id, const char *reason, const char *etag)
{
	Shipping__DeliverShipmentRequest request = SHIPPING__DELIVER_SHIPMENT_REQUEST__INIT;

	request.shipment_id = text(shipment_id);
	request.reason = text(reason);
	request.etag = text(etag);
	return service_call("DeliverShipment", NULL, &request.base, NULL);
}

static void assert_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	struct str left = pb_pack(service_arena(), a), right = pb_pack(service_arena(), b);

	assert_true(str_equal(left, right));
}

static void what_was_created_is_found(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	const Shipping__Shipment *created = create(request), *found = get(request->shipment_id);

	(void)state;
	assert_same(&found->base, &created->base);
	assert_int_equal(found->state, SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING);
	assert_string_equal(found->order_number, "ORD-1");
	assert_string_equal(found->note, "ring twice");
	assert_string_equal(found->etag, "1");
	assert_int_equal(found->n_lines, 2);
	assert_same(&found->lines[0]->base, &request->lines[0]->base);
	assert_same(&found->lines[1]->base, &request->lines[1]->base);
	assert_same(&found->address->base, &request->address->base);
}

static void an_unknown_shipment_is_not_found(void **state)
{
	Shipping__GetShipmentRequest request = SHIPPING__GET_SHIPMENT_REQUEST__INIT;

	(void)state;
	request.shipment_id = new_id();
	assert_true(status_is(service_call("GetShipment", NULL, &request.base, NULL), &NOT_FOUND));
	assert_true(status_is(try_to_dispatch(request.shipment_id), &NOT_FOUND));
	assert_true(status_is(deliver(request.shipment_id, "", ""), &NOT_FOUND));
}

static struct db_statement COUNT_SHIPMENTS = DB_READ("count_shipments", "SELECT count(*) AS n FROM shipment");
static struct db_statement COUNT_EVENTS = DB_READ("count_events", "SELECT count(*) AS n FROM outbox");

/* Under the same key, another key, no key; also from many callers at once. */
static void the_same_id_is_one_shipment(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	struct invocation again[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		again[i] = (struct invocation){ .method = "CreateShipment", .request = &request->base };
		if (i % 3 > 0)
			again[i].key = i % 3 == 1 ? "one key" : arena_printf(service_arena(), "key %d", i);
		service_start(&again[i]);
	}
	service_finish();
	for (int i = 0; i < MANY; i++) {
		assert_null(again[i].outcome.reason);
		assert_true(str_equal(again[i].bytes, again[0].bytes));
	}
	assert_int_equal(service_number(&COUNT_SHIPMENTS), 1);
	assert_int_equal(service_number(&COUNT_EVENTS), 1);
}

/* What came under the second key stays the answer to the second key, whatever has happened since. */
static void a_repeat_gets_the_same_bytes(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	struct invocation calls[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			dispatch(request->shipment_id);
		calls[i] = (struct invocation){ .method = "CreateShipment",
						.request = &request->base,
						.key = i % 2 ? "b" : "a" };
		service_start(&calls[i]);
		service_finish();
		assert_null(calls[i].outcome.reason);
	}
	assert_true(str_equal(calls[2].bytes, calls[0].bytes));
	assert_true(str_equal(calls[3].bytes, calls[1].bytes));
	assert_int_equal(get(request->shipment_id)->state, SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED);
}

static void another_order_cannot_have_the_id(void **state)
{
	Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	struct status status;

	(void)state;
	create(request);
	request->order_id = new_id();
	status = service_call("CreateShipment", "key", &request->base, NULL);
	assert_true(status_is(status, &ALREADY_EXISTS));
}

static void a_tombstone_refuses_its_shipment(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	Shipping__ListShipmentsRequest list = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
	void *reply;
	Shipping__ListShipmentsResponse *found;

	(void)state;
	pg_execute(
	    conninfo,
	    arena_printf(service_arena(),
			 "INSERT INTO shipment (shipment_id, version, order_number, state, carrier, tracking_number,"
			 " tracking_url, note, search, create_time, update_time)"
			 " VALUES ('%s', 1, '', 'SHIPMENT_STATE_CANCELLED', '', '', '', '', '', now(), now())",
			 request->shipment_id));
	assert_true(status_is(service_call("CreateShipment", NULL, &request->base, NULL), &SHIPMENT_CANCELLED));
	assert_null(service_call("ListShipments", NULL, &list.base, &reply).reason);
	found = reply;
	assert_int_equal(found->n_shipments, 0);
}

static void it_goes_its_way_and_is_told(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	Shipping__Shipment *sent, *there;

	(void)state;
	create(request);
	sent = dispatch(request->shipment_id);
	assert_int_equal(sent->state, SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED);
	assert_string_equal(sent->tracking_number, "PL-77");
	assert_string_equal(sent->etag, "2");
	assert_non_null(sent->dispatch_time);
	assert_same(&get(request->shipment_id)->base, &sent->base);
	assert_null(deliver(request->shipment_id, "left with the neighbour", "2").reason);
	there = get(request->shipment_id);
	assert_int_equal(there->state, SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DELIVERED);
	assert_non_null(there->deliver_time);
	assert_same(&there->dispatch_time->base, &sent->dispatch_time->base);
	assert_string_equal(there->etag, "3");
	assert_int_equal(there->n_lines, 2);
}

static struct db_statement COUNT_TOLD = DB_READ(
    "count_told", "SELECT count(*) AS n FROM (SELECT string_agg(type, ' ' ORDER BY entry) AS story FROM outbox) AS told"
		  " WHERE story = 'quayside.shipping.v1.ShipmentChanged quayside.shipping.v1.ShipmentDispatched"
		  " quayside.shipping.v1.ShipmentChanged'");

static void history_and_events_tell_all_of_it(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	Shipping__ListShipmentHistoryRequest ask = SHIPPING__LIST_SHIPMENT_HISTORY_REQUEST__INIT;
	Shipping__ListShipmentHistoryResponse *history;
	void *reply;

	(void)state;
	create(request);
	dispatch(request->shipment_id);
	assert_null(deliver(request->shipment_id, "left with the neighbour", "").reason);
	ask.shipment_id = request->shipment_id;
	assert_null(service_call("ListShipmentHistory", NULL, &ask.base, &reply).reason);
	history = reply;
	assert_int_equal(history->n_entries, 3);
	assert_string_equal(history->entries[0]->action, "DeliverShipment");
	assert_string_equal(history->entries[0]->reason, "left with the neighbour");
	assert_string_equal(history->entries[1]->from_state, "SHIPMENT_STATE_PENDING");
	assert_string_equal(history->entries[1]->to_state, "SHIPMENT_STATE_DISPATCHED");
	assert_string_equal(history->entries[2]->from_state, "");
	assert_int_equal(service_number(&COUNT_TOLD), 1);
}

static void what_is_not_allowed_changes_nothing(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	Shipping__Shipment *created = create(request);

	(void)state;
	assert_true(status_is(deliver(request->shipment_id, "", ""), &SHIPMENT_NOT_DISPATCHED));
	assert_true(status_is(deliver(request->shipment_id, "", "7"), &ETAG_MISMATCH));
	assert_same(&get(request->shipment_id)->base, &created->base);
	dispatch(request->shipment_id);
	assert_true(status_is(try_to_dispatch(request->shipment_id), &SHIPMENT_DISPATCHED));
	assert_int_equal(service_number(&COUNT_EVENTS), 2);
}

/*
 * Many want to send it off: one does, the others are told that it has left. A cancel that comes in between is decided
 * by the row too.
 */
static void one_of_many_dispatches(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	struct invocation attempts[MANY];
	int won = 0;

	(void)state;
	create(request);
	for (int i = 0; i < MANY; i++) {
		attempts[i] = (struct invocation){ .method = "DispatchShipment",
						   .request = &dispatch_of(request->shipment_id)->base,
						   .key = arena_printf(service_arena(), "key %d", i) };
		service_start(&attempts[i]);
	}
	service_finish();
	for (int i = 0; i < MANY; i++) {
		if (attempts[i].outcome.reason == NULL)
			won++;
		else
			assert_true(status_is(attempts[i].outcome, &SHIPMENT_DISPATCHED));
	}
	assert_int_equal(won, 1);
	assert_int_equal(service_number(&COUNT_EVENTS), 2);
}

static void a_cancelled_row_does_not_leave(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");

	(void)state;
	create(request);
	pg_execute(conninfo, "UPDATE shipment SET state = 'SHIPMENT_STATE_CANCELLED'");
	assert_true(status_is(try_to_dispatch(request->shipment_id), &SHIPMENT_CANCELLED));
	assert_int_equal(get(request->shipment_id)->state, SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED);
}

static Shipping__ListShipmentsResponse *list(const Shipping__ListShipmentsRequest *request)
{
	void *reply;

	assert_null(service_call("ListShipments", NULL, &request->base, &reply).reason);
	return reply;
}

/* Seven shipments, each a second after the one before: numbers ORD-0 to ORD-6. The even ones have left. */
static Shipping__CreateShipmentRequest **make_seven(void)
{
	Shipping__CreateShipmentRequest **made = arena_array(service_arena(), 7, sizeof(struct invocation *));

	for (int i = 0; i < 7; i++) {
		clock_freeze(INT64_C(1795262400) * CLOCK_SECOND + i * CLOCK_SECOND);
		made[i] =
		    new_shipment(arena_printf(service_arena(), "ORD-%d", i), i < 4 ? "Ada Byron" : "Zoë O'Neill_100%");
		create(made[i]);
		if (i % 2 == 0)
			dispatch(made[i]->shipment_id);
	}
	return made;
}

/* All pages, as the last digits of the orders' numbers. */
static const char *digits(Shipping__ListShipmentsRequest request)
{
	struct buf seen = buf_new(service_arena());

	request.page_size = PAGE;
	do {
		const Shipping__ListShipmentsResponse *page = list(&request);

		assert_true(page->n_shipments <= PAGE);
		for (size_t i = 0; i < page->n_shipments; i++) {
			assert_int_equal(page->shipments[i]->n_lines, 2);
			buf_text(&seen, page->shipments[i]->order_number + strlen("ORD-"));
		}
		request.page_token = page->next_page_token;
	} while (*request.page_token != '\0');
	return seen.len == 0 ? "" : seen.data;
}

static void lists_are_in_order_and_complete(void **state)
{
	const Shipping__ListShipmentsRequest all = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
	Shipping__CreateShipmentRequest **made = make_seven();
	Shipping__ListShipmentsRequest some = all;

	(void)state;
	assert_string_equal(digits(all), "6543210");
	some.state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING;
	assert_string_equal(digits(some), "135"); /* the pick list: who waits longest comes first */
	some.state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED;
	assert_string_equal(digits(some), "6420");
	some.state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED;
	assert_string_equal(digits(some), "");
	some = all;
	some.order_id = made[3]->order_id;
	assert_string_equal(digits(some), "3");
	some = all;
	some.customer_id = made[4]->customer_id;
	assert_string_equal(digits(some), "4");
}

static void a_search_finds_all_words(void **state)
{
	static const struct {
		const char *query, *found;
	} SEARCHES[] = {
		{ "ada", "3210" },       { "ord-5", "5" },    { "ZOË o'neill", "654" },
		{ "100%", "654" },       { "l_1", "654" },    { "a_a", "" },
		{ "pl-77 byron", "20" }, { "byron zoë", "" }, { "\\", "" },
	};
	Shipping__ListShipmentsRequest request = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;

	(void)state;
	make_seven();
	for (size_t i = 0; i < sizeof(SEARCHES) / sizeof(SEARCHES[0]); i++) {
		request.query = text(SEARCHES[i].query);
		assert_string_equal(digits(request), SEARCHES[i].found);
	}
}

static void a_page_token_belongs_to_its_filters(void **state)
{
	Shipping__ListShipmentsRequest request = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;

	(void)state;
	make_seven();
	request.page_size = PAGE;
	request.page_token = list(&request)->next_page_token;
	request.state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING;
	assert_true(status_is(service_call("ListShipments", NULL, &request.base, NULL), &INVALID_REQUEST));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_service, close_service)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_created_is_found),
		TEST(an_unknown_shipment_is_not_found),
		TEST(the_same_id_is_one_shipment),
		TEST(a_repeat_gets_the_same_bytes),
		TEST(another_order_cannot_have_the_id),
		TEST(a_tombstone_refuses_its_shipment),
		TEST(it_goes_its_way_and_is_told),
		TEST(history_and_events_tell_all_of_it),
		TEST(what_is_not_allowed_changes_nothing),
		TEST(one_of_many_dispatches),
		TEST(a_cancelled_row_does_not_leave),
		TEST(lists_are_in_order_and_complete),
		TEST(a_search_finds_all_words),
		TEST(a_page_token_belongs_to_its_filters),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
