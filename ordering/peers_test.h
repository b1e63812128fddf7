/*
 * peers_test: stands in for the four peers (ordering/peers.h) in tests of handlers and sagas: a small warehouse that
 * keeps what it is told, lists of shipments and invoices, and faults on order.
 *
 * Invariants
 * - Every call waits once, so that calls overlap as they do with real peers.
 * - A fault is no answer, before the effect or after it, or a refusal.
 *
 * Only handlers_test.c and sagas_test.h include it, after cmocka. What it defines takes the place of peers.c.
 */
#ifndef QUAYSIDE_ORDERING_PEERS_TEST_H
#define QUAYSIDE_ORDERING_PEERS_TEST_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "ordering/handlers.h"
#include "ordering/peers.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"
#include "quayside/ordering/v1/events.pb-c.h"
#include "quayside/shipping/v1/events.pb-c.h"
#include "runtime/coroutine.h"
#include "runtime/pb.h"
#include "runtime/write.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"

#define STATE(name_) ORDERING__ORDER_STATE__ORDER_STATE_##name_
#define ITEM(name_) ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_##name_
#define CUSTOMER "0199c1f0-0000-7000-8000-000000000001"
#define BLOCKED_CUSTOMER "0199c1f0-0000-7000-8000-000000000002"
#define UNKNOWN_ID "0199c1f0-0000-7000-8000-00000000000f"
#define HOLDS_MAX 4096
#define PAPERS_MAX 1024

extern const struct migration ordering_migrations[];

enum hold_state { HOLD_HELD, HOLD_CONFIRMED, HOLD_RELEASED, HOLD_LOST };

struct hold {
	char id[UUID_TEXT], order_id[UUID_TEXT], sku[8], key[256];
	int64_t quantity, order_version; /* of the order, when it was confirmed */
	enum hold_state state;
};

#define LINES_MAX 4

/* A shipment or an invoice, and how often it was asked for. */
struct paper {
	char id[UUID_TEXT], order_id[UUID_TEXT];
	int asked;
	bool left, cancelled;
	size_t n_lines;
	struct {
		char item_id[UUID_TEXT];
		int64_t quantity;
	} lines[LINES_MAX];
};

static struct {
	int64_t stock_a, stock_b; /* on hand */
	bool archived;            /* product B */
	struct hold holds[HOLDS_MAX];
	size_t n_holds;
	struct paper shipments[PAPERS_MAX], invoices[PAPERS_MAX];
	size_t n_shipments, n_invoices;
	int booked_out;
	bool leaves;  /* whatever could leave does so as soon as somebody has looked */
	bool arrives; /* and is delivered at once */

	const char *fault;            /* the call that fails */
	int faults;                   /* how often */
	bool after;                   /* after its effect */
	const struct reason *refusal; /* instead of no answer; or NULL */

	const char *late;  /* the call that waits until this one came: */
	const char *until; /* NULL: "release" */
	bool came;

	const char *meanwhile; /* what happens in the database when goods are held next, once each; NULL: nothing */
	const char *then;      /* and the time after that */
} peers;

static const char *conninfo;

/* Every peer call begins and ends here. */
static bool fails(struct call *call, const char *name, bool after)
{
	if (!after)
		coroutine_sleep(call->loop, 0);
	while (!after && peers.late != NULL && strcmp(peers.late, name) == 0 && !peers.came)
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	peers.came |= after && strcmp(peers.until != NULL ? peers.until : "release", name) == 0;
	if (peers.fault == NULL || strcmp(peers.fault, name) != 0 || peers.after != after || peers.faults == 0)
		return false;
	peers.faults--;
	return true;
}

#define PEER(name_)                                                                                                    \
	do {                                                                                                           \
		TRY(call_check(call));                                                                                 \
		if (fails(call, name_, false))                                                                         \
			return status_of(peers.refusal != NULL ? peers.refusal : &PEER_UNAVAILABLE);                   \
	} while (0)
#define PEER_DONE(name_) return fails(call, name_, true) ? status_of(&PEER_UNAVAILABLE) : STATUS_OK

