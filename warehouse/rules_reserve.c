/* Holding goods, for a time or for good: which line may, and where. */
#include "warehouse/rules_private.h"

const struct reason OUT_OF_STOCK = { CODE_FAILED_PRECONDITION, "OUT_OF_STOCK", "There is not enough in stock." };
const struct reason RESERVATION_CONFIRMED = { CODE_FAILED_PRECONDITION, "RESERVATION_CONFIRMED",
					      "The reservation is confirmed with another quantity." };
const struct reason RESERVATION_CLOSED = { CODE_FAILED_PRECONDITION, "RESERVATION_CLOSED",
					   "The reservation has ended and cannot be used again." };

#define SECOND INT64_C(1000000) /* in microseconds */

struct status reservation_hold(struct arena *arena, const Google__Protobuf__Duration *hold, int64_t *ret_hold)
{
	int64_t micros = HOLD_DEFAULT;

	if (hold != NULL &&
	    (hold->seconds < 0 || hold->seconds > HOLD_MAX / SECOND || hold->nanos < 0 || hold->nanos / 1000 >= SECOND))
		micros = 0;
	else if (hold != NULL)
		micros = hold->seconds * SECOND + hold->nanos / 1000;
	if (micros <= 0 || micros > HOLD_MAX)
		return status_field(arena, &INVALID_REQUEST, "hold", "must be longer than nothing and at most 7 days");
	*ret_hold = micros;
	return STATUS_OK;
}

/* What is asked for: to hold lines, or to settle them. */
struct demand {
	enum reservation_event event;
	char *order_id;
	size_t n_lines;
	Warehouse__ReservationLine **lines;
};

/* A line of it, beside what is known of that. */
struct reserve_line {
	Warehouse__ReservationLine *asked;
	Warehouse__Reservation *existing;   /* or NULL */
	const Warehouse__Reservation *held; /* the same, if its goods are held: they are the line's own; or NULL */
	const char *location_id;            /* where the goods will be held; NULL: the line changes nothing */
};

/* Are its goods kept for good? */
static bool is_settled(const Warehouse__Reservation *existing)
{
	return is_kept(existing) && transition_of(existing, EVENT_RESERVE) == NULL;
}

/* Is there nothing to be changed: is it settled with this quantity? */
static bool stays(const struct reserve_line *line)
{
	return line->existing != NULL && is_settled(line->existing) &&
	       line->existing->quantity == line->asked->quantity;
}

static struct fault fault_of_existing(struct arena *arena, const struct demand *demand, const struct reserve_line *line)
{
	const Warehouse__Reservation *existing = line->existing;

	if (existing == NULL)
		return FAULTLESS;
	if (!same_text(existing->order_id, demand->order_id))
		return (struct fault){ &RESERVATION_TAKEN, ".reservation_id", "belongs to another order", 0 };
	if (is_closed(existing))
		return (struct fault){ &RESERVATION_CLOSED, ".reservation_id", "has been released or fulfilled", 0 };
	if (!same_text(existing->sku, line->asked->sku))
		return (struct fault){ &RESERVATION_TAKEN, ".sku", "is not the product that is reserved", 0 };
	if (!stays(line) && transition_of(existing, demand->event) == NULL)
		return (struct fault){ &RESERVATION_CONFIRMED, ".quantity",
				       arena_printf(arena, "%lld are confirmed", (long long)existing->quantity), 0 };
	return FAULTLESS;
}

/* Packages that a line holds on a shelf already. */
static int64_t held_on(const struct shelf *shelf, const struct reserve_line *line)
{
	if (line->held == NULL || !same_text(line->held->location_id, shelf->location_id))
		return 0;
	return line->held->quantity;
}

/* Packages of the shelf that a line could have: what is free, and what it holds there itself. */
static int64_t room_on(const struct shelf *shelf, const struct reserve_line *line)
{
	return shelf->on_hand - shelf->reserved + held_on(shelf, line);
}

/* Where the goods are now is best, then MAIN, then the others by their ids. */
static int rank_of(const struct shelf *shelf, const struct reserve_line *line)
{
	if (held_on(shelf, line) > 0)
		return 0;
	return same_text(shelf->location_id, MAIN_LOCATION) ? 1 : 2;
}

/* The best shelf that has enough, or NULL; and the most that one shelf has. */
static const struct shelf *choose_shelf(const struct booking *booking, const struct reserve_line *line,
					int64_t *ret_available)
{
	const struct shelf *best = NULL;

	*ret_available = 0;
	for (size_t i = 0; i < booking->n_shelves; i++) {
		const struct shelf *shelf = &booking->shelves[i];
		const int64_t room = room_on(shelf, line);

		if (!same_text(shelf->sku, line->asked->sku))
			continue;
		if (room > *ret_available)
			*ret_available = room;
		if (room >= line->asked->quantity && (best == NULL || rank_of(shelf, line) < rank_of(best, line)))
			best = shelf;
	}
	return best;
}

static const struct shelf *any_shelf(const struct booking *booking, const char *sku)
{
	for (size_t i = 0; i < booking->n_shelves; i++) {
		if (same_text(booking->shelves[i].sku, sku))
			return &booking->shelves[i];
	}
	return NULL;
}

/*
 * Finds the line's location, or what is wrong. What a line holds already it may keep, also of a product that is no
 * longer sold.
 */
static struct fault find_location(struct arena *arena, const struct booking *booking, struct reserve_line *line)
{
	const int64_t held = line->held != NULL ? line->held->quantity : 0, asked = line->asked->quantity;
	const struct shelf *any = any_shelf(booking, line->asked->sku), *best;
	int64_t available;

