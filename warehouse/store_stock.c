#include "runtime/pb.h"
#include "runtime/search.h"
#include "warehouse/store.h"

static struct db_statement GET_LEVEL =
    DB_READ("get_level",
	    "SELECT p.sku, p.name, p.reorder_level, s.location_id, s.on_hand, s.reserved, s.update_time"
	    " FROM product p LEFT JOIN stock s ON s.sku = p.sku AND s.location_id = :location_id WHERE p.sku = :sku");

/* What is no longer sold is never low: nobody reorders it. Searches sku and name; a product's own search column has its description too. */
static struct db_statement LIST_STOCK =
    DB_READ("list_stock",
	    "SELECT * FROM (SELECT s.sku, s.location_id, p.name, s.on_hand, s.reserved, p.reorder_level, s.update_time,"
	    " p.state = 'PRODUCT_STATE_ACTIVE' AS sold, lower(p.sku || ' ' || p.name) AS search FROM stock s JOIN "
	    "product p ON p.sku = s.sku) AS level"
	    " WHERE (:first OR (sku, location_id) > (:after_sku, :after_location))"
	    " AND (:sku = '' OR sku = :sku) AND (:location_id = '' OR location_id = :location_id)"
	    " AND (NOT :low_only OR (sold AND on_hand - reserved < reorder_level)) AND " SEARCH_MATCHES
	    " ORDER BY sku, location_id LIMIT :limit");

static struct db_statement LIST_MOVEMENTS =
    DB_READ("list_movements",
	    "SELECT entry, movement_id, sku, location_id, kind, quantity, on_hand, reason, reference, actor, time"
	    " FROM stock_movement WHERE sku = :sku AND entry < :before"
	    " AND (:location_id = '' OR location_id = :location_id) ORDER BY entry DESC LIMIT :limit");

static struct db_statement KNOWS_PRODUCT = DB_READ("knows_product", "SELECT 1 AS known FROM product WHERE sku = :sku");

#define ENTERED                                                                                                        \
	", entered AS (INSERT INTO stock_movement (movement_id, sku, location_id, kind, quantity, on_hand, reason,"    \
	" reference, actor, time)"                                                                                     \
	" SELECT :aggregate_id::uuid, :sku, :location_id, :kind, :quantity::bigint, numbers[1], :w_reason,"            \
	" :reference, :w_actor, :time FROM accepted)"

#define RECEIVE_SQL                                                                                                    \
	WRITE_BEGIN_NUMBERS(                                                                                           \
	    "INSERT INTO stock (sku, location_id, on_hand, reserved, update_time)"                                     \
	    " SELECT :sku, :location_id, :quantity::bigint, 0, :time WHERE " KEY_UNKNOWN                               \
	    " ON CONFLICT (sku, location_id) DO UPDATE SET on_hand = stock.on_hand + EXCLUDED.on_hand,"                \
	    " update_time = EXCLUDED.update_time RETURNING ARRAY[on_hand, reserved] AS numbers")                       \
	ENTERED WRITE_END_NUMBERS

static struct db_statement RECEIVE = DB_WRITE("receive", RECEIVE_SQL);

#define ADJUST_SQL                                                                                                     \
	WRITE_BEGIN_NUMBERS(                                                                                           \
	    "UPDATE stock SET on_hand = on_hand + :quantity::bigint, update_time = :time"                              \
	    " WHERE sku = :sku AND location_id = :location_id AND on_hand + :quantity::bigint >= reserved"             \
	    " AND " KEY_UNKNOWN " RETURNING ARRAY[on_hand, reserved] AS numbers")                                      \
	ENTERED WRITE_END_NUMBERS

static struct db_statement ADJUST = DB_WRITE("adjust", ADJUST_SQL);

static void read_level(struct call *call, const struct db_rows *rows, size_t row, Warehouse__StockLevel *level)
{
	level->sku = db_text(rows, row, "sku");
	level->location_id = db_text(rows, row, "location_id");
	level->name = db_text(rows, row, "name");
	level->on_hand = db_int(rows, row, "on_hand");
	level->reserved = db_int(rows, row, "reserved");
	level->reorder_level = db_int(rows, row, "reorder_level");
	if (!db_null(rows, row, "update_time"))
		level->update_time = pb_time(call->arena, db_time(rows, row, "update_time"));
	stock_level_settle(level);
}

struct status store_get_level(struct call *call, const char *sku, const char *location_id,
			      Warehouse__StockLevel *ret_level, bool *ret_exists)
{
	struct db_unit *unit = db_unit(call, &GET_LEVEL);
	const struct db_rows *rows;

	db_bind_text(unit, "sku", sku);
	db_bind_text(unit, "location_id", location_id);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	if (db_count(rows) == 0)
		return status_not_found(call->arena, "product", sku);
	read_level(call, rows, 0, ret_level);
	*ret_exists = !db_null(rows, 0, "location_id");
	ret_level->location_id = arena_strdup(call->arena, location_id);
	return STATUS_OK;
}

