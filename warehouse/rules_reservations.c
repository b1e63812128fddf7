/* What becomes of goods that are held: confirmed, released, fulfilled. */
#include "warehouse/rules_private.h"

const struct reason RESERVATION_TAKEN = { CODE_FAILED_PRECONDITION, "RESERVATION_TAKEN",
					  "The reservation belongs to another order or another product." };
const struct reason RESERVATION_NOT_HELD = { CODE_FAILED_PRECONDITION, "RESERVATION_NOT_HELD",
					     "The goods are not held as asked." };
const struct reason RESERVATION_SUPERSEDED = { CODE_FAILED_PRECONDITION, "RESERVATION_SUPERSEDED",
					       "A later version of the order has been confirmed." };
const struct reason RESERVATION_NOT_CONFIRMED = { CODE_FAILED_PRECONDITION, "RESERVATION_NOT_CONFIRMED",
						  "The reservation is not confirmed." };
const struct reason RESERVATION_EXCEEDED = { CODE_FAILED_PRECONDITION, "RESERVATION_EXCEEDED",
					     "More would leave than is reserved." };
const struct reason SHIPMENT_BOOKED = { CODE_FAILED_PRECONDITION, "SHIPMENT_BOOKED",
					"The shipment has been booked with other lines." };

static bool is_of(const Warehouse__Reservation *reservation, const char *order_id)
{
	return reservation != NULL && same_text(reservation->order_id, order_id);
}

static int64_t left_of(const Warehouse__Reservation *reservation)
{
	return reservation->quantity - reservation->fulfilled_quantity;
}

/* Confirm */

static struct fault fault_of_hold(struct arena *arena, const Warehouse__Reservation *held, const char *order_id,
				  const Warehouse__ReservationLine *asked)
{
	if (!is_of(held, order_id) || !keeps_quantity(held))
		return (struct fault){ &RESERVATION_NOT_HELD, ".reservation_id", "is not held", 0 };
	if (!same_text(held->sku, asked->sku))
		return (struct fault){ &RESERVATION_NOT_HELD, ".sku", arena_printf(arena, "%s is held", held->sku), 0 };
	if (held->quantity != asked->quantity)
		return (struct fault){ &RESERVATION_NOT_HELD, ".quantity",
				       arena_printf(arena, "%lld are held", (long long)held->quantity), 0 };
	return FAULTLESS;
}

static void confirm(struct arena *arena, struct plan *plan, Warehouse__Reservation *reservation)
{
	const struct transition *transition = transition_of(reservation, EVENT_CONFIRM);

	plan_answer(plan, transition == NULL ? reservation : plan_change(arena, plan, reservation, transition));
}

static struct status confirm_all(struct arena *arena, const struct booking *booking, const char *order_id,
				 struct plan *ret_plan)
{
	struct plan plan = plan_new(arena, booking->n_reservations);

	for (size_t i = 0; i < booking->n_reservations; i++) {
		if (is_of(booking->reservations[i], order_id) && keeps_quantity(booking->reservations[i]))
			confirm(arena, &plan, booking->reservations[i]);
	}
	if (plan.n_reservations == 0)
		return status_of(&RESERVATION_NOT_HELD);
	*ret_plan = plan;
	return STATUS_OK;
}

static struct status check_confirm(struct arena *arena, const struct booking *booking,
				   const Warehouse__ConfirmReservationsRequest *request)
{
	struct fault *faults = arena_array(arena, request->n_lines, sizeof(*faults));
	const char **ids = arena_array(arena, request->n_lines, sizeof(*ids));

	for (size_t i = 0; i < request->n_lines; i++) {
		const Warehouse__ReservationLine *line = request->lines[i];

		ids[i] = line->reservation_id;
		faults[i] = fault_of_hold(arena, booking_find(booking, ids[i]), request->order_id, line);
	}
	TRY(check_once(arena, "reservation_id", ids, request->n_lines));
	return refuse(arena, "lines", faults, request->n_lines);
}

