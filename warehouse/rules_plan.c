/* What the rules of reservations have in common. */
#include <string.h>

#include "warehouse/rules_private.h"

static const struct transition TRANSITIONS[] = {
	{ RESERVATION(UNSPECIFIED), EVENT_RESERVE, RESERVATION(HELD) },
	{ RESERVATION(HELD), EVENT_RESERVE, RESERVATION(HELD) },
	{ RESERVATION(EXPIRED), EVENT_RESERVE, RESERVATION(HELD) },
	{ RESERVATION(HELD), EVENT_EXPIRE, RESERVATION(EXPIRED) },
	{ RESERVATION(HELD), EVENT_CHANGE, RESERVATION(HELD) },
	{ RESERVATION(CONFIRMED), EVENT_CHANGE, RESERVATION(CONFIRMED) },
	{ RESERVATION(PARTLY_FULFILLED), EVENT_CHANGE, RESERVATION(PARTLY_FULFILLED) },
	{ RESERVATION(PARTLY_FULFILLED), EVENT_CHANGE_TO_FULFILLED, RESERVATION(FULFILLED) },
	{ RESERVATION(HELD), EVENT_CONFIRM, RESERVATION(CONFIRMED) },
	{ RESERVATION(UNSPECIFIED), EVENT_SETTLE, RESERVATION(CONFIRMED) },
	{ RESERVATION(HELD), EVENT_SETTLE, RESERVATION(CONFIRMED) },
	{ RESERVATION(EXPIRED), EVENT_SETTLE, RESERVATION(CONFIRMED) },
	{ RESERVATION(CONFIRMED), EVENT_SETTLE, RESERVATION(CONFIRMED) },
	{ RESERVATION(CONFIRMED), EVENT_FULFIL_PART, RESERVATION(PARTLY_FULFILLED) },
	{ RESERVATION(CONFIRMED), EVENT_FULFIL_ALL, RESERVATION(FULFILLED) },
	{ RESERVATION(PARTLY_FULFILLED), EVENT_FULFIL_PART, RESERVATION(PARTLY_FULFILLED) },
	{ RESERVATION(PARTLY_FULFILLED), EVENT_FULFIL_ALL, RESERVATION(FULFILLED) },
	{ RESERVATION(UNSPECIFIED), EVENT_RELEASE, RESERVATION(RELEASED) }, /* a tombstone */
	{ RESERVATION(EXPIRED), EVENT_RELEASE, RESERVATION(RELEASED) },
	{ RESERVATION(HELD), EVENT_RELEASE, RESERVATION(RELEASED) },
	{ RESERVATION(CONFIRMED), EVENT_RELEASE, RESERVATION(RELEASED) },
	{ RESERVATION(PARTLY_FULFILLED), EVENT_RELEASE, RESERVATION(RELEASED) }, /* the rest */
};
#define N_TRANSITIONS (sizeof(TRANSITIONS) / sizeof(TRANSITIONS[0]))

const struct transition *transition_of(const Warehouse__Reservation *reservation, enum reservation_event event)
{
	const Warehouse__ReservationState from = reservation == NULL ? RESERVATION(UNSPECIFIED) : reservation->state;

	for (size_t i = 0; i < N_TRANSITIONS; i++) {
		if (TRANSITIONS[i].from == from && TRANSITIONS[i].event == event)
			return &TRANSITIONS[i];
	}
	return NULL;
}

bool is_closed(const Warehouse__Reservation *reservation)
{
	for (size_t i = 0; i < N_TRANSITIONS; i++) {
		if (TRANSITIONS[i].from == reservation->state)
			return false;
	}
	return true;
}

/* Only what is kept can be more or less. */
bool is_kept(const Warehouse__Reservation *reservation)
{
	return transition_of(reservation, EVENT_CHANGE) != NULL;
}

bool keeps_quantity(const Warehouse__Reservation *reservation)
{
	return is_kept(reservation) || reservation->state == RESERVATION(FULFILLED);
}

bool same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

Warehouse__Reservation *booking_find(const struct booking *booking, const char *reservation_id)
{
	for (size_t i = 0; i < booking->n_reservations; i++) {
		if (same_text(booking->reservations[i]->reservation_id, reservation_id))
			return booking->reservations[i];
	}
	return NULL;
}

const struct fault *first_fault(const struct fault *faults, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (faults[i].reason != NULL)
			return &faults[i];
	}
	return NULL;
}

struct status refuse(struct arena *arena, const char *list, const struct fault *faults, size_t count)
{
	const struct fault *first = first_fault(faults, count);
	struct status status;

	if (first == NULL)
		return STATUS_OK;
	status = status_of(first->reason);
	for (size_t i = 0; i < count; i++) {
		if (faults[i].reason == first->reason)
			status =
			    status_violation(arena, status, arena_printf(arena, "%s[%zu]%s", list, i, faults[i].field),
					     faults[i].description);
	}
	return status;
}

struct status check_once(struct arena *arena, const char *field, const char *const *texts, size_t count)
{
	struct status status = STATUS_OK;

	for (size_t i = 1; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!same_text(texts[i], texts[j]))
				continue;
			status = status_violation(arena, status, arena_printf(arena, "lines[%zu].%s", i, field),
						  arena_printf(arena, "is also in lines[%zu]", j));
			break;
		}
	}
	return status;
}

struct plan plan_new(struct arena *arena, size_t count)
{
	struct plan plan = { 0 };

	plan.reservations = arena_array(arena, count, sizeof(*plan.reservations));
	plan.changed = arena_array(arena, count, sizeof(*plan.changed));
	plan.from = arena_array(arena, count, sizeof(*plan.from));
	plan.leaving = arena_array(arena, count, sizeof(*plan.leaving));
	plan.shifts =
	    arena_array(arena, 2 * count, sizeof(*plan.shifts)); /* a line may move from one shelf to another */
	return plan;
}

void plan_answer(struct plan *plan, Warehouse__Reservation *reservation)
{
	plan->reservations[plan->n_reservations++] = reservation;
}

Warehouse__Reservation *plan_change(struct arena *arena, struct plan *plan, const Warehouse__Reservation *before,
				    const struct transition *transition)
{
	Warehouse__Reservation *after = arena_alloc(arena, sizeof(*after));

	if (before == NULL)
		warehouse__reservation__init(after);
	else
		*after = *before;
	after->state = transition->to;
	if (after->state != RESERVATION(HELD))
		after->expire_time = NULL;
	plan->from[plan->n_changed] = transition->from;
	plan->changed[plan->n_changed++] = after;
	return after;
}

bool plan_is_empty(const struct plan *plan, const struct booking *booking)
{
	return plan->n_changed == 0 && (booking->closed || !plan->closes) &&
	       plan->order_version <= booking->order_version;
}

static struct shift *shift_of(struct plan *plan, const char *sku, const char *location_id)
{
	for (size_t i = 0; i < plan->n_shifts; i++) {
		if (same_text(plan->shifts[i].sku, sku) && same_text(plan->shifts[i].location_id, location_id))
			return &plan->shifts[i];
	}
	plan->shifts[plan->n_shifts] = (struct shift){ .sku = sku, .location_id = location_id };
	return &plan->shifts[plan->n_shifts++];
}

void plan_shift(struct plan *plan, const char *sku, const char *location_id, int64_t on_hand, int64_t reserved)
{
	struct shift *shift;

	if (on_hand == 0 && reserved == 0)
		return;
	shift = shift_of(plan, sku, location_id);
	shift->on_hand += on_hand;
	shift->reserved += reserved;
}