static struct hold *find_hold(const char *id)
{
	for (size_t i = 0; i < peers.n_holds; i++) {
		if (strcmp(peers.holds[i].id, id) == 0)
			return &peers.holds[i];
	}
	return NULL;
}

static bool is_live(const struct hold *hold)
{
	return hold->state == HOLD_HELD || hold->state == HOLD_CONFIRMED;
}

static int64_t on_hand(const char *sku)
{
	return strcmp(sku, "A") == 0 ? peers.stock_a : peers.stock_b;
}

/* What is held of a product, but by the hold with this id. */
static int64_t held(const char *sku, const char *but)
{
	int64_t sum = 0;

	for (size_t i = 0; i < peers.n_holds; i++) {
		if (is_live(&peers.holds[i]) && strcmp(peers.holds[i].sku, sku) == 0 &&
		    strcmp(peers.holds[i].id, but) != 0)
			sum += peers.holds[i].quantity;
	}
	return sum;
}

struct status peer_get_customer(struct call *call, const char *customer_id, const char *field,
				Customers__Customer **ret_customer)
{
	Customers__Customer *customer = pb_new(call->arena, &customers__customer__descriptor);
	Customers__CustomerAddress *address = pb_new(call->arena, &customers__customer_address__descriptor);
	bool blocked = strcmp(customer_id, BLOCKED_CUSTOMER) == 0;

	PEER("get_customer");
	if (!blocked && strcmp(customer_id, CUSTOMER) != 0)
		return status_field(call->arena, &INVALID_REQUEST, field, "there is no such customer");
	address->address = pb_new(call->arena, &common__address__descriptor);
	address->address->recipient = arena_strdup(call->arena, "Ada Lovelace");
	address->address->city = arena_strdup(call->arena, "London");
	customer->customer_id = arena_strdup(call->arena, customer_id);
	customer->first_name = arena_strdup(call->arena, "Ada");
	customer->last_name = arena_strdup(call->arena, "Lovelace");
	customer->status = blocked ? CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED
				   : CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
	customer->addresses = arena_memdup(call->arena, &address, sizeof(address));
	customer->n_addresses = 1;
	*ret_customer = customer;
	PEER_DONE("get_customer");
}

struct status peer_get_product(struct call *call, const char *sku, const char *field, Warehouse__Product **ret_product)
{
	Warehouse__Product *product = pb_new(call->arena, &warehouse__product__descriptor);

	PEER("get_product");
	if (strcmp(sku, "A") != 0 && strcmp(sku, "B") != 0)
		return status_field(call->arena, &INVALID_REQUEST, field, "there is no such product");
	product->sku = arena_strdup(call->arena, sku);
	product->name = arena_printf(call->arena, "Product %s", sku);
	product->state = peers.archived && *sku == 'B' ? WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ARCHIVED
						       : WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE;
	product->tax_rate_basis_points = 1900;
	product->unit_price = pb_new(call->arena, &common__money__descriptor);
	product->unit_price->currency_code = arena_strdup(call->arena, "EUR");
	product->unit_price->minor_units = *sku == 'A' ? 1000 : 250;
	*ret_product = product;
	PEER_DONE("get_product");
}

static struct status refuse_line(struct call *call, const struct reason *reason, size_t line)
{
	const struct reason *copy = arena_memdup(call->arena, reason, sizeof(*reason)); /* as one from a peer */

	return status_violation(call->arena, status_of(copy), arena_printf(call->arena, "lines[%zu].quantity", line),
				"no");
}

static struct status check_line(struct call *call, const Ordering__OrderItem *item, size_t line)
{
	const struct hold *hold = find_hold(item->item_id);
	int64_t available = on_hand(item->sku) - held(item->sku, item->item_id);

	if (hold != NULL && hold->state == HOLD_RELEASED)
		return refuse_line(call, &RESERVATION_CLOSED, line);
	if (hold != NULL && hold->state == HOLD_CONFIRMED)
		return hold->quantity == item->quantity ? STATUS_OK : refuse_line(call, &RESERVATION_CONFIRMED, line);
	if (available >= item->quantity)
		return STATUS_OK;
	return status_metadata(call->arena, refuse_line(call, &OUT_OF_STOCK, line), "available",
			       arena_printf(call->arena, "%lld", (long long)available));
}

