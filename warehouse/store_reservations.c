#include "base/clock.h"
#include "runtime/pb.h"
#include "warehouse/store.h"

#define RESERVATION_COLUMNS                                                                                            \
	"r.reservation_id, r.order_id, r.version, r.sku, r.location_id, r.quantity, r.fulfilled_quantity, r.state,"    \
	" r.expire_time, r.create_time, r.update_time"

#define BOOKING_COLUMNS                                                                                                \
	"b.version AS booking_version, b.closed AS booking_closed, b.order_version AS booking_order_version"

static struct db_statement GET_RESERVATION = DB_READ(
    "get_reservation", "SELECT " RESERVATION_COLUMNS " FROM reservation r WHERE reservation_id = :reservation_id");

static struct db_statement LIST_RESERVATIONS =
    DB_READ("list_reservations", "SELECT " RESERVATION_COLUMNS " FROM reservation r WHERE sku IS NOT NULL"
				 " AND (:first OR (create_time, reservation_id) < (:after_time, :after_id::uuid))"
				 " AND (:order_id::text = '' OR order_id = nullif(:order_id::text, '')::uuid)"
				 " AND (:sku = '' OR sku = :sku) AND (:state = '' OR state = :state)"
				 " ORDER BY create_time DESC, reservation_id DESC LIMIT :limit");

/* One row at least, for the booking's version. */
static struct db_statement FIND_BOOKING = DB_READ(
    "find_booking",
    "SELECT " BOOKING_COLUMNS ", " RESERVATION_COLUMNS " FROM (SELECT 1) AS one"
    " LEFT JOIN booking b ON b.order_id = :order_id::uuid"
    " LEFT JOIN reservation r ON r.order_id = :order_id::uuid OR r.reservation_id = ANY (:reservation_ids::uuid[])"
    " ORDER BY r.create_time, r.reservation_id");

static struct db_statement FIND_BOOKING_OF =
    DB_READ("find_booking_of", "SELECT " BOOKING_COLUMNS ", " RESERVATION_COLUMNS
			       " FROM reservation this JOIN booking b ON b.order_id = this.order_id"
			       " JOIN reservation r ON r.order_id = b.order_id"
			       " WHERE this.reservation_id = :reservation_id ORDER BY r.create_time, r.reservation_id");

static struct db_statement FIND_SHIPMENT =
    DB_READ("find_shipment", "SELECT reservation_id, -quantity AS quantity FROM stock_movement"
			     " WHERE kind = 'STOCK_MOVEMENT_KIND_SHIPMENT' AND reference = :shipment_id");

/*
 * In a statement of its own and in one order for everybody; what comes after it sees the stock as it stays until the
 * commit.
 */
static struct db_statement LOCK_STOCK = DB_WRITE(
    "lock_stock", "SELECT s.sku, s.location_id, s.on_hand, s.reserved, p.state = 'PRODUCT_STATE_ACTIVE' AS sold"
		  " FROM stock s JOIN product p ON p.sku = s.sku WHERE s.sku = ANY (:skus::text[])"
		  " ORDER BY s.sku, s.location_id FOR UPDATE OF s");

#define SHIFTS                                                                                                         \
	"unnest(:shift_skus::text[], :shift_locations::text[], :shift_on_hands::bigint[], :shift_reserveds::bigint[])" \
	" AS shift(sku, location_id, on_hand, reserved)"

/*
 * The version is the expected one, no shelf runs short, what is not sold any more is not promised anew, and no id
 * belongs to another order.
 */
#define GUARD(lock_)                                                                                                   \
	"SELECT 1 WHERE :version::bigint - 1 ="                                                                        \
	" coalesce((SELECT version FROM booking WHERE order_id = :aggregate_id::uuid FOR UPDATE" lock_ "), 0)"         \
	" AND NOT EXISTS (SELECT FROM " SHIFTS                                                                         \
	" LEFT JOIN stock s ON s.sku = shift.sku AND s.location_id = shift.location_id"                                \
	" LEFT JOIN product p ON p.sku = shift.sku WHERE s.sku IS NULL"                                                \
	" OR s.on_hand + shift.on_hand < s.reserved + shift.reserved"                                                  \
	" OR (shift.reserved > 0 AND p.state <> 'PRODUCT_STATE_ACTIVE'))"                                              \
	" AND NOT EXISTS (SELECT FROM reservation WHERE reservation_id = ANY (:reservation_ids::uuid[])"               \
	" AND order_id <> :aggregate_id::uuid)"

