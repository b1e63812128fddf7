/* Reading orders. */
#include "ordering/store.h"

#include "runtime/mutex.h"
#include "runtime/pb.h"
#include "runtime/search.h"
#include "runtime/types.h"

#define LAST_TIME INT64_C(253402300799000000) /* the end of the year 9999 */

#define ORDER_COLUMNS                                                                                                  \
	"order_id, version, number, customer_id, customer_name, name, note, currency, net, tax, gross, state, "        \
	"state_reason,"                                                                                                \
	" shipping_address, billing_address, submitted, place_time, create_time, update_time"

/*
 * An order's row with each of its items (or once without any). `chosen` picks the orders; the rest is the same statement, so that what is read of an
 * order belongs to one version of it.
 */
#define ORDERS_WITH_ITEMS(chosen_)                                                                                                \
	"WITH chosen AS MATERIALIZED (SELECT " ORDER_COLUMNS                                                                      \
	", ARRAY(SELECT s.shipment_id::text FROM order_shipment s WHERE s.order_id = o.order_id ORDER BY s.position) "            \
	"AS shipment_ids"                                                                                                         \
	", ARRAY(SELECT v.invoice_id::text FROM order_invoice v WHERE v.order_id = o.order_id ORDER BY v.position) "              \
	"AS invoice_ids"                                                                                                          \
	" FROM customer_order o WHERE " chosen_ ")"                                                                               \
	" SELECT c.*, i.item_id, i.sku, i.name AS item_name, i.quantity, i.shipped_quantity, i.cancelled_quantity, i.unit_price," \
	" i.tax_rate_basis_points, i.net AS item_net, i.tax AS item_tax, i.gross AS item_gross, i.state AS item_state"            \
	" FROM chosen c LEFT JOIN order_item i ON i.order_id = c.order_id"                                                        \
	" ORDER BY c.create_time DESC, c.order_id DESC, i.position"

#define PAGE_OF_ORDERS                                                                                                 \
	"(:first OR (create_time, order_id) < (:after_time, :after_id::uuid))"                                         \
	" AND create_time >= :start_time AND create_time < :end_time"                                                  \
	" AND (cardinality(:states::text[]) = 0 OR state = ANY (:states::text[])) AND " SEARCH_MATCHES                 \
	" ORDER BY create_time DESC, order_id DESC LIMIT :limit"

static struct db_statement GET_ORDER = DB_READ("get_order", ORDERS_WITH_ITEMS("order_id = :order_id"));

static struct db_statement LIST_ORDERS = DB_READ("list_orders", ORDERS_WITH_ITEMS(PAGE_OF_ORDERS));

static struct db_statement LIST_CUSTOMER_ORDERS =
    DB_READ("list_customer_orders", ORDERS_WITH_ITEMS("customer_id = :customer_id AND " PAGE_OF_ORDERS));

static struct db_statement FIND_ORDER =
    DB_READ("find_order", "SELECT FROM customer_order WHERE order_id = nullif(:order_id, '')::uuid");

/* A sequence cannot be read by a session that only reads, and writes wait for each other's commits: so numbers are taken in blocks. */
static struct db_statement TAKE_NUMBERS =
    DB_WRITE("take_numbers", "SELECT nextval('order_number') AS first, increment_by AS count FROM pg_sequences"
			     " WHERE schemaname = current_schema() AND sequencename = 'order_number'");

static struct db_statement FIND_ABANDONED =
    DB_READ("find_abandoned",
	    "SELECT order_id FROM customer_order WHERE " STORE_ABANDONED " ORDER BY update_time LIMIT :limit");

