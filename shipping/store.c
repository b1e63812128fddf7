#include "shipping/store.h"

#include "runtime/pb.h"
#include "runtime/search.h"
#include "runtime/types.h"

/* SQL is laid out by hand, a clause or a list of columns per line. */
/* clang-format off */
#define SHIPMENT_COLUMNS \
	"shipment_id, version, order_id, order_number, customer_id, address, state, carrier, tracking_number," \
	" tracking_url, note, dispatch_time, deliver_time, create_time, update_time"

static struct db_statement GET_SHIPMENT = DB_READ("get_shipment",
	"SELECT " SHIPMENT_COLUMNS " FROM shipment WHERE shipment_id = :shipment_id");

/*
 * A page, its order given by the comparison with the last row of the page before and the direction. Tombstones are not
 * shown. A shipment has a row for each of its lines, in one statement, so that both are of the same moment.
 */
#define LIST(before_, direction_, filter_) \
	"WITH chosen AS MATERIALIZED (SELECT " SHIPMENT_COLUMNS " FROM shipment" \
	" WHERE (:first OR (create_time, shipment_id) " before_ " (:after_time, :after_id::uuid))" \
		" AND order_id IS NOT NULL" \
		" AND (:order_id::uuid IS NULL OR order_id = :order_id)" \
		" AND (:customer_id::uuid IS NULL OR customer_id = :customer_id)" \
		" AND " filter_ \
		" AND " SEARCH_MATCHES \
	" ORDER BY create_time " direction_ ", shipment_id " direction_ " LIMIT :limit)" \
	" SELECT c.*, l.item_id, l.sku, l.name, l.quantity" \
	" FROM chosen c JOIN shipment_line l ON l.shipment_id = c.shipment_id" \
	" ORDER BY c.create_time " direction_ ", c.shipment_id " direction_ ", l.position"

static struct db_statement LIST_SHIPMENTS = DB_READ("list_shipments",
	LIST("<", "DESC", "(:state::text IS NULL OR state = :state)"));

static struct db_statement LIST_PENDING = DB_READ("list_pending_shipments",
	LIST(">", "ASC", "state = 'SHIPMENT_STATE_PENDING'"));

static struct db_statement LIST_LINES = DB_READ("list_shipment_lines",
	"SELECT shipment_id, item_id, sku, name, quantity FROM shipment_line"
	" WHERE shipment_id = :shipment_id ORDER BY position");

static struct db_statement CREATE_SHIPMENT = DB_WRITE("create_shipment",
	WRITE_BEGIN("SELECT 1 WHERE NOT EXISTS (SELECT FROM shipment WHERE shipment_id = :aggregate_id::uuid)")
	", created AS (INSERT INTO shipment"
		" (shipment_id, version, order_id, order_number, customer_id, address, state, carrier, tracking_number,"
		" tracking_url, note, search, create_time, update_time)"
		" SELECT :aggregate_id::uuid, :version, :order_id, :order_number, :customer_id, :address, :state,"
		" :carrier, :tracking_number, :tracking_url, :note, lower(:search), :time, :time FROM accepted)"
	", filled AS (INSERT INTO shipment_line (shipment_id, position, item_id, sku, name, quantity)"
		" SELECT :aggregate_id::uuid, l.position, l.item_id, l.sku, l.name, l.quantity"
		" FROM accepted, unnest(:item_ids::uuid[], :skus::text[], :names::text[], :quantities::bigint[])"
		" WITH ORDINALITY AS l(item_id, sku, name, quantity, position))"
	WRITE_END);

/* The row decides: whoever comes second, be it a dispatch or a cancellation, finds another state. */
#define MOVE_BEGIN \
	WRITE_BEGIN( \
		"SELECT 1 FROM shipment WHERE shipment_id = :aggregate_id::uuid AND version = :version - 1" \
		" AND state = :from_state FOR UPDATE") \
	", moved AS (UPDATE shipment" \
		" SET version = :version, state = :state, carrier = :carrier, tracking_number = :tracking_number," \
		" tracking_url = :tracking_url, dispatch_time = :dispatch_time, deliver_time = :deliver_time," \
		" search = lower(:search), update_time = :time" \
		" FROM accepted WHERE shipment_id = :aggregate_id::uuid)"

