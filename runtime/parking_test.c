/* What parking.h promises: what cannot be handled holds up its own aggregate only, and comes back in order, once. On a real PostgreSQL. */
#include "runtime/parking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/events_fixture.h"

static const struct reason NOT_TODAY = { CODE_FAILED_PRECONDITION, "NOT_TODAY", "Not today." };

/* ---- A consumer of the scene's own events that fails for one aggregate ---- */

static struct {
	const char *fails;           /* the aggregate */
	int64_t fails_from;          /* its event */
	const struct reason *reason; /* EVENT_REJECTED: by event_reject(); NULL: it does not fail */
	int other_failures;          /* first, this often: PEER_UNAVAILABLE */
	bool skips;                  /* events have no effect */
	bool overtaken;              /* another process parks the first event while this one is at it */
	bool careless;               /* it does not look whether its effect was applied */
	bool slow;                   /* it uses up its time before it fails */
	int tries;                   /* that failed */
} plan;

static struct db_statement TAKE_EFFECT =
    DB_WRITE("take_effect", EVENT_BEGIN("SELECT 1") ", done AS (INSERT INTO effect SELECT :aggregate_id, :n"
						    " FROM accepted)" WRITE_END);

static struct status take_effect(struct call *call, const Events__Event *event)
{
	for (int round = 0; write_again(call, &round);) {
		struct db_unit *unit = db_unit(call, &TAKE_EFFECT);
		struct write write = { .aggregate_type = "effect",
				       .aggregate_id = event->aggregate_id,
				       .version = event->aggregate_version,
				       .action = "TakeEffect",
				       .from_state = "",
				       .to_state = "DONE" };

		db_bind_int(unit, "n", event->aggregate_version);
		TRY(event_write(call, event, unit, &write));
		if (write.applied || plan.careless)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static void park_elsewhere(void)
{
	pg_execute(conninfo,
		   "UPDATE consumer_cursor SET position = 1, parkings = parkings + 1;"
		   " INSERT INTO event_parked VALUES ('self', 1, gen_random_uuid(), 'x', '', '', 1, 0, now())");
}

static struct status on_duration(struct call *call, const Events__Event *event, const void *payload)
{
	(void)payload;
	if (plan.overtaken && event->position == 1) {
		park_elsewhere();
		return event_skip(call, event);
	}
	if (plan.careless && plan.tries++ == 0)
		pg_execute(conninfo, "UPDATE consumer_cursor SET parkings = parkings + 1");
	if (plan.reason != NULL && strcmp(event->aggregate_id, plan.fails) == 0 &&
	    event->aggregate_version >= plan.fails_from) {
		plan.tries++;
		if (plan.slow)
			call->deadline = clock_monotonic();
		if (plan.other_failures-- > 0)
			return status_of(&PEER_UNAVAILABLE);
		return plan.reason == &EVENT_REJECTED ? event_reject(call, "it makes no sense")
						      : status_of(plan.reason);
	}
	return plan.skips ? event_skip(call, event) : take_effect(call, event);
}

static const struct event_handler HANDLERS[] = { { &google__protobuf__duration__descriptor, on_duration },
						 EVENT_HANDLERS_END };
static const struct event_consumer CONSUMER = { "self", HANDLERS };

static void fail_with(const struct reason *reason, int64_t from)
{
	plan.reason = reason;
	plan.fails_from = from;
}

static int open_parking(void **state)
{
	memset(&plan, 0, sizeof(plan));
	plan.fails = "x";
	return open_scene(state);
}

/* ---- What is there ---- */

static struct db_statement CURSOR = DB_WRITE("cursor", "SELECT coalesce(max(position), 0) AS n FROM consumer_cursor");
static struct db_statement COUNT_NUMBERED =
    DB_WRITE("count_numbered", "SELECT count(*) AS n FROM outbox WHERE position IS NOT NULL");
static struct db_statement COUNT_PARKED = DB_WRITE("count_parked", "SELECT count(*) AS n FROM event_parked");
static struct db_statement FIRST_ATTEMPTS =
    DB_WRITE("first_attempts", "SELECT attempts AS n FROM event_parked ORDER BY position LIMIT 1");
static struct db_statement ATTEMPTS_BEHIND =
    DB_WRITE("attempts_behind", "SELECT coalesce(sum(attempts), 0) AS n FROM event_parked WHERE position >"
				" (SELECT min(position) FROM event_parked)");
static struct db_statement COUNT_TRIES_LEFT =
    DB_WRITE("count_tries_left", "SELECT coalesce(sum(tries_left), 0) AS n FROM event_parked");
static struct db_statement DISORDER =
    DB_WRITE("disorder", "SELECT count(*) AS n FROM effect a, effect b WHERE a.producer = b.producer"
			 " AND a.ctid < b.ctid AND a.n >= b.n");

/* Effects of an aggregate as a number with a digit for each, in their order. */
static struct db_statement EFFECTS_X =
    DB_WRITE("effects_x", "SELECT coalesce(string_agg(n::text, '' ORDER BY ctid), '0')::bigint AS n FROM effect"
			  " WHERE producer = 'x'");
static struct db_statement EFFECTS_Y =
    DB_WRITE("effects_y", "SELECT coalesce(string_agg(n::text, '' ORDER BY ctid), '0')::bigint AS n FROM effect"
			  " WHERE producer = 'y'");

static Events__ListParkedEventsResponse *list(struct call *call, const char *producer, int32_t size, char *token)
{
	Events__ListParkedEventsRequest request = EVENTS__LIST_PARKED_EVENTS_REQUEST__INIT;
	Events__ListParkedEventsResponse *reply = pb_new(call->arena, &events__list_parked_events_response__descriptor);

	request.producer = arena_strdup(call->arena, producer);
	request.page_size = size;
	request.page_token = token;
	assert_ok(list_parked_events(call, &request, reply));
	return reply;
}

/* As an operator's call does, with a key of its own. */
static struct status requeue(struct call *call, const char *aggregate_id, int32_t *ret_count)
{
	static int keys;
	Events__RequeueParkedEventsRequest request = EVENTS__REQUEUE_PARKED_EVENTS_REQUEST__INIT;
	Events__RequeueParkedEventsResponse reply = EVENTS__REQUEUE_PARKED_EVENTS_RESPONSE__INIT;
	struct status status;

	request.producer = arena_strdup(call->arena, "self");
	request.aggregate_id = arena_strdup(call->arena, aggregate_id);
	call->method = contract_method(contract_load(), STR("/quayside.events.v1.EventService/RequeueParkedEvents"));
	call->key = arena_printf(call->arena, "key %d", ++keys);
	call->request = pb_pack(call->arena, &request.base);
	status = requeue_parked_events(call, &request, &reply);
	call->method = NULL;
	*ret_count = reply.count;
	return status;
}

/* ---- Parking ---- */

static struct status what_fails_again_and_again_is_parked(struct call *call)
{
	const Events__ListParkedEventsResponse *parked;

	fail_with(&NOT_TODAY, 2);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 3));
	TRY(tell(call, "y", 1, 2));
	TRY(tell_of_type(call, SHOUT, "x", 4, 4)); /* nobody handles it, so nobody misses it */
	await_number(call, &CURSOR, 6);
	assert_int_equal(plan.tries, EVENT_TRIES);
	assert_int_equal(number(call, &EFFECTS_X), 1);
	assert_int_equal(number(call, &EFFECTS_Y), 12);
	parked = list(call, "", 0, NULL);
	assert_int_equal(parked->n_events, 2);
	assert_string_equal(parked->events[0]->producer, "self");
	assert_string_equal(parked->events[0]->error, "NOT_TODAY: Not today.");
	assert_int_equal(parked->events[0]->attempts, EVENT_TRIES);
	assert_int_equal(parked->events[0]->event->position, 2);
	assert_int_equal(parked->events[0]->event->aggregate_version, 2);
	assert_string_equal(parked->events[0]->event->aggregate_id, "x");
	assert_string_equal(parked->events[0]->event->payload->type_url, "type.googleapis.com/" KNOWN);
	assert_int_equal(parked->events[1]->attempts, 0);
	assert_int_equal(parked->events[1]->event->position, 3);
	return STATUS_OK;
}