static Ordering__OrderItem *read_item(struct call *call, const struct db_rows *rows, size_t row, const char *currency)
{
	Ordering__OrderItem *item = pb_new(call->arena, &ordering__order_item__descriptor);

	item->item_id = db_text(rows, row, "item_id");
	item->sku = db_text(rows, row, "sku");
	item->name = db_text(rows, row, "item_name");
	item->quantity = db_int(rows, row, "quantity");
	item->shipped_quantity = db_int(rows, row, "shipped_quantity");
	item->cancelled_quantity = db_int(rows, row, "cancelled_quantity");
	item->unit_price = new_money(call->arena, currency, db_int(rows, row, "unit_price"));
	item->tax_rate_basis_points = (int32_t)db_int(rows, row, "tax_rate_basis_points");
	item->net = new_money(call->arena, currency, db_int(rows, row, "item_net"));
	item->tax = new_money(call->arena, currency, db_int(rows, row, "item_tax"));
	item->gross = new_money(call->arena, currency, db_int(rows, row, "item_gross"));
	item->state = (Ordering__OrderItemState)pb_enum_number(&ordering__order_item_state__descriptor,
							       db_text(rows, row, "item_state"));
	return item;
}

/* An order without items has no currency, and so no totals. */
static void read_totals(struct call *call, const struct db_rows *rows, size_t row, const char *currency,
			Ordering__Order *order)
{
	if (*currency == '\0') {
		order->net = order->tax = order->gross = NULL;
		return;
	}
	order->net = new_money(call->arena, currency, db_int(rows, row, "net"));
	order->tax = new_money(call->arena, currency, db_int(rows, row, "tax"));
	order->gross = new_money(call->arena, currency, db_int(rows, row, "gross"));
}

static void read_head(struct call *call, const struct db_rows *rows, size_t row, const char *currency,
		      Ordering__Order *order)
{
	order->order_id = db_text(rows, row, "order_id");
	order->number = db_text(rows, row, "number");
	order->customer_id = db_text(rows, row, "customer_id");
	order->customer_name = db_text(rows, row, "customer_name");
	order->name = db_text(rows, row, "name");
	order->note = db_text(rows, row, "note");
	order->state =
	    (Ordering__OrderState)pb_enum_number(&ordering__order_state__descriptor, db_text(rows, row, "state"));
	order->state_reason = db_text(rows, row, "state_reason");
	order->shipping_address = read_address(call, rows, row, "shipping_address");
	order->billing_address = read_address(call, rows, row, "billing_address");
	order->n_shipment_ids = db_texts(rows, row, "shipment_ids", &order->shipment_ids);
	order->n_invoice_ids = db_texts(rows, row, "invoice_ids", &order->invoice_ids);
	order->place_time =
	    db_null(rows, row, "place_time") ? NULL : pb_time(call->arena, db_time(rows, row, "place_time"));
	order->create_time = pb_time(call->arena, db_time(rows, row, "create_time"));
	order->update_time = pb_time(call->arena, db_time(rows, row, "update_time"));
	order->etag = etag_of(call->arena, db_int(rows, row, "version"));
	read_totals(call, rows, row, currency, order);
}

/* Reads the order that begins in this row; returns the row behind it. */
static size_t read_order(struct call *call, const struct db_rows *rows, size_t row, Ordering__Order *order)
{
	const char *currency = db_text(rows, row, "currency");
	size_t end = row + 1;

	read_head(call, rows, row, currency, order);
	while (end < db_count(rows) && str_is(str_of(db_text(rows, end, "order_id")), order->order_id))
		end++;
	order->n_items = 0;
	order->items = arena_array(call->arena, end - row, sizeof(*order->items));
	for (size_t i = row; i < end && !db_null(rows, i, "item_id"); i++)
		order->items[order->n_items++] = read_item(call, rows, i, currency);
	return end;
}

struct status store_get(struct call *call, const char *order_id, Ordering__Order *ret_order, struct order_row *ret_row)
{
	struct db_unit *unit = db_unit(call, &GET_ORDER);
	const struct db_rows *rows;

	db_bind_text(unit, "order_id", order_id);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	if (db_count(rows) == 0)
		return status_not_found(call->arena, "order", order_id);
	read_order(call, rows, 0, ret_order);
	if (ret_row != NULL)
		*ret_row = (struct order_row){ db_int(rows, 0, "version"), db_bool(rows, 0, "submitted") };
	return STATUS_OK;
}