static struct db_statement MOVE_SHIPMENT = DB_WRITE("move_shipment", MOVE_BEGIN WRITE_END);

/* What stays behind is made from the rows as they were: all parts of a statement see the same moment. */
static struct db_statement SPLIT_SHIPMENT = DB_WRITE("split_shipment",
	MOVE_BEGIN WRITE_BESIDE
	", left_behind AS (INSERT INTO shipment"
		" (shipment_id, version, order_id, order_number, customer_id, address, state, carrier, tracking_number,"
		" tracking_url, note, search, create_time, update_time)"
		" SELECT :w_beside_id::uuid, :w_beside_version, order_id, order_number, customer_id, address,"
		" :w_beside_to_state, '', '', '', note, lower(:rest_search), :time, :time"
		" FROM accepted, shipment WHERE shipment_id = :aggregate_id::uuid)"
	", rest_filled AS (INSERT INTO shipment_line (shipment_id, position, item_id, sku, name, quantity)"
		" SELECT :w_beside_id::uuid, l.position, l.item_id, l.sku, l.name, rest.quantity"
		" FROM accepted, shipment_line l, unnest(:rest_item_ids::uuid[], :rest_quantities::bigint[])"
		" AS rest(item_id, quantity)"
		" WHERE l.shipment_id = :aggregate_id::uuid AND l.item_id = rest.item_id)"
	", taken_out AS (DELETE FROM shipment_line l USING accepted"
		" WHERE l.shipment_id = :aggregate_id::uuid AND l.item_id <> ALL (:item_ids::uuid[]))"
	", lowered AS (UPDATE shipment_line l SET quantity = leaving.quantity"
		" FROM accepted, unnest(:item_ids::uuid[], :quantities::bigint[]) AS leaving(item_id, quantity)"
		" WHERE l.shipment_id = :aggregate_id::uuid AND l.item_id = leaving.item_id"
		" AND l.quantity <> leaving.quantity)"
	WRITE_END);
/* clang-format on */

static const char *state_name(Shipping__ShipmentState state)
{
	return pb_enum_name(&shipping__shipment_state__descriptor, (int)state);
}

static Google__Protobuf__Timestamp *read_time(struct call *call, const struct db_rows *rows, size_t row,
					      const char *column)
{
	return db_null(rows, row, column) ? NULL : pb_time(call->arena, db_time(rows, row, column));
}

static void read_shipment(struct call *call, const struct db_rows *rows, size_t row, Shipping__Shipment *shipment)
{
	const char *state = db_text(rows, row, "state");

	shipment->shipment_id = db_text(rows, row, "shipment_id");
	shipment->order_id = db_text(rows, row, "order_id");
	shipment->order_number = db_text(rows, row, "order_number");
	shipment->customer_id = db_text(rows, row, "customer_id");
	shipment->address = read_address(call, rows, row, "address");
	shipment->state = (Shipping__ShipmentState)pb_enum_number(&shipping__shipment_state__descriptor, state);
	shipment->carrier = db_text(rows, row, "carrier");
	shipment->tracking_number = db_text(rows, row, "tracking_number");
	shipment->tracking_url = db_text(rows, row, "tracking_url");
	shipment->note = db_text(rows, row, "note");
	shipment->dispatch_time = read_time(call, rows, row, "dispatch_time");
	shipment->deliver_time = read_time(call, rows, row, "deliver_time");
	shipment->create_time = read_time(call, rows, row, "create_time");
	shipment->update_time = read_time(call, rows, row, "update_time");
	shipment->etag = etag_of(call->arena, db_int(rows, row, "version"));
}

static Shipping__ShipmentLine *read_line(struct call *call, const struct db_rows *rows, size_t row)
{
	Shipping__ShipmentLine *line = pb_new(call->arena, &shipping__shipment_line__descriptor);

	line->item_id = db_text(rows, row, "item_id");
	line->sku = db_text(rows, row, "sku");
	line->name = db_text(rows, row, "name");
	line->quantity = db_int(rows, row, "quantity");
	return line;
}

