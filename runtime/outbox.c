/* The producer's side of events: numbering what was committed, and handing it out. */
#include "runtime/outbox.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "runtime/bus.h"
#include "runtime/coroutine.h"
#include "runtime/fault.h"
#include "runtime/pb.h"

#define ROUND_PERIOD CLOCK_SECOND /* how soon another process's events are seen */
#define ROUND_TIMEOUT (10 * CLOCK_SECOND)
#define ROUND_LIMIT 500
#define FETCH_LIMIT_DEFAULT 100
#define FETCH_WAIT_MAX (30 * CLOCK_SECOND)

const struct reason EVENTS_FORGOTTEN = { CODE_OUT_OF_RANGE, "EVENTS_FORGOTTEN",
					 "Some of these events are not kept any more." };

/* One process, one outbox. */
static struct {
	struct loop *loop;
	struct db *db;
	const char *self;
	struct loop_timer *timer;
	struct link waiting; /* fetches that found nothing */
	struct call *round;  /* that runs now, once it does */
	bool running, again, stopping;
	int64_t last; /* the last position seen */
} outbox;

/* A fetch that waits for events, on its coroutine's stack. */
struct fetcher {
	struct link link;
	struct coroutine *coroutine;
	bool woken;
};

/* The lock in a statement of its own, so that the numbering behind it sees everything that the holder before us committed. */
static struct db_statement LOCK_SEQUENCE = DB_WRITE("lock_sequence", "SELECT last FROM outbox_sequence FOR UPDATE");

static struct db_statement NUMBER_EVENTS =
    DB_WRITE("number_events",
	     "WITH fresh AS (SELECT event_id, row_number() OVER (ORDER BY entry) AS n FROM"
	     " (SELECT event_id, entry FROM outbox WHERE position IS NULL ORDER BY entry LIMIT :limit) AS oldest)"
	     ", numbered AS (UPDATE outbox SET position = s.last + fresh.n FROM outbox_sequence s, fresh"
	     " WHERE outbox.event_id = fresh.event_id)"
	     " UPDATE outbox_sequence SET last = last + (SELECT count(*) FROM fresh)"
	     " RETURNING last, (SELECT count(*) FROM fresh) AS numbered");

static struct db_statement FETCH_EVENTS = DB_READ(
    "fetch_events",
    "SELECT event_id, position, aggregate_type, aggregate_id, aggregate_version, time, trace_parent, type, payload,"
    " (SELECT last FROM outbox_sequence) AS last"
    " FROM outbox WHERE position > :after ORDER BY position LIMIT :limit");

static struct db_statement LAST_POSITION = DB_READ("last_position", "SELECT last, forgotten FROM outbox_sequence");

static void wake_fetchers(void)
{
	LIST_EACH (&outbox.waiting, link) {
		struct fetcher *fetcher = LIST_ENTRY(link, struct fetcher, link);

		fetcher->woken = true;
		list_remove(&fetcher->link);
		coroutine_wake(fetcher->coroutine);
	}
}

void outbox_rung(int64_t position)
{
	if (outbox.loop != NULL && position > outbox.last)
		wake_fetchers();
}

static struct status number_events(struct call *call, void *context)
{
	struct db_unit *unit = db_unit(call, &LOCK_SEQUENCE);
	const struct db_rows *rows;
	int64_t last;

	(void)context;
	if (outbox.stopping)
		return STATUS_OK;
	outbox.round = call;
	db_then(unit, &NUMBER_EVENTS);
	db_bind_int(unit, "limit", ROUND_LIMIT);
	TRY(db_run(call, unit));
	rows = db_last_rows(unit);
	last = db_int(rows, 0, "last");
	if (last > outbox.last)
		FAULT_POINT("outbox.numbered");
	if (db_int(rows, 0, "numbered") == ROUND_LIMIT)
		outbox.again = true;
	if (last > outbox.last) {
		wake_fetchers();
		bus_ring(last);
	}
	outbox.last = last;
	return STATUS_OK;
}

static void round_done(void *context, struct status status);

static void start_round(void)
{
	outbox.running = true;
	outbox.again = false;
	call_spawn(outbox.loop, outbox.db, outbox.self, ROUND_TIMEOUT, number_events, round_done, NULL);
}

static void round_done(void *context, struct status status)
{
	(void)context;
	outbox.running = false;
	outbox.round = NULL;
	if (status.reason != NULL && !outbox.stopping)
		log_warn("events were not numbered", LOG_TEXT("reason", status.reason->name));
	if (outbox.again && !outbox.stopping)
		start_round();
	else
		loop_timer_set(outbox.timer, ROUND_PERIOD);
}

static void on_round(void *owner)
{
	(void)owner;
	if (!outbox.running && !outbox.stopping)
		start_round();
}

void outbox_start(struct loop *loop, struct db *db, const char *self)
{
	outbox.loop = loop;
	outbox.db = db;
	outbox.self = self;
	list_init(&outbox.waiting);
	outbox.timer = loop_timer_new(loop, on_round, NULL);
	loop_timer_set(outbox.timer, 0);
}