struct status booking_confirm(struct arena *arena, const struct booking *booking,
			      const Warehouse__ConfirmReservationsRequest *request, struct plan *ret_plan)
{
	struct plan plan = plan_new(arena, request->n_lines);

	if (booking->closed)
		return status_of(&RESERVATION_CLOSED);
	if (request->n_lines == 0)
		return confirm_all(arena, booking, request->order_id, ret_plan);
	if (request->order_version > booking->order_version)
		return booking_settle(arena, booking, request, ret_plan);
	if (request->order_version != 0 && request->order_version < booking->order_version)
		return status_of(&RESERVATION_SUPERSEDED);
	TRY(check_confirm(arena, booking, request));
	for (size_t i = 0; i < request->n_lines; i++)
		confirm(arena, &plan, booking_find(booking, request->lines[i]->reservation_id));
	*ret_plan = plan;
	return STATUS_OK;
}

/* Release */

static Warehouse__Reservation *released(struct arena *arena, struct plan *plan, Warehouse__Reservation *reservation)
{
	const struct transition *transition = transition_of(reservation, EVENT_RELEASE);

	if (transition == NULL)
		return reservation;
	if (reservation != NULL && is_kept(reservation))
		plan_shift(plan, reservation->sku, reservation->location_id, 0, -left_of(reservation));
	return plan_change(arena, plan, reservation, transition);
}

static void release(struct arena *arena, struct plan *plan, Warehouse__Reservation *reservation)
{
	Warehouse__Reservation *after = released(arena, plan, reservation);

	if (after->state == RESERVATION(RELEASED))
		plan_answer(plan, after);
}

/* Remembers an id that is not known: whoever reserves under it later comes too late. */
static void bury(struct arena *arena, struct plan *plan, char *order_id, char *reservation_id)
{
	Warehouse__Reservation *after = released(arena, plan, NULL);

	after->reservation_id = reservation_id;
	after->order_id = order_id;
	plan_answer(plan, after);
}

static bool is_repeated(char *const *texts, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (same_text(texts[i], texts[j]))
			return true;
	}
	return false;
}

static struct status check_release(struct arena *arena, const struct booking *booking,
				   const Warehouse__ReleaseReservationsRequest *request)
{
	struct fault *faults = arena_array(arena, request->n_reservation_ids, sizeof(*faults));

	for (size_t i = 0; i < request->n_reservation_ids; i++) {
		const Warehouse__Reservation *known = booking_find(booking, request->reservation_ids[i]);

		if (known != NULL && !is_of(known, request->order_id))
			faults[i] = (struct fault){ &RESERVATION_TAKEN, "", "belongs to another order", 0 };
	}
	return refuse(arena, "reservation_ids", faults, request->n_reservation_ids);
}

struct status booking_release(struct arena *arena, const struct booking *booking,
			      const Warehouse__ReleaseReservationsRequest *request, struct plan *ret_plan)
{
	const bool all = request->n_reservation_ids == 0;
	struct plan plan = plan_new(arena, all ? booking->n_reservations : request->n_reservation_ids);

	TRY(check_release(arena, booking, request));
	for (size_t i = 0; all && i < booking->n_reservations; i++) {
		if (is_of(booking->reservations[i], request->order_id))
			release(arena, &plan, booking->reservations[i]);
	}
	for (size_t i = 0; i < request->n_reservation_ids; i++) {
		char *id = request->reservation_ids[i];
		Warehouse__Reservation *known = booking_find(booking, id);

		if (is_repeated(request->reservation_ids, i))
			continue;
		if (known != NULL)
			release(arena, &plan, known);
		else
			bury(arena, &plan, request->order_id, id);
	}
	plan.closes = all;
	*ret_plan = plan;
	return STATUS_OK;
}

/* Expire */

static int64_t micros_of(const Google__Protobuf__Timestamp *time)
{
	return time->seconds * 1000000 + time->nanos / 1000;
}

struct plan booking_expire(struct arena *arena, const struct booking *booking, int64_t time)
{
	struct plan plan = plan_new(arena, booking->n_reservations);

	for (size_t i = 0; i < booking->n_reservations; i++) {
		const Warehouse__Reservation *held = booking->reservations[i];
		const struct transition *transition = transition_of(held, EVENT_EXPIRE);

		if (transition == NULL || micros_of(held->expire_time) > time)
			continue;
		plan_shift(&plan, held->sku, held->location_id, 0, -held->quantity);
		plan_answer(&plan, plan_change(arena, &plan, held, transition));
	}
	return plan;
}

