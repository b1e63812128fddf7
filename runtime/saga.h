/*
 * saga: work that takes several services, seen through to one of its ends whatever dies meanwhile.
 *
 * Invariants
 * - A kind is a table of steps. A step calls peers under keys of the saga (saga_key()); doing it again is harmless. What happens next is decided by saga_machine.h.
 * - A saga begins with the statement that acknowledges the work (SAGA_START) and ends with the statement that has its final effect (SAGA_END_BEGIN): there is no moment at which one is there without the other.
 * - Call first, record after. What was done since the last record is done again by whoever comes next; the record is made when the saga ends, has to wait, is parked, or turns round.
 * - Who drives it holds its lease, by the database's clock, under an epoch that only grows. A record under an old epoch changes nothing (SAGA_LOST): such a runner drops everything.
 * - Anybody may drive it: the call that started it, at once and without a claim; another that wants its end (saga_join()); the process's workers. They do the same.
 *
 * Usage
 *     static const struct saga_kind PLACE = { .name = "place", .steps = (const struct saga_step[]){
 *             { .name = "keep_goods", .run = keep_goods, .undo = give_back }, { .name = NULL } }, .open = open_place, .end = end_place };
 *
 *     write.saga = saga_new(call, &PLACE, order_id, name, pb_pack(call->arena, &order->base));
 *     TRY(store_start(call, order, &write));            -- WRITE_BEGIN(...) SAGA_START ... WRITE_END
 *     if (write.applied) return saga_run(call, write.saga);
 *
 * A kind's end runs its own statement by saga_end():
 *     static struct db_statement END_ORDER = DB_WRITE("end_order", SAGA_END_BEGIN("SELECT 1 FROM customer_order WHERE ... FOR UPDATE") ", changed AS (...)" SAGA_WRITE_END);
 */
#ifndef QUAYSIDE_RUNTIME_SAGA_H
#define QUAYSIDE_RUNTIME_SAGA_H

#include "runtime/page.h"
#include "runtime/saga_machine.h"
#include "runtime/write.h"

/* The lease went to somebody else, or the saga has ended: nothing was recorded. Never leaves the process but as "in progress". */
extern const struct reason SAGA_LOST;

/* An operator has to look before it can go on. */
extern const struct reason SAGA_PARKED;

struct saga;

/* A step, and its undoing: which must be safe also when the step never happened, and keep it from happening later. */
struct saga_step {
	const char *name; /* NULL ends a table */
	struct status (*run)(struct call *call, struct saga *saga);
	struct status (*undo)(struct call *call, struct saga *saga); /* NULL: cannot be undone */
	bool final; /* what came before cannot be undone: a refusal is for an operator */
};

struct saga_kind {
	const char *name; /* "place" */
	const struct saga_step *steps;

	/* A setting: what is not done after so many seconds is undone; NULL: never. Every step must have its undoing then. */
	const int64_t *deadline_s;
	const struct reason *too_late; /* the cause that it then has */

	/* Reads what the steps work on into saga->work; not called when that is set already. */
	struct status (*open)(struct call *call, struct saga *saga);

	/* Records the end by saga_end(): as saga->place.state says, with saga->cause. Returns what who asked for the work is told. */
	struct status (*end)(struct call *call, struct saga *saga);
};

/* One step's try, to be recorded. */
struct saga_try {
	int attempts;
	const char *outcome, *error;
	int64_t start_time, end_time;
};

/* A saga in the hands of a call. Lives in its arena. */
struct saga {
	const struct saga_kind *kind;
	const char *saga_id, *subject_id;
	struct str data;     /* what it was started with */
	void *work;          /* the kind's own */
	struct status cause; /* why it was refused or compensated */
	struct saga_place place;
	bool ended; /* out: its end is recorded */

	/* The rest is the engine's. */
	bool leased; /* to the call that starts it; false: workers are to take it up */
	bool late;
	int64_t epoch, lease_end; /* by clock_monotonic(), never later than the database's */
	int attempts, retries;
	int failed_step; /* that attempts is about; -1: none */
	const char *trace_parent;
	struct saga_try tries[SAGA_STEPS_MAX][2];
};

/* The id of the saga of this kind with this name: starting it twice is starting it once. */
char *saga_id_of(struct arena *arena, const struct saga_kind *kind, const char *name);

/* A new saga about a thing, for write.saga; name tells it apart from others of its kind. To be driven by this call, or by the workers. */
struct saga *saga_new(struct call *call, const struct saga_kind *kind, const char *subject_id, const char *name,
		      struct str data);
struct saga *saga_for_workers(struct call *call, const struct saga_kind *kind, const char *subject_id, const char *name,
			      struct str data);

/* A key for what a step asks of a peer: the same whoever asks. An operator's retry makes another, so that a kept refusal is not the answer for ever. */
char *saga_key(struct call *call, const struct saga *saga, const char *request);

/*
 * Drives a saga that this call holds the lease of. While a client waits, what is unknown is asked again until little is left of the call's time.
 * Returns what the kind's end says (saga->ended); or why it did not come to an end: SAGA_LOST, SAGA_PARKED, or what made it wait; it goes on without us then.
 */
struct status saga_run(struct call *call, struct saga *saga) MUST_USE;

/*
 * Sees the live saga of this kind about a thing to its end: drives it if nobody does, else waits. OK when there is none any more.
 * Fails with KEY_IN_PROGRESS when time runs out, SAGA_PARKED, or what made it wait.
 */
struct status saga_join(struct call *call, const struct saga_kind *kind, const char *subject_id) MUST_USE;