/* Gives the shipment its lines, which begin in this row; returns the row behind them. */
static size_t read_lines(struct call *call, const struct db_rows *rows, size_t row, Shipping__Shipment *shipment)
{
	size_t end = row;

	while (end < db_count(rows) && str_is(str_of(db_text(rows, end, "shipment_id")), shipment->shipment_id))
		end++;
	shipment->n_lines = 0;
	shipment->lines = arena_array(call->arena, end - row, sizeof(*shipment->lines));
	for (; row < end; row++)
		shipment->lines[shipment->n_lines++] = read_line(call, rows, row);
	return end;
}

struct status store_find(struct call *call, const char *shipment_id, bool *ret_found, Shipping__Shipment *ret_shipment,
			 int64_t *ret_version)
{
	struct db_unit *unit = db_unit(call, &GET_SHIPMENT);
	const struct db_rows *rows;

	db_bind_text(unit, "shipment_id", shipment_id);
	db_then(unit, &LIST_LINES);
	db_bind_text(unit, "shipment_id", shipment_id);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	*ret_found = db_count(rows) > 0;
	if (!*ret_found)
		return STATUS_OK;
	read_shipment(call, rows, 0, ret_shipment);
	read_lines(call, db_rows(unit, 1), 0, ret_shipment);
	if (ret_version != NULL)
		*ret_version = db_int(rows, 0, "version");
	return STATUS_OK;
}

struct status store_get(struct call *call, const char *shipment_id, Shipping__Shipment *ret_shipment,
			int64_t *ret_version)
{
	bool found;

	TRY(store_find(call, shipment_id, &found, ret_shipment, ret_version));
	return found ? STATUS_OK : status_not_found(call->arena, "shipment", shipment_id);
}

/* The request's filters; the list of pending ones has its state in the statement. */
static struct db_unit *list_unit(struct call *call, const Shipping__ListShipmentsRequest *request)
{
	bool pending = request->state == SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING;
	struct db_unit *unit = db_unit(call, pending ? &LIST_PENDING : &LIST_SHIPMENTS);
	const char *const *patterns;
	size_t n_patterns;

	patterns = search_patterns(call->arena, request->query, &n_patterns);
	db_bind_texts(unit, "patterns", patterns, n_patterns);
	db_bind_text(unit, "order_id", *request->order_id == '\0' ? NULL : request->order_id);
	db_bind_text(unit, "customer_id", *request->customer_id == '\0' ? NULL : request->customer_id);
	if (!pending)
		db_bind_text(unit, "state", request->state == 0 ? NULL : state_name(request->state));
	return unit;
}

struct status store_list(struct call *call, const Shipping__ListShipmentsRequest *request, const struct page *page,
			 size_t *ret_count, Shipping__Shipment ***ret_shipments)
{
	struct db_unit *unit = list_unit(call, request);
	Shipping__Shipment **shipments = arena_array(call->arena, (size_t)page->limit, sizeof(*shipments));
	const struct db_rows *rows;
	size_t count = 0;

	page_bind(unit, page);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	for (size_t row = 0; row < db_count(rows); count++) {
		shipments[count] = pb_new(call->arena, &shipping__shipment__descriptor);
		read_shipment(call, rows, row, shipments[count]);
		row = read_lines(call, rows, row, shipments[count]);
	}
	*ret_shipments = shipments;
	*ret_count = count;
	return STATUS_OK;
}

static void bind_lines(struct call *call, struct db_unit *unit, const Shipping__Shipment *shipment)
{
	size_t n = shipment->n_lines;
	const char **items = arena_array(call->arena, n, sizeof(*items));
	const char **skus = arena_array(call->arena, n, sizeof(*skus));
	const char **names = arena_array(call->arena, n, sizeof(*names));
	int64_t *quantities = arena_array(call->arena, n, sizeof(*quantities));

	for (size_t i = 0; i < n; i++) {
		items[i] = shipment->lines[i]->item_id;
		skus[i] = shipment->lines[i]->sku;
		names[i] = shipment->lines[i]->name;
		quantities[i] = shipment->lines[i]->quantity;
	}
	db_bind_texts(unit, "item_ids", items, n);
	db_bind_texts(unit, "skus", skus, n);
	db_bind_texts(unit, "names", names, n);
	db_bind_ints(unit, "quantities", quantities, n);
}