static struct status what_is_rejected_is_parked_at_once(struct call *call)
{
	fail_with(&EVENT_REJECTED, 1);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 2));
	await_number(call, &CURSOR, 2);
	assert_int_equal(plan.tries, 1);
	assert_int_equal(list(call, "self", 0, NULL)->n_events, 2);
	assert_string_equal(list(call, "self", 0, NULL)->events[0]->error, "EVENT_REJECTED: it makes no sense");
	assert_int_equal(list(call, "other", 0, NULL)->n_events, 0);
	return STATUS_OK;
}

static struct db_statement TELL_GARBAGE = DB_WRITE(
    "tell_garbage", "INSERT INTO outbox"
		    " (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)"
		    " SELECT gen_random_uuid(), 'thing', 'x', 1, 'google.protobuf.Duration', '\\xff', '', now()");

static struct status what_cannot_be_read_is_parked_at_once(struct call *call)
{
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(run_only(call, &TELL_GARBAGE));
	TRY(tell(call, "y", 1, 1));
	await_number(call, &CURSOR, 2);
	assert_int_equal(number(call, &COUNT_PARKED), 1);
	assert_int_equal(number(call, &EFFECTS_Y), 1);
	return STATUS_OK;
}

/* Together more than EVENT_TRIES, but most of them are for others to put right. */
static struct status what_may_recover_does_not_count(struct call *call)
{
	plan.other_failures = 4;
	fail_with(&NOT_TODAY, 1);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 1));
	await_count(call, &plan.tries, EVENT_TRIES + 2);
	assert_int_equal(number(call, &COUNT_PARKED), 0);
	fail_with(NULL, 0);
	await_number(call, &CURSOR, 1);
	assert_int_equal(number(call, &COUNT_PARKED), 0);
	assert_int_equal(number(call, &EFFECTS_X), 1);
	return STATUS_OK;
}

