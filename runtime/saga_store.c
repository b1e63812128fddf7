/* The tables of the engine. */
#include <unistd.h>

#include "runtime/rpc_status.h"
#include "runtime/saga_private.h"

#define TAKEN                                                                                                          \
	"UPDATE saga SET lease_owner = :owner, lease_until = now() + :lease::bigint * interval '1 microsecond', "      \
	"lease_epoch = lease_epoch + 1"
#define TAKEN_COLUMNS                                                                                                  \
	" RETURNING saga_id, kind, subject_id, state, step, backwards, undone, committed, attempts, retries, cause, "  \
	"data, trace_parent, lease_epoch, coalesce(deadline <= now(), false) AS late"

static struct db_statement CLAIM_DUE =
    DB_WRITE("claim_due_saga", TAKEN " WHERE saga_id = (SELECT saga_id FROM saga WHERE " SAGA_LIVE_
				     " AND run_time <= now() AND lease_until <= now() AND kind = ANY (:kinds::text[])"
				     " ORDER BY run_time LIMIT 1 FOR UPDATE SKIP LOCKED)" TAKEN_COLUMNS);

static struct db_statement CLAIM =
    DB_WRITE("claim_saga",
	     TAKEN " WHERE saga_id = (SELECT saga_id FROM saga WHERE kind = :kind AND subject_id = "
		   ":subject_id AND " SAGA_LIVE_ " AND lease_until <= now() FOR UPDATE SKIP LOCKED)" TAKEN_COLUMNS);

static struct db_statement FIND =
    DB_READ("find_saga", "SELECT state = 'NEEDS_OPERATOR' AS parked, lease_until <= now() AS unheld FROM saga"
			 " WHERE kind = :kind AND subject_id = :subject_id"
			 " AND state IN ('RUNNING', 'COMPENSATING', 'NEEDS_OPERATOR')");

/* Without a way back there is nothing left to be late for. */
static struct db_statement RECORD = DB_WRITE(
    "record_saga",
    "WITH held AS (UPDATE saga SET state = :w_saga_state, step = :w_saga_step, backwards = :backwards, undone = "
    ":w_saga_undone, committed = :committed, attempts = :attempts, last_error = :w_saga_error, cause = :w_saga_cause,"
    " deadline = CASE WHEN :committed THEN NULL ELSE deadline END,"
    " run_time = now() + :delay::bigint * interval '1 microsecond',"
    " lease_until = now() + :lease::bigint * interval '1 microsecond', update_time = now()"
    " WHERE saga_id = :w_saga_id::uuid AND lease_epoch = :w_saga_epoch AND " SAGA_LIVE_
    " RETURNING 1)" SAGA_TRIED_("held") " SELECT count(*) AS held FROM held");

const char *const SAGA_STATE_NAMES[] = {
	[SAGA_STATE_RUNNING] = "RUNNING",     [SAGA_STATE_COMPENSATING] = "COMPENSATING",
	[SAGA_STATE_COMPLETED] = "COMPLETED", [SAGA_STATE_COMPENSATED] = "COMPENSATED",
	[SAGA_STATE_REFUSED] = "REFUSED",     [SAGA_STATE_NEEDS_OPERATOR] = "NEEDS_OPERATOR",
};

/* For people who look at the table. */
static const char *owner_of(struct call *call)
{
	return arena_printf(call->arena, "%s/%ld", call->actor, (long)getpid());
}

int64_t saga_time(const struct saga_kind *kind)
{
	return kind->deadline_s == NULL ? 0 : *kind->deadline_s * CLOCK_SECOND;
}

void saga_bind_start(struct call *call, struct db_unit *unit, const struct saga *saga)
{
	db_bind_text(unit, "w_saga_id", saga->saga_id);
	db_bind_text(unit, "w_saga_kind", saga->kind->name);
	db_bind_text(unit, "w_saga_subject", saga->subject_id);
	db_bind_bytes(unit, "w_saga_data", saga->data);
	db_bind_int(unit, "w_saga_time", saga_time(saga->kind));
	db_bind_text(unit, "w_saga_owner", saga->leased ? owner_of(call) : "");
	db_bind_int(unit, "w_saga_lease", saga->leased ? SAGA_LEASE : 0);
	db_bind_int(unit, "w_saga_epoch", saga->epoch);
}

