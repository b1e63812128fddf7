/* What write.h promises of answers that are not the handler's own: those of another call under the same key, of a later step, with numbers of the database. */
#include "runtime/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/write_fixture.h"

static struct db_statement TAKE_ONE =
    DB_WRITE("take_one",
	     WRITE_BEGIN_NUMBERS("UPDATE thing SET version = :version, amount = amount - 1 WHERE " OF_VERSION
				 " AND " KEY_UNKNOWN " RETURNING ARRAY[amount, version] AS numbers") WRITE_END_NUMBERS);

static struct db_statement STEP_THING =
    DB_WRITE("step_thing", STEP_BEGIN("SELECT 1 FROM thing WHERE " OF_VERSION " FOR UPDATE") CHANGED WRITE_END);

static struct status take(struct call *call, const char *id, Customers__Customer *reply)
{
	int64_t version;

	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(read_version(call, id, &version));
		write = write_of(id, version + 1, &reply->base);
		write.n_values = 2;
		TRY(write_run(call, db_unit(call, &TAKE_ONE), &write));
		if (!write.applied)
			continue;
		assert_int_equal(write.values[1], version + 1);
		reply->phone = arena_printf(call->arena, "%lld left", (long long)write.values[0]);
		return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status exists_already(struct call *call, const char *id, Customers__Customer *reply)
{
	(void)id;
	return write_existing(call, &reply->base);
}

/* Takes the work on; the answer comes by a step. A repeat waits for it. */
static struct status accept(struct call *call, const char *id, Customers__Customer *reply)
{
	struct write write;
	int64_t version;

	TRY(read_version(call, id, &version));
	if (call->key_pending)
		return write_join(call);
	write = write_of(id, version + 1, &reply->base);
	write.pending = true;
	TRY(write_run(call, db_unit(call, &CHANGE_THING), &write));
	return status_of(write.applied ? &KEY_IN_PROGRESS : &CONCURRENT_CHANGE);
}

static struct status step(struct call *call, const char *id, const ProtobufCMessage *reply, struct status refusal,
			  bool stale)
{
	struct write write;
	int64_t version;

	TRY(read_version(call, id, &version));
	write = write_of(id, stale ? version : version + 1, NULL);
	write.event = NULL;
	write.reply = reply;
	TRY(write_step(call, db_unit(call, &STEP_THING), &write, refusal));
	assert_int_equal(write.applied, !stale);
	return STATUS_OK;
}

static struct status go_on(struct call *call, const char *id, Customers__Customer *reply)
{
	(void)reply;
	return step(call, id, NULL, STATUS_OK, false);
}

static struct status finish_stale(struct call *call, const char *id, Customers__Customer *reply)
{
	return step(call, id, &reply->base, STATUS_OK, true);
}

static struct status finish(struct call *call, const char *id, Customers__Customer *reply)
{
	return step(call, id, &reply->base, STATUS_OK, false);
}

static struct status give_up(struct call *call, const char *id, Customers__Customer *reply)
{
	return step(call, id, NULL, refuse(call, id, reply), false);
}

static struct status accept_and_refuse(struct call *call, const char *id, Customers__Customer *reply)
{
	const struct status status = accept(call, id, reply);

	return status_is(status, &KEY_IN_PROGRESS) ? refuse(call, id, reply) : status;
}

/* As when another process does the rest while this call still works on it. */
static struct status accept_and_join(struct call *call, const char *id, Customers__Customer *reply)
{
	Customers__Customer answer = CUSTOMERS__CUSTOMER__INIT;
	const struct status status = accept(call, id, reply);

