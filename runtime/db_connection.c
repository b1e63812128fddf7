/*
 * One connection: connects without blocking, carries one group at a time, and connects again when it is lost.
 *
 * A host name is resolved by libpq when connecting, which blocks: name the server by its socket directory or address (hostaddr) where that matters.
 */
#include "runtime/db_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"

#define CONNECT_TIMEOUT (3 * CLOCK_SECOND)
#define RETRY_FIRST (20 * CLOCK_MILLISECOND)
#define RETRY_DOUBLINGS 7 /* to 2.5 s */
#define LOCK_TIMEOUT (CLOCK_SECOND / CLOCK_MILLISECOND)
#define IDLE_TIMEOUT (10 * CLOCK_SECOND / CLOCK_MILLISECOND)

static void on_readable(evutil_socket_t fd, short events, void *argument);
static void on_writable(evutil_socket_t fd, short events, void *argument);
static void on_timer(void *owner);

static void forget_events(struct db_connection *connection)
{
	if (connection->readable != NULL)
		event_free(connection->readable);
	if (connection->writable != NULL)
		event_free(connection->writable);
	connection->readable = connection->writable = NULL;
}

/* The socket may be another one after each step of connecting. */
static void make_events(struct db_connection *connection)
{
	struct event_base *base = loop_base(connection->db->loop);
	const int fd = PQsocket(connection->pg);

	forget_events(connection);
	connection->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, connection);
	connection->writable = event_new(base, fd, EV_WRITE, on_writable, connection);
	if (connection->readable == NULL || connection->writable == NULL)
		abort();
}

/* Doubling, and spread by half, so that a server that comes back is not met by everyone at once. */
static int64_t retry_delay(int failures)
{
	const int64_t delay = RETRY_FIRST << (failures < RETRY_DOUBLINGS ? failures : RETRY_DOUBLINGS);
	uint16_t random;

	random_bytes(&random, sizeof(random));
	return delay / 2 + delay * random / UINT16_MAX;
}

/* PQfinish() sends a good-bye if the socket takes it at once, and closes: it does not wait on a non-blocking connection. */
static void disconnect(struct db_connection *connection)
{
	forget_events(connection);
	PQfinish(connection->pg);
	connection->pg = NULL;
	connection->link = DB_LINK_DOWN;
	if (connection->n_prepared > 0)
		memset(connection->prepared, 0, connection->n_prepared * sizeof(*connection->prepared));
}

static const char *first_line(char text[256], const char *message)
{
	snprintf(text, 256, "%.*s", (int)strcspn(message, "\n"), message);
	return text;
}

/* One line when it begins and one when it ends, however often connecting fails in between. */
static void connect_failed(struct db_connection *connection, const char *why)
{
	char text[256];

	if (connection->failures == 0)
		log_warn("cannot connect to the database", LOG_TEXT("why", first_line(text, why)));
	disconnect(connection);
	loop_timer_set(connection->timer, retry_delay(connection->failures++));
}

static void connected(struct db_connection *connection)
{
	if (PQsetnonblocking(connection->pg, 1) != 0 || PQenterPipelineMode(connection->pg) != 1) {
		connect_failed(connection, PQerrorMessage(connection->pg));
		return;
	}
	if (connection->failures > 0)
		log_info("connected to the database again", LOG_INT("attempts", connection->failures + 1));
	connection->failures = 0;
	connection->link = DB_LINK_IDLE;
	loop_timer_cancel(connection->timer);
	make_events(connection);
	event_add(connection->readable, NULL);
	db_connection_changed(connection->db);
}

static void go_on_connecting(struct db_connection *connection)
{
	const PostgresPollingStatusType wants = PQconnectPoll(connection->pg);

	if (wants == PGRES_POLLING_OK) {
		connected(connection);
	} else if (wants == PGRES_POLLING_FAILED) {
		connect_failed(connection, PQerrorMessage(connection->pg));
	} else {
		make_events(connection);
		event_add(wants == PGRES_POLLING_READING ? connection->readable : connection->writable, NULL);
	}
}

static void ignore_notice(void *argument, const char *message)
{
	char text[256];

	(void)argument;
	log_debug("the database says", LOG_TEXT("notice", first_line(text, message)));
}

