/*
 * db: PostgreSQL without blocking: units of work that travel together.
 *
 * Invariants
 * - A unit of work is ONE round trip: one or more prepared statements that succeed or fail together. There are no interactive transactions.
 * - While a round trip is under way, waiting units of the same class gather and go out as one transaction with one commit. Each still succeeds or fails on its own:
 *   a guarded statement that changes no row is an answer, not an error; when a statement of the group fails, its units are run again one by one.
 * - Any unit may therefore be run again (also on 40001 and 40P01), so it must contain nothing that cannot be.
 * - What is optional (a list, a report, events handed out) waits while there is something else to do, but not for ever, goes in small groups, and never has all connections.
 * - A request that has waited in the queue for more than half of its time, before anything of it was done, is refused with OVERLOADED: its client has
 *   little use for the answer, and those behind it have more. A call that ends while it is queued never goes to the server.
 * - Every unit has a deadline: the call's. What is left of it becomes the server's statement_timeout, and a timer of our own ends the wait when the server does not answer
 *   (a frozen server never does): then the connection is given up, reads fail with DATABASE_UNAVAILABLE or DEADLINE_PASSED, writes with OUTCOME_UNKNOWN.
 * - SQL texts are constants with named parameters (`:order_id`); values are always bound, never pasted.
 * - Results are binary and read by column name and type. Reading what is not there is our bug and stops the process: a made-up value could end in the books.
 *
 * Usage
 *     static struct db_statement GET_CUSTOMER = DB_READ("get_customer",
 *             "SELECT first_name, version FROM customer WHERE customer_id = :customer_id");
 *
 *     struct db_unit *unit = db_unit(call, &GET_CUSTOMER);
 *     db_bind_text(unit, "customer_id", id);
 *     TRY(db_run(call, unit));
 *     const struct db_rows *rows = db_rows(unit, 0);
 *     if (db_count(rows) == 0) return status_not_found(call->arena, "customer", id);
 *     reply->first_name = db_text(rows, 0, "first_name");
 */
#ifndef QUAYSIDE_RUNTIME_DB_H
#define QUAYSIDE_RUNTIME_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "runtime/call.h"

struct db;
struct db_unit;
struct db_rows;

/*
 * Reads take no locks, and all statements of a unit see the same moment. Writes are grouped into commits, and each
 * statement sees what was committed before it began. A unit's class is that of its statements: one write makes it a write.
 */
enum db_class { DB_CLASS_READ, DB_CLASS_WRITE };

/* One statement, as a static object of a store. The private part belongs to the executor. */
struct db_statement {
	const char *name;
	const char *sql;
	enum db_class class;
	struct db_prepared *prepared_;
};

#define DB_READ(name_, sql_)                                                                                           \
	{                                                                                                              \
		.name = (name_), .sql = (sql_), .class = DB_CLASS_READ                                                 \
	}
#define DB_WRITE(name_, sql_)                                                                                          \
	{                                                                                                              \
		.name = (name_), .sql = (sql_), .class = DB_CLASS_WRITE                                                \
	}

struct db_options {
	const char *conninfo;                    /* libpq connection string */
	int read_connections, write_connections; /* one write connection keeps groups from deadlocking each other */
	int group_limit;                         /* units in one round trip at most */
	int queue_limit;                         /* units waiting at most; more are refused with OVERLOADED */
	int64_t statement_timeout;               /* microseconds, for units whose call has more time than that */
};

/* Connects in the background; never fails. Units wait for a connection until their deadline. */
struct db *db_new(struct loop *loop, const struct db_options *options);

/* Fails what waits with SHUTTING_DOWN, closes the connections. */
void db_free(struct db *db);

/* Is at least one connection of each class usable now? changed(context, ready) is called on the loop at every change; used by readiness. */
bool db_ready(const struct db *db);
void db_watch(struct db *db, void (*changed)(void *context, bool ready), void *context);

/* Commits of write groups so far: fewer than the units that they carried, when units waited together. */
uint64_t db_commits(const struct db *db);

/* A unit with its first statement, in the call's arena; and a further one that runs after it in the same transaction. Binds go to the statement added last. */
struct db_unit *db_unit(struct call *call, struct db_statement *statement);
void db_then(struct db_unit *unit, struct db_statement *statement);

/*
 * Binds a parameter by its name (without the colon). Texts and bytes must stay valid until db_run() returns; NULL text is SQL NULL.
 * Types follow the statement: db_bind_time is timestamptz (microseconds since 1970), arrays are text[] and bigint[].
 * Binding a name that the statement does not have, or leaving one unbound, fails in db_run() with INTERNAL_ERROR.
 */
void db_bind_text(struct db_unit *unit, const char *name, const char *value);
void db_bind_int(struct db_unit *unit, const char *name, int64_t value);
void db_bind_bool(struct db_unit *unit, const char *name, bool value);
void db_bind_time(struct db_unit *unit, const char *name, int64_t micros);
void db_bind_bytes(struct db_unit *unit, const char *name, struct str value);
void db_bind_null(struct db_unit *unit, const char *name);
void db_bind_texts(struct db_unit *unit, const char *name, const char *const *values, size_t count);
void db_bind_ints(struct db_unit *unit, const char *name, const int64_t *values, size_t count);

/*
 * Lets a unit travel with the next unit that the call runs, ahead of it and in the same round trip. done() sees its rows before db_run() returns,
 * and when done() fails so does db_run(). One at a time; used for the look-up of the idempotency key, which so costs no round trip of its own.
 */
void db_ride_along(struct call *call, struct db_unit *unit,
		   struct status (*done)(struct call *call, const struct db_rows *rows));

/* Sends the unit and waits for its outcome. SQL errors: unique violations are ALREADY_EXISTS (metadata constraint), checks are INTERNAL_ERROR with the text in the log, see db_status.c. */
struct status db_run(struct call *call, struct db_unit *unit) MUST_USE;

/* The rows of the unit's n-th statement (from 0) after db_run(); valid as long as the call. */
const struct db_rows *db_rows(const struct db_unit *unit, size_t n);
const struct db_rows *db_last_rows(const struct db_unit *unit); /* of the statement added last */
size_t db_count(const struct db_rows *rows);

/* Reads a value by column name. Text (text, varchar, uuid) and bytes stay valid as long as the call. NULL reads as "", 0, false, empty; ask db_null() where it matters. */
char *db_text(const struct db_rows *rows, size_t row, const char *column);
int64_t db_int(const struct db_rows *rows, size_t row, const char *column); /* int2, int4, int8 */
bool db_bool(const struct db_rows *rows, size_t row, const char *column);
int64_t db_time(const struct db_rows *rows, size_t row,
		const char *column); /* timestamptz, in microseconds since 1970 */
struct str db_bytes(const struct db_rows *rows, size_t row, const char *column);
size_t db_texts(const struct db_rows *rows, size_t row, const char *column,
		char ***ret_texts); /* text[]; returns how many */
bool db_null(const struct db_rows *rows, size_t row, const char *column);

#endif