/* The codes with which a peer says: not now. Everything else is said about the event. */
static struct status codes_that_may_recover(struct call *call)
{
	static const enum code codes[] = { CODE_CANCELLED,          CODE_UNKNOWN, CODE_DEADLINE_EXCEEDED,
					   CODE_RESOURCE_EXHAUSTED, CODE_ABORTED, CODE_UNAVAILABLE };
	int expected = 0, seen = 0;

	(void)call;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		expected |= 1 << codes[i];
	for (int code = CODE_CANCELLED; code <= CODE_UNAUTHENTICATED; code++) {
		const struct reason reason = { (enum code)code, "SOME", "Some." };

		seen |= event_may_recover(status_of(&reason)) ? 1 << code : 0;
	}
	assert_int_equal(seen, expected);
	return STATUS_OK;
}

/* ---- Requeueing ---- */

static struct status what_is_requeued_is_handled_in_order_and_once(struct call *call)
{
	int32_t count;

	fail_with(&EVENT_REJECTED, 2);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 5));
	TRY(tell(call, "y", 1, 1));
	await_number(call, &CURSOR, 6);
	assert_int_equal(number(call, &COUNT_PARKED), 4);
	fail_with(NULL, 0);
	TRY(requeue(call, "x", &count));
	assert_int_equal(count, 4);
	TRY(tell(call, "x", 6, 7));
	await_number(call, &EFFECTS_X, 1234567);
	await_number(call, &COUNT_PARKED, 0);
	await_number(call, &CURSOR, 8);
	assert_int_equal(number(call, &EFFECTS_X), 1234567);
	assert_reason(requeue(call, "x", &count), &NOT_FOUND);
	TRY(tell(call, "x", 8, 9));
	await_number(call, &EFFECTS_X, 123456789);
	assert_int_equal(number(call, &COUNT_PARKED), 0);
	return STATUS_OK;
}

static struct status events_without_effect_leave_the_parking_too(struct call *call)
{
	int32_t count;

	fail_with(&EVENT_REJECTED, 1);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 3));
	await_number(call, &CURSOR, 3);
	plan.skips = true;
	fail_with(NULL, 0);
	TRY(requeue(call, "x", &count));
	await_number(call, &COUNT_PARKED, 0);
	assert_int_equal(number(call, &EFFECTS_X), 0);
	return STATUS_OK;
}

static struct status what_fails_again_stays_parked(struct call *call)
{
	int32_t count;

	fail_with(&EVENT_REJECTED, 2);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 4));
	await_number(call, &CURSOR, 4);
	fail_with(&EVENT_REJECTED, 3);
	TRY(requeue(call, "x", &count));
	await_number(call, &EFFECTS_X, 12);
	await_number(call, &COUNT_TRIES_LEFT, EVENT_TRIES); /* of 4, which waits for 3 */
	assert_int_equal(number(call, &COUNT_PARKED), 2);
	assert_int_equal(number(call, &FIRST_ATTEMPTS), 1);
	TRY(tell(call, "x", 5, 5));
	await_number(call, &COUNT_PARKED, 3);
	assert_int_equal(number(call, &ATTEMPTS_BEHIND), 0);
	fail_with(NULL, 0);
	TRY(requeue(call, "x", &count));
	assert_int_equal(count, 3);
	await_number(call, &EFFECTS_X, 12345);
	assert_int_equal(number(call, &COUNT_PARKED), 0);
	return STATUS_OK;
}

/* A failure of the other kind costs no try. */
static struct status a_requeued_event_waits_for_others(struct call *call)
{
	int32_t count;

