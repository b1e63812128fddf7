/*
 * outbox: the producer's side of events (events.h): numbers committed events and hands them out.
 *
 * Invariants
 * - One per process. Numbering is serialised by a row lock in the database, so several processes of one service may run it.
 * - A fetch that finds nothing waits without holding a connection.
 *
 * Usage: outbox_start() once the loop and the database are there; outbox_stop(), then outbox_free() when outbox_idle().
 */
#ifndef QUAYSIDE_RUNTIME_OUTBOX_H
#define QUAYSIDE_RUNTIME_OUTBOX_H

#include "runtime/events.h"

void outbox_start(struct loop *loop, struct db *db, const char *self);
void outbox_stop(void);
bool outbox_idle(void);
bool outbox_stopping(void);
void outbox_free(void);

/* Another process of the service says that it has numbered events up to here. */
void outbox_rung(int64_t position);

/* Events after a position, at most `limit` (0: a default); waits up to `wait` microseconds for the first one. */
struct status outbox_fetch(struct call *call, int64_t after, int64_t limit, int64_t wait,
			   Events__FetchEventsResponse *reply) MUST_USE;

#endif
