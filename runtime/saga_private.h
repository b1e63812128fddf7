/*
 * saga_private: what the files of the engine share: its tables (saga_store.c), driving (saga.c), workers (saga_workers.c).
 *
 * Invariants
 * - Every record names the epoch under which it is made; with an old one it changes nothing.
 *
 * Usage
 *     TRY(saga_store_claim_due(call, kinds, n, &saga));
 *     if (saga != NULL) status = saga_run(call, saga);
 */
#ifndef QUAYSIDE_RUNTIME_SAGA_PRIVATE_H
#define QUAYSIDE_RUNTIME_SAGA_PRIVATE_H

#include "base/clock.h"
#include "runtime/saga.h"

#define SAGA_LEASE (15 * CLOCK_SECOND)

/* The names of enum saga_state in the database. */
extern const char *const SAGA_STATE_NAMES[];

/* How long a saga of the kind may take, in microseconds; 0: for ever. */
int64_t saga_time(const struct saga_kind *kind);

/* Binds SAGA_START's parameters (write.c calls it for write->saga). */
void saga_bind_start(struct call *call, struct db_unit *unit, const struct saga *saga);

/* After the statement was applied: lets the workers know if it is for them. */
void saga_started(const struct saga *saga);

/* Binds the parameters of SAGA_END_BEGIN that belong to the saga. */
void saga_bind_end(struct call *call, struct db_unit *unit, const struct saga *saga);

/*
 * Records where the saga stands. delay: when it is tried next; negative: now, by us, under a new lease. False in ret_held: the lease was lost.
 */
struct status saga_store_record(struct call *call, struct saga *saga, int64_t delay, const char *error,
				bool *ret_held) MUST_USE;

/* Takes a saga that is due and that nobody holds; NULL when there is none. */
struct status saga_store_claim_due(struct call *call, const struct saga_kind *const *kinds,
				   struct saga **ret_saga) MUST_USE;

/* The one of a kind about a thing that is not done: is there one, is it parked, does nobody hold it? And takes it; NULL when it cannot be had. */
struct saga_found {
	bool found, parked, unheld;
};
struct status saga_store_find(struct call *call, const struct saga_kind *kind, const char *subject_id,
			      struct saga_found *ret_found) MUST_USE;
struct status saga_store_claim(struct call *call, const struct saga_kind *kind, const char *subject_id,
			       struct saga **ret_saga) MUST_USE;

#endif