void saga_started(const struct saga *saga)
{
	if (!saga->leased)
		sagas_wake(0);
}

/* One try as a row: each column is an array. */
struct try_rows {
	size_t count;
	int64_t numbers[2 * SAGA_STEPS_MAX], undos[2 * SAGA_STEPS_MAX], attempts[2 * SAGA_STEPS_MAX];
	const char *outcomes[2 * SAGA_STEPS_MAX], *errors[2 * SAGA_STEPS_MAX];
	const char *starts[2 * SAGA_STEPS_MAX], *finishes[2 * SAGA_STEPS_MAX];
};

static void add_try(struct arena *arena, struct try_rows *rows, int step, int undo, const struct saga_try *try)
{
	const size_t i = rows->count++;

	rows->numbers[i] = step + 1;
	rows->undos[i] = undo;
	rows->attempts[i] = try->attempts;
	rows->starts[i] = clock_format(arena, try->start_time);
	rows->finishes[i] = clock_format(arena, try->end_time);
	rows->outcomes[i] = try->outcome;
	rows->errors[i] = try->error;
}

static void bind_tries(struct call *call, struct db_unit *unit, const struct saga *saga)
{
	struct try_rows *rows = arena_alloc(call->arena, sizeof(*rows));

	for (int i = 0; i < 2 * SAGA_STEPS_MAX; i++) {
		if (saga->tries[i / 2][i % 2].attempts > 0)
			add_try(call->arena, rows, i / 2, i % 2, &saga->tries[i / 2][i % 2]);
	}
	db_bind_ints(unit, "w_saga_numbers", rows->numbers, rows->count);
	db_bind_ints(unit, "w_saga_undos", rows->undos, rows->count);
	db_bind_texts(unit, "w_saga_outcomes", rows->outcomes, rows->count);
	db_bind_ints(unit, "w_saga_attempts", rows->attempts, rows->count);
	db_bind_texts(unit, "w_saga_errors", rows->errors, rows->count);
	db_bind_texts(unit, "w_saga_starts", rows->starts, rows->count);
	db_bind_texts(unit, "w_saga_finishes", rows->finishes, rows->count);
}

/* What every record says. */
static void bind_stand(struct call *call, struct db_unit *unit, const struct saga *saga, const char *error)
{
	db_bind_text(unit, "w_saga_id", saga->saga_id);
	db_bind_int(unit, "w_saga_epoch", saga->epoch);
	db_bind_text(unit, "w_saga_state", SAGA_STATE_NAMES[saga->place.state]);
	db_bind_int(unit, "w_saga_step", saga->place.step);
	db_bind_bool(unit, "w_saga_undone", saga->place.undone);
	db_bind_text(unit, "w_saga_error", error);
	if (saga->cause.reason == NULL)
		db_bind_null(unit, "w_saga_cause");
	else
		db_bind_bytes(unit, "w_saga_cause", rpc_status_pack(call->arena, saga->cause));
	bind_tries(call, unit, saga);
}

void saga_bind_end(struct call *call, struct db_unit *unit, const struct saga *saga)
{
	bind_stand(call, unit, saga, saga->cause.reason == NULL ? "" : saga->cause.reason->name);
}

struct status saga_store_record(struct call *call, struct saga *saga, int64_t delay, const char *error, bool *ret_held)
{
	struct db_unit *unit = db_unit(call, &RECORD);
	const int64_t lease_end = clock_monotonic() + SAGA_LEASE;

	bind_stand(call, unit, saga, error);
	db_bind_bool(unit, "backwards", saga->place.backwards);
	db_bind_bool(unit, "committed", saga->place.committed);
	db_bind_int(unit, "attempts", saga->attempts);
	db_bind_int(unit, "delay", delay < 0 ? 0 : delay);
	db_bind_int(unit, "lease", delay < 0 ? SAGA_LEASE : 0);
	TRY(db_run(call, unit));
	*ret_held = db_int(db_rows(unit, 0), 0, "held") > 0;
	saga->lease_end = lease_end;
	for (int i = 0; i < SAGA_STEPS_MAX; i++)
		saga->tries[i][0] = saga->tries[i][1] = (struct saga_try){ 0 };
	return STATUS_OK;
}