static struct hold *take_hold(const char *id)
{
	struct hold *hold = find_hold(id);

	if (hold != NULL)
		return hold;
	assert_true(peers.n_holds < HOLDS_MAX);
	hold = &peers.holds[peers.n_holds++];
	memcpy(hold->id, id, UUID_TEXT);
	return hold;
}

/* A key that comes with other items is no repeat. */
static void check_key(const char *key, Ordering__OrderItem *const *items, size_t n_items)
{
	for (size_t i = 0; i < peers.n_holds; i++) {
		bool same = strcmp(peers.holds[i].key, key) != 0;

		for (size_t item = 0; item < n_items; item++)
			same |= strcmp(peers.holds[i].id, items[item]->item_id) == 0;
		assert_true(same);
	}
}

struct status peer_reserve(struct call *call, const char *key, const char *order_id, Ordering__OrderItem *const *items,
			   size_t n_items)
{
	PEER("reserve");
	assert_true(strlen(key) < sizeof(peers.holds[0].key));
	check_key(key, items, n_items);
	if (peers.meanwhile != NULL)
		pg_execute(conninfo, peers.meanwhile);
	peers.meanwhile = peers.then;
	peers.then = NULL;
	for (size_t i = 0; i < n_items; i++)
		TRY(check_line(call, items[i], i));
	for (size_t i = 0; i < n_items; i++) {
		struct hold *hold = take_hold(items[i]->item_id);

		memcpy(hold->order_id, order_id, UUID_TEXT);
		memcpy(hold->key, key, strlen(key) + 1);
		memcpy(hold->sku, items[i]->sku, strlen(items[i]->sku) + 1);
		hold->quantity = items[i]->quantity;
		hold->state = hold->state == HOLD_CONFIRMED ? HOLD_CONFIRMED : HOLD_HELD;
	}
	PEER_DONE("reserve");
}

static int64_t version_confirmed(const char *order_id)
{
	int64_t version = 0;

	for (size_t i = 0; i < peers.n_holds; i++) {
		if (strcmp(peers.holds[i].order_id, order_id) == 0 && peers.holds[i].order_version > version)
			version = peers.holds[i].order_version;
	}
	return version;
}

static struct status check_kept(struct call *call, const Ordering__OrderItem *item, size_t line)
{
	const struct hold *hold = find_hold(item->item_id);

	assert_non_null(hold);
	if (hold->state != HOLD_CONFIRMED)
		return check_line(call, item, line);
	return on_hand(item->sku) - held(item->sku, item->item_id) >= item->quantity
		   ? STATUS_OK
		   : refuse_line(call, &OUT_OF_STOCK, line);
}

struct status peer_confirm(struct call *call, const char *key, const Ordering__Order *order)
{
	static const struct reason superseded = { CODE_FAILED_PRECONDITION, "RESERVATION_SUPERSEDED", "Too late." };
	const int64_t version = etag_version(order->etag);

	PEER("confirm");
	assert_true(strlen(key) <= 255);
	assert_true(version > 0);
	if (version < version_confirmed(order->order_id))
		return status_of(&superseded);
	for (size_t i = 0; i < order->n_items; i++)
		TRY(check_kept(call, order->items[i], i));
	for (size_t i = 0; i < order->n_items; i++) {
		struct hold *hold = find_hold(order->items[i]->item_id);

		hold->quantity = order->items[i]->quantity;
		hold->order_version = version;
		hold->state = HOLD_CONFIRMED;
	}
	PEER_DONE("confirm");
}

char *release_key(struct call *call, const char *order_id, const char *cause)
{
	assert_true(*cause != '\0');
	return arena_printf(call->arena, "%s/%s", order_id, cause);
}

