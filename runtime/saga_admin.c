/* What operators see of sagas, and their retry. */
#include "runtime/retention.h"
#include "runtime/saga_private.h"

#define ROW_COLUMNS                                                                                                         \
	"saga_id, kind, subject_id, state, last_error, trace_parent, attempts, retries, backwards, run_time, create_time, " \
	"update_time"

static struct db_statement LIST_SAGAS =
    DB_READ("list_sagas",
	    "SELECT " ROW_COLUMNS " FROM saga WHERE (:first OR (create_time, saga_id) > (:after_time, "
	    ":after_id::uuid)) AND (:state = '' OR state = :state) AND (:subject_id = '' OR subject_id = :subject_id)"
	    " ORDER BY create_time, saga_id LIMIT :limit");

static struct db_statement GET_SAGA = DB_READ("get_saga", "SELECT " ROW_COLUMNS " FROM saga WHERE saga_id = :saga_id");

static struct db_statement GET_STEPS =
    DB_READ("get_saga_steps", "SELECT number, compensation, outcome, attempts, last_error, start_time, end_time"
			      " FROM saga_step WHERE saga_id = :saga_id ORDER BY compensation, CASE WHEN compensation "
			      "THEN -number ELSE number END");

/* Its time begins anew: what was parked for long must not turn round for being late. */
static struct db_statement RETRY_SAGA = DB_WRITE(
    "retry_saga",
    WRITE_BEGIN(
	"SELECT 1 FROM saga WHERE saga_id = :aggregate_id::uuid AND retries = :version - 1 AND state = "
	"'NEEDS_OPERATOR' FOR UPDATE") ", retried AS (UPDATE saga SET state = CASE WHEN backwards THEN 'COMPENSATING' ELSE 'RUNNING' END, retries = "
				       "retries + 1, attempts = 0, run_time = now(), deadline = CASE WHEN deadline IS NOT NULL THEN " SAGA_DEADLINE_
				       " END, update_time = now()"
				       " FROM accepted WHERE saga_id = :aggregate_id::uuid)" WRITE_END);

/* Its steps go with it. What is not at its end is never too old. What was parked may have begun long before it ended. */
static struct db_statement FORGET_SAGAS = DB_WRITE(
    "forget_sagas",
    "WITH gone AS (DELETE FROM saga WHERE saga_id IN (SELECT saga_id FROM saga WHERE create_time < now() - interval '90 days'"
    " AND update_time < now() - interval '90 days' AND state IN ('COMPLETED', 'COMPENSATED', 'REFUSED')"
    " ORDER BY create_time LIMIT :limit) RETURNING 1) SELECT count(*) AS n FROM gone");

static void read_row(const struct db_rows *rows, size_t row, struct saga_row *ret_row)
{
	*ret_row = (struct saga_row){ .saga_id = db_text(rows, row, "saga_id"),
				      .kind = db_text(rows, row, "kind"),
				      .subject_id = db_text(rows, row, "subject_id"),
				      .state = db_text(rows, row, "state"),
				      .last_error = db_text(rows, row, "last_error"),
				      .trace_parent = db_text(rows, row, "trace_parent"),
				      .attempts = db_int(rows, row, "attempts"),
				      .retries = db_int(rows, row, "retries"),
				      .backwards = db_bool(rows, row, "backwards"),
				      .run_time = db_time(rows, row, "run_time"),
				      .create_time = db_time(rows, row, "create_time"),
				      .update_time = db_time(rows, row, "update_time") };
}

struct status saga_list(struct call *call, const char *state, const char *subject_id, const struct page *page,
			size_t *ret_count, struct saga_row **ret_rows)
{
	struct db_unit *unit = db_unit(call, &LIST_SAGAS);
	const struct db_rows *rows;

	db_bind_text(unit, "state", state);
	db_bind_text(unit, "subject_id", subject_id);
	page_bind(unit, page);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	*ret_count = db_count(rows);
	*ret_rows = arena_array(call->arena, *ret_count, sizeof(**ret_rows));
	for (size_t row = 0; row < *ret_count; row++)
		read_row(rows, row, &(*ret_rows)[row]);
	return STATUS_OK;
}

static void read_steps(struct call *call, const struct db_rows *rows, struct saga_row *row)
{
	row->n_steps = db_count(rows);
	row->steps = arena_array(call->arena, row->n_steps, sizeof(*row->steps));
	for (size_t i = 0; i < row->n_steps; i++)
		row->steps[i] = (struct saga_step_row){ .number = (int)db_int(rows, i, "number"),
							.compensation = db_bool(rows, i, "compensation"),
							.outcome = db_text(rows, i, "outcome"),
							.attempts = db_int(rows, i, "attempts"),
							.last_error = db_text(rows, i, "last_error"),
							.start_time = db_time(rows, i, "start_time"),
							.end_time = db_time(rows, i, "end_time") };
}

struct status saga_get(struct call *call, const char *saga_id, struct saga_row *ret_row)
{
	struct db_unit *unit = db_unit(call, &GET_SAGA);
	struct saga_row row;

	db_bind_text(unit, "saga_id", saga_id);
	db_then(unit, &GET_STEPS);
	db_bind_text(unit, "saga_id", saga_id);
	TRY(db_run(call, unit));
	if (db_count(db_rows(unit, 0)) == 0)
		return status_not_found(call->arena, "saga", saga_id);
	read_row(db_rows(unit, 0), 0, &row);
	read_steps(call, db_rows(unit, 1), &row);
	*ret_row = row;
	return STATUS_OK;
}

struct status saga_retry(struct call *call, const struct saga_kind *kind, struct write *write)
{
	struct db_unit *unit = db_unit(call, &RETRY_SAGA);

	db_bind_int(unit, "w_saga_time", saga_time(kind));
	TRY(write_run(call, unit, write));
	if (write->applied)
		sagas_wake(0);
	return STATUS_OK;
}

struct status saga_forget(struct call *call)
{
	int64_t deleted;

	return retention_delete(call, &FORGET_SAGAS, &deleted);
}