	if (!status_is(status, &KEY_IN_PROGRESS))
		return status;
	answer.last_name = arena_strdup(call->arena, "the other's answer");
	TRY(step(call, id, &answer.base, STATUS_OK, false));
	return write_join(call);
}

static struct status join_nothing(struct call *call, const char *id, Customers__Customer *reply)
{
	TRY(write_join(call));
	call->key = NULL;
	TRY(write_join(call));
	return refuse(call, id, reply);
}

static struct db_statement GET_AMOUNT =
    DB_READ("get_amount", "SELECT amount AS n FROM thing WHERE thing_id = '" THING "'");

static void many_at_once_under_one_key_are_one(void **state)
{
	struct status (*const works[])(struct call *, const char *, Customers__Customer *) = { change, take };
	struct invocation asked[MANY];

	(void)state;
	for (int w = 0; w < 2; w++) {
		plan.work = works[w];
		ask_many(asked, w == 0 ? "k" : "another");
		for (int i = 0; i < MANY; i++)
			assert_same_answer(&asked[0], &asked[i]);
		assert_written(w + 1, w + 1, w + 1);
		assert_int_equal(service_number(&GET_VERSION), w + 2);
	}
	assert_int_equal(service_number(&GET_AMOUNT), AMOUNT - 1);
}

static void what_exists_is_told_the_same_under_each_key(void **state)
{
	struct invocation asked[MANY];
	struct invocation first;

	(void)state;
	assert_null(ask_for(exists_already, NULL).outcome.reason);
	assert_written(0, 0, 0);
	plan.work = exists_already;
	ask_many(asked, "k");
	for (int i = 0; i < MANY; i++)
		assert_same_answer(&asked[0], &asked[i]);
	first = ask_for(exists_already, "another");
	assert_false(str_equal(first.bytes, asked[0].bytes));
	assert_refused(ask("k", "another reason"), KEY_REUSED);
	assert_written(2, 0, 0);
}

static void numbers_are_kept_beside_the_answer(void **state)
{
	const struct invocation first = ask_for(take, "k"), second = ask_for(take, NULL), again = ask_for(take, "k");
	const Customers__Customer *answer = again.reply;

	(void)state;
	assert_null(second.outcome.reason);
	assert_same_answer(&first, &again);
	assert_string_equal(answer->phone, "99 left");
	assert_int_equal(service_number(&GET_AMOUNT), AMOUNT - 2);
	assert_written(2, 2, 2);
	assert_refused(ask("k", "another reason"), KEY_REUSED);
	assert_int_equal(service_number(&GET_AMOUNT), AMOUNT - 2);
}

/* Another process uses the key in the very moment: it has done what sql says, and commits once somebody waits for it. */
static pid_t start_rival(const char *sql)
{
	static struct db_statement READY =
	    DB_READ("ready", "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'");
	const char *block = arena_printf(service_arena(),
					 "DO $$ BEGIN %s PERFORM pg_advisory_xact_lock(1); FOR i IN 1..4000 LOOP"
					 " EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted);"
					 " PERFORM pg_sleep(0.005); END LOOP; END $$",
					 sql);
	const pid_t child = fork();

	if (child == 0) {
		pg_execute(conninfo, block);
		_exit(0);
	}
	for (int i = 0; i < 10000 && service_number(&READY) == 0; i++)
		continue;
	return child;
}

static void a_key_used_in_the_very_moment_is_answered(void **state)
{
	struct status (*const works[])(struct call *, const char *, Customers__Customer *) = { change, take, refuse,
											       exists_already };

	(void)state;
	for (size_t w = 0; w < sizeof(works) / sizeof(works[0]); w++) {
		const struct invocation first = ask_for(take, "k");
		const pid_t rival = start_rival("UPDATE idempotency SET key = 'late' WHERE key = 'k';");
		const struct invocation late = ask_for(works[w], "late");
		int status;

		assert_int_equal(waitpid(rival, &status, 0), rival);
		assert_int_equal(status, 0);
		assert_same_answer(&first, &late);
		assert_written(1, (int)w + 1, (int)w + 1);
		assert_int_equal(service_number(&GET_AMOUNT), AMOUNT - (int)w - 1);
		assert_int_equal(service_number(&GET_VERSION), (int)w + 2);
		pg_execute(conninfo, "TRUNCATE idempotency");
	}
}

static void a_pending_key_is_answered_by_a_step(void **state)
{
	struct invocation other = about(OTHER, "other's", ""), finished, again;

	(void)state;
	plan.work = accept;
	service_start(&other);
	service_finish();
	assert_refused(other, KEY_IN_PROGRESS);
	assert_refused(ask("k", ""), KEY_IN_PROGRESS);
	assert_written(2, 2, 2);
	assert_refused(ask("k", ""), KEY_IN_PROGRESS); /* a repeat joins */
	assert_refused(ask("k", "another reason"), KEY_REUSED);
	assert_null(ask_for(go_on, NULL).outcome.reason);
	assert_refused(ask_for(accept, "k"), KEY_IN_PROGRESS);
	assert_null(ask_for(finish_stale, NULL).outcome.reason);
	assert_refused(ask_for(accept, "k"), KEY_IN_PROGRESS);
	assert_written(2, 3, 2);
	finished = ask_for(finish, NULL);
	again = ask_for(accept, "k");
	assert_same_answer(&finished, &again);
	again = ask_for(change, "k");
	assert_same_answer(&finished, &again);
	assert_written(2, 4, 2);
	other = about(OTHER, "other's", "");
	plan.work = accept;
	service_start(&other);
	service_finish();
	assert_refused(other, KEY_IN_PROGRESS);
}

static void a_step_answers_once(void **state)
{
	struct invocation finished, again;

	(void)state;
	assert_refused(ask_for(accept, "k"), KEY_IN_PROGRESS);
	finished = ask_for(finish, NULL);
	assert_null(ask_for(finish, NULL).outcome.reason);
	again = ask_for(accept, "k");
	assert_same_answer(&finished, &again);
}

static void a_step_may_refuse(void **state)
{
	struct invocation first, again;

	(void)state;
	assert_refused(ask_for(accept, "k"), KEY_IN_PROGRESS);
	assert_null(ask_for(give_up, NULL).outcome.reason);
	first = ask_for(accept, "k");
	again = ask_for(accept, "k");
	assert_refused(first, OUT_OF_LUCK);
	assert_non_null(first.outcome.detail->violations);
	assert_same_refusal(first.outcome, again.outcome);
}

static void what_was_accepted_is_not_answered_by_a_refusal(void **state)
{
	(void)state;
	assert_refused(ask_for(accept_and_refuse, "k"), OUT_OF_LUCK);
	assert_refused(ask_for(accept, "k"), KEY_IN_PROGRESS);
	assert_refused(ask_for(refuse, "k"), KEY_IN_PROGRESS);
}

static void who_joins_gets_the_answer_of_who_was_faster(void **state)
{
	const struct invocation first = ask_for(accept_and_join, "k"), again = ask_for(accept, "k");
	const Customers__Customer *answer = first.reply;

	(void)state;
	assert_same_answer(&first, &again);
	assert_string_equal(answer->first_name, "");
	assert_string_equal(answer->last_name, "the other's answer");
	assert_refused(ask_for(join_nothing, NULL), OUT_OF_LUCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_at_once_under_one_key_are_one),
		TEST(what_exists_is_told_the_same_under_each_key),
		TEST(numbers_are_kept_beside_the_answer),
		TEST(a_key_used_in_the_very_moment_is_answered),
		TEST(a_pending_key_is_answered_by_a_step),
		TEST(a_step_answers_once),
		TEST(a_step_may_refuse),
		TEST(what_was_accepted_is_not_answered_by_a_refusal),
		TEST(who_joins_gets_the_answer_of_who_was_faster),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