struct status peer_release(struct call *call, const char *key, const char *order_id, char **item_ids, size_t n_items)
{
	PEER("release");
	assert_true(*key != '\0' && strlen(key) <= 255);
	for (size_t i = 0; i < n_items; i++)
		take_hold(item_ids[i])->state = HOLD_RELEASED;
	for (size_t i = 0; n_items == 0 && i < peers.n_holds; i++) {
		if (strcmp(peers.holds[i].order_id, order_id) == 0)
			peers.holds[i].state = HOLD_RELEASED;
	}
	PEER_DONE("release");
}

void peer_release_soon(struct call *call, const char *order_id, const char *cause, char **item_ids, size_t n_items)
{
	const struct status ignored =
	    peer_release(call, release_key(call, order_id, cause), order_id, item_ids, n_items);

	(void)ignored;
}

static struct paper *find_paper(struct paper *papers, size_t *count, const char *id)
{
	size_t i = 0;

	while (i < *count && strcmp(papers[i].id, id) != 0)
		i++;
	assert_true(i < PAPERS_MAX);
	if (i == *count)
		memcpy(papers[(*count)++].id, id, UUID_TEXT);
	return &papers[i];
}

struct status peer_create_shipment(struct call *call, const char *key, const char *shipment_id,
				   const Ordering__Order *order)
{
	static const struct reason cancelled = { CODE_FAILED_PRECONDITION, "SHIPMENT_CANCELLED", "Cancelled." };
	struct paper *shipment;

	PEER("create_shipment");
	assert_true(strlen(key) <= 255);
	assert_true(order->n_items > 0);
	shipment = find_paper(peers.shipments, &peers.n_shipments, shipment_id);
	if (shipment->cancelled)
		return status_of(&cancelled);
	shipment->asked++;
	memcpy(shipment->order_id, order->order_id, UUID_TEXT);
	for (shipment->n_lines = 0; shipment->n_lines < order->n_items && shipment->n_lines < LINES_MAX;
	     shipment->n_lines++) {
		memcpy(shipment->lines[shipment->n_lines].item_id, order->items[shipment->n_lines]->item_id, UUID_TEXT);
		shipment->lines[shipment->n_lines].quantity = order->items[shipment->n_lines]->quantity;
	}
	PEER_DONE("create_shipment");
}

static Shipping__Shipment *shipment_of(struct call *call, const struct paper *paper)
{
	Shipping__Shipment *shipment = pb_new(call->arena, &shipping__shipment__descriptor);

	shipment->shipment_id = arena_strdup(call->arena, paper->id);
	shipment->order_id = arena_strdup(call->arena, paper->order_id);
	shipment->state = paper->left        ? SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED
			  : paper->cancelled ? SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED
					     : SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING;
	shipment->lines = arena_array(call->arena, LINES_MAX, sizeof(*shipment->lines));
	for (; shipment->n_lines < paper->n_lines; shipment->n_lines++) {
		Shipping__ShipmentLine *line = pb_new(call->arena, &shipping__shipment_line__descriptor);

		line->item_id = arena_strdup(call->arena, paper->lines[shipment->n_lines].item_id);
		line->quantity = paper->lines[shipment->n_lines].quantity;
		shipment->lines[shipment->n_lines] = line;
	}
	return shipment;
}

static void shipments_of(struct call *call, const char *order_id, bool only_pending, size_t *ret_count,
			 Shipping__Shipment ***ret_shipments)
{
	*ret_count = 0;
	*ret_shipments = arena_array(call->arena, peers.n_shipments, sizeof(**ret_shipments));
	for (size_t i = 0; i < peers.n_shipments; i++) {
		struct paper *paper = &peers.shipments[i];

		if (strcmp(paper->order_id, order_id) != 0 || (only_pending && (paper->left || paper->cancelled)))
			continue;
		(*ret_shipments)[(*ret_count)++] = shipment_of(call, paper);
		paper->left = paper->left || (peers.leaves && !paper->cancelled);
	}
}

