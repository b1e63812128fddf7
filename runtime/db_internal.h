/*
 * db_internal: what the files of the database executor share. Nobody else includes it: it is the only header that shows libpq.
 *
 * How a unit travels
 *     db_run() puts it into its class's queue and waits                         (db.c)
 *     an idle connection takes a group off the queue                            (db.c)
 *     the group's statements and one Sync go out, the results come back         (db_connection.c, db_group.c)
 *     every unit is told its outcome, or goes back to the head of the queue     (db.c)
 *
 * Invariants
 * - Units live in their calls' arenas. A connection reaches a unit only through its slot in `units`; a unit whose call stops waiting empties the slot, so nothing
 *   points at it any more. What was sent is libpq's own copy.
 * - A group that has an error, or whose Sync was not handed to the kernel, has committed nothing: the server commits at the Sync.
 */
#ifndef QUAYSIDE_RUNTIME_DB_INTERNAL_H
#define QUAYSIDE_RUNTIME_DB_INTERNAL_H

#include <libpq-fe.h>

#include "base/list.h"
#include "runtime/coroutine.h"
#include "runtime/db.h"

#define DB_CLASSES 2

/* In which of its class's queues a unit waits. */
enum db_urgency { DB_NEEDED, DB_OPTIONAL };
#define DB_URGENCIES 2

struct event;

/* A statement as PostgreSQL takes it, made once (db_statement.c). */
struct db_prepared {
	unsigned id;                   /* from 0 */
	const char *name;              /* on the server */
	const char *sql;               /* with $1, $2, ... */
	const char *const *parameters; /* their names; parameters[0] is $1 */
	int n_parameters;
};

struct db_rows {
	const char *statement;
	PGresult *result; /* NULL until the unit has run */
	struct arena *arena;
};

/* One statement of a unit with its values. */
struct db_step {
	struct db_step *next;
	const struct db_statement *statement;
	const struct db_prepared *prepared;
	const char **values;
	int *lengths, *formats;
	bool *bound;
	struct db_rows rows;
};

enum db_state { DB_STATE_IDLE, DB_STATE_QUEUED, DB_STATE_SENT, DB_STATE_DONE };

struct db_unit {
	struct call *call;
	struct db_step *first, *last;
	enum db_class class;
	struct status mistake; /* the first wrong bind */

	/* While it runs. */
	struct db_step *route; /* all that travels: the rider's steps, then its own */
	enum db_state state;
	struct link link; /* in the queue */
	int64_t queued;   /* since when */
	struct coroutine *waiter;
	struct db_unit **slot; /* in the connection it was sent on */
	bool alone;            /* its group failed: it goes by itself */
	int resends;           /* after connections that were lost */
	struct status outcome;
	bool again; /* the outcome is a conflict that another try may not have */
};

/* What the next result on a connection answers. */
struct db_expected {
	const char *statement;
	const struct db_prepared *prepared; /* it was prepared; or NULL */
	struct db_unit **slot;              /* it was run, as this unit's step; or NULL */
	struct db_step *step;
};

enum db_preparation { DB_UNPREPARED, DB_PREPARING, DB_PREPARED };

enum db_link { DB_LINK_DOWN, DB_LINK_CONNECTING, DB_LINK_IDLE, DB_LINK_BUSY };

struct db_connection {
	struct db *db;
	enum db_class class;
	enum db_link link;
	PGconn *pg;
	struct event *readable, *writable; /* for pg's socket */
	struct loop_timer
	    *timer;   /* until the next try to connect (DOWN), for connecting, for the group's answer (BUSY) */
	int failures; /* to connect, in a row */
	enum db_preparation *prepared; /* by db_prepared.id */
	size_t n_prepared;

	/* The group under way. */
	struct db_unit **units; /* group_limit slots */
	int n_units;
	enum db_urgency urgency; /* of all of them */
	struct db_expected *expected;
	size_t n_expected, expected_size, next_expected;
	PGresult *error;    /* the first */
	const char *failed; /* the statement that had it */
	bool stale;         /* it says that our prepared statements are out of date */
	bool flushed;       /* the kernel has all of it, the Sync too */
	bool own_timeout;   /* the server's timeout is what the units' deadlines leave */
};

struct db {
	struct arena *arena; /* with everything here; ends with the pool */
	struct loop *loop;
	struct db_options options;
	char *conninfo;
	struct link queues[DB_CLASSES][DB_URGENCIES];
	int passed_over[DB_CLASSES]; /* groups that went before what is optional */
	int queued;
	struct event *dispatch;
	struct db_connection *connections;
	int n_connections;
	bool was_ready, closing;
	void (*changed)(void *context, bool ready);
	void *changed_context;
	uint64_t commits; /* of write groups */
};

/* db.c: for the connections. */
void db_unit_finish(struct db_unit *unit, struct status outcome);
void db_unit_requeue(struct db *db, struct db_unit *unit); /* to the head of its queue */
void db_unit_drop_results(struct db_unit *unit);
void db_connection_changed(struct db *db); /* usable, free again, or lost */

/* db_connection.c: one connection, from connecting to losing it. */
void db_connection_init(struct db_connection *connection, struct db *db, enum db_class class);
void db_connection_done(struct db_connection *connection);
bool db_connection_check(
    struct db_connection *connection); /* Is an idle connection still there? If not it is given up. */
void db_connection_flush(struct db_connection *connection);
/* Gives the connection up and connects anew. resend: units that may be sent again are. */
void db_connection_lost(struct db_connection *connection, bool resend, const char *why);

/* db_group.c: one group's round trip, of the n_units in connection->units. */
void db_group_send(struct db_connection *connection);
void db_group_receive(struct db_connection *connection, PGresult *result);
void db_group_abandon(struct db_connection *connection, bool resend);

/* db_statement.c */
const struct db_prepared *db_statement_prepare(struct db_statement *statement);

/* db_status.c: what an error of the server means for this unit. */
struct status db_status(const struct db_unit *unit, const char *statement, const PGresult *error,
			bool own_timeout) MUST_USE;
bool db_error_is(const PGresult *error, const char *sqlstate);
bool db_error_is_conflict(const PGresult *error); /* worth another try */
bool db_error_is_stale(const PGresult *error);    /* the connection's prepared statements are not what we think */

#endif
