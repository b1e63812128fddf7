/*
 * From SQLSTATE ("PostgreSQL Error Codes", appendix A of its manual) to a status.
 *
 *     23505 unique, 23P01 exclusion      ALREADY_EXISTS with the constraint's name
 *     40001, 40P01, 55P03                CONCURRENT_CHANGE, the first two only after several tries
 *     57014                              DEADLINE_PASSED when the deadline was the limit, else DATABASE_UNAVAILABLE
 *     08, 53, 57, 58, 25006              DATABASE_UNAVAILABLE: the server is not fit to serve; nothing was changed
 *     any other                          INTERNAL_ERROR: our statement or our data is wrong
 *
 * Only the error's first line is kept, for the log: its details may hold people's data.
 */
#include "runtime/db_internal.h"

#include <string.h>

static const char *field_of(const PGresult *error, int field)
{
	const char *text = PQresultErrorField(error, field);

	return text != NULL ? text : "";
}

static bool in_class(const PGresult *error, const char *class)
{
	return strncmp(field_of(error, PG_DIAG_SQLSTATE), class, 2) == 0;
}

bool db_error_is(const PGresult *error, const char *sqlstate)
{
	return strcmp(field_of(error, PG_DIAG_SQLSTATE), sqlstate) == 0;
}

bool db_error_is_conflict(const PGresult *error)
{
	return db_error_is(error, "40001") || db_error_is(error, "40P01");
}

bool db_error_is_stale(const PGresult *error)
{
	/* invalid_sql_statement_name, and "cached plan must not change result type" after a migration. */
	return db_error_is(error, "26000") || db_error_is(error, "0A000");
}

static bool is_unavailable(const struct db_unit *unit, const PGresult *error)
{
	/* A read-only session is meant for reads; for writes it means a server that has become a standby. */
	if (db_error_is(error, "25006"))
		return unit->class == DB_CLASS_WRITE;
	return in_class(error, "08") || in_class(error, "53") || in_class(error, "57") || in_class(error, "58");
}

static const struct reason *reason_of(const struct db_unit *unit, const PGresult *error, bool own_timeout)
{
	if (db_error_is(error, "23505") || db_error_is(error, "23P01"))
		return &ALREADY_EXISTS;
	if (db_error_is_conflict(error) || db_error_is(error, "55P03"))
		return &CONCURRENT_CHANGE;
	if (db_error_is(error, "57014") && own_timeout)
		return &DEADLINE_PASSED;
	return is_unavailable(unit, error) ? &DATABASE_UNAVAILABLE : &INTERNAL_ERROR;
}

struct status db_status(const struct db_unit *unit, const char *statement, const PGresult *error, bool own_timeout)
{
	struct arena *arena = unit->call->arena;
	const struct reason *reason = reason_of(unit, error, own_timeout);
	struct status status =
	    status_private(arena, reason, "%s: SQLSTATE %s: %s", statement, field_of(error, PG_DIAG_SQLSTATE),
			   field_of(error, PG_DIAG_MESSAGE_PRIMARY));

	if (reason == &ALREADY_EXISTS)
		return status_metadata(arena, status, "constraint", field_of(error, PG_DIAG_CONSTRAINT_NAME));
	return status;
}