struct status peer_pending_shipments(struct call *call, const char *order_id, size_t *ret_count,
				     Shipping__Shipment ***ret_shipments)
{
	PEER("pending_shipments");
	shipments_of(call, order_id, true, ret_count, ret_shipments);
	PEER_DONE("pending_shipments");
}

struct status peer_all_shipments(struct call *call, const char *order_id, size_t *ret_count,
				 Shipping__Shipment ***ret_shipments)
{
	PEER("all_shipments");
	shipments_of(call, order_id, false, ret_count, ret_shipments);
	PEER_DONE("all_shipments");
}

struct status peer_change_reservation(struct call *call, const char *key, const char *item_id, int64_t quantity)
{
	struct hold *hold = find_hold(item_id);

	PEER("change_reservation");
	assert_true(strlen(key) <= 255);
	assert_non_null(hold);
	assert_int_equal(hold->state, HOLD_CONFIRMED);
	hold->quantity = quantity;
	PEER_DONE("change_reservation");
}

/* Which has left stays; which is not known yet will never be. */
struct status peer_cancel_shipment(struct call *call, const char *key, const char *shipment_id, const char *reason)
{
	struct paper *shipment;

	PEER("cancel_shipment");
	assert_true(strlen(key) <= 255 && strlen(reason) <= 200);
	shipment = find_paper(peers.shipments, &peers.n_shipments, shipment_id);
	if (shipment->left)
		return status_of(peers.arrives ? &SHIPMENT_DELIVERED : &SHIPMENT_DISPATCHED);
	shipment->cancelled = true;
	PEER_DONE("cancel_shipment");
}

struct status peer_fulfil(struct call *call, const char *key, const Shipping__Shipment *shipment)
{
	PEER("fulfil");
	assert_true(strlen(key) <= 255);
	for (size_t i = 0; i < shipment->n_lines; i++)
		assert_int_equal(find_hold(shipment->lines[i]->item_id)->state, HOLD_CONFIRMED);
	peers.booked_out++;
	PEER_DONE("fulfil");
}

struct status peer_issue_invoice(struct call *call, const char *key, const Ordering__Order *order,
				 const Shipping__Shipment *shipment, Billing__InvoiceLine **lines, size_t n_lines,
				 char **ret_invoice_id)
{
	char *id = arena_alloc(call->arena, UUID_TEXT);

	PEER("issue_invoice");
	assert_true(strlen(key) <= 255);
	assert_non_null(order->billing_address);
	assert_int_equal(n_lines, shipment->n_lines);
	assert_true(lines[0]->unit_price->minor_units > 0);
	uuid_derive("invoice", shipment->shipment_id, id);
	find_paper(peers.invoices, &peers.n_invoices, id)->asked++;
	*ret_invoice_id = id;
	PEER_DONE("issue_invoice");
}

/* ---- The service under test ---- */

static inline int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return migrate(conninfo, ordering_migrations) ? 0 : -1;
}

static inline int open_service(void **state)
{
	(void)state;
	memset(&peers, 0, sizeof(peers));
	peers.stock_a = peers.stock_b = 1000;
	pg_execute(
	    conninfo,
	    "TRUNCATE customer_order, order_item, order_shipment, order_invoice, idempotency, history, outbox, saga,"
	    " saga_step, consumer_cursor; INSERT INTO consumer_cursor VALUES ('ordering', 0), ('shipping', 0)");
	service_open(&order_service, conninfo);
	return 0;
}

static inline int close_service(void **state)
{
	(void)state;
	service_close();
	return 0;
}

static inline const char *reason_name(struct status status)
{
	return status.reason == NULL ? "OK" : status.reason->name;
}

#define assert_ok(status_) assert_string_equal(reason_name(status_), "OK")
#define assert_reason(status_, name_) assert_string_equal(reason_name(status_), name_)

static inline char *text(const char *value)
{
	return arena_strdup(service_arena(), value);
}

static inline Ordering__Order *create(const char *key)
{
	Ordering__CreateOrderRequest request = ORDERING__CREATE_ORDER_REQUEST__INIT;
	void *reply;

	request.customer_id = text(CUSTOMER);
	request.name = text("An order");
	assert_ok(service_call("CreateOrder", key, &request.base, &reply));
	return reply;
}

