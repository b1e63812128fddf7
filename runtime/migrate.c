/*
 * See migrate.h. What has run is kept in schema_migrations, one row per file; each file commits together with its row.
 *
 * Who migrates holds a lock on that table, so that others that start at the same time wait, and then find the work done.
 */
#include "runtime/migrate.h"

#include <libpq-fe.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/str.h"

#define WAIT_FOR_SERVER (30 * CLOCK_SECOND)
#define RETRY_MILLISECONDS 200

extern const struct migration runtime_migrations[];

/* The two lists, in the order they run; their names are kept with the prefix, as both count from 0001. */
struct source {
	const char *prefix;
	const struct migration *migrations;
};

/* One run: the connection, and memory that ends with it. */
struct run {
	struct arena *arena;
	PGconn *pg;
	struct source sources[3]; /* ends with NULL migrations */
};

static void clear_result(void *result)
{
	PQclear(result);
}

static void finish_connection(void *pg)
{
	PQfinish(pg);
}

static bool failed(const struct run *run, const char *what)
{
	const char *error = PQerrorMessage(run->pg);

	log_error("the database cannot be migrated", LOG_TEXT("at", what),
		  LOG_TEXT("why", arena_strndup(run->arena, error, strcspn(error, "\n"))));
	return false;
}

/* NULL, after a log line, when it failed. The result lives as long as the run. */
static const PGresult *ask(const struct run *run, const char *what, const char *sql, int n, const char *const *values)
{
	PGresult *result = n > 0 ? PQexecParams(run->pg, sql, n, NULL, values, NULL, NULL, 0) : PQexec(run->pg, sql);
	const ExecStatusType kind = PQresultStatus(result);

	arena_defer(run->arena, clear_result, result);
	if (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK)
		return result;
	failed(run, what);
	return NULL;
}

static bool execute(const struct run *run, const char *what, const char *sql)
{
	return ask(run, what, sql, 0, NULL) != NULL;
}

static PGconn *connect_once(const char *conninfo)
{
	/* A lock that is not to be had is better reported than waited for. */
	static const char options[] = "-c search_path=public -c timezone=UTC -c client_min_messages=warning"
				      " -c statement_timeout=0 -c lock_timeout=60s";
	const char *const names[] = { "connect_timeout",           "dbname", "options", "client_encoding",
				      "fallback_application_name", NULL };
	const char *const values[] = { "3", conninfo, options, "UTF8", "migrate", NULL };

	return PQconnectdbParams(names, values, 1);
}

static bool connect_patiently(struct run *run, const char *conninfo)
{
	const int64_t deadline = clock_monotonic() + WAIT_FOR_SERVER;

	for (;;) {
		run->pg = connect_once(conninfo);
		if (PQstatus(run->pg) == CONNECTION_OK) {
			arena_defer(run->arena, finish_connection, run->pg);
			return true;
		}
		if (clock_monotonic() >= deadline) {
			failed(run, "connecting");
			PQfinish(run->pg);
			return false;
		}
		PQfinish(run->pg);
		/* There is no loop yet whose timer could wait. */
		poll(NULL, 0, RETRY_MILLISECONDS);
	}
}

/* A server that loses what it acknowledged, or keeps other characters than ours, is not used. */
static bool check_server(const struct run *run)
{
	const PGresult *wrong = ask(run, "settings",
				    "SELECT name, setting FROM pg_settings WHERE (name IN ('fsync', "
				    "'full_page_writes', 'synchronous_commit') AND setting = 'off')"
				    " OR (name = 'server_encoding' AND setting <> 'UTF8')",
				    0, NULL);

	if (wrong == NULL)
		return false;
	for (int i = 0; i < PQntuples(wrong); i++)
		log_error("the database does not keep what it is given", LOG_TEXT("setting", PQgetvalue(wrong, i, 0)),
			  LOG_TEXT("value", PQgetvalue(wrong, i, 1)));
	return PQntuples(wrong) == 0;
}

/* Two that create the same table at once may collide in PostgreSQL's own catalogue although both say IF NOT EXISTS; the second try finds it there. */
static bool make_table(const struct run *run)
{
	static const char SQL[] =
	    "CREATE TABLE IF NOT EXISTS schema_migrations"
	    " (name text PRIMARY KEY, checksum text NOT NULL, time timestamptz NOT NULL DEFAULT now())";

	PGresult *result = PQexec(run->pg, SQL);
	const bool made = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return made || execute(run, "schema_migrations", SQL);
}

static const char *checksum_of(struct arena *arena, const struct migration *migration)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf text = buf_new(arena);

	/* Fails only for algorithms that OpenSSL was built without. */
	if (EVP_Digest(migration->sql, migration->len, digest, &len, EVP_sha256(), NULL) != 1)
		return "";
	buf_hex(&text, digest, len);
	return text.data;
}

