/*
 * saga_steps: a saga as a table, and what runs it. Shared by sagas.c and fulfil.c only.
 *
 * Invariants
 * - A step is a name and a function that calls one peer; calling it again is harmless. Steps run in order; the first that is not done ends the run.
 *
 * Usage
 *     static const struct saga FULFIL = { "fulfil", (const struct saga_step[]){ { "book_out", book_out, true }, { .name = NULL } } };
 *     status = saga_run(call, &FULFIL, &work, &outcome);
 */
#ifndef QUAYSIDE_ORDERING_SAGA_STEPS_H
#define QUAYSIDE_ORDERING_SAGA_STEPS_H

#include <stdbool.h>

#include "runtime/call.h"

enum saga_outcome {
	SAGA_DONE,
	SAGA_REFUSED, /* business says no; nothing has happened */
	SAGA_UNKNOWN, /* it may have happened: the same again, later */
	SAGA_BUG,     /* repeating does not help; somebody has to look */
};

struct saga_step {
	const char *name; /* NULL ends a table */
	struct status (*run)(struct call *call, void *work);
	bool final; /* what came before cannot be undone: a refusal is a bug */
};

struct saga {
	const char *kind;
	const struct saga_step *steps;
};

/* What a peer's answer means for a step. */
enum saga_outcome saga_outcome(struct status status);

/*
 * Runs the steps on the work. Fails with what the peer said to the step that was not done; with INTERNAL_ERROR for a bug.
 */
struct status saga_run(struct call *call, const struct saga *saga, void *work, enum saga_outcome *ret_outcome) MUST_USE;

#endif