#define CHANGES                                                                                                        \
	", booked AS (INSERT INTO booking (order_id, version, closed, order_version)"                                  \
	" SELECT :aggregate_id::uuid, :version, :closes::boolean, :order_version::bigint FROM accepted"                \
	" ON CONFLICT (order_id) DO UPDATE SET version = EXCLUDED.version,"                                            \
	" closed = booking.closed OR EXCLUDED.closed,"                                                                 \
	" order_version = greatest(booking.order_version, EXCLUDED.order_version))"                                    \
	", saved AS (INSERT INTO reservation (reservation_id, order_id, version, sku, location_id, quantity,"          \
	" fulfilled_quantity, state, reason, expire_time, create_time, update_time)"                                   \
	" SELECT n.reservation_id, :aggregate_id::uuid, :version, n.sku, n.location_id, n.quantity,"                   \
	" n.fulfilled_quantity, n.state, :w_reason, n.expire_time, :time, :time"                                       \
	" FROM accepted, unnest(:reservation_ids::uuid[], :skus::text[], :locations::text[], :quantities::bigint[],"   \
	" :fulfilled_quantities::bigint[], :states::text[], :expire_times::timestamptz[])"                             \
	" AS n(reservation_id, sku, location_id, quantity, fulfilled_quantity, state, expire_time)"                    \
	" ON CONFLICT (reservation_id) DO UPDATE SET version = EXCLUDED.version, location_id = EXCLUDED.location_id,"  \
	" quantity = EXCLUDED.quantity, fulfilled_quantity = EXCLUDED.fulfilled_quantity, state = EXCLUDED.state,"     \
	" reason = EXCLUDED.reason, expire_time = EXCLUDED.expire_time, update_time = EXCLUDED.update_time)"           \
	", shifted AS (UPDATE stock s SET on_hand = s.on_hand + shift.on_hand,"                                        \
	" reserved = s.reserved + shift.reserved,"                                                                     \
	" update_time = CASE WHEN shift.on_hand = 0 THEN s.update_time ELSE :time END"                                 \
	" FROM accepted, " SHIFTS " WHERE s.sku = shift.sku AND s.location_id = shift.location_id)" WRITE_PARTS(       \
	    "unnest(:reservation_ids::uuid[], :from_states::text[], :states::text[])")

static struct db_statement CARRY_OUT = DB_WRITE("carry_out", WRITE_BEGIN(GUARD("")) CHANGES WRITE_END);

/* An order that somebody is at work on is left alone. */
static struct db_statement EXPIRE = DB_WRITE("expire", STEP_BEGIN(GUARD(" SKIP LOCKED")) CHANGES WRITE_END);

/* By the database's clock: that of a service may be wrong. */
static struct db_statement FIND_DUE =
    DB_READ("find_due", "SELECT DISTINCT order_id, now() AS time FROM (SELECT order_id FROM reservation"
			" WHERE state = 'RESERVATION_STATE_HELD' AND expire_time <= now()"
			" ORDER BY expire_time LIMIT :limit) AS due ORDER BY order_id");

/* Several movements may come off one shelf: each row of the ledger counts those before it. */
#define ENTERED                                                                                                        \
	", entered AS (INSERT INTO stock_movement (movement_id, sku, location_id, kind, quantity, on_hand, reason,"    \
	" reference, reservation_id, actor, time)"                                                                     \
	" SELECT m.movement_id, s.sku, s.location_id, 'STOCK_MOVEMENT_KIND_SHIPMENT', m.quantity,"                     \
	" (s.on_hand + sum(m.quantity) OVER (PARTITION BY s.sku, s.location_id ORDER BY m.position))::bigint, '',"     \
	" :shipment_id, m.reservation_id, :w_actor, :time"                                                             \
	" FROM accepted, unnest(:movement_ids::uuid[], :reservation_ids::uuid[], :skus::text[], :locations::text[],"   \
	" :movements::bigint[]) WITH ORDINALITY"                                                                       \
	" AS m(movement_id, reservation_id, sku, location_id, quantity, position)"                                     \
	" JOIN stock s ON s.sku = m.sku AND s.location_id = m.location_id ORDER BY m.position)"

static struct db_statement FULFIL =
    DB_WRITE("fulfil", WRITE_BEGIN(GUARD("")) WRITE_SECOND_EVENT CHANGES ENTERED WRITE_END);

static Warehouse__ReservationState state_of(const char *name)
{
	return (Warehouse__ReservationState)pb_enum_number(&warehouse__reservation_state__descriptor, name);
}

static const char *state_name(Warehouse__ReservationState state)
{
	return pb_enum_name(&warehouse__reservation_state__descriptor, (int)state);
}