/*
 * For a kind's end: runs the statement of its final effect, opened by SAGA_END_BEGIN. With a reply (or refusal) the waiting keys are answered. write->applied tells
 * whether the guard held; fails with SAGA_LOST.
 */
struct status saga_end(struct call *call, struct saga *saga, struct db_unit *unit, struct write *write,
		       struct status refusal) MUST_USE;

/* What a peer's answer means for a step: done, refused, unknown or a bug. */
enum saga_event saga_outcome(struct status status);

/* ---- Workers: one engine per process ---- */

#define SAGA_WORKERS 32 /* sagas that the workers drive at once */

/* Takes up sagas of these kinds (ends with NULL) that are due. */
void sagas_start(struct loop *loop, struct db *db, const char *self, const struct saga_kind *const *kinds);

/* There may be something to do now; or after so many microseconds. */
void sagas_wake(int64_t delay);

/* How many the workers have in hand, that of looking for one included. */
int sagas_busy(void);

/* Stops taking up, ends what runs (somebody else will go on); stopped(context) is called on the loop when nothing runs any more. */
void sagas_stop(void (*stopped)(void *context), void *context);
void sagas_free(void);

/* ---- For operators (saga_admin.c) ---- */

struct saga_step_row {
	int number; /* from 1 */
	bool compensation;
	const char *outcome, *last_error;
	int64_t attempts, start_time, end_time;
};

struct saga_row {
	const char *saga_id, *kind, *subject_id, *state, *last_error, *trace_parent;
	int64_t attempts, retries, run_time, create_time, update_time;
	bool backwards;
	struct saga_step_row *steps; /* only of saga_get() */
	size_t n_steps;
};

/* The page's sagas, oldest first; at most page->limit. Empty texts do not filter. */
struct status saga_list(struct call *call, const char *state, const char *subject_id, const struct page *page,
			size_t *ret_count, struct saga_row **ret_rows) MUST_USE;

/* Fails with NOT_FOUND. */
struct status saga_get(struct call *call, const char *saga_id, struct saga_row *ret_row) MUST_USE;

/* Makes a parked saga of this kind due, under the call's key; its time limit begins anew. Not applied: it is not parked, or not after so many retries (write->version - 1). */
struct status saga_retry(struct call *call, const struct saga_kind *kind, struct write *write) MUST_USE;

/* Deletes some of those that ended 90 days ago or earlier: a step of maintenance. */
struct status saga_forget(struct call *call) MUST_USE;

/* ---- SQL ---- */

#define SAGA_LIVE_ "state IN ('RUNNING', 'COMPENSATING')"

/* From now on; none when the kind has no time limit. */
#define SAGA_DEADLINE_                                                                                                 \
	"CASE WHEN :w_saga_time::bigint > 0 THEN now() + :w_saga_time::bigint * interval '1 microsecond' END"

/* Behind the opening of the statement that acknowledges the work. */
#define SAGA_START                                                                                                     \
	", saga_started AS (INSERT INTO saga (saga_id, kind, subject_id, state, data, deadline, run_time, "            \
	"lease_owner, lease_until, lease_epoch, trace_parent, create_time, update_time)"                               \
	" SELECT :w_saga_id::uuid, :w_saga_kind, :w_saga_subject, 'RUNNING', :w_saga_data,"                            \
	" " SAGA_DEADLINE_ ", now(), "                                                                                 \
	":w_saga_owner, now() + :w_saga_lease::bigint * interval '1 microsecond', :w_saga_epoch::bigint, "             \
	":w_trace_parent, now(), now() FROM accepted ON CONFLICT (saga_id) DO NOTHING)"

/* The tries, recorded for the saga that `whose` names. */
#define SAGA_TRIED_(whose_)                                                                                            \
	", saga_tried AS (INSERT INTO saga_step (saga_id, number, compensation, outcome, attempts, last_error, "       \
	"start_time, end_time) SELECT :w_saga_id::uuid, t.* FROM " whose_ ", unnest(:w_saga_numbers::int[], "          \
	":w_saga_undos::boolean[], :w_saga_outcomes::text[], :w_saga_attempts::bigint[], :w_saga_errors::text[], "     \
	":w_saga_starts::timestamptz[], :w_saga_finishes::timestamptz[]) AS t"                                         \
	" ON CONFLICT (saga_id, number, compensation) DO UPDATE SET outcome = EXCLUDED.outcome, attempts = "           \
	"saga_step.attempts + EXCLUDED.attempts, last_error = EXCLUDED.last_error, end_time = EXCLUDED.end_time)"

/* Opens the statement of a saga's final effect: `accepted` has a row if the lease is still ours and the guard holds. Close it with SAGA_WRITE_END. */
#define SAGA_END_BEGIN(guard_)                                                                                              \
	"WITH held AS (SELECT 1 FROM saga WHERE saga_id = :w_saga_id::uuid AND lease_epoch = :w_saga_epoch AND " SAGA_LIVE_ \
	" FOR UPDATE), guard AS (" guard_ ")"                                                                               \
	", accepted AS (SELECT 1 AS one FROM held, guard LIMIT 1)" STEP_ANSWERED_                                           \
	", saga_ended AS (UPDATE saga SET state = :w_saga_state, step = :w_saga_step, undone = :w_saga_undone, "            \
	"last_error = :w_saga_error, cause = :w_saga_cause, run_time = now(), lease_until = now(), update_time = "          \
	"now() FROM accepted WHERE saga_id = :w_saga_id::uuid)" SAGA_TRIED_("accepted") WRITE_RECORD_
#define SAGA_WRITE_END " SELECT count(*) AS applied, (SELECT count(*) FROM held) AS held FROM accepted"

#endif