static void bind_filters(struct call *call, struct db_unit *unit, const Ordering__ListOrdersRequest *request)
{
	const char **states = arena_array(call->arena, request->n_states, sizeof(*states));
	const char *const *patterns;
	size_t n_patterns;

	for (size_t i = 0; i < request->n_states; i++)
		states[i] = pb_enum_name(&ordering__order_state__descriptor, (int)request->states[i]);
	patterns = search_patterns(call->arena, request->query, &n_patterns);
	db_bind_texts(unit, "states", states, request->n_states);
	db_bind_texts(unit, "patterns", patterns, n_patterns);
	db_bind_time(unit, "start_time", pb_micros(request->start_time));
	db_bind_time(unit, "end_time", request->end_time == NULL ? LAST_TIME : pb_micros(request->end_time));
}

struct status store_list(struct call *call, const Ordering__ListOrdersRequest *request, const struct page *page,
			 size_t *ret_count, Ordering__Order ***ret_orders)
{
	bool of_customer = *request->customer_id != '\0';
	struct db_unit *unit = db_unit(call, of_customer ? &LIST_CUSTOMER_ORDERS : &LIST_ORDERS);
	Ordering__Order **orders = arena_array(call->arena, (size_t)page->limit, sizeof(*orders));
	const struct db_rows *rows;
	size_t count = 0;

	if (of_customer)
		db_bind_text(unit, "customer_id", request->customer_id);
	bind_filters(call, unit, request);
	page_bind(unit, page);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	for (size_t row = 0; row < db_count(rows); count++) {
		orders[count] = pb_new(call->arena, &ordering__order__descriptor);
		row = read_order(call, rows, row, orders[count]);
	}
	*ret_orders = orders;
	*ret_count = count;
	return STATUS_OK;
}

struct status store_exists(struct call *call, const char *order_id, bool *ret_exists)
{
	struct db_unit *unit = db_unit(call, &FIND_ORDER);

	db_bind_text(unit, "order_id", order_id);
	TRY(db_run(call, unit));
	*ret_exists = db_count(db_rows(unit, 0)) > 0;
	return STATUS_OK;
}

/* The numbers that this process has taken and not used yet. */
static struct {
	struct mutex refill;
	int64_t next, end;
} numbers = { .refill = MUTEX(numbers.refill) };

static struct status refill_numbers(struct call *call)
{
	struct db_unit *unit = db_unit(call, &TAKE_NUMBERS);
	const struct db_rows *rows;

	if (numbers.next < numbers.end)
		return STATUS_OK;
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	numbers.next = db_int(rows, 0, "first");
	numbers.end = numbers.next + db_int(rows, 0, "count");
	return STATUS_OK;
}

struct status store_take_number(struct call *call, char **ret_number)
{
	struct status status;

	TRY(mutex_lock(call, &numbers.refill));
	status = refill_numbers(call);
	if (status.reason == NULL)
		*ret_number = arena_printf(call->arena, "ORD-%06lld", (long long)numbers.next++);
	mutex_unlock(&numbers.refill);
	return status;
}

struct status store_abandoned(struct call *call, int64_t seconds, int64_t limit, size_t *ret_count,
			      char ***ret_order_ids)
{
	struct db_unit *unit = db_unit(call, &FIND_ABANDONED);
	const struct db_rows *rows;
	char **order_ids;

	db_bind_int(unit, "seconds", seconds);
	db_bind_int(unit, "limit", limit);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	order_ids = arena_array(call->arena, db_count(rows), sizeof(*order_ids));
	for (size_t row = 0; row < db_count(rows); row++)
		order_ids[row] = db_text(rows, row, "order_id");
	*ret_order_ids = order_ids;
	*ret_count = db_count(rows);
	return STATUS_OK;
}
