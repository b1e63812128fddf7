/*
 * saga_machine: where a saga stands and what comes next. Pure: no I/O, no clock, no SQL, no log.
 *
 * Invariants
 * - A saga goes forward through its steps until all are done (COMPLETED), or it turns round and undoes them in reverse order (COMPENSATED). No step runs after its undoing began, but for the one case below.
 * - A refusal means that nothing has happened: the steps before it are undone (with nothing to undo it is REFUSED). An unknown outcome means that it may have happened: the same again, never
 *   undone on the assumption that it did not happen. When time is up, everything is undone from the last step down, whether it happened or not: undoing leaves a tombstone at the participant.
 * - An undoing that is refused means that the work has gone on elsewhere. As the first one, it turns the saga forward again, for good; after others it is a case for an operator.
 * - A runner always begins at the first step (forward) or where the undoing began: every request has the same key each time and so the same answer, so runners that do not know of each other agree.
 *
 * Usage
 *     struct saga_place place = { .state = SAGA_STATE_RUNNING };
 *     for (enum saga_action action = saga_next(&shape, &place, SAGA_GO);; action = saga_next(&shape, &place, outcome))
 *             ...
 */
#ifndef QUAYSIDE_RUNTIME_SAGA_MACHINE_H
#define QUAYSIDE_RUNTIME_SAGA_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define SAGA_STEPS_MAX 16

/* Under the names of the database and of the contract, without their prefix. The first two are live. */
enum saga_state {
	SAGA_STATE_RUNNING,
	SAGA_STATE_COMPENSATING,
	SAGA_STATE_COMPLETED,
	SAGA_STATE_COMPENSATED,
	SAGA_STATE_REFUSED,
	SAGA_STATE_NEEDS_OPERATOR,
};

/* What can happen. The middle four are a step's outcome, or that of its undoing. */
enum saga_event {
	SAGA_GO, /* a runner takes it up, or has recorded that it turned round */
	SAGA_DONE,
	SAGA_REFUSED, /* business says no; nothing has happened */
	SAGA_UNKNOWN, /* it may have happened */
	SAGA_BUG,     /* repeating does not help; somebody has to look */
	SAGA_LATE,    /* a runner takes it up after its deadline */
	SAGA_RETRY,   /* an operator wants it tried again */
};

/* What to do. All but the first two are records. */
enum saga_action {
	SAGA_RUN,  /* the step */
	SAGA_UNDO, /* the step */
	SAGA_TURN, /* record the new direction, then go */
	SAGA_WAIT, /* the same again, later */
	SAGA_PARK, /* wait for an operator */
	SAGA_END,  /* together with the saga's own effect */
};

/* A kind's steps, as bits by their index. */
struct saga_shape {
	int n_steps; /* 1 to SAGA_STEPS_MAX */
	uint32_t undoable;
	uint32_t final; /* what came before cannot be undone: a refusal is a bug */
};

struct saga_place {
	enum saga_state state;
	int step;       /* that runs or is undone, or failed */
	bool backwards; /* it undoes, or did when it was parked */
	bool undone;    /* something has been undone */
	bool committed; /* it cannot turn round any more */
};

/* Moves the saga. The event must fit: outcomes only after SAGA_RUN or SAGA_UNDO, SAGA_RETRY only when parked. */
enum saga_action saga_next(const struct saga_shape *shape, struct saga_place *place, enum saga_event event);

static inline bool saga_live(enum saga_state state)
{
	return state == SAGA_STATE_RUNNING || state == SAGA_STATE_COMPENSATING;
}

#endif
