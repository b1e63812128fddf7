/*
 * A group's round trip: statements of several units in one pipeline with one Sync, which makes them one transaction with one commit
 * ("Pipelining" in PostgreSQL's protocol chapter, "Pipeline Mode" in libpq's).
 *
 * Nothing is told to a unit before the answer to the Sync is there: until then all of it may still be undone.
 */
#include "runtime/db_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/fault.h"

#define RESENDS_MAX 2             /* after connections that were lost */
#define MARGIN (CLOCK_SECOND / 2) /* for the server to report its own timeout before we give the connection up */

/* Makes room for more than size elements; what was there before stays where it is until the pool ends. Doubling bounds that. */
static void *grow(const struct db_connection *connection, const void *elements, size_t *size, size_t wanted,
		  size_t element)
{
	const size_t larger = (*size > wanted ? *size : wanted) * 2;
	void *more = arena_array(connection->db->arena, larger, element);

	if (*size > 0)
		memcpy(more, elements, *size * element);
	*size = larger;
	return more;
}

static struct db_expected *expect(struct db_connection *connection, const char *statement)
{
	if (connection->n_expected == connection->expected_size)
		connection->expected = grow(connection, connection->expected, &connection->expected_size, 64,
					    sizeof(*connection->expected));

	struct db_expected *expected = &connection->expected[connection->n_expected++];

	*expected = (struct db_expected){ .statement = statement };
	return expected;
}

static void mark_prepared(struct db_connection *connection, const struct db_prepared *prepared,
			  enum db_preparation state)
{
	if (prepared->id >= connection->n_prepared)
		connection->prepared = grow(connection, connection->prepared, &connection->n_prepared,
					    (size_t)prepared->id + 1, sizeof(*connection->prepared));
	connection->prepared[prepared->id] = state;
}

static bool is_prepared(const struct db_connection *connection, const struct db_prepared *prepared)
{
	return prepared->id < connection->n_prepared && connection->prepared[prepared->id] != DB_UNPREPARED;
}

/* Ahead of its first use, in the same pipeline. Whether it is there is known only when the server says so: after an error it skips what follows. */
static bool send_prepare(struct db_connection *connection, const struct db_prepared *prepared)
{
	expect(connection, prepared->name)->prepared = prepared;
	mark_prepared(connection, prepared, DB_PREPARING);
	return PQsendPrepare(connection->pg, prepared->name, prepared->sql, 0, NULL) == 1;
}

static bool send_step(struct db_connection *connection, struct db_unit **slot, struct db_step *step)
{
	const struct db_prepared *prepared = step->prepared;

	if (!is_prepared(connection, prepared) && !send_prepare(connection, prepared))
		return false;

	struct db_expected *expected = expect(connection, step->statement->name);

	expected->slot = slot;
	expected->step = step;
	return PQsendQueryPrepared(connection->pg, prepared->name, prepared->n_parameters, step->values, step->lengths,
				   step->formats, 1) == 1;
}

/* For the rest of the transaction, as SET LOCAL does. */
static bool send_timeout(struct db_connection *connection, int64_t timeout)
{
	static struct db_statement SET_TIMEOUT =
	    DB_READ("set_timeout", "SELECT set_config('statement_timeout', :milliseconds, true)");
	const struct db_prepared *prepared = db_statement_prepare(&SET_TIMEOUT);
	char milliseconds[24];
	const char *values[] = { milliseconds };

	snprintf(milliseconds, sizeof(milliseconds), "%lld", (long long)(timeout / CLOCK_MILLISECOND));
	if (!is_prepared(connection, prepared) && !send_prepare(connection, prepared))
		return false;
	expect(connection, SET_TIMEOUT.name);
	return PQsendQueryPrepared(connection->pg, prepared->name, 1, values, NULL, NULL, 1) == 1;
}

/*
 * What the server may take for a statement: less than the least of the units has left, so that its answer, which is certain, comes before our own
 * deadline, which is not.
 */
static int64_t server_timeout(const struct db_connection *connection)
{
	int64_t least = CLOCK_NEVER;

	for (int i = 0; i < connection->n_units; i++) {
		const int64_t left = call_remaining(connection->units[i]->call);

		least = left < least ? left : least;
	}
	least -= least / 8;
	return least > CLOCK_MILLISECOND ? least : CLOCK_MILLISECOND;
}

