/*
 * migrate: the database's shape, as an append-only list of SQL files embedded in the program.
 *
 * Invariants
 * - Files are named NNNN_what.sql and run in this order, each in its own transaction, each once. A file that has run is never changed: its SHA-256 is
 *   kept, and a difference stops the start. So does a database that is newer than the program.
 * - The runtime's own tables (idempotency, history, outbox, cursors) are migrations too, and run before the service's.
 * - Several processes may start at once: one migrates, the others wait.
 * - Runs before the loop, blocking; nothing else uses the connection.
 *
 * Usage
 *     if (!migrate(conninfo, customers_migrations))
 *             return 1;
 */
#ifndef QUAYSIDE_RUNTIME_MIGRATE_H
#define QUAYSIDE_RUNTIME_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>

/* One embedded file. A list ends with a NULL name. */
struct migration {
	const char *name; /* "0001_customers.sql" */
	const char *sql;  /* ends with NUL */
	size_t len;
};

/* Brings the database up to date; also refuses one that would not keep what it committed (fsync, full_page_writes or synchronous_commit off). Waits up to 30 s for the server. Logs why it fails. */
bool migrate(const char *conninfo, const struct migration *migrations);

#endif
