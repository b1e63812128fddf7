/*
 * rules_private: what the rules of reservations share: the transition table, refusals that name lines, and plans in
 * the making.
 *
 * Invariants: as in rules.h; only warehouse/rules_*.c include it.
 *
 * Usage
 *     faults[i] = (struct fault){ &RESERVATION_CLOSED, ".reservation_id", "was released", 0 };
 *     TRY(refuse(arena, "lines", faults, n));
 *     after = plan_change(arena, &plan, before, transition_of(before, EVENT_RELEASE));
 *     plan_shift(&plan, after->sku, after->location_id, 0, -before->quantity);
 */
#ifndef QUAYSIDE_WAREHOUSE_RULES_PRIVATE_H
#define QUAYSIDE_WAREHOUSE_RULES_PRIVATE_H

#include "warehouse/rules.h"

#define RESERVATION(state_) WAREHOUSE__RESERVATION_STATE__RESERVATION_STATE_##state_

enum reservation_event {
	EVENT_RESERVE,
	EVENT_CHANGE,
	EVENT_CHANGE_TO_FULFILLED, /* to just what has left */
	EVENT_CONFIRM,
	EVENT_SETTLE, /* confirmed with this quantity, whatever was held */
	EVENT_RELEASE,
	EVENT_EXPIRE,
	EVENT_FULFIL_PART,
	EVENT_FULFIL_ALL,
};

struct transition {
	Warehouse__ReservationState from; /* UNSPECIFIED: not known yet */
	enum reservation_event event;
	Warehouse__ReservationState to;
};

/* Where an event takes a reservation (NULL: one that is not known), or NULL when it does not go anywhere by it. */
const struct transition *transition_of(const Warehouse__Reservation *reservation, enum reservation_event event);

/* Can nothing change it any more? */
bool is_closed(const Warehouse__Reservation *reservation);

/* Are goods kept back for it: is it held, confirmed or partly fulfilled? */
bool is_kept(const Warehouse__Reservation *reservation);

/* Is its quantity what is kept back or has left? */
bool keeps_quantity(const Warehouse__Reservation *reservation);

bool same_text(const char *a, const char *b);

/* As booking_reserve(), but for good: what a later version of the order than the one confirmed last is confirmed with. */
struct status booking_settle(struct arena *arena, const struct booking *booking,
			     const Warehouse__ConfirmReservationsRequest *request, struct plan *ret_plan) MUST_USE;

/* The reservation with this id, of whatever order, or NULL. */
Warehouse__Reservation *booking_find(const struct booking *booking, const char *reservation_id);

/* What is wrong with one line of a request. */
struct fault {
	const struct reason *reason; /* NULL: nothing */
	const char *field;           /* of the line: ".sku"; "" for the line itself */
	const char *description;
	int64_t available; /* for OUT_OF_STOCK */
};
#define FAULTLESS ((struct fault){ NULL, NULL, NULL, 0 })

/* The first line with a fault, or NULL. */
const struct fault *first_fault(const struct fault *faults, size_t count);

/* Fails for the first faulty line's reason, and names all lines that are refused for the same one. list: "lines". */
struct status refuse(struct arena *arena, const char *list, const struct fault *faults, size_t count) MUST_USE;

/* Adds to a refusal for OUT_OF_STOCK how much of what was wanted, and how much there is. */
struct status out_of_stock(struct arena *arena, struct status status, const char *sku, int64_t requested,
			   int64_t available) MUST_USE;

/* Fails with INVALID_REQUEST when the same text stands in this field of two lines. */
struct status check_once(struct arena *arena, const char *field, const char *const *texts, size_t count) MUST_USE;

/* A plan with room for so many lines. */
struct plan plan_new(struct arena *arena, size_t count);

/* The answer's next reservation. */
void plan_answer(struct plan *plan, Warehouse__Reservation *reservation);

/*
 * The reservation as it will be, for the caller to change further; before is NULL for a new one. A hold that stays one
 * keeps its end.
 */
Warehouse__Reservation *plan_change(struct arena *arena, struct plan *plan, const Warehouse__Reservation *before,
				    const struct transition *transition);

/* A shelf changes by so much. */
void plan_shift(struct plan *plan, const char *sku, const char *location_id, int64_t on_hand, int64_t reserved);

#endif
