/* See db.h: the queues, and a call's wait for its unit. How groups travel is told in db_internal.h. */
#include "runtime/db_internal.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/uuid.h"

#define FIRST_BLOCK ((size_t)16 * 1024)
#define TRIES_MAX 5 /* of a unit that meets conflicts */
#define PAUSE (5 * CLOCK_MILLISECOND)
#define RETRY_AFTER_MS 250
#define OPTIONAL_GROUP 4  /* units of what is optional in one round trip */
#define PASSED_OVER_MAX 8 /* groups that may go before what is optional */

/* Lists, and what hands out events: nobody's order waits for them. */
static bool is_optional(const struct call *call)
{
	const struct contract_method *method = call->method;

	return call->call_class == CLASS_SHEDDABLE ||
	       (method != NULL && (method->server_streaming || method->policy.call_class == CLASS_WORKER));
}

static struct link *queue_of(struct db *db, const struct db_unit *unit)
{
	return &db->queues[unit->class][is_optional(unit->call) ? DB_OPTIONAL : DB_NEEDED];
}

static void leave_queue(struct db *db, struct db_unit *unit)
{
	list_remove(&unit->link);
	db->queued--;
}

void db_unit_drop_results(struct db_unit *unit)
{
	for (struct db_step *step = unit->route; step != NULL; step = step->next) {
		PQclear(step->rows.result);
		step->rows.result = NULL;
	}
}

void db_unit_finish(struct db_unit *unit, struct status outcome)
{
	unit->state = DB_STATE_DONE;
	unit->outcome = outcome;
	coroutine_wake(unit->waiter);
}

static void request_dispatch(struct db *db)
{
	event_active(db->dispatch, 0, 0);
}

static void enqueue(struct db *db, struct db_unit *unit)
{
	unit->state = DB_STATE_QUEUED;
	unit->queued = clock_monotonic();
	list_append(queue_of(db, unit), &unit->link);
	db->queued++;
	request_dispatch(db);
}

void db_unit_requeue(struct db *db, struct db_unit *unit)
{
	db_unit_drop_results(unit);
	unit->state = DB_STATE_QUEUED;
	list_append(list_first(queue_of(db, unit)), &unit->link);
	db->queued++;
	coroutine_wake(unit->waiter); /* its call may have been cancelled while this was under way */
}

/* Why a unit should not go now that its turn has come. */
static struct status too_late(const struct db_unit *unit)
{
	struct call *call = unit->call;
	const int64_t waited = clock_monotonic() - unit->queued, all = call->deadline - call->started;
	struct status status;

	TRY(call_check(call));
	if (call->begun || call->call_class == CLASS_WORKER || call->deadline == CLOCK_NEVER || waited <= all / 2)
		return STATUS_OK;
	status = status_private(call->arena, &OVERLOADED, "waited for the database for %lld of %lld ms",
				(long long)(waited / CLOCK_MILLISECOND), (long long)(all / CLOCK_MILLISECOND));
	status.detail->retry_after_ms = RETRY_AFTER_MS;
	return status;
}

/* May this connection take what is optional? Not if the others of its class have nothing else, so that one is always near. */
static bool may_take_optional(const struct db *db, const struct db_connection *connection)
{
	int all = 0, taken = 0;

	for (int i = 0; i < db->n_connections; i++) {
		const struct db_connection *other = &db->connections[i];

		if (other->class != connection->class)
			continue;
		all++;
		taken += other->link == DB_LINK_BUSY && other->urgency == DB_OPTIONAL;
	}
	return all == 1 || taken < all - 1;
}

/* What the connection should do next. */
static enum db_urgency next_urgency(struct db *db, const struct db_connection *connection)
{
	const struct link *queues = db->queues[connection->class];
	int *passed_over = &db->passed_over[connection->class];

	if (list_empty(&queues[DB_OPTIONAL]) || !may_take_optional(db, connection))
		return DB_NEEDED;
	if (!list_empty(&queues[DB_NEEDED]) && ++*passed_over < PASSED_OVER_MAX)
		return DB_NEEDED;
	*passed_over = 0;
	return DB_OPTIONAL;
}

