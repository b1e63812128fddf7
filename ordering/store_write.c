/* Writing orders: always the whole order, in one statement. */
#include "ordering/store.h"
#include "runtime/pb.h"
#include "runtime/types.h"

#define UNCHANGED_AND(more_)                                                                                           \
	"SELECT 1 FROM customer_order WHERE order_id = :aggregate_id::uuid AND version = :version - 1" more_           \
	" FOR UPDATE"
#define UNCHANGED UNCHANGED_AND("")

#define ITEM_COLUMNS                                                                                                   \
	"sku, name, quantity, shipped_quantity, cancelled_quantity, unit_price, tax_rate_basis_points, net, tax, gross, state"

/* The items come as one array for each column. */
#define ITEM_VALUES                                                                                                                        \
	" SELECT i.item_id::uuid, :aggregate_id::uuid, i.position, i.sku, i.name, i.quantity, i.shipped_quantity, i.cancelled_quantity, "  \
	"i.unit_price,"                                                                                                                    \
	" i.tax_rate_basis_points, i.net, i.tax, i.gross, i.state FROM accepted,"                                                          \
	" unnest(:item_ids::text[], :skus::text[], :item_names::text[], :quantities::bigint[], :shipped::bigint[], :cancelled::bigint[], " \
	":unit_prices::bigint[],"                                                                                                          \
	" :tax_rates::bigint[], :nets::bigint[], :taxes::bigint[], :grosses::bigint[], :item_states::text[]) WITH "                        \
	"ORDINALITY"                                                                                                                       \
	" AS i(item_id, sku, name, quantity, shipped_quantity, cancelled_quantity, unit_price, tax_rate_basis_points, net, tax, gross, "   \
	"state, position)"

#define ITEMS_INSERTED                                                                                                 \
	", itemised AS (INSERT INTO order_item (item_id, order_id, position, " ITEM_COLUMNS ")" ITEM_VALUES

/* What follows the guard of every change. Items are left alone unless :with_items; shipments and invoices that are known are, too. */
#define ORDER_WRITTEN                                                                                                                                                           \
	", changed AS (UPDATE customer_order SET version = :version, name = :name, note = :note, currency = "                                                                   \
	":currency, net = :net, tax = :tax,"                                                                                                                                    \
	" gross = :gross, state = :state, state_reason = :state_reason, search = lower(:search), place_time = :place_time, update_time = :time FROM accepted WHERE order_id = " \
	":aggregate_id::uuid)"                                                                                                                                                  \
	", dropped AS (DELETE FROM order_item USING accepted"                                                                                                                   \
	" WHERE :with_items::boolean AND order_id = :aggregate_id::uuid AND item_id <> ALL "                                                                                    \
	"(:item_ids::text[]::uuid[]))" ITEMS_INSERTED                                                                                                                           \
	" ON CONFLICT (item_id) DO UPDATE SET position = EXCLUDED.position, quantity = EXCLUDED.quantity,"                                                                      \
	" shipped_quantity = EXCLUDED.shipped_quantity, cancelled_quantity = EXCLUDED.cancelled_quantity, net = EXCLUDED.net, tax = EXCLUDED.tax, gross = "                     \
	"EXCLUDED.gross, state = EXCLUDED.state)"                                                                                                                               \
	", shipped AS (INSERT INTO order_shipment (shipment_id, order_id, position)"                                                                                            \
	" SELECT s.id::uuid, :aggregate_id::uuid, s.position FROM accepted,"                                                                                                    \
	" unnest(:shipment_ids::text[]) WITH ORDINALITY AS s(id, position) ON CONFLICT DO NOTHING)"                                                                             \
	", invoiced AS (INSERT INTO order_invoice (invoice_id, order_id, position)"                                                                                             \
	" SELECT v.id::uuid, :aggregate_id::uuid, v.position FROM accepted,"                                                                                                    \
	" unnest(:invoice_ids::text[]) WITH ORDINALITY AS v(id, position) ON CONFLICT DO NOTHING)"

#define UNKNOWN "SELECT 1 WHERE NOT EXISTS (SELECT FROM customer_order WHERE order_id = :aggregate_id::uuid)"

