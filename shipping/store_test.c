/* What the store and the handlers of shipping promise, on a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shipping/store_test.h"

#define PAGE 3

static struct db_statement COUNT_SHIPMENTS = DB_READ("count_shipments", "SELECT count(*) AS n FROM shipment");

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
	assert_int_equal(count_events(), 1);
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
	assert_int_equal(count_events(), 2);
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
	assert_int_equal(count_events(), 2);
}

static struct status render(const char *shipment_id, void **ret_document)
{
	Shipping__RenderPackingSlipRequest request = SHIPPING__RENDER_PACKING_SLIP_REQUEST__INIT;

	request.shipment_id = text(shipment_id);
	return service_call("RenderPackingSlip", NULL, &request.base, ret_document);
}

static void a_packing_slip_is_for_what_may_be_packed(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	const Common__Document *document;
	void *reply;

	(void)state;
	assert_true(status_is(render(request->shipment_id, NULL), &NOT_FOUND));
	create(request);
	assert_null(render(request->shipment_id, &reply).reason);
	document = reply;
	assert_string_equal(document->content_type, "text/html; charset=utf-8");
	assert_non_null(strstr(document->file_name, request->shipment_id));
	assert_non_null(
	    strstr(arena_strndup(service_arena(), (const char *)document->content.data, document->content.len),
		   "<h1>Packing slip ORD-1</h1>"));
	assert_null(try_to_cancel(request->shipment_id, NULL).reason);
	assert_true(status_is(render(request->shipment_id, NULL), &SHIPMENT_CANCELLED));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_was_created_is_found),
		STORE_TEST(an_unknown_shipment_is_not_found),
		STORE_TEST(the_same_id_is_one_shipment),
		STORE_TEST(a_repeat_gets_the_same_bytes),
		STORE_TEST(another_order_cannot_have_the_id),
		STORE_TEST(it_goes_its_way_and_is_told),
		STORE_TEST(history_and_events_tell_all_of_it),
		STORE_TEST(what_is_not_allowed_changes_nothing),
		STORE_TEST(one_of_many_dispatches),
		STORE_TEST(a_packing_slip_is_for_what_may_be_packed),
		STORE_TEST(lists_are_in_order_and_complete),
		STORE_TEST(a_search_finds_all_words),
		STORE_TEST(a_page_token_belongs_to_its_filters),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