static void read_reservation(struct call *call, const struct db_rows *rows, size_t row,
			     Warehouse__Reservation *reservation)
{
	reservation->reservation_id = db_text(rows, row, "reservation_id");
	reservation->order_id = db_text(rows, row, "order_id");
	reservation->sku = db_text(rows, row, "sku");
	reservation->location_id = db_text(rows, row, "location_id");
	reservation->quantity = db_int(rows, row, "quantity");
	reservation->fulfilled_quantity = db_int(rows, row, "fulfilled_quantity");
	reservation->state = state_of(db_text(rows, row, "state"));
	if (!db_null(rows, row, "expire_time"))
		reservation->expire_time = pb_time(call->arena, db_time(rows, row, "expire_time"));
	reservation->create_time = pb_time(call->arena, db_time(rows, row, "create_time"));
	reservation->update_time = pb_time(call->arena, db_time(rows, row, "update_time"));
	reservation->etag = etag_of(call->arena, db_int(rows, row, "version"));
}

static Warehouse__Reservation **read_reservations(struct call *call, const struct db_rows *rows)
{
	Warehouse__Reservation **reservations = arena_array(call->arena, db_count(rows), sizeof(*reservations));

	for (size_t row = 0; row < db_count(rows); row++) {
		reservations[row] = pb_new(call->arena, &warehouse__reservation__descriptor);
		read_reservation(call, rows, row, reservations[row]);
	}
	return reservations;
}

struct status store_get_reservation(struct call *call, const char *reservation_id,
				    Warehouse__Reservation *ret_reservation)
{
	struct db_unit *unit = db_unit(call, &GET_RESERVATION);

	db_bind_text(unit, "reservation_id", reservation_id);
	TRY(db_run(call, unit));
	if (db_count(db_rows(unit, 0)) == 0)
		return status_not_found(call->arena, "reservation", reservation_id);
	read_reservation(call, db_rows(unit, 0), 0, ret_reservation);
	return STATUS_OK;
}

struct status store_list_reservations(struct call *call, const Warehouse__ListReservationsRequest *request,
				      const struct page *page, size_t *ret_count,
				      Warehouse__Reservation ***ret_reservations)
{
	struct db_unit *unit = db_unit(call, &LIST_RESERVATIONS);

	db_bind_text(unit, "order_id", request->order_id);
	db_bind_text(unit, "sku", request->sku);
	db_bind_text(unit, "state", request->state == 0 ? "" : state_name(request->state));
	page_bind(unit, page);
	TRY(db_run(call, unit));
	*ret_reservations = read_reservations(call, db_rows(unit, 0));
	*ret_count = db_count(db_rows(unit, 0));
	return STATUS_OK;
}

static void bind_find(struct db_unit *unit, const char *order_id, const char *const *reservation_ids, size_t n_ids)
{
	db_bind_text(unit, "order_id", order_id);
	db_bind_texts(unit, "reservation_ids", reservation_ids, n_ids);
}

static void read_booking(struct call *call, const struct db_rows *rows, struct booking *booking)
{
	const bool none = db_null(rows, 0, "reservation_id");

	booking->version = db_int(rows, 0, "booking_version");
	booking->closed = db_bool(rows, 0, "booking_closed");
	booking->order_version = db_int(rows, 0, "booking_order_version");
	booking->n_reservations = none ? 0 : db_count(rows);
	booking->reservations = none ? NULL : read_reservations(call, rows);
}

static void read_booked(struct call *call, const struct db_rows *rows, struct booking *booking)
{
	booking->n_booked = db_count(rows);
	booking->booked = arena_array(call->arena, booking->n_booked, sizeof(*booking->booked));
	for (size_t row = 0; row < booking->n_booked; row++) {
		booking->booked[row] = pb_new(call->arena, &warehouse__fulfilment_line__descriptor);
		booking->booked[row]->reservation_id = db_text(rows, row, "reservation_id");
		booking->booked[row]->quantity = db_int(rows, row, "quantity");
	}
}

struct status store_find_booking(struct call *call, const char *order_id, char *const *reservation_ids, size_t n_ids,
				 const char *shipment_id, struct booking *ret_booking)
{
	struct db_unit *unit = db_unit(call, &FIND_BOOKING);
	struct booking booking = { 0 };

	bind_find(unit, order_id, (const char *const *)reservation_ids, n_ids);
	if (shipment_id != NULL) {
		db_then(unit, &FIND_SHIPMENT);
		db_bind_text(unit, "shipment_id", shipment_id);
	}
	TRY(db_run(call, unit));
	read_booking(call, db_rows(unit, 0), &booking);
	if (shipment_id != NULL)
		read_booked(call, db_rows(unit, 1), &booking);
	*ret_booking = booking;
	return STATUS_OK;
}

