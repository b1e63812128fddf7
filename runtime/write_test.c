/* What write.h promises of single writes: all or nothing, keys, refusals. */
#include "runtime/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/write_fixture.h"

static struct db_statement CHANGE_LOUDLY =
    DB_WRITE("change_loudly",
	     WRITE_BEGIN("SELECT 1 FROM thing WHERE " OF_VERSION " FOR UPDATE") CHANGED WRITE_SECOND_EVENT WRITE_END);

static struct db_statement CHANGE_BOTH = DB_WRITE(
    "change_both", WRITE_BEGIN("SELECT 1 FROM thing WHERE " OF_VERSION " FOR UPDATE") CHANGED WRITE_BESIDE
    ", other AS (UPDATE thing SET version = :w_beside_version FROM accepted WHERE thing_id = :w_beside_id::uuid)" WRITE_END);

static struct status change_stale(struct call *call, const char *id, Customers__Customer *reply)
{
	struct write write = write_of(id, 1, &reply->base);

	TRY(write_run(call, db_unit(call, &CHANGE_THING), &write));
	return write.applied ? STATUS_OK : status_of(&CONCURRENT_CHANGE);
}

static struct status change_quietly(struct call *call, const char *id, Customers__Customer *reply)
{
	struct write write = { .aggregate_type = "thing", .aggregate_id = id, .version = 2, .reply = &reply->base };

	TRY(write_run(call, db_unit(call, &CHANGE_THING), &write));
	return write.applied ? STATUS_OK : status_of(&CONCURRENT_CHANGE);
}

static struct status change_loudly(struct call *call, const char *id, Customers__Customer *reply)
{
	Customers__GetCustomerRequest second = CUSTOMERS__GET_CUSTOMER_REQUEST__INIT;
	struct write write = write_of(id, 2, &reply->base);

	second.customer_id = arena_strdup(call->arena, "the second");
	write.second_event = &second.base;
	write.action = "Shout";
	TRY(write_run(call, db_unit(call, &CHANGE_LOUDLY), &write));
	return write.applied ? STATUS_OK : status_of(&CONCURRENT_CHANGE);
}

static struct status change_both(struct call *call, const char *id, Customers__Customer *reply)
{
	struct write write = write_of(id, 2, &reply->base), beside = write_of(OTHER, 5, &reply->base);

	beside.from_state = NULL;
	beside.reason = "for the first one's sake";
	write.beside = &beside;
	write.action = "ChangeBoth";
	TRY(write_run(call, db_unit(call, &CHANGE_BOTH), &write));
	return write.applied ? STATUS_OK : status_of(&CONCURRENT_CHANGE);
}

static struct status read_and_refuse(struct call *call, const char *id, Customers__Customer *reply)
{
	int64_t version;

	TRY(read_version(call, id, &version));
	return refuse(call, id, reply);
}

static struct status count_rounds(struct call *call, const char *id, Customers__Customer *reply)
{
	(void)id;
	(void)reply;
	for (int round = 0; write_again(call, &round);)
		plan.rounds++;
	return call_check(call);
}

static struct db_statement COUNT_WHOLE = DB_READ(
    "count_whole",
    "SELECT count(*) AS n FROM thing t"
    " JOIN idempotency i ON i.subject = t.thing_id::text JOIN history h ON h.aggregate_id = t.thing_id::text"
    " JOIN outbox o ON o.aggregate_id = t.thing_id::text"
    " WHERE t.xmin::text = ALL (ARRAY[i.xmin::text, h.xmin::text, o.xmin::text]) AND h.time = ALL (ARRAY[i.time, o.time])"
    " AND i.scope = 'tester' AND i.key = 'k' AND i.code = 0 AND i.answer = o.payload AND i.numbers IS NULL"
    " AND i.method = '/quayside.customers.v1.CustomerService/BlockCustomer' AND length(i.fingerprint) = 32"
    " AND (h.version, h.actor, h.action, h.from_state, h.to_state, h.reason)"
    " = (2, 'tester', 'BlockCustomer', 'OLD', 'NEW', 'because')"
    " AND (o.aggregate_type, o.aggregate_version, o.type) = ('thing', 2, 'quayside.customers.v1.Customer')"
    " AND o.trace_parent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' AND o.position IS NULL");

static void a_write_leaves_all_of_it_in_one_transaction(void **state)
{
	(void)state;
	assert_null(ask("k", "").outcome.reason);
	assert_int_equal(service_number(&COUNT_WHOLE), 1);
	assert_written(1, 1, 1);
}

static struct db_statement COUNT_LOUD = DB_READ(
    "count_loud", "SELECT count(*) AS n FROM history h WHERE action = 'Shout' AND ARRAY["
		  "'quayside.customers.v1.Customer', 'quayside.customers.v1.GetCustomerRequest'] ="
		  " (SELECT array_agg(type ORDER BY type) FROM outbox o WHERE o.aggregate_version = h.version)");

