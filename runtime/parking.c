/* See parking.h. */
#include "runtime/parking.h"

#include "base/clock.h"
#include "base/log.h"
#include "runtime/page.h"
#include "runtime/pb.h"

#define ROUND_PERIOD (2 * CLOCK_SECOND) /* how soon another process's requeueing is seen, and a failure tried again */
#define ROUND_TIMEOUT (60 * CLOCK_SECOND)
#define ROUND_LIMIT 20

/* One per process. */
static struct {
	struct loop *loop;
	struct db *db;
	const char *self;
	const struct consumer *consumers;
	const size_t *n_consumers;
	struct loop_timer *timer;
	struct call *call; /* the round that runs now */
	bool running, again, stopping;
} parking;

#define PARK_COLUMNS "(producer, position, event_id, aggregate_id, event, error, attempts, tries_left, park_time)"

static struct db_statement PARK_EVENT = DB_WRITE(
    "park_event",
    "WITH moved AS (UPDATE consumer_cursor SET position = :position, parkings = parkings + 1"
    " WHERE producer = :producer AND position < :position AND parkings = :parkings RETURNING 1)"
    " INSERT INTO event_parked " PARK_COLUMNS
    " SELECT :producer, :position, :event_id::uuid, :aggregate_id, :event, :error, :attempts::integer, 0, now()"
    " FROM moved RETURNING true AS parked");

/* Before what looks at the others of an aggregate: whoever parks one or requeues them waits for this row. */
static struct db_statement LOCK_CURSOR =
    DB_WRITE("lock_cursor", "SELECT 1 FROM consumer_cursor WHERE producer = :producer FOR UPDATE");

/* Where those before it are handled again, it is one of them. */
static struct db_statement PARK_BEHIND = DB_WRITE(
    "park_behind",
    "WITH before AS (SELECT max(tries_left) AS tries_left FROM event_parked"
    " WHERE producer = :producer AND aggregate_id = :aggregate_id HAVING count(*) > 0)"
    ", moved AS (UPDATE consumer_cursor SET position = :position FROM before"
    " WHERE producer = :producer AND position < :position AND parkings = :parkings RETURNING before.tries_left)"
    " INSERT INTO event_parked " PARK_COLUMNS
    " SELECT :producer, :position, :event_id::uuid, :aggregate_id, :event, :error, 0, tries_left, now()"
    " FROM moved RETURNING true AS parked");

static struct db_statement FIND_PARKED =
    DB_READ("find_parked", "SELECT DISTINCT aggregate_id FROM event_parked WHERE producer = :producer"
			   " AND aggregate_id = ANY(:aggregate_ids::text[])");

static struct db_statement DUE_EVENTS = DB_WRITE(
    "due_events", "SELECT producer, position, event, attempts, tries_left FROM event_parked p WHERE tries_left > 0"
		  " AND producer = ANY(:producers::text[]) AND NOT EXISTS (SELECT FROM event_parked e"
		  " WHERE e.producer = p.producer AND e.aggregate_id = p.aggregate_id AND e.position < p.position)"
		  " ORDER BY attempts, position LIMIT :limit");

static struct db_statement DONE_EVENT =
    DB_WRITE("done_event", "DELETE FROM event_parked WHERE producer = :producer AND position = :position");

static struct db_statement FAILED_EVENT =
    DB_WRITE("failed_event", "UPDATE event_parked SET attempts = attempts + 1, error = :error,"
			     " tries_left = greatest(tries_left - :used::integer, 0)"
			     " WHERE producer = :producer AND position = :position");

static struct db_statement LIST_PARKED =
    DB_READ("list_parked", "SELECT producer, event, error, attempts, park_time, event_id FROM event_parked"
			   " WHERE (:producer = '' OR producer = :producer)"
			   " AND (:first::boolean OR (park_time, event_id) > (:after_time, :after_id::uuid))"
			   " ORDER BY park_time, event_id LIMIT :limit");