static enum saga_state state_named(const char *name)
{
	int state = SAGA_STATE_NEEDS_OPERATOR;

	while (state > 0 && !str_is(str_of(name), SAGA_STATE_NAMES[state]))
		state--;
	return (enum saga_state)state;
}

static struct saga *read_taken(struct call *call, const struct db_rows *rows, const struct saga_kind *kind,
			       int64_t lease_end)
{
	struct saga *saga = arena_alloc(call->arena, sizeof(*saga));

	*saga = (struct saga){ .kind = kind,
			       .saga_id = db_text(rows, 0, "saga_id"),
			       .subject_id = db_text(rows, 0, "subject_id"),
			       .data = db_bytes(rows, 0, "data"),
			       .leased = true,
			       .late = db_bool(rows, 0, "late"),
			       .epoch = db_int(rows, 0, "lease_epoch"),
			       .lease_end = lease_end,
			       .attempts = (int)db_int(rows, 0, "attempts"),
			       .retries = (int)db_int(rows, 0, "retries"),
			       .trace_parent = db_text(rows, 0, "trace_parent") };
	saga->place = (struct saga_place){ .state = state_named(db_text(rows, 0, "state")),
					   .step = (int)db_int(rows, 0, "step"),
					   .backwards = db_bool(rows, 0, "backwards"),
					   .undone = db_bool(rows, 0, "undone"),
					   .committed = db_bool(rows, 0, "committed") };
	saga->failed_step = saga->attempts > 0 ? saga->place.step : -1;
	if (!db_null(rows, 0, "cause"))
		saga->cause = rpc_status_unpack(call->arena, db_bytes(rows, 0, "cause"));
	return saga;
}

/* Runs a claim and reads what it took. The lease begins before the database says so. */
static struct status claim(struct call *call, struct db_unit *unit, const struct saga_kind *const *kinds,
			   struct saga **ret_saga)
{
	const int64_t lease_end = clock_monotonic() + SAGA_LEASE;
	const struct db_rows *rows;

	db_bind_text(unit, "owner", owner_of(call));
	db_bind_int(unit, "lease", SAGA_LEASE);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	*ret_saga = NULL;
	for (; db_count(rows) > 0 && *kinds != NULL && *ret_saga == NULL; kinds++) {
		if (str_is(str_of(db_text(rows, 0, "kind")), (*kinds)->name))
			*ret_saga = read_taken(call, rows, *kinds, lease_end);
	}
	return STATUS_OK;
}

struct status saga_store_claim_due(struct call *call, const struct saga_kind *const *kinds, struct saga **ret_saga)
{
	struct db_unit *unit = db_unit(call, &CLAIM_DUE);
	const char **names;
	size_t n = 0;

	while (kinds[n] != NULL)
		n++;
	names = arena_array(call->arena, n, sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = kinds[i]->name;
	db_bind_texts(unit, "kinds", names, n);
	return claim(call, unit, kinds, ret_saga);
}

struct status saga_store_claim(struct call *call, const struct saga_kind *kind, const char *subject_id,
			       struct saga **ret_saga)
{
	const struct saga_kind *const kinds[] = { kind, NULL };
	struct db_unit *unit = db_unit(call, &CLAIM);

	db_bind_text(unit, "kind", kind->name);
	db_bind_text(unit, "subject_id", subject_id);
	return claim(call, unit, kinds, ret_saga);
}

struct status saga_store_find(struct call *call, const struct saga_kind *kind, const char *subject_id,
			      struct saga_found *ret_found)
{
	struct db_unit *unit = db_unit(call, &FIND);
	const struct db_rows *rows;

	db_bind_text(unit, "kind", kind->name);
	db_bind_text(unit, "subject_id", subject_id);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	*ret_found = (struct saga_found){ .found = db_count(rows) > 0 };
	if (ret_found->found) {
		ret_found->parked = db_bool(rows, 0, "parked");
		ret_found->unheld = db_bool(rows, 0, "unheld");
	}
	return STATUS_OK;
}