/* Fulfil */

static struct fault fault_of_departure(struct arena *arena, const Warehouse__Reservation *reservation,
				       const char *order_id, const Warehouse__FulfilmentLine *line)
{
	if (!is_of(reservation, order_id))
		return (struct fault){ &RESERVATION_NOT_CONFIRMED, ".reservation_id",
				       "is not a reservation of this order", 0 };
	if (transition_of(reservation, EVENT_FULFIL_ALL) == NULL)
		return (struct fault){ &RESERVATION_NOT_CONFIRMED, ".reservation_id", "is not confirmed", 0 };
	if (line->quantity > left_of(reservation))
		return (struct fault){ &RESERVATION_EXCEEDED, ".quantity",
				       arena_printf(arena, "only %lld are left", (long long)left_of(reservation)), 0 };
	return FAULTLESS;
}

static struct status check_fulfil(struct arena *arena, const struct booking *booking,
				  const Warehouse__FulfilReservationsRequest *request)
{
	struct fault *faults = arena_array(arena, request->n_lines, sizeof(*faults));

	for (size_t i = 0; i < request->n_lines; i++) {
		const Warehouse__FulfilmentLine *line = request->lines[i];

		faults[i] =
		    fault_of_departure(arena, booking_find(booking, line->reservation_id), request->order_id, line);
	}
	return refuse(arena, "lines", faults, request->n_lines);
}

static bool is_booked(const struct booking *booking, const Warehouse__FulfilmentLine *line)
{
	for (size_t i = 0; i < booking->n_booked; i++) {
		if (same_text(booking->booked[i]->reservation_id, line->reservation_id))
			return booking->booked[i]->quantity == line->quantity &&
			       booking_find(booking, line->reservation_id) != NULL;
	}
	return false;
}

/* The shipment has been booked: with these lines? Then all is said. */
static struct status fulfil_again(const struct booking *booking, const Warehouse__FulfilReservationsRequest *request,
				  struct plan *plan)
{
	bool same_lines = booking->n_booked == request->n_lines;

	for (size_t i = 0; i < request->n_lines; i++)
		same_lines = same_lines && is_booked(booking, request->lines[i]);
	if (!same_lines)
		return status_of(&SHIPMENT_BOOKED);
	for (size_t i = 0; i < request->n_lines; i++)
		plan_answer(plan, booking_find(booking, request->lines[i]->reservation_id));
	return STATUS_OK;
}

static void depart(struct arena *arena, struct plan *plan, const Warehouse__Reservation *before, int64_t quantity)
{
	const enum reservation_event event = quantity == left_of(before) ? EVENT_FULFIL_ALL : EVENT_FULFIL_PART;
	Warehouse__Reservation *after = plan_change(arena, plan, before, transition_of(before, event));

	after->fulfilled_quantity += quantity;
	plan->leaving[plan->n_changed - 1] = quantity;
	plan_shift(plan, after->sku, after->location_id, -quantity, -quantity);
	plan_answer(plan, after);
}

struct status booking_fulfil(struct arena *arena, const struct booking *booking,
			     const Warehouse__FulfilReservationsRequest *request, struct plan *ret_plan)
{
	struct plan plan = plan_new(arena, request->n_lines);
	const char **ids = arena_array(arena, request->n_lines, sizeof(*ids));

	for (size_t i = 0; i < request->n_lines; i++)
		ids[i] = request->lines[i]->reservation_id;
	TRY(check_once(arena, "reservation_id", ids, request->n_lines));
	if (booking->n_booked > 0) {
		TRY(fulfil_again(booking, request, &plan));
		*ret_plan = plan;
		return STATUS_OK;
	}
	TRY(check_fulfil(arena, booking, request));
	for (size_t i = 0; i < request->n_lines; i++)
		depart(arena, &plan, booking_find(booking, ids[i]), request->lines[i]->quantity);
	*ret_plan = plan;
	return STATUS_OK;
}
