/*
 * record: what a change of an order's reservations leaves behind: their times and etags, their history, an event, the
 * answer.
 *
 * Invariants
 * - Every change of a booking is told by one ReservationsChanged event, which carries what changed, as it is after it.
 * - A hold is made longer, never shorter.
 *
 * Usage
 *     struct write write = record_of(call, &plan, &(const struct change){ .order_id = id, .booking = &booking, ... });
 *     TRY(store_carry_out(call, &plan, &write));
 */
#ifndef QUAYSIDE_WAREHOUSE_RECORD_H
#define QUAYSIDE_WAREHOUSE_RECORD_H

#include "runtime/write.h"
#include "warehouse/rules.h"

struct change {
	char *order_id;
	const struct booking *booking; /* before it */
	int64_t expire_time;           /* of what is held now, in microseconds since 1970; 0: as it was */
	const char *action;            /* NULL: the method's name */
	const char *reason;            /* may be NULL */
	const ProtobufCMessage *reply; /* may be NULL */
};

/*
 * The write that records a plan. Puts into the plan's reservations what it left open, so an answer that holds them is
 * complete only after it.
 */
struct write record_of(struct call *call, const struct plan *plan, const struct change *change);

#endif