struct status store_find_booking_of(struct call *call, const char *reservation_id, struct booking *ret_booking)
{
	struct db_unit *unit = db_unit(call, &FIND_BOOKING_OF);
	struct booking booking = { 0 };

	db_bind_text(unit, "reservation_id", reservation_id);
	TRY(db_run(call, unit));
	if (db_count(db_rows(unit, 0)) == 0)
		return status_not_found(call->arena, "reservation", reservation_id);
	read_booking(call, db_rows(unit, 0), &booking);
	*ret_booking = booking;
	return STATUS_OK;
}

static const char *null_if_empty(const char *text)
{
	return *text == '\0' ? NULL : text;
}

static void bind_changed(struct call *call, struct db_unit *unit, const struct plan *plan)
{
	const size_t n = plan->n_changed;
	const char **ids = arena_array(call->arena, n, sizeof(*ids));
	const char **skus = arena_array(call->arena, n, sizeof(*skus));
	const char **locations = arena_array(call->arena, n, sizeof(*locations));
	const char **states = arena_array(call->arena, n, sizeof(*states));
	const char **from_states = arena_array(call->arena, n, sizeof(*from_states));
	const char **expire_times = arena_array(call->arena, n, sizeof(*expire_times));
	int64_t *quantities = arena_array(call->arena, n, sizeof(*quantities));
	int64_t *fulfilled = arena_array(call->arena, n, sizeof(*fulfilled));

	for (size_t i = 0; i < n; i++) {
		const Warehouse__Reservation *changed = plan->changed[i];

		ids[i] = changed->reservation_id;
		skus[i] = null_if_empty(changed->sku);
		locations[i] = null_if_empty(changed->location_id);
		states[i] = state_name(changed->state);
		from_states[i] = plan->from[i] == 0 ? "" : state_name(plan->from[i]);
		quantities[i] = changed->quantity;
		fulfilled[i] = changed->fulfilled_quantity;
		if (changed->expire_time != NULL)
			expire_times[i] = clock_format(call->arena, pb_micros(changed->expire_time));
	}
	db_bind_texts(unit, "reservation_ids", ids, n);
	db_bind_texts(unit, "skus", skus, n);
	db_bind_texts(unit, "locations", locations, n);
	db_bind_texts(unit, "states", states, n);
	db_bind_texts(unit, "from_states", from_states, n);
	db_bind_texts(unit, "expire_times", expire_times, n);
	db_bind_ints(unit, "quantities", quantities, n);
	db_bind_ints(unit, "fulfilled_quantities", fulfilled, n);
}

static void bind_shifts(struct call *call, struct db_unit *unit, const struct plan *plan)
{
	const size_t n = plan->n_shifts;
	const char **skus = arena_array(call->arena, n, sizeof(*skus));
	const char **locations = arena_array(call->arena, n, sizeof(*locations));
	int64_t *on_hands = arena_array(call->arena, n, sizeof(*on_hands));
	int64_t *reserveds = arena_array(call->arena, n, sizeof(*reserveds));

	for (size_t i = 0; i < n; i++) {
		skus[i] = plan->shifts[i].sku;
		locations[i] = plan->shifts[i].location_id;
		on_hands[i] = plan->shifts[i].on_hand;
		reserveds[i] = plan->shifts[i].reserved;
	}
	db_bind_texts(unit, "shift_skus", skus, n);
	db_bind_texts(unit, "shift_locations", locations, n);
	db_bind_ints(unit, "shift_on_hands", on_hands, n);
	db_bind_ints(unit, "shift_reserveds", reserveds, n);
}

/* A unit that begins by locking the stock of these products. */
static struct db_unit *locked_unit(struct call *call, const char *const *skus, size_t count)
{
	struct db_unit *unit = db_unit(call, &LOCK_STOCK);

	db_bind_texts(unit, "skus", skus, count);
	return unit;
}

static struct db_unit *locked_unit_of(struct call *call, const struct plan *plan)
{
	const char **skus = arena_array(call->arena, plan->n_shifts, sizeof(*skus));

	for (size_t i = 0; i < plan->n_shifts; i++)
		skus[i] = plan->shifts[i].sku;
	return locked_unit(call, skus, plan->n_shifts);
}

static void bind_plan(struct call *call, struct db_unit *unit, const struct plan *plan)
{
	db_bind_bool(unit, "closes", plan->closes);
	db_bind_int(unit, "order_version", plan->order_version);
	bind_changed(call, unit, plan);
	bind_shifts(call, unit, plan);
}