/* When an answer is no longer waited for. */
static int64_t patience(const struct db_connection *connection)
{
	const int64_t most = connection->db->options.statement_timeout;
	int64_t longest = 0;

	for (int i = 0; i < connection->n_units; i++) {
		const int64_t left = call_remaining(connection->units[i]->call);

		longest = left > longest ? left : longest;
	}
	return (longest < most ? longest : most) + MARGIN;
}

static bool send_all(struct db_connection *connection)
{
	const int64_t timeout = server_timeout(connection);

	connection->own_timeout = timeout < connection->db->options.statement_timeout;
	if (connection->own_timeout && !send_timeout(connection, timeout))
		return false;
	for (int i = 0; i < connection->n_units; i++) {
		for (struct db_step *step = connection->units[i]->route; step != NULL; step = step->next) {
			if (!send_step(connection, &connection->units[i], step))
				return false;
		}
	}
	return PQpipelineSync(connection->pg) == 1;
}

void db_group_send(struct db_connection *connection)
{
	for (int i = 0; i < connection->n_units; i++) {
		connection->units[i]->state = DB_STATE_SENT;
		connection->units[i]->slot = &connection->units[i];
	}
	connection->link = DB_LINK_BUSY;
	connection->n_expected = connection->next_expected = 0;
	connection->flushed = false;
	loop_timer_set(connection->timer, patience(connection));
	if (connection->class == DB_CLASS_WRITE && FAULT_FAILS("db.before_send"))
		db_connection_lost(connection, true, "a fault that was asked for");
	else if (send_all(connection))
		db_connection_flush(connection);
	else
		db_connection_lost(connection, true, PQerrorMessage(connection->pg));
	if (connection->class == DB_CLASS_WRITE && connection->flushed && FAULT_FAILS("db.sent"))
		db_connection_lost(connection, true, "a fault that was asked for");
}

static void free_error(struct db_connection *connection)
{
	PQclear(connection->error);
	connection->error = NULL;
}

/* Takes the unit out of its slot: from here on the connection does not know it. */
static struct db_unit *take_unit(struct db_connection *connection, int i)
{
	struct db_unit *unit = connection->units[i];

	connection->units[i] = NULL;
	if (unit != NULL)
		unit->slot = NULL;
	return unit;
}

static void give_result(const struct db_expected *expected, PGresult *result)
{
	/* The unit may have stopped waiting; then its step is gone too. */
	if (expected->slot == NULL || *expected->slot == NULL)
		PQclear(result);
	else
		expected->step->rows.result = result;
}

static void keep_error(struct db_connection *connection, const struct db_expected *expected, PGresult *result)
{
	if (connection->error != NULL) {
		PQclear(result);
		return;
	}
	connection->error = result;
	connection->failed = expected->statement;
	/* Preparing says what is wrong with a statement; running says it when the preparation is out of date. */
	connection->stale = expected->slot != NULL && db_error_is_stale(result);
}

/*
 * An error that the server reports undoes the group. One that libpq made up (it has no SQLSTATE) proves nothing, nor does the end of the session when all statements
 * were through and the commit was under way.
 */