	fail_with(&EVENT_REJECTED, 1);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 1));
	await_number(call, &CURSOR, 1);
	fail_with(&PEER_UNAVAILABLE, 1);
	TRY(requeue(call, "x", &count));
	await_number(call, &FIRST_ATTEMPTS, 2);
	assert_int_equal(number(call, &COUNT_TRIES_LEFT), EVENT_TRIES);
	fail_with(NULL, 0);
	await_number(call, &EFFECTS_X, 1);
	return STATUS_OK;
}

/* What a process does not know of yet holds it up all the same: the second event does not overtake the first one. */
static struct status a_parking_elsewhere_holds_from_the_first_moment(struct call *call)
{
	plan.overtaken = true;
	TRY(tell(call, "x", 1, 3));
	await_number(call, &COUNT_NUMBERED, 3);
	events_consume(scene.events, &CONSUMER, NULL);
	await_number(call, &CURSOR, 3);
	assert_int_equal(number(call, &EFFECTS_X), 0);
	assert_int_equal(number(call, &COUNT_PARKED), 3);
	return STATUS_OK;
}

static struct status what_was_not_applied_is_not_done(struct call *call)
{
	plan.careless = true;
	TRY(tell(call, "x", 1, 3));
	await_number(call, &COUNT_NUMBERED, 3);
	events_consume(scene.events, &CONSUMER, NULL);
	await_number(call, &CURSOR, 3);
	assert_int_equal(number(call, &EFFECTS_X), 123);
	return STATUS_OK;
}

static struct status what_uses_up_its_time_is_parked_too(struct call *call)
{
	plan.slow = true;
	fail_with(&NOT_TODAY, 1);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 1));
	TRY(tell(call, "y", 1, 2));
	await_number(call, &EFFECTS_Y, 12);
	assert_int_equal(number(call, &COUNT_PARKED), 1);
	return STATUS_OK;
}

/* Two consumers of one name, as in two processes: what one of them has parked, the other one parks behind. */
static struct status processes_agree_on_what_is_parked(struct call *call)
{
	int32_t count;

	fail_with(&EVENT_REJECTED, 5);
	events_consume(scene.events, &CONSUMER, NULL);
	events_consume(scene.events, &CONSUMER, NULL);
	for (int64_t n = 1; n <= 40; n++) {
		TRY(tell(call, "x", n, n));
		TRY(tell(call, "y", n, n));
	}
	await_number(call, &CURSOR, 80);
	assert_int_equal(number(call, &EFFECTS_X), 1234);
	assert_int_equal(number(call, &COUNT_PARKED), 36);
	fail_with(NULL, 0);
	TRY(requeue(call, "x", &count));
	for (int64_t n = 41; n <= 60; n++)
		TRY(tell(call, "x", n, n));
	await_number(call, &CURSOR, 100);
	await_number(call, &COUNT_PARKED, 0);
	assert_int_equal(number(call, &DISORDER), 0);
	return STATUS_OK;
}

static struct status parked_events_are_listed_in_pages(struct call *call)
{
	const Events__ListParkedEventsResponse *page;
	char *token = NULL;
	int64_t seen = 0;

	fail_with(&EVENT_REJECTED, 1);
	events_consume(scene.events, &CONSUMER, NULL);
	TRY(tell(call, "x", 1, 5));
	await_number(call, &CURSOR, 5);
	for (int pages = 0; pages < 3; pages++) {
		page = list(call, "self", 2, token);
		assert_int_equal(page->n_events, pages < 2 ? 2 : 1);
		for (size_t i = 0; i < page->n_events; i++)
			seen |= INT64_C(1) << page->events[i]->event->position;
		token = page->next_page_token;
	}
	assert_int_equal(seen, 0x3e);
	assert_string_equal(token, "");
	return STATUS_OK;
}

int main(void)
{
	struct CMUnitTest tests[] = {
		TEST(what_fails_again_and_again_is_parked),
		TEST(what_is_rejected_is_parked_at_once),
		TEST(what_cannot_be_read_is_parked_at_once),
		TEST(what_may_recover_does_not_count),
		TEST(codes_that_may_recover),
		TEST(what_is_requeued_is_handled_in_order_and_once),
		TEST(events_without_effect_leave_the_parking_too),
		TEST(what_fails_again_stays_parked),
		TEST(a_requeued_event_waits_for_others),
		TEST(a_parking_elsewhere_holds_from_the_first_moment),
		TEST(what_was_not_applied_is_not_done),
		TEST(what_uses_up_its_time_is_parked_too),
		TEST(processes_agree_on_what_is_parked),
		TEST(parked_events_are_listed_in_pages),
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i].setup_func = open_parking;
	return cmocka_run_group_tests(tests, make_database, NULL);
}