static struct status run(struct call *call, struct db_unit *unit, const struct plan *plan, struct write *write)
{
	bind_plan(call, unit, plan);
	return write_run(call, unit, write);
}

/*
 * Another process inserted the same row in the same moment, such as an order's first booking. Next time it is there
 * to be seen, so this is no different from a guard that did not hold.
 */
static struct status unless_raced(struct status status)
{
	return status_is(status, &ALREADY_EXISTS) ? STATUS_OK : status;
}

static void read_shelves(struct call *call, const struct db_rows *rows, struct booking *booking)
{
	struct shelf *shelves = arena_array(call->arena, db_count(rows), sizeof(*shelves));

	for (size_t row = 0; row < db_count(rows); row++) {
		shelves[row] = (struct shelf){
			.sku = db_text(rows, row, "sku"),
			.location_id = db_text(rows, row, "location_id"),
			.on_hand = db_int(rows, row, "on_hand"),
			.reserved = db_int(rows, row, "reserved"),
			.sold = db_bool(rows, row, "sold"),
		};
	}
	booking->shelves = shelves;
	booking->n_shelves = db_count(rows);
	booking->stock_known = true;
}

struct status store_reserve(struct call *call, const struct plan *plan, struct write *write, struct booking *booking)
{
	const size_t n = plan->n_reservations, n_skus = plan->n_shifts > 0 ? n : 0;
	const char **skus = arena_array(call->arena, n, sizeof(*skus));
	const char **ids = arena_array(call->arena, n, sizeof(*ids));
	struct db_unit *unit;
	struct status status;

	for (size_t i = 0; i < n; i++) {
		skus[i] = plan->reservations[i]->sku;
		ids[i] = plan->reservations[i]->reservation_id;
	}
	unit = locked_unit(call, skus, n_skus);
	db_then(unit, &FIND_BOOKING);
	bind_find(unit, write->aggregate_id, ids, n);
	db_then(unit, &CARRY_OUT);
	status = run(call, unit, plan, write);
	if (status.reason != NULL)
		return unless_raced(status);
	booking->stock_known = false;
	if (n_skus > 0)
		read_shelves(call, db_rows(unit, 0), booking);
	read_booking(call, db_rows(unit, 1), booking);
	return STATUS_OK;
}

struct status store_carry_out(struct call *call, const struct plan *plan, struct write *write)
{
	struct db_unit *unit = locked_unit_of(call, plan);

	db_then(unit, &CARRY_OUT);
	return unless_raced(run(call, unit, plan, write));
}

struct status store_fulfil(struct call *call, const struct plan *plan, const Warehouse__StockMoved *moved,
			   struct write *write)
{
	struct db_unit *unit = locked_unit_of(call, plan);
	const char **ids = arena_array(call->arena, moved->n_movements, sizeof(*ids));
	int64_t *quantities = arena_array(call->arena, moved->n_movements, sizeof(*quantities));

	for (size_t i = 0; i < moved->n_movements; i++) {
		ids[i] = moved->movements[i]->movement_id;
		quantities[i] = moved->movements[i]->quantity;
	}
	db_then(unit, &FULFIL);
	db_bind_texts(unit, "movement_ids", ids, moved->n_movements);
	db_bind_ints(unit, "movements", quantities, moved->n_movements);
	db_bind_text(unit, "shipment_id", moved->movements[0]->reference);
	return unless_raced(run(call, unit, plan, write));
}

struct status store_find_due(struct call *call, size_t limit, size_t *ret_count, char ***ret_order_ids,
			     int64_t *ret_time)
{
	struct db_unit *unit = db_unit(call, &FIND_DUE);
	const struct db_rows *rows;
	char **order_ids;
	size_t count;

	db_bind_int(unit, "limit", (int64_t)limit);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	count = db_count(rows);
	order_ids = arena_array(call->arena, count, sizeof(*order_ids));
	for (size_t row = 0; row < count; row++)
		order_ids[row] = db_text(rows, row, "order_id");
	*ret_time = count == 0 ? 0 : db_time(rows, 0, "time");
	*ret_order_ids = order_ids;
	*ret_count = count;
	return STATUS_OK;
}

struct status store_expire(struct call *call, const struct plan *plan, struct write *write)
{
	struct db_unit *unit = locked_unit_of(call, plan);

	db_then(unit, &EXPIRE);
	bind_plan(call, unit, plan);
	return write_step(call, unit, write, STATUS_OK);
}