static void a_write_tells_what_there_is_to_tell(void **state)
{
	(void)state;
	assert_null(ask_for(change_quietly, NULL).outcome.reason);
	assert_written(1, 0, 0);
	assert_int_equal(service_number(&GET_VERSION), 2);
	pg_execute(conninfo, "UPDATE thing SET version = 1");
	assert_null(ask_for(change_loudly, NULL).outcome.reason);
	assert_written(2, 1, 2);
	assert_int_equal(service_number(&COUNT_LOUD), 1);
}

static struct db_statement COUNT_BESIDE =
    DB_READ("count_beside", "SELECT count(*) AS n FROM thing t JOIN history h ON h.aggregate_id = t.thing_id::text"
			    " JOIN outbox o ON o.aggregate_id = t.thing_id::text AND o.aggregate_version = h.version"
			    " WHERE (thing_id::text, t.version) = ('" OTHER
			    "', 5) AND (h.version, h.actor, h.action, h.from_state, h.reason)"
			    " = (5, 'tester', 'ChangeBoth', '', 'for the first one''s sake')"
			    " AND t.xmin::text = ALL (ARRAY[h.xmin::text, o.xmin::text])");

/* One key, two aggregates, each with its own history and event; all of it, or nothing. */
static void a_write_may_change_another_aggregate_too(void **state)
{
	(void)state;
	pg_execute(conninfo, "UPDATE thing SET version = 7 WHERE thing_id = '" THING "'");
	assert_refused(ask_for(change_both, NULL), CONCURRENT_CHANGE);
	assert_written(0, 0, 0);
	pg_execute(conninfo, "UPDATE thing SET version = 1 WHERE thing_id = '" THING "'");
	assert_null(ask_for(change_both, NULL).outcome.reason);
	assert_written(1, 2, 2);
	assert_int_equal(service_number(&COUNT_BESIDE), 1);
}

static void a_guard_that_does_not_hold_lets_nothing_happen(void **state)
{
	const struct invocation refused = ask_for(change_stale, "k");
	struct invocation again;

	(void)state;
	assert_refused(refused, CONCURRENT_CHANGE);
	assert_written(0, 0, 0);
	assert_int_equal(service_number(&GET_VERSION), 1);
	again = ask_for(change, "k"); /* the key is as good as new */
	assert_null(again.outcome.reason);
	assert_int_equal(service_number(&GET_VERSION), 2);
}

/* ---- Keys ---- */

static void a_key_gets_the_same_bytes_again(void **state)
{
	const struct invocation first = ask("k", ""), again = ask("k", "");
	const struct invocation unread = ask_for(change_stale, "k"); /* finds out by the write itself */

	(void)state;
	assert_same_answer(&first, &again);
	assert_same_answer(&first, &unread);
	assert_int_equal(plan.runs, 3);
	assert_written(1, 1, 1);
	assert_int_equal(service_number(&GET_VERSION), 2);
}

static void without_a_key_each_call_has_its_effect(void **state)
{
	const struct invocation first = ask(NULL, ""), second = ask(NULL, "");

	(void)state;
	assert_null(second.outcome.reason);
	assert_false(str_equal(first.bytes, second.bytes));
	assert_written(2, 2, 2);
	assert_int_equal(service_number(&GET_VERSION), 3);
}

static void many_at_once_without_a_key_are_many(void **state)
{
	struct invocation asked[MANY];

	(void)state;
	ask_many(asked, NULL);
	for (int i = 0; i < MANY; i++)
		assert_null(asked[i].outcome.reason);
	assert_written(MANY, MANY, MANY);
	assert_int_equal(service_number(&GET_VERSION), MANY + 1);
}

static void a_key_belongs_to_one_request(void **state)
{
	struct invocation other_method = about(THING, "k", "");
	Customers__UnblockCustomerRequest same_bytes = CUSTOMERS__UNBLOCK_CUSTOMER_REQUEST__INIT;

	(void)state;
	assert_null(ask("k", "").outcome.reason);
	assert_refused(ask("k", "another reason"), KEY_REUSED);
	same_bytes.customer_id = arena_strdup(service_arena(), THING);
	other_method.method = "UnblockCustomer";
	other_method.request = &same_bytes.base;
	service_start(&other_method);
	service_finish();
	assert_refused(other_method, KEY_REUSED);
	plan.work = change_stale; /* the key is seen by the write itself */
	assert_refused(ask("k", "another reason"), KEY_REUSED);
	plan.work = refuse; /* ... and by what would keep the refusal */
	assert_refused(ask("k", "another reason"), KEY_REUSED);
	assert_written(1, 1, 1);
}