static struct db_statement COUNT_PARKED =
    DB_READ("count_parked", "SELECT count(*) AS n FROM event_parked WHERE producer = :producer"
			    " AND aggregate_id = :aggregate_id");

static struct db_statement REQUEUE_EVENTS = DB_WRITE(
    "requeue_events",
    WRITE_BEGIN("SELECT 1 FROM event_parked WHERE producer = :producer AND aggregate_id = :aggregate_id"
		" HAVING count(*) = :count") ", requeued AS (UPDATE event_parked SET tries_left = :tries::integer"
					     " FROM accepted WHERE producer = :producer"
					     " AND aggregate_id = :aggregate_id)" WRITE_END);

/* ---- Putting aside ---- */

static struct status park(struct call *call, struct db_unit *unit, const struct consumer *consumer,
			  const Events__Event *event, const char *error, bool *ret_parked)
{
	db_bind_text(unit, "producer", consumer->producer);
	db_bind_int(unit, "position", event->position);
	db_bind_text(unit, "event_id", event->event_id);
	db_bind_text(unit, "aggregate_id", event->aggregate_id);
	db_bind_bytes(unit, "event", pb_pack(call->arena, &event->base));
	db_bind_text(unit, "error", error);
	TRY(db_run(call, unit));
	*ret_parked = db_count(db_last_rows(unit)) > 0;
	return STATUS_OK;
}

struct status parking_park(struct call *call, const struct consumer *consumer, const Events__Event *event, int attempts,
			   struct status failure, bool *ret_parked)
{
	struct db_unit *unit = db_unit(call, &PARK_EVENT);

	db_bind_int(unit, "parkings", consumer->parkings);
	db_bind_int(unit, "attempts", attempts);
	return park(call, unit, consumer, event, event_error(call, failure), ret_parked);
}

struct status parking_park_behind(struct call *call, const struct consumer *consumer, const Events__Event *event,
				  bool *ret_parked)
{
	struct db_unit *unit = db_unit(call, &LOCK_CURSOR);

	db_bind_text(unit, "producer", consumer->producer);
	db_then(unit, &PARK_BEHIND);
	db_bind_int(unit, "parkings", consumer->parkings);
	return park(call, unit, consumer, event, "An earlier event of the aggregate is parked.", ret_parked);
}

struct status parking_find(struct call *call, const char *producer, Events__Event *const *events, size_t n_events,
			   size_t *ret_n_ids, char ***ret_ids)
{
	struct db_unit *unit = db_unit(call, &FIND_PARKED);
	const char **asked = arena_array(call->arena, n_events, sizeof(*asked));
	const struct db_rows *rows;
	char **ids;

	for (size_t i = 0; i < n_events; i++)
		asked[i] = events[i]->aggregate_id;
	db_bind_text(unit, "producer", producer);
	db_bind_texts(unit, "aggregate_ids", asked, n_events);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	ids = arena_array(call->arena, db_count(rows), sizeof(*ids));
	for (size_t i = 0; i < db_count(rows); i++)
		ids[i] = db_text(rows, i, "aggregate_id");
	*ret_n_ids = db_count(rows);
	*ret_ids = ids;
	return STATUS_OK;
}

/* ---- Handling again ---- */

/* A requeued event, from its row. */
struct due {
	const struct consumer *consumer;
	int64_t position, attempts, tries_left;
	Events__Event *event;
};

static const struct consumer *consumer_of(const char *producer)
{
	for (size_t i = 0; i < *parking.n_consumers; i++) {
		if (str_is(str_of(producer), parking.consumers[i].producer))
			return &parking.consumers[i];
	}
	return NULL;
}

static struct status finish(struct call *call, const struct due *due)
{
	struct db_unit *unit = db_unit(call, &DONE_EVENT);

	db_bind_text(unit, "producer", due->consumer->producer);
	db_bind_int(unit, "position", due->position);
	return db_run(call, unit);
}