static inline Ordering__AddOrderItemRequest *adding_of(const Ordering__Order *order, const char *sku, int64_t quantity)
{
	Ordering__AddOrderItemRequest *request = pb_new(service_arena(), &ordering__add_order_item_request__descriptor);

	request->order_id = order->order_id;
	request->sku = text(sku);
	request->quantity = quantity;
	return request;
}

static inline struct status add(Ordering__Order **order, const char *key, const char *sku, int64_t quantity)
{
	void *reply = NULL;
	struct status status = service_call("AddOrderItem", key, &adding_of(*order, sku, quantity)->base, &reply);

	if (status.reason == NULL)
		*order = reply;
	return status;
}

static inline Ordering__PlaceOrderRequest *placing_of(const Ordering__Order *order)
{
	Ordering__PlaceOrderRequest *request = pb_new(service_arena(), &ordering__place_order_request__descriptor);

	request->order_id = order->order_id;
	return request;
}

static inline struct status place(Ordering__Order **order, const char *key)
{
	void *reply = NULL;
	struct status status = service_call("PlaceOrder", key, &placing_of(*order)->base, &reply);

	if (status.reason == NULL)
		*order = reply;
	return status;
}

static inline Ordering__Order *get(const char *order_id)
{
	Ordering__GetOrderRequest request = ORDERING__GET_ORDER_REQUEST__INIT;
	void *reply;

	request.order_id = text(order_id);
	assert_ok(service_call("GetOrder", NULL, &request.base, &reply));
	return reply;
}

static inline void add_line(Ordering__SubmitOrderRequest *request, const char *sku, int64_t quantity)
{
	Ordering__SubmitOrderLine *line = pb_new(service_arena(), &ordering__submit_order_line__descriptor);

	line->sku = text(sku);
	line->quantity = quantity;
	request->lines[request->n_lines++] = line;
}

static inline Ordering__SubmitOrderRequest *submission_of(const char *sku, int64_t quantity)
{
	Ordering__SubmitOrderRequest *request = pb_new(service_arena(), &ordering__submit_order_request__descriptor);

	request->customer_id = text(CUSTOMER);
	request->lines = arena_array(service_arena(), 10, sizeof(*request->lines));
	add_line(request, sku, quantity);
	return request;
}

/* The states of an order's history, oldest first. */
static inline char *path_of(const char *order_id)
{
	Ordering__ListOrderHistoryRequest request = ORDERING__LIST_ORDER_HISTORY_REQUEST__INIT;
	struct buf path = buf_new(service_arena());
	const Ordering__ListOrderHistoryResponse *history;
	void *reply;

	request.order_id = text(order_id);
	assert_ok(service_call("ListOrderHistory", NULL, &request.base, &reply));
	history = reply;
	for (size_t i = history->n_entries; i > 0; i--) {
		const Common__HistoryEntry *entry = history->entries[i - 1];

		assert_int_equal(entry->version, history->n_entries - i + 1);
		if (i < history->n_entries)
			assert_string_equal(entry->from_state, history->entries[i]->to_state);
		if (strcmp(entry->from_state, entry->to_state) != 0)
			buf_printf(&path, "%s%s", path.len > 0 ? " " : "", entry->to_state + strlen("ORDER_STATE_"));
	}
	return path.data;
}

/* Does what is held for an order agree with what it says? */
static inline void assert_held(const Ordering__Order *order, enum hold_state wanted)
{
	size_t live = 0;

	for (size_t i = 0; i < peers.n_holds; i++)
		live += strcmp(peers.holds[i].order_id, order->order_id) == 0 && is_live(&peers.holds[i]);
	assert_int_equal(live, order->n_items);
	for (size_t i = 0; i < order->n_items; i++) {
		const struct hold *hold = find_hold(order->items[i]->item_id);

		assert_non_null(hold);
		assert_int_equal(hold->state, wanted);
		assert_int_equal(hold->quantity, order->items[i]->quantity);
	}
}

#endif