/* Off the queue into the connection's slots. What came too late is not opened. */
static void take_group(struct db *db, struct db_connection *connection)
{
	const enum db_urgency urgency = next_urgency(db, connection);
	struct link *queue = &db->queues[connection->class][urgency];
	const int limit = urgency == DB_NEEDED ? db->options.group_limit : OPTIONAL_GROUP;

	connection->urgency = urgency;
	while (connection->n_units < limit && !list_empty(queue)) {
		struct db_unit *unit = LIST_ENTRY(list_first(queue), struct db_unit, link);

		if (unit->alone && connection->n_units > 0)
			return;
		leave_queue(db, unit);

		const struct status late = too_late(unit);

		if (late.reason != NULL) {
			db_unit_finish(unit, late);
			continue;
		}
		unit->call->begun = true;
		connection->units[connection->n_units++] = unit;
		if (unit->alone)
			return;
	}
}

static bool anything_for(const struct db *db, enum db_class class)
{
	return !list_empty(&db->queues[class][DB_NEEDED]) || !list_empty(&db->queues[class][DB_OPTIONAL]);
}

/* Runs at the end of the loop's turn, so that units which its coroutines asked for together travel together. */
static void dispatch(evutil_socket_t fd, short events, void *argument)
{
	struct db *db = argument;

	(void)fd;
	(void)events;
	for (int i = 0; i < db->n_connections; i++) {
		struct db_connection *connection = &db->connections[i];

		if (connection->link != DB_LINK_IDLE || !anything_for(db, connection->class) ||
		    !db_connection_check(connection))
			continue;
		take_group(db, connection);
		if (connection->n_units > 0)
			db_group_send(connection);
	}
}

static bool usable(const struct db *db, enum db_class class)
{
	for (int i = 0; i < db->n_connections; i++) {
		const struct db_connection *connection = &db->connections[i];

		if (connection->class == class &&
		    (connection->link == DB_LINK_IDLE || connection->link == DB_LINK_BUSY))
			return true;
	}
	return false;
}

bool db_ready(const struct db *db)
{
	return usable(db, DB_CLASS_READ) && usable(db, DB_CLASS_WRITE);
}

void db_connection_changed(struct db *db)
{
	const bool ready = db_ready(db);

	request_dispatch(db);
	if (ready == db->was_ready)
		return;
	db->was_ready = ready;
	if (db->changed != NULL)
		db->changed(db->changed_context, ready);
}

void db_watch(struct db *db, void (*changed)(void *context, bool ready), void *context)
{
	db->changed = changed;
	db->changed_context = context;
}

uint64_t db_commits(const struct db *db)
{
	return db->commits;
}

struct db *db_new(struct loop *loop, const struct db_options *options)
{
	struct arena *arena = arena_new(FIRST_BLOCK, 0);
	struct db *db = arena_alloc(arena, sizeof(*db));

	db->arena = arena;
	db->loop = loop;
	db->options = *options;
	db->conninfo = arena_strdup(arena, options->conninfo);
	db->dispatch = event_new(loop_base(loop), -1, 0, dispatch, db);
	if (db->dispatch == NULL)
		abort();
	for (int i = 0; i < DB_CLASSES * DB_URGENCIES; i++)
		list_init(&db->queues[i / DB_URGENCIES][i % DB_URGENCIES]);
	db->n_connections = options->read_connections + options->write_connections;
	db->connections = arena_array(arena, (size_t)db->n_connections, sizeof(*db->connections));
	for (int i = 0; i < db->n_connections; i++)
		db_connection_init(&db->connections[i], db,
				   i < options->read_connections ? DB_CLASS_READ : DB_CLASS_WRITE);
	return db;
}

static void fail_queue(struct db *db, struct link *queue)
{
	LIST_EACH (queue, at) {
		struct db_unit *unit = LIST_ENTRY(at, struct db_unit, link);

		leave_queue(db, unit);
		db_unit_finish(unit, status_of(&SHUTTING_DOWN));
	}
}

void db_free(struct db *db)
{
	if (db == NULL)
		return;
	db->closing = true;
	for (int i = 0; i < db->n_connections; i++) {
		db_group_abandon(&db->connections[i], false);
		db_connection_done(&db->connections[i]);
	}
	for (int i = 0; i < DB_CLASSES * DB_URGENCIES; i++)
		fail_queue(db, &db->queues[i / DB_URGENCIES][i % DB_URGENCIES]);
	event_free(db->dispatch);
	arena_free(db->arena);
}

void db_ride_along(struct call *call, struct db_unit *unit,
		   struct status (*done)(struct call *call, const struct db_rows *rows))
{
	call->rider = unit;
	call->rider_done = done;
}