	if (!booking->stock_known) {
		line->location_id = line->existing != NULL ? line->existing->location_id : MAIN_LOCATION;
		return FAULTLESS;
	}
	if (any == NULL)
		return (struct fault){ &PRODUCT_UNKNOWN, ".sku", "is not a product", 0 };
	if (!any->sold && asked > held)
		return (struct fault){ &PRODUCT_ARCHIVED, ".sku", "is no longer sold", 0 };
	best = choose_shelf(booking, line, &available);
	if (best == NULL) {
		const char *text =
		    arena_printf(arena, "only %lld of %lld available", (long long)available, (long long)asked);

		return (struct fault){ &OUT_OF_STOCK, ".quantity", text, available };
	}
	line->location_id = best->location_id;
	return FAULTLESS;
}

static struct fault look_at(struct arena *arena, const struct booking *booking, const struct demand *demand,
			    struct reserve_line *line)
{
	struct fault fault;

	line->existing = booking_find(booking, line->asked->reservation_id);
	if (booking->closed)
		return (struct fault){ &RESERVATION_CLOSED, "", "is of an order that was released", 0 };
	fault = fault_of_existing(arena, demand, line);
	if (fault.reason != NULL || stays(line))
		return fault;
	line->held = line->existing != NULL && is_kept(line->existing) ? line->existing : NULL;
	return find_location(arena, booking, line);
}

struct status out_of_stock(struct arena *arena, struct status status, const char *sku, int64_t requested,
			   int64_t available)
{
	status.detail->message =
	    arena_printf(arena, "Only %lld of %lld %s are available.", (long long)available, (long long)requested, sku);
	status = status_metadata(arena, status, "sku", sku);
	status = status_metadata(arena, status, "requested", arena_printf(arena, "%lld", (long long)requested));
	return status_metadata(arena, status, "available", arena_printf(arena, "%lld", (long long)available));
}

static struct status refuse_reserve(struct arena *arena, const struct reserve_line *lines, const struct fault *faults,
				    size_t count)
{
	struct status status = refuse(arena, "lines", faults, count);
	const struct fault *first = first_fault(faults, count);
	const Warehouse__ReservationLine *asked;

	if (first == NULL || first->reason != &OUT_OF_STOCK)
		return status;
	asked = lines[first - faults].asked;
	return out_of_stock(arena, status, asked->sku, asked->quantity, first->available);
}

static void hold(struct arena *arena, struct plan *plan, const struct demand *demand, const struct reserve_line *line)
{
	const Warehouse__Reservation *before = line->existing, *held = line->held;
	Warehouse__Reservation *after = plan_change(arena, plan, before, transition_of(before, demand->event));
	const bool in_place = held != NULL && same_text(held->location_id, line->location_id);

	after->reservation_id = line->asked->reservation_id;
	after->order_id = demand->order_id;
	after->sku = line->asked->sku;
	after->location_id =
	    (char *)(uintptr_t)line->location_id; /* protobuf-c has no const strings; nothing writes to it */
	after->quantity = line->asked->quantity;
	plan_answer(plan, after);
	if (held != NULL && !in_place)
		plan_shift(plan, held->sku, held->location_id, 0, -held->quantity);
	plan_shift(plan, after->sku, after->location_id, 0, after->quantity - (in_place ? held->quantity : 0));
}

static struct status check_lines(struct arena *arena, const struct demand *demand)
{
	const char **ids = arena_array(arena, demand->n_lines, sizeof(*ids));
	const char **skus = arena_array(arena, demand->n_lines, sizeof(*skus));

	for (size_t i = 0; i < demand->n_lines; i++) {
		ids[i] = demand->lines[i]->reservation_id;
		skus[i] = demand->lines[i]->sku;
	}
	TRY(check_once(arena, "reservation_id", ids, demand->n_lines));
	return check_once(arena, "sku", skus, demand->n_lines);
}

static struct status meet(struct arena *arena, const struct booking *booking, const struct demand *demand,
			  struct plan *ret_plan)
{
	struct reserve_line *lines = arena_array(arena, demand->n_lines, sizeof(*lines));
	struct fault *faults = arena_array(arena, demand->n_lines, sizeof(*faults));
	struct plan plan = plan_new(arena, demand->n_lines);

	TRY(check_lines(arena, demand));
	for (size_t i = 0; i < demand->n_lines; i++) {
		lines[i].asked = demand->lines[i];
		faults[i] = look_at(arena, booking, demand, &lines[i]);
	}
	TRY(refuse_reserve(arena, lines, faults, demand->n_lines));
	for (size_t i = 0; i < demand->n_lines; i++) {
		if (lines[i].location_id != NULL)
			hold(arena, &plan, demand, &lines[i]);
		else
			plan_answer(&plan, lines[i].existing);
	}
	*ret_plan = plan;
	return STATUS_OK;
}

struct status booking_reserve(struct arena *arena, const struct booking *booking,
			      const Warehouse__ReserveStockRequest *request, struct plan *ret_plan)
{
	const struct demand demand = { EVENT_RESERVE, request->order_id, request->n_lines, request->lines };

	return meet(arena, booking, &demand, ret_plan);
}

struct status booking_settle(struct arena *arena, const struct booking *booking,
			     const Warehouse__ConfirmReservationsRequest *request, struct plan *ret_plan)
{
	const struct demand demand = { EVENT_SETTLE, request->order_id, request->n_lines, request->lines };

	TRY(meet(arena, booking, &demand, ret_plan));
	ret_plan->order_version = request->order_version;
	return STATUS_OK;
}