/* A failure that others can put right costs no try. */
static struct status note_failure(struct call *call, const struct due *due, struct status failure)
{
	struct db_unit *unit = db_unit(call, &FAILED_EVENT);
	const int64_t used = failure.reason == &EVENT_REJECTED ? due->tries_left : event_may_recover(failure) ? 0 : 1;
	const char *error = event_error(call, failure);

	if (call->cancelled)
		return failure;
	log_warn(used < due->tries_left ? "requeued event was not handled, will be tried again"
					: "requeued event was not handled and is parked again",
		 LOG_TEXT("producer", due->consumer->producer), LOG_INT("position", due->position),
		 LOG_TEXT("aggregate_id", due->event->aggregate_id), LOG_INT("tries", due->attempts + 1),
		 LOG_TEXT("err", error));
	call->deadline = clock_monotonic() + ROUND_TIMEOUT;
	db_bind_text(unit, "producer", due->consumer->producer);
	db_bind_int(unit, "position", due->position);
	db_bind_text(unit, "error", error);
	db_bind_int(unit, "used", used);
	return db_run(call, unit);
}

static struct status handle_again(struct call *call, const struct due *due)
{
	struct status status;

	call->skipped = 0;
	call->requeued = true;
	status = event_dispatch(call, due->consumer, due->event);
	if (status.reason != NULL)
		return note_failure(call, due, status);
	parking.again = true; /* the next of its aggregate may follow */
	return call->skipped == 0 ? STATUS_OK : finish(call, due);
}

static struct status read_due(struct call *call, const struct db_rows *rows, size_t row, struct due *ret_due)
{
	struct due due = { .consumer = consumer_of(db_text(rows, row, "producer")),
			   .position = db_int(rows, row, "position"),
			   .attempts = db_int(rows, row, "attempts"),
			   .tries_left = db_int(rows, row, "tries_left") };
	void *event;

	TRY(pb_unpack(call->arena, &events__event__descriptor, db_bytes(rows, row, "event"), &event));
	due.event = event;
	*ret_due = due;
	return STATUS_OK;
}

static struct status handle_due(struct call *call, void *context)
{
	struct db_unit *unit = db_unit(call, &DUE_EVENTS);
	const char **producers = arena_array(call->arena, *parking.n_consumers, sizeof(*producers));
	const struct db_rows *rows;

	(void)context;
	parking.call = call;
	for (size_t i = 0; i < *parking.n_consumers; i++)
		producers[i] = parking.consumers[i].producer;
	db_bind_texts(unit, "producers", producers, *parking.n_consumers);
	db_bind_int(unit, "limit", ROUND_LIMIT);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	for (size_t i = 0; i < db_count(rows) && !parking.stopping; i++) {
		struct due due;

		TRY(read_due(call, rows, i, &due));
		if (due.consumer != NULL)
			TRY(handle_again(call, &due));
	}
	return STATUS_OK;
}

static void round_done(void *context, struct status status)
{
	(void)context;
	parking.running = false;
	parking.call = NULL;
	if (parking.stopping)
		return;
	if (status.reason != NULL)
		log_warn("requeued events were not handled, will be tried again",
			 LOG_TEXT("reason", status.reason->name));
	loop_timer_set(parking.timer, parking.again ? 0 : ROUND_PERIOD);
}

static void next_round(void *owner)
{
	(void)owner;
	if (*parking.n_consumers == 0 || parking.running)
		return; /* nothing is ever parked here */
	parking.running = true;
	parking.again = false;
	call_spawn(parking.loop, parking.db, parking.self, ROUND_TIMEOUT, handle_due, round_done, NULL);
}

void parking_start(struct loop *loop, struct db *db, const char *self, const struct consumer *consumers,
		   const size_t *n_consumers)
{
	parking.loop = loop;
	parking.db = db;
	parking.self = self;
	parking.consumers = consumers;
	parking.n_consumers = n_consumers;
	parking.running = parking.again = parking.stopping = false;
	parking.timer = loop_timer_new(loop, next_round, NULL);
	loop_timer_set(parking.timer, ROUND_PERIOD);
}