static bool known(const struct run *run, const char *name)
{
	for (const struct source *source = run->sources; source->migrations != NULL; source++) {
		const size_t prefix = strlen(source->prefix);

		if (strncmp(name, source->prefix, prefix) != 0)
			continue;
		for (const struct migration *migration = source->migrations; migration->name != NULL; migration++) {
			if (strcmp(name + prefix, migration->name) == 0)
				return true;
		}
	}
	return false;
}

/* What a newer program did to the database we cannot know. */
static bool check_not_newer(const struct run *run)
{
	const PGresult *rows =
	    ask(run, "schema_migrations", "SELECT name FROM schema_migrations ORDER BY name", 0, NULL);

	if (rows == NULL)
		return false;
	for (int i = 0; i < PQntuples(rows); i++) {
		if (!known(run, PQgetvalue(rows, i, 0))) {
			log_error("the database is newer than this program",
				  LOG_TEXT("migration", PQgetvalue(rows, i, 0)));
			return false;
		}
	}
	return true;
}

/* *ret_done: it has run. False when it ran in another form. */
static bool look_up(const struct run *run, const char *name, const char *checksum, bool *ret_done)
{
	const PGresult *rows =
	    ask(run, name, "SELECT checksum FROM schema_migrations WHERE name = $1", 1, (const char *const[]){ name });

	if (rows == NULL)
		return false;
	if (PQntuples(rows) > 0 && strcmp(PQgetvalue(rows, 0, 0), checksum) != 0) {
		log_error("a migration was changed after it had run", LOG_TEXT("migration", name));
		return false;
	}
	*ret_done = PQntuples(rows) > 0;
	return true;
}

/* One that was put in front of what has run already would run in another order elsewhere. */
static bool check_order(const struct run *run, const char *name, const char *prefix)
{
	const PGresult *rows = ask(run, name,
				   "SELECT name FROM schema_migrations WHERE name > $1 AND starts_with(name, $2) AND "
				   "($2 <> '' OR name NOT LIKE '%/%')",
				   2, (const char *const[]){ name, prefix });

	if (rows == NULL)
		return false;
	if (PQntuples(rows) > 0)
		log_error("a migration comes too late", LOG_TEXT("migration", name),
			  LOG_TEXT("after", PQgetvalue(rows, 0, 0)));
	return PQntuples(rows) == 0;
}

/* Inside a transaction that holds the lock. */
static bool apply(const struct run *run, const char *name, const char *checksum, const char *sql)
{
	const int64_t start = clock_monotonic();

	if (!execute(run, name, sql))
		return false;
	if (PQtransactionStatus(run->pg) != PQTRANS_INTRANS) {
		log_error("a migration ended its transaction", LOG_TEXT("migration", name));
		return false;
	}
	if (ask(run, name, "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", 2,
		(const char *const[]){ name, checksum }) == NULL)
		return false;
	log_info("migrated", LOG_TEXT("migration", name),
		 LOG_INT("ms", (clock_monotonic() - start) / CLOCK_MILLISECOND));
	return true;
}

static bool migrate_one(const struct run *run, const char *prefix, const struct migration *migration)
{
	const char *name = arena_printf(run->arena, "%s%s", prefix, migration->name);
	const char *checksum = checksum_of(run->arena, migration);
	bool done;

	if (!look_up(run, name, checksum, &done))
		return false;
	if (done)
		return true;
	/* Looked up again under the lock: someone else may have run it meanwhile. A failure ends the connection and with it the transaction. */
	if (!execute(run, name, "BEGIN; LOCK TABLE schema_migrations IN EXCLUSIVE MODE") ||
	    !look_up(run, name, checksum, &done))
		return false;
	if (!done && (!check_order(run, name, prefix) || !apply(run, name, checksum, migration->sql)))
		return false;
	return execute(run, name, "COMMIT");
}

static bool migrate_all(const struct run *run)
{
	for (const struct source *source = run->sources; source->migrations != NULL; source++) {
		for (const struct migration *migration = source->migrations; migration->name != NULL; migration++) {
			if (!migrate_one(run, source->prefix, migration))
				return false;
		}
	}
	return true;
}

static void end_run(struct run *run)
{
	arena_free(run->arena);
}

bool migrate(const char *conninfo, const struct migration *migrations)
{
	CLEANUP(end_run)
	struct run run = {
		.arena = arena_new((size_t)16 * 1024, 0),
		.sources = { { "runtime/", runtime_migrations }, { "", migrations } },
	};

	return connect_patiently(&run, conninfo) && check_server(&run) && make_table(&run) && check_not_newer(&run) &&
	       migrate_all(&run);
}