static void a_key_belongs_to_one_caller(void **state)
{
	(void)state;
	assert_null(ask("k", "").outcome.reason);
	pg_execute(conninfo, "UPDATE idempotency SET scope = 'somebody else'");
	assert_null(ask("k", "another reason").outcome.reason);
	assert_written(2, 2, 2);
}

/* ---- Refusals ---- */

static void a_definite_refusal_is_kept_under_a_given_key(void **state)
{
	struct status (*const works[])(struct call *, const char *, Customers__Customer *) = { refuse,
											       read_and_refuse };

	(void)state;
	for (int w = 0; w < 2; w++) {
		const char *key = w == 0 ? "k" : "another";
		const struct invocation first = ask_for(works[w], key), again = ask_for(works[w], key);
		const struct invocation later = ask_for(change, key);

		assert_refused(first, OUT_OF_LUCK);
		assert_same_refusal(first.outcome, again.outcome); /* the metadata tell which run it was */
		assert_same_refusal(first.outcome, later.outcome);
		assert_written(w + 1, 0, 0);
	}
	assert_int_equal(service_number(&GET_VERSION), 1);
}

static void a_refusal_without_a_given_key_is_not_kept(void **state)
{
	(void)state;
	assert_refused(ask_for(refuse, NULL), OUT_OF_LUCK);
	assert_refused(ask_for(read_and_refuse, NULL), OUT_OF_LUCK);
	assert_written(0, 0, 0);
}

static void what_may_pass_is_not_kept(void **state)
{
	static const struct {
		enum code code;
		bool kept;
	} CODES[] = {
		{ CODE_CANCELLED, false },         { CODE_UNKNOWN, false },         { CODE_DEADLINE_EXCEEDED, false },
		{ CODE_PERMISSION_DENIED, false }, { CODE_ABORTED, false },         { CODE_RESOURCE_EXHAUSTED, false },
		{ CODE_UNIMPLEMENTED, false },     { CODE_INTERNAL, false },        { CODE_UNAVAILABLE, false },
		{ CODE_DATA_LOSS, false },         { CODE_UNAUTHENTICATED, false }, { CODE_INVALID_ARGUMENT, true },
		{ CODE_NOT_FOUND, true },          { CODE_ALREADY_EXISTS, true },   { CODE_FAILED_PRECONDITION, true },
		{ CODE_OUT_OF_RANGE, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++) {
		const struct reason reason = { CODES[i].code, "SOMETHING", "Something." };
		const char *key = arena_printf(service_arena(), "key %zu", i);

		plan.reason = &reason;
		assert_int_equal(status_code(ask_for(refuse, key).outcome), CODES[i].code);
		assert_written(CODES[i].kept, 0, 0);
		pg_execute(conninfo, "TRUNCATE idempotency");
	}
}

/* ---- Rounds and etags ---- */

static void rounds_come_to_an_end(void **state)
{
	struct invocation hurried = about(THING, NULL, "");

	(void)state;
	assert_null(ask_for(count_rounds, NULL).outcome.reason);
	assert_int_equal(plan.rounds, 12);
	plan.rounds = 0;
	hurried.timeout = 10 * CLOCK_MILLISECOND;
	service_start(&hurried);
	service_finish();
	assert_refused(hurried, DEADLINE_PASSED);
	assert_in_range(plan.rounds, 1, 11);
}

static void etags_are_versions(void **state)
{
	struct arena *arena = service_arena();

	(void)state;
	assert_string_equal(etag_of(arena, INT64_C(9000000000)), "9000000000");
	assert_int_equal(etag_version("9000000000"), INT64_C(9000000000));
	assert_int_equal(etag_version(""), 0);
	assert_null(etag_check(arena, "7", 7).reason);
	assert_null(etag_check(arena, "", 7).reason);
	assert_null(etag_check(arena, NULL, 7).reason);
	assert_true(status_is(etag_check(arena, "07", 7), &ETAG_MISMATCH));
	assert_true(status_is(etag_check(arena, "77", 7), &ETAG_MISMATCH));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_write_leaves_all_of_it_in_one_transaction),
		TEST(a_write_tells_what_there_is_to_tell),
		TEST(a_write_may_change_another_aggregate_too),
		TEST(a_guard_that_does_not_hold_lets_nothing_happen),
		TEST(a_key_gets_the_same_bytes_again),
		TEST(without_a_key_each_call_has_its_effect),
		TEST(many_at_once_without_a_key_are_many),
		TEST(a_key_belongs_to_one_request),
		TEST(a_key_belongs_to_one_caller),
		TEST(a_definite_refusal_is_kept_under_a_given_key),
		TEST(a_refusal_without_a_given_key_is_not_kept),
		TEST(what_may_pass_is_not_kept),
		TEST(rounds_come_to_an_end),
		TEST(etags_are_versions),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