void parking_stop(void)
{
	parking.stopping = true;
	loop_timer_cancel(parking.timer);
	if (parking.call != NULL)
		call_cancel(parking.call);
}

bool parking_idle(void)
{
	return !parking.running;
}

void parking_free(void)
{
	loop_timer_free(parking.timer);
	parking.timer = NULL;
}

/* ---- The operator's view ---- */

static struct status read_parked(struct call *call, const struct db_rows *rows, size_t row,
				 Events__ParkedEvent **ret_parked)
{
	Events__ParkedEvent *parked = pb_new(call->arena, &events__parked_event__descriptor);
	void *event;

	TRY(pb_unpack(call->arena, &events__event__descriptor, db_bytes(rows, row, "event"), &event));
	parked->producer = db_text(rows, row, "producer");
	parked->event = event;
	parked->error = db_text(rows, row, "error");
	parked->attempts = (int32_t)db_int(rows, row, "attempts");
	parked->park_time = pb_time(call->arena, db_time(rows, row, "park_time"));
	*ret_parked = parked;
	return STATUS_OK;
}

struct status list_parked_events(struct call *call, const Events__ListParkedEventsRequest *request,
				 Events__ListParkedEventsResponse *reply)
{
	struct db_unit *unit = db_unit(call, &LIST_PARKED);
	const struct db_rows *rows;
	struct page page;
	size_t last;

	TRY(page_open(call->arena, request->page_size, request->page_token, request->producer, &page));
	db_bind_text(unit, "producer", request->producer);
	page_bind(unit, &page);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	reply->n_events = db_count(rows) > page.size ? page.size : db_count(rows);
	reply->events = arena_array(call->arena, reply->n_events, sizeof(*reply->events));
	for (size_t i = 0; i < reply->n_events; i++)
		TRY(read_parked(call, rows, i, &reply->events[i]));
	if (db_count(rows) > page.size) {
		last = page.size - 1;
		reply->next_page_token =
		    page_next(call->arena, &page, db_time(rows, last, "park_time"), db_text(rows, last, "event_id"));
	}
	return STATUS_OK;
}

static struct status count_parked(struct call *call, const Events__RequeueParkedEventsRequest *request,
				  int64_t *ret_count)
{
	struct db_unit *unit = db_unit(call, &COUNT_PARKED);

	db_bind_text(unit, "producer", request->producer);
	db_bind_text(unit, "aggregate_id", request->aggregate_id);
	TRY(db_run(call, unit));
	*ret_count = db_int(db_rows(unit, 0), 0, "n");
	return STATUS_OK;
}

struct status requeue_parked_events(struct call *call, const Events__RequeueParkedEventsRequest *request,
				    Events__RequeueParkedEventsResponse *reply)
{
	for (int round = 0; write_again(call, &round);) {
		struct write write = { .aggregate_type = "parking",
				       .aggregate_id = request->aggregate_id,
				       .version = 1,
				       .reply = &reply->base };
		struct db_unit *unit;
		int64_t count;

		TRY(count_parked(call, request, &count));
		if (count == 0)
			return status_not_found(call->arena, "parked event", request->aggregate_id);
		reply->count = (int32_t)count;
		unit = db_unit(call, &LOCK_CURSOR);
		db_bind_text(unit, "producer", request->producer);
		db_then(unit, &REQUEUE_EVENTS);
		db_bind_text(unit, "producer", request->producer);
		db_bind_int(unit, "count", count);
		db_bind_int(unit, "tries", EVENT_TRIES);
		TRY(write_run(call, unit, &write));
		if (!write.applied)
			continue;
		if (parking.timer != NULL && !parking.stopping && !parking.running)
			loop_timer_set(parking.timer, 0);
		parking.again = true;
		return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}