void events_written(void)
{
	if (outbox.loop == NULL || outbox.stopping)
		return;
	if (outbox.running)
		outbox.again = true;
	else
		start_round();
}

void outbox_stop(void)
{
	outbox.stopping = true;
	loop_timer_cancel(outbox.timer);
	if (outbox.round != NULL)
		call_cancel(outbox.round);
	wake_fetchers();
}

bool outbox_idle(void)
{
	return !outbox.running;
}

bool outbox_stopping(void)
{
	return outbox.stopping;
}

void outbox_free(void)
{
	loop_timer_free(outbox.timer);
	outbox.loop = NULL;
	outbox.stopping = false;
	outbox.last = 0;
}

static Events__Event *read_event(struct call *call, const struct db_rows *rows, size_t row)
{
	Events__Event *event = pb_new(call->arena, &events__event__descriptor);
	struct str payload = db_bytes(rows, row, "payload");

	event->event_id = db_text(rows, row, "event_id");
	event->position = db_int(rows, row, "position");
	event->aggregate_type = db_text(rows, row, "aggregate_type");
	event->aggregate_id = db_text(rows, row, "aggregate_id");
	event->aggregate_version = db_int(rows, row, "aggregate_version");
	event->time = pb_time(call->arena, db_time(rows, row, "time"));
	event->trace_parent = db_text(rows, row, "trace_parent");
	event->payload = pb_new(call->arena, &google__protobuf__any__descriptor);
	event->payload->type_url = arena_printf(call->arena, "type.googleapis.com/%s", db_text(rows, row, "type"));
	event->payload->value = (ProtobufCBinaryData){ payload.len, (uint8_t *)(uintptr_t)payload.data };
	return event;
}

static struct status check_kept(struct call *call, int64_t after, int64_t forgotten)
{
	if (after >= forgotten)
		return STATUS_OK;
	return status_metadata(call->arena, status_of(&EVENTS_FORGOTTEN), "forgotten",
			       arena_printf(call->arena, "%lld", (long long)forgotten));
}

static struct status fetch_now(struct call *call, int64_t after, int64_t limit, Events__FetchEventsResponse *reply)
{
	struct db_unit *unit = db_unit(call, &FETCH_EVENTS);
	const struct db_rows *events, *last;

	db_bind_int(unit, "after", after);
	db_bind_int(unit, "limit", limit);
	db_then(unit, &LAST_POSITION);
	TRY(db_run(call, unit));
	events = db_rows(unit, 0);
	last = db_rows(unit, 1);
	TRY(check_kept(call, after, db_int(last, 0, "forgotten")));
	reply->n_events = db_count(events);
	reply->events = arena_array(call->arena, reply->n_events, sizeof(*reply->events));
	for (size_t row = 0; row < reply->n_events; row++)
		reply->events[row] = read_event(call, events, row);
	reply->last_position = db_int(last, 0, "last");
	return STATUS_OK;
}

struct alarm {
	struct coroutine *coroutine;
	bool rung;
};

static void ring(void *owner)
{
	struct alarm *alarm = owner;

	alarm->rung = true;
	coroutine_wake(alarm->coroutine);
}

/* Waits for the next events or the end of the wait, whichever comes first. */
static void wait_for_events(struct call *call, int64_t wait)
{
	struct fetcher fetcher = { .coroutine = coroutine_current() };
	struct alarm alarm = { .coroutine = coroutine_current() };
	struct loop_timer *timer = loop_timer_new(call->loop, ring, &alarm);

	loop_timer_set(timer, wait);
	list_append(&outbox.waiting, &fetcher.link);
	while (!fetcher.woken && !alarm.rung && !call->cancelled && !outbox.stopping)
		coroutine_wait();
	list_remove(&fetcher.link);
	loop_timer_free(timer);
}

struct status outbox_fetch(struct call *call, int64_t after, int64_t limit, int64_t wait,
			   Events__FetchEventsResponse *reply)
{
	int64_t margin = 100 * CLOCK_MILLISECOND; /* to answer before the caller gives up */
	int64_t until;

	if (limit == 0)
		limit = FETCH_LIMIT_DEFAULT;
	if (wait > FETCH_WAIT_MAX)
		wait = FETCH_WAIT_MAX;
	if (call->deadline != CLOCK_NEVER && wait > call_remaining(call) - margin)
		wait = call_remaining(call) - margin;
	until = clock_monotonic() + wait;
	for (;;) {
		TRY(fetch_now(call, after, limit, reply));
		if (reply->n_events > 0 || clock_monotonic() >= until || outbox.stopping)
			return STATUS_OK;
		/* What was numbered after we looked, and before we waited, wakes nobody. */
		if (outbox.last > reply->last_position)
			continue;
		wait_for_events(call, until - clock_monotonic());
		TRY(call_check(call));
	}
}