#define ORDER_CREATED                                                                                                  \
	", created AS (INSERT INTO customer_order (order_id, version, number, customer_id, customer_name, name, "      \
	"note, currency, net, tax, gross, state, state_reason, shipping_address, billing_address, submitted, "         \
	"search, create_time, update_time)"                                                                            \
	" SELECT :aggregate_id::uuid, :version, :number, :customer_id::uuid, :customer_name, :name, :note, "           \
	":currency, :net, :tax, :gross, :state, :state_reason, :shipping_address, :billing_address, :submitted, "      \
	"lower(:search), :time, :time FROM accepted)" ITEMS_INSERTED ")" WRITE_END

static struct db_statement CREATE_ORDER = DB_WRITE("create_order", WRITE_BEGIN(UNKNOWN) ORDER_CREATED);
static struct db_statement SUBMIT_ORDER = DB_WRITE("submit_order", WRITE_BEGIN(UNKNOWN) SAGA_START ORDER_CREATED);

static struct db_statement UPDATE_ORDER = DB_WRITE("update_order", WRITE_BEGIN(UNCHANGED) ORDER_WRITTEN WRITE_END);
static struct db_statement START_SAGA =
    DB_WRITE("start_saga", WRITE_BEGIN(UNCHANGED) SAGA_START ORDER_WRITTEN WRITE_END);
static struct db_statement END_SAGA = DB_WRITE("end_saga", SAGA_END_BEGIN(UNCHANGED) ORDER_WRITTEN SAGA_WRITE_END);
static struct db_statement END_SAGA_ALONE = DB_WRITE("end_saga_alone", SAGA_END_BEGIN("SELECT 1") SAGA_WRITE_END);
static struct db_statement EXPIRE_ORDER =
    DB_WRITE("expire_order", STEP_BEGIN(UNCHANGED_AND(" AND " STORE_ABANDONED)) SAGA_START ORDER_WRITTEN WRITE_END);
static struct db_statement EVENT_ORDER = DB_WRITE("event_order", EVENT_BEGIN(UNCHANGED) ORDER_WRITTEN WRITE_END);
static struct db_statement EVENT_SAGA = DB_WRITE("event_saga", EVENT_BEGIN("SELECT 1") SAGA_START WRITE_END);

/* One column of the items, as an array. */
#define BIND_TEXTS(parameter_, value_)                                                                                 \
	do {                                                                                                           \
		const char **texts_ = arena_array(call->arena, n, sizeof(*texts_));                                    \
		for (size_t i = 0; i < n; i++)                                                                         \
			texts_[i] = items[i]->value_;                                                                  \
		db_bind_texts(unit, parameter_, texts_, n);                                                            \
	} while (0)

#define BIND_INTS(parameter_, value_)                                                                                  \
	do {                                                                                                           \
		int64_t *ints_ = arena_array(call->arena, n, sizeof(*ints_));                                          \
		for (size_t i = 0; i < n; i++)                                                                         \
			ints_[i] = items[i]->value_;                                                                   \
		db_bind_ints(unit, parameter_, ints_, n);                                                              \
	} while (0)

static void bind_items(struct call *call, struct db_unit *unit, Ordering__OrderItem *const *items, size_t n)
{
	const char **states = arena_array(call->arena, n, sizeof(*states));

	BIND_TEXTS("item_ids", item_id);
	BIND_TEXTS("skus", sku);
	BIND_TEXTS("item_names", name);
	BIND_INTS("quantities", quantity);
	BIND_INTS("shipped", shipped_quantity);
	BIND_INTS("cancelled", cancelled_quantity);
	BIND_INTS("unit_prices", unit_price->minor_units);
	BIND_INTS("tax_rates", tax_rate_basis_points);
	BIND_INTS("nets", net->minor_units);
	BIND_INTS("taxes", tax->minor_units);
	BIND_INTS("grosses", gross->minor_units);
	for (size_t i = 0; i < n; i++)
		states[i] = pb_enum_name(&ordering__order_item_state__descriptor, (int)items[i]->state);
	db_bind_texts(unit, "item_states", states, n);
}

