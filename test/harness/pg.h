/*
 * pg: a throw-away PostgreSQL for a test program.
 *
 * Invariants
 * - One cluster per program, with settings as in production (fsync on), reached through a Unix socket; made at the first pg_start().
 * - It is stopped and deleted when the program ends, also when it crashes: a guardian process waits for that.
 * - Any failure ends the program: without a database there is nothing to test.
 *
 * Usage
 *     const char *conninfo = pg_start();
 *     migrate(conninfo, customers_migrations);
 */
#ifndef QUAYSIDE_TEST_HARNESS_PG_H
#define QUAYSIDE_TEST_HARNESS_PG_H

/* Makes a new, empty database and returns its libpq connection string (superuser; valid until the program ends). Run from the project's root, before threads start. */
const char *pg_start(void);

/* As `psql -c sql` on this database: waits until it is done. */
void pg_execute(const char *conninfo, const char *sql);

/* Takes the server down, ending all sessions, and up again under the same address. */
void pg_stop(void);
void pg_restart(void);

#endif