static const char *search_text(struct call *call, const Shipping__Shipment *shipment)
{
	return arena_printf(call->arena, "%s %s %s", shipment->order_number, shipment->tracking_number,
			    shipment->address == NULL ? "" : shipment->address->recipient);
}

/* What a shipment has from its creation to its end. */
static void bind_shipment(struct call *call, struct db_unit *unit, const Shipping__Shipment *shipment)
{
	db_bind_text(unit, "state", state_name(shipment->state));
	db_bind_text(unit, "carrier", shipment->carrier);
	db_bind_text(unit, "tracking_number", shipment->tracking_number);
	db_bind_text(unit, "tracking_url", shipment->tracking_url);
	db_bind_text(unit, "search", search_text(call, shipment));
}

static const char *null_if_empty(const char *text)
{
	return *text == '\0' ? NULL : text;
}

struct status store_create(struct call *call, const Shipping__Shipment *shipment, struct write *write)
{
	struct db_unit *unit = db_unit(call, &CREATE_SHIPMENT);
	struct status status;

	db_bind_text(unit, "order_id", null_if_empty(shipment->order_id));
	db_bind_text(unit, "order_number", shipment->order_number);
	db_bind_text(unit, "customer_id", null_if_empty(shipment->customer_id));
	bind_address(call, unit, "address", shipment->address);
	db_bind_text(unit, "note", shipment->note);
	bind_shipment(call, unit, shipment);
	bind_lines(call, unit, shipment);
	status = write_run(call, unit, write);
	/* Another transaction inserted it after our snapshot was taken: the same as a guard that does not hold. */
	return status_is(status, &ALREADY_EXISTS) ? STATUS_OK : status;
}

static void bind_time(struct db_unit *unit, const char *name, const Google__Protobuf__Timestamp *time)
{
	if (time == NULL)
		db_bind_null(unit, name);
	else
		db_bind_time(unit, name, pb_micros(time));
}

/* How much of which item. */
static void bind_quantities(struct call *call, struct db_unit *unit, const char *items_name,
			    const char *quantities_name, const Shipping__Shipment *shipment)
{
	const size_t n = shipment->n_lines;
	const char **items = arena_array(call->arena, n, sizeof(*items));
	int64_t *quantities = arena_array(call->arena, n, sizeof(*quantities));

	for (size_t i = 0; i < n; i++) {
		items[i] = shipment->lines[i]->item_id;
		quantities[i] = shipment->lines[i]->quantity;
	}
	db_bind_texts(unit, items_name, items, n);
	db_bind_ints(unit, quantities_name, quantities, n);
}

static struct db_unit *move_unit(struct call *call, struct db_statement *statement, const Shipping__Shipment *shipment,
				 const struct write *write)
{
	struct db_unit *unit = db_unit(call, statement);

	db_bind_text(unit, "from_state", write->from_state);
	bind_shipment(call, unit, shipment);
	bind_time(unit, "dispatch_time", shipment->dispatch_time);
	bind_time(unit, "deliver_time", shipment->deliver_time);
	return unit;
}

struct status store_move(struct call *call, const Shipping__Shipment *shipment, struct write *write)
{
	return write_run(call, move_unit(call, &MOVE_SHIPMENT, shipment, write), write);
}

struct status store_split(struct call *call, const Shipping__Shipment *shipment, const Shipping__Shipment *rest,
			  struct write *write)
{
	struct db_unit *unit = move_unit(call, &SPLIT_SHIPMENT, shipment, write);
	struct status status;

	bind_quantities(call, unit, "item_ids", "quantities", shipment);
	bind_quantities(call, unit, "rest_item_ids", "rest_quantities", rest);
	db_bind_text(unit, "rest_search", search_text(call, rest));
	status = write_run(call, unit, write);
	return status_is(status, &ALREADY_EXISTS) ? status_already_exists(call->arena, "shipment", rest->shipment_id)
						  : status;
}