/* A bind that failed, or a parameter without a value. */
static struct status check_values(const struct db_unit *unit)
{
	TRY(unit->mistake);
	for (const struct db_step *step = unit->first; step != NULL; step = step->next) {
		for (int i = 0; i < step->prepared->n_parameters; i++) {
			if (!step->bound[i])
				return status_private(unit->call->arena, &INTERNAL_ERROR,
						      "statement %s lacks a value for %s", step->statement->name,
						      step->prepared->parameters[i]);
		}
	}
	return STATUS_OK;
}

static void wake_waiter(void *owner)
{
	struct db_unit *unit = owner;

	coroutine_wake(unit->waiter);
}

/* Why a queued unit that stops waiting does so. Without a connection it is not the call that took too long. */
static struct status left_queue(const struct db *db, const struct db_unit *unit, struct status why)
{
	if (status_is(why, &DEADLINE_PASSED) && !usable(db, unit->class))
		return status_of(&DATABASE_UNAVAILABLE);
	return why;
}

/* The answer will come too late, if at all: the connection forgets the unit, and its results are dropped there. */
static void stop_waiting(struct db_unit *unit)
{
	*unit->slot = NULL;
	unit->slot = NULL;
	db_unit_drop_results(unit);
	unit->outcome = status_of(unit->class == DB_CLASS_WRITE ? &OUTCOME_UNKNOWN : &DEADLINE_PASSED);
	unit->state = DB_STATE_DONE;
}

static void wait_for_outcome(struct db *db, struct db_unit *unit)
{
	while (unit->state != DB_STATE_DONE) {
		coroutine_wait();
		if (unit->state == DB_STATE_QUEUED) {
			const struct status why = call_check(unit->call);

			if (why.reason != NULL) {
				leave_queue(db, unit);
				unit->outcome = left_queue(db, unit, why);
				unit->state = DB_STATE_DONE;
			}
		} else if (unit->state == DB_STATE_SENT && call_remaining(unit->call) == 0) {
			stop_waiting(unit);
		}
	}
}

/* Results of an earlier run stay with the arena; this run has none yet. */
static void forget_results(struct db_unit *unit)
{
	for (struct db_step *step = unit->route; step != NULL; step = step->next)
		step->rows.result = NULL;
}

/* One journey. */
static struct status travel(struct call *call, struct db_unit *unit)
{
	struct db *db = call->db;

	unit->alone = unit->again = false;
	unit->resends = 0;
	forget_results(unit);
	TRY(call_check(call));
	if (db->queued >= db->options.queue_limit)
		return status_of(&OVERLOADED);

	struct loop_timer *alarm = loop_timer_new(call->loop, wake_waiter, unit);

	if (call->deadline != CLOCK_NEVER)
		loop_timer_set(alarm, call_remaining(call));
	unit->waiter = coroutine_current();
	enqueue(db, unit);
	wait_for_outcome(db, unit);
	loop_timer_free(alarm);
	return unit->outcome;
}

/* Random, so that those who met do not meet again; longer each time. */
static void pause_before(const struct call *call, int try)
{
	uint16_t random;

	random_bytes(&random, sizeof(random));
	coroutine_sleep(call->loop, PAUSE * try * random / UINT16_MAX);
}

static struct status travel_until_done(struct call *call, struct db_unit *unit)
{
	for (int try = 1;; try++) {
		const struct status outcome = travel(call, unit);

		if (!unit->again || try == TRIES_MAX)
			return outcome;
		pause_before(call, try);
	}
}

/* The rider's steps go first, in the same transaction. */
static struct status run_with_rider(struct call *call, struct db_unit *unit)
{
	struct db_unit *rider = call->rider;
	const enum db_class class = unit->class;

	TRY(check_values(rider));
	call->rider = NULL;
	rider->last->next = unit->first;
	unit->route = rider->first;
	if (rider->class == DB_CLASS_WRITE)
		unit->class = DB_CLASS_WRITE;

	const struct status outcome = travel_until_done(call, unit);

	rider->last->next = NULL;
	unit->class = class;
	if (outcome.reason != NULL) {
		/* It has learned nothing yet, so it rides with the next one. */
		call->rider = rider;
		return outcome;
	}
	return call->rider_done(call, &rider->first->rows);
}

struct status db_run(struct call *call, struct db_unit *unit)
{
	TRY(check_values(unit));
	if (call->rider != NULL && call->rider != unit)
		return run_with_rider(call, unit);
	unit->route = unit->first;
	return travel_until_done(call, unit);
}