static void bind_order(struct call *call, struct db_unit *unit, const Ordering__Order *order)
{
	bool empty = order->net == NULL;

	db_bind_text(unit, "name", order->name);
	db_bind_text(unit, "note", order->note);
	db_bind_text(unit, "currency", empty ? "" : order->net->currency_code);
	db_bind_int(unit, "net", empty ? 0 : order->net->minor_units);
	db_bind_int(unit, "tax", empty ? 0 : order->tax->minor_units);
	db_bind_int(unit, "gross", empty ? 0 : order->gross->minor_units);
	db_bind_text(unit, "state", pb_enum_name(&ordering__order_state__descriptor, (int)order->state));
	db_bind_text(unit, "state_reason", order->state_reason);
	db_bind_text(unit, "search",
		     arena_printf(call->arena, "%s %s %s", order->number, order->name, order->customer_name));
}

/* Statement, its order and the parts that changed. */
static struct db_unit *change(struct call *call, struct db_statement *statement, const Ordering__Order *order,
			      enum store_part part)
{
	struct db_unit *unit = db_unit(call, statement);

	bind_order(call, unit, order);
	db_bind_bool(unit, "with_items", part == STORE_ITEMS);
	bind_items(call, unit, order->items, part == STORE_ITEMS ? order->n_items : 0);
	db_bind_texts(unit, "shipment_ids", (const char *const *)order->shipment_ids, order->n_shipment_ids);
	db_bind_texts(unit, "invoice_ids", (const char *const *)order->invoice_ids, order->n_invoice_ids);
	if (order->place_time == NULL)
		db_bind_null(unit, "place_time");
	else
		db_bind_time(unit, "place_time", pb_micros(order->place_time));
	return unit;
}

struct status store_create(struct call *call, const Ordering__Order *order, bool submitted, struct write *write)
{
	struct db_unit *unit = db_unit(call, write->saga != NULL ? &SUBMIT_ORDER : &CREATE_ORDER);

	bind_order(call, unit, order);
	bind_items(call, unit, order->items, order->n_items);
	db_bind_text(unit, "number", order->number);
	db_bind_text(unit, "customer_id", order->customer_id);
	db_bind_text(unit, "customer_name", order->customer_name);
	bind_address(call, unit, "shipping_address", order->shipping_address);
	bind_address(call, unit, "billing_address", order->billing_address);
	db_bind_bool(unit, "submitted", submitted);
	return write_run(call, unit, write);
}

struct status store_update(struct call *call, const Ordering__Order *order, enum store_part part, struct write *write)
{
	struct db_statement *statement = write->saga != NULL ? &START_SAGA : &UPDATE_ORDER;

	return write_run(call, change(call, statement, order, part), write);
}

struct status store_end(struct call *call, struct saga *saga, const Ordering__Order *order, enum store_part part,
			struct write *write, struct status refusal)
{
	return saga_end(call, saga, change(call, &END_SAGA, order, part), write, refusal);
}

struct status store_end_alone(struct call *call, struct saga *saga, const char *order_id)
{
	struct write write = { .aggregate_type = "order", .aggregate_id = order_id, .version = 1 };

	return saga_end(call, saga, db_unit(call, &END_SAGA_ALONE), &write, STATUS_OK);
}

struct status store_expire(struct call *call, const Ordering__Order *order, int64_t seconds, struct write *write)
{
	struct db_unit *unit = change(call, &EXPIRE_ORDER, order, STORE_ITEMS);

	db_bind_int(unit, "seconds", seconds);
	write->reply = NULL; /* nobody asked */
	return write_step(call, unit, write, STATUS_OK);
}

struct status store_event(struct call *call, const Events__Event *event, const Ordering__Order *order,
			  enum store_part part, struct write *write)
{
	return event_write(call, event, change(call, &EVENT_ORDER, order, part), write);
}

struct status store_start_by_event(struct call *call, const Events__Event *event, const char *order_id,
				   struct saga *saga)
{
	struct write write = { .aggregate_type = "order", .aggregate_id = order_id, .version = 1, .saga = saga };

	return event_write(call, event, db_unit(call, &EVENT_SAGA), &write);
}