static bool proves_rollback(const struct db_connection *connection, const PGresult *error)
{
	const char *severity = PQresultErrorField(error, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (PQresultErrorField(error, PG_DIAG_SQLSTATE) == NULL || severity == NULL)
		return false;
	return connection->next_expected < connection->n_expected || strcmp(severity, "ERROR") == 0;
}

static void clear_result(void *result)
{
	PQclear(result);
}

static void finish_committed(struct db_connection *connection)
{
	for (int i = 0; i < connection->n_units; i++) {
		struct db_unit *unit = take_unit(connection, i);

		if (unit == NULL)
			continue;
		for (struct db_step *step = unit->route; step != NULL; step = step->next)
			arena_defer(unit->call->arena, clear_result, step->rows.result);
		db_unit_finish(unit, STATUS_OK);
	}
}

static void finish_single_failed(struct db_connection *connection)
{
	struct db_unit *unit = take_unit(connection, 0);

	if (unit == NULL)
		return;
	db_unit_drop_results(unit);
	unit->again = db_error_is_conflict(connection->error);
	db_unit_finish(unit, db_status(unit, connection->failed, connection->error, connection->own_timeout));
}

/* Which of them is to blame cannot be told from the error alone, as each saw the effects of those before it: each goes again by itself. */
static void finish_group_failed(struct db_connection *connection)
{
	for (int i = connection->n_units - 1; i >= 0; i--) {
		struct db_unit *unit = take_unit(connection, i);

		if (unit == NULL)
			continue;
		unit->alone = true;
		db_unit_requeue(connection->db, unit);
	}
}

static void finish(struct db_connection *connection)
{
	const bool committed = connection->error == NULL;

	loop_timer_cancel(connection->timer);
	if (committed && connection->class == DB_CLASS_WRITE && FAULT_FAILS("db.committed")) {
		db_connection_lost(connection, true, "a fault that was asked for");
		return;
	}
	if (!committed && connection->stale) {
		db_connection_lost(connection, true, PQresultErrorMessage(connection->error));
		return;
	}
	if (committed && connection->class == DB_CLASS_WRITE)
		connection->db->commits++;
	if (committed)
		finish_committed(connection);
	else if (connection->n_units == 1)
		finish_single_failed(connection);
	else
		finish_group_failed(connection);
	free_error(connection);
	connection->n_units = 0;
	connection->link = DB_LINK_IDLE;
	db_connection_changed(connection->db);
}

/* What is no answer to a statement answers the Sync. */
static const struct db_expected *expected_now(const struct db_connection *connection)
{
	static const struct db_expected sync = { .statement = "commit" };

	return connection->next_expected < connection->n_expected ? &connection->expected[connection->next_expected]
								  : &sync;
}

static void answer_to_prepare(struct db_connection *connection, const struct db_expected *expected, bool done)
{
	if (expected->prepared != NULL)
		mark_prepared(connection, expected->prepared, done ? DB_PREPARED : DB_UNPREPARED);
}

static void take_result(struct db_connection *connection, const struct db_expected *expected, PGresult *result)
{
	const ExecStatusType kind = PQresultStatus(result);

	if (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK) {
		answer_to_prepare(connection, expected, true);
		give_result(expected, result);
		return;
	}
	answer_to_prepare(connection, expected, false);
	if (kind == PGRES_PIPELINE_ABORTED) {
		/* Skipped because of an error before it. */
		PQclear(result);
	} else if (proves_rollback(connection, result)) {
		keep_error(connection, expected, result);
	} else {
		db_connection_lost(connection, true, PQresultErrorMessage(result));
		PQclear(result);
	}
}

void db_group_receive(struct db_connection *connection, PGresult *result)
{
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		finish(connection);
		return;
	}
	take_result(connection, expected_now(connection), result);
	connection->next_expected++;
}

/* The connection is gone. A group with an error, or one whose Sync has not left, was not committed. */
static struct status lost_status(const struct db_connection *connection, const struct db_unit *unit, bool undone)
{
	if (connection->class == DB_CLASS_WRITE && !undone)
		return status_of(&OUTCOME_UNKNOWN);
	if (connection->db->closing)
		return status_of(&SHUTTING_DOWN);
	return call_remaining(unit->call) == 0 ? status_of(&DEADLINE_PASSED) : status_of(&DATABASE_UNAVAILABLE);
}

void db_group_abandon(struct db_connection *connection, bool resend)
{
	const bool undone = connection->error != NULL || !connection->flushed;
	const bool repeatable = resend && (undone || connection->class == DB_CLASS_READ);

	for (int i = connection->n_units - 1; i >= 0; i--) {
		struct db_unit *unit = take_unit(connection, i);

		if (unit == NULL)
			continue;
		db_unit_drop_results(unit);
		if (repeatable && unit->resends++ < RESENDS_MAX)
			db_unit_requeue(connection->db, unit);
		else
			db_unit_finish(unit, lost_status(connection, unit, undone));
	}
	connection->n_units = 0;
	free_error(connection);
}