/* What every session needs, whatever the connection string and the server's settings say. Reads cannot write, even by mistake. */
static PGconn *start_connecting(const struct db *db, enum db_class class)
{
	char options[512];
	/* What stands before the connection string may be changed by it, what stands behind it may not. */
	const char *const names[] = { "fallback_application_name",
				      "tcp_user_timeout",
				      "keepalives_idle",
				      "keepalives_interval",
				      "keepalives_count",
				      "dbname",
				      "options",
				      "client_encoding",
				      "target_session_attrs",
				      NULL };
	const char *const values[] = { program_invocation_short_name,
				       "5000",
				       "15",
				       "5",
				       "2",
				       db->conninfo,
				       options,
				       "UTF8",
				       class == DB_CLASS_WRITE ? "read-write" : "any",
				       NULL };

	snprintf(options, sizeof(options),
		 "-c statement_timeout=%lld -c lock_timeout=%lld -c idle_in_transaction_session_timeout=%lld -c "
		 "search_path=public -c timezone=UTC"
		 " -c default_transaction_isolation=%s -c default_transaction_read_only=%s -c jit=off",
		 (long long)(db->options.statement_timeout / CLOCK_MILLISECOND), (long long)LOCK_TIMEOUT,
		 (long long)IDLE_TIMEOUT, class == DB_CLASS_READ ? "repeatable\\ read" : "read\\ committed",
		 class == DB_CLASS_READ ? "on" : "off");
	return PQconnectStartParams(names, values, 1);
}

static void start(struct db_connection *connection)
{
	connection->pg = start_connecting(connection->db, connection->class);
	if (connection->pg == NULL)
		abort();
	if (PQstatus(connection->pg) == CONNECTION_BAD) {
		connect_failed(connection, PQerrorMessage(connection->pg));
		return;
	}
	PQsetNoticeProcessor(connection->pg, ignore_notice, NULL);
	connection->link = DB_LINK_CONNECTING;
	loop_timer_set(connection->timer, CONNECT_TIMEOUT);
	/* As if PQconnectPoll() had asked for writing ("Asynchronous connection" in libpq's chapter). */
	make_events(connection);
	event_add(connection->writable, NULL);
}

void db_connection_lost(struct db_connection *connection, bool resend, const char *why)
{
	char text[256];

	log_warn("gave up a database connection", LOG_TEXT("why", first_line(text, why)),
		 LOG_INT("units", connection->n_units));
	disconnect(connection);
	db_group_abandon(connection, resend);
	loop_timer_set(connection->timer, retry_delay(0));
	db_connection_changed(connection->db);
}

static void on_timer(void *owner)
{
	struct db_connection *connection = owner;

	switch (connection->link) {
	case DB_LINK_DOWN:
		start(connection);
		break;
	case DB_LINK_CONNECTING:
		connect_failed(connection, "no answer in time");
		break;
	case DB_LINK_BUSY:
		db_connection_lost(connection, false, "no answer in time");
		break;
	case DB_LINK_IDLE:
		break;
	}
}

bool db_connection_check(struct db_connection *connection)
{
	if (PQconsumeInput(connection->pg) == 1 && PQstatus(connection->pg) == CONNECTION_OK)
		return true;
	db_connection_lost(connection, true, PQerrorMessage(connection->pg));
	return false;
}

void db_connection_flush(struct db_connection *connection)
{
	const int left = PQflush(connection->pg);

	if (left < 0)
		db_connection_lost(connection, true, PQerrorMessage(connection->pg));
	else if (left > 0)
		event_add(connection->writable, NULL);
	else
		connection->flushed = true;
}

/* Each statement has one result, which a NULL follows; two in a row mean that libpq has nothing under way. */
static void take_results(struct db_connection *connection)
{
	int nulls = 0;

	while (nulls < 2 && connection->link == DB_LINK_BUSY && !PQisBusy(connection->pg)) {
		PGresult *result = PQgetResult(connection->pg);

		nulls = result == NULL ? nulls + 1 : 0;
		if (result != NULL)
			db_group_receive(connection, result);
	}
}

static void receive(struct db_connection *connection)
{
	const bool alive = PQconsumeInput(connection->pg) == 1;

	/* What came before the end counts. */
	take_results(connection);
	if (!alive && connection->link != DB_LINK_DOWN)
		db_connection_lost(connection, true, PQerrorMessage(connection->pg));
	else if (connection->link == DB_LINK_BUSY && !connection->flushed)
		db_connection_flush(connection);
}

static void on_readable(evutil_socket_t fd, short events, void *argument)
{
	struct db_connection *connection = argument;

	(void)fd;
	(void)events;
	if (connection->link == DB_LINK_CONNECTING)
		go_on_connecting(connection);
	else
		receive(connection);
}

static void on_writable(evutil_socket_t fd, short events, void *argument)
{
	struct db_connection *connection = argument;

	(void)fd;
	(void)events;
	if (connection->link == DB_LINK_CONNECTING)
		go_on_connecting(connection);
	else if (connection->link == DB_LINK_BUSY)
		db_connection_flush(connection);
}

void db_connection_init(struct db_connection *connection, struct db *db, enum db_class class)
{
	connection->db = db;
	connection->class = class;
	connection->timer = loop_timer_new(db->loop, on_timer, connection);
	connection->units = arena_array(db->arena, (size_t)db->options.group_limit, sizeof(struct db_unit *));
	loop_timer_set(connection->timer, 0);
}

void db_connection_done(struct db_connection *connection)
{
	disconnect(connection);
	loop_timer_free(connection->timer);
}
