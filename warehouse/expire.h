/*
 * expire: takes back what was held for orders that nobody placed in time.
 *
 * Invariants
 * - Only what is still held, and past its time by the database's clock, expires; what is renewed or confirmed meanwhile
 *   is not touched.
 * - Any number of processes may do this at once; none waits for an order that somebody else is at work on.
 *
 * Usage: the service runs warehouse_steps.
 */
#ifndef QUAYSIDE_WAREHOUSE_EXPIRE_H
#define QUAYSIDE_WAREHOUSE_EXPIRE_H

#include "runtime/service.h"

extern const struct service_step warehouse_steps[];

/* One round: the holds that ran out first, up to a bound; the next round takes those behind them. */
struct status expire_holds(struct call *call) MUST_USE;

#endif