static struct status book(struct call *call, struct db_statement *statement, const Warehouse__StockMovement *movement,
			  struct write *write)
{
	struct db_unit *unit = db_unit(call, statement);

	db_bind_text(unit, "sku", movement->sku);
	db_bind_text(unit, "location_id", movement->location_id);
	db_bind_text(unit, "kind", pb_enum_name(&warehouse__stock_movement_kind__descriptor, (int)movement->kind));
	db_bind_int(unit, "quantity", movement->quantity);
	db_bind_text(unit, "reference", movement->reference);
	return write_run(call, unit, write);
}

struct status store_receive(struct call *call, const Warehouse__StockMovement *movement, struct write *write)
{
	return book(call, &RECEIVE, movement, write);
}

struct status store_adjust(struct call *call, const Warehouse__StockMovement *movement, struct write *write)
{
	return book(call, &ADJUST, movement, write);
}

/* A sku has no slash. */
char *store_level_key(struct arena *arena, const Warehouse__StockLevel *level)
{
	return arena_printf(arena, "%s/%s", level->sku, level->location_id);
}

static void bind_level_key(struct call *call, struct db_unit *unit, const struct page *page)
{
	struct str location = str_of(page->after_id), sku;

	if (!str_cut(&location, '/', &sku))
		sku = (struct str){ "", 0 };
	db_bind_text(unit, "after_sku", arena_strndup(call->arena, sku.data, sku.len));
	db_bind_text(unit, "after_location",
		     location.data == NULL ? "" : arena_strndup(call->arena, location.data, location.len));
}

struct status store_list_stock(struct call *call, const Warehouse__ListStockRequest *request, const struct page *page,
			       size_t *ret_count, Warehouse__StockLevel ***ret_levels)
{
	struct db_unit *unit = db_unit(call, &LIST_STOCK);
	Warehouse__StockLevel **levels;
	const struct db_rows *rows;
	const char *const *patterns;
	size_t n_patterns, count;

	patterns = search_patterns(call->arena, request->query, &n_patterns);
	db_bind_texts(unit, "patterns", patterns, n_patterns);
	db_bind_text(unit, "sku", request->sku);
	db_bind_text(unit, "location_id", request->location_id);
	db_bind_bool(unit, "low_only", request->low_stock_only);
	db_bind_bool(unit, "first", page->first);
	bind_level_key(call, unit, page);
	db_bind_int(unit, "limit", page->limit);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	count = db_count(rows);
	levels = arena_array(call->arena, count, sizeof(*levels));
	for (size_t row = 0; row < count; row++) {
		levels[row] = pb_new(call->arena, &warehouse__stock_level__descriptor);
		read_level(call, rows, row, levels[row]);
	}
	*ret_levels = levels;
	*ret_count = count;
	return STATUS_OK;
}

static Warehouse__StockMovement *read_movement(struct call *call, const struct db_rows *rows, size_t row)
{
	Warehouse__StockMovement *movement = pb_new(call->arena, &warehouse__stock_movement__descriptor);

	movement->movement_id = db_text(rows, row, "movement_id");
	movement->sku = db_text(rows, row, "sku");
	movement->location_id = db_text(rows, row, "location_id");
	movement->kind = (Warehouse__StockMovementKind)pb_enum_number(&warehouse__stock_movement_kind__descriptor,
								      db_text(rows, row, "kind"));
	movement->quantity = db_int(rows, row, "quantity");
	movement->on_hand = db_int(rows, row, "on_hand");
	movement->reason = db_text(rows, row, "reason");
	movement->reference = db_text(rows, row, "reference");
	movement->actor = db_text(rows, row, "actor");
	movement->time = pb_time(call->arena, db_time(rows, row, "time"));
	return movement;
}

struct status store_list_movements(struct call *call, const Warehouse__ListStockMovementsRequest *request,
				   const struct page *page, size_t *ret_count,
				   Warehouse__StockMovement ***ret_movements, int64_t **ret_entries)
{
	struct db_unit *unit = db_unit(call, &LIST_MOVEMENTS);
	Warehouse__StockMovement **movements;
	const struct db_rows *rows;
	int64_t *entries;
	size_t count;

	db_bind_text(unit, "sku", request->sku);
	db_bind_text(unit, "location_id", request->location_id);
	db_bind_int(unit, "before", page->first ? INT64_MAX : page->after_time);
	db_bind_int(unit, "limit", page->limit);
	db_then(unit, &KNOWS_PRODUCT);
	db_bind_text(unit, "sku", request->sku);
	TRY(db_run(call, unit));
	if (db_count(db_rows(unit, 1)) == 0)
		return status_not_found(call->arena, "product", request->sku);
	rows = db_rows(unit, 0);
	count = db_count(rows);
	movements = arena_array(call->arena, count, sizeof(*movements));
	entries = arena_array(call->arena, count, sizeof(*entries));
	for (size_t row = 0; row < count; row++) {
		movements[row] = read_movement(call, rows, row);
		entries[row] = db_int(rows, row, "entry");
	}
	*ret_movements = movements;
	*ret_entries = entries;
	*ret_count = count;
	return STATUS_OK;
}
