/* What rpc_guard.h promises, and what a server says to those whom it refuses: over a real connection, with core's own retries. */
#include "runtime/rpc_fixture.h"

#include "quayside/events/v1/events.pb-c.h"
#include "runtime/rpc_private.h"
#include "runtime/write.h"

/* Stand-ins for write.c, weak, so that linking both is no error: nothing here writes. */
__attribute__((weak)) void write_open(struct call *call)
{
	(void)call;
}

__attribute__((weak)) struct status write_close(struct call *call, struct status outcome,
						struct write_answer *ret_answer)
{
	(void)call;
	*ret_answer = (struct write_answer){ 0 };
	return outcome;
}

RPC_UNARY(list_customers, Customers__ListCustomersRequest, Customers__ListCustomersResponse);
RPC_UNARY(get_customer, Customers__GetCustomerRequest, Customers__Customer);

static const struct reason BUSINESS_ABORTED = { CODE_ABORTED, "TRY_ANOTHER", "No." };
static const struct reason BUSINESS_EXHAUSTED = { CODE_RESOURCE_EXHAUSTED, "NO_CREDIT", "No." };
static const struct reason BUSINESS_PRECONDITION = { CODE_FAILED_PRECONDITION, "NOT_NOW", "No." };

static const struct reason *const answers[] = {
	&BUSINESS_ABORTED, &BUSINESS_EXHAUSTED,   &BUSINESS_PRECONDITION, &NOT_FOUND, &INVALID_REQUEST,
	&ALREADY_EXISTS,   &DATABASE_UNAVAILABLE, &INTERNAL_ERROR,        &OVERLOADED
};

static struct {
	int served;
	int64_t times[64]; /* when the first calls were served */
	enum contract_call_class class;
} seen;

/* Answers with the reason of this name; or waits; or asks a peer of its own. */
static struct status list_customers(struct call *call, const Customers__ListCustomersRequest *request,
				    Customers__ListCustomersResponse *reply)
{
	(void)reply;
	if (seen.served < 64)
		seen.times[seen.served] = clock_monotonic();
	seen.served++;
	seen.class = call->call_class;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(request->query, answers[i]->name) == 0)
			return status_of(answers[i]);
	if (strcmp(request->query, "later") == 0) {
		struct status status = status_printf(call->arena, &OVERLOADED, "Later.");

		status.detail->retry_after_ms = 300;
		return status;
	}
	if (strcmp(request->query, "gate") == 0)
		return wait_at_gate(call);
	return STATUS_OK;
}

/* Needs a peer: this same server. */
static struct status get_customer(struct call *call, const Customers__GetCustomerRequest *request,
				  Customers__Customer *reply)
{
	(void)request;
	(void)reply;
	return ask(call, "DATABASE_UNAVAILABLE", NULL);
}

static const struct rpc_method customer_methods[] = {
	RPC_METHOD("ListCustomers", list_customers),
	RPC_METHOD("GetCustomer", get_customer),
	RPC_METHODS_END,
};
static const struct rpc_service customer_service = { &customers__customer_service__descriptor, customer_methods };
static const struct rpc_service *const services[] = { &customer_service, NULL };

#define SLOW (200 * CLOCK_MILLISECOND * (RUNNING_ON_VALGRIND ? 20 : 1))
#define REST (500 * CLOCK_MILLISECOND)

static int set_up(void **state)
{
	const struct rpc_limits limits = {
		.max_calls = 64,
		.max_message = 64 * 1024,
		.max_streams = 4096,
		.min_work = 10,
		.max_work = 40,
		.target = 1,
	};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	scene_start(services, &limits, NULL);
	rpc_client_guard(scene.client, &(const struct rpc_guard_options){ SLOW, REST, 16 });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scene_end();
	return 0;
}

static void ask_times(struct call *call, const char *query, int times, const char *reason)
{
	for (int i = 0; i < times; i++) {
		const struct status status = ask(call, query, NULL);

		assert_string_equal(status.reason == NULL ? "" : status.reason->name, reason);
	}
}

/* ---- Breaker ---- */

static struct status refuses_business(struct call *call)
{
	for (size_t i = 0; i < 6; i++)
		ask_times(call, answers[i]->name, 30, answers[i]->name);
	assert_int_equal(seen.served, 180);
	return STATUS_OK;
}

static void refusals_of_the_business_never_open_it(void **state)
{
	(void)state;
	as_client(refuses_business);
}

static struct status meets_failures(struct call *call)
{
	struct status status;
	int before;

	ask_times(call, "INTERNAL_ERROR", 10, "INTERNAL_ERROR");
	before = seen.served;
	ask_times(call, "", 100, "PEER_UNAVAILABLE");
	assert_int_equal(seen.served, before); /* nobody bothered the peer */
	status = ask(call, "", NULL);
	assert_true(status.detail->retry_after_ms > 0);
	coroutine_sleep(call->loop, REST * 6 / 5 + CLOCK_MILLISECOND);
	return ask(call, "well again", NULL);
}

static void a_peer_that_fails_has_a_rest(void **state)
{
	(void)state;
	as_client(meets_failures);
}

static struct status as_worker(struct call *call)
{
	const int64_t began = clock_monotonic();

	ask_times(call, "INTERNAL_ERROR", 10, "INTERNAL_ERROR");
	call->call_class = CLASS_WORKER;
	TRY(ask(call, "", NULL));
	assert_int_equal(seen.class, CLASS_WORKER); /* and it says so */
	assert_true(clock_monotonic() - began >= REST * 4 / 5);
	return STATUS_OK;
}

static void a_worker_waits_instead_of_being_refused(void **state)
{
	(void)state;
	as_client(as_worker);
}

static struct status as_worker_in_vain(struct call *call)
{
	int64_t began;

	rpc_client_guard(scene.client, &(const struct rpc_guard_options){ SLOW, PATIENCE, 1000 });
	ask_times(call, "INTERNAL_ERROR", 10, "INTERNAL_ERROR");
	call->call_class = CLASS_WORKER;
	began = clock_monotonic();
	ask_times(call, "", 1, "PEER_UNAVAILABLE");
	assert_in_range(clock_monotonic() - began, CLOCK_SECOND / 2, PATIENCE / 2);
	return STATUS_OK;
}

static void a_worker_does_not_wait_for_long(void **state)
{
	(void)state;
	as_client(as_worker_in_vain);
}

static struct asker askers[64];

static bool all_at_gate(void)
{
	return scene.at_gate == 10;
}

/* None has ended yet when the breaker opens. */
static struct status is_frozen(struct call *call)
{
	rpc_client_guard(scene.client, &(const struct rpc_guard_options){ SLOW, REST, 1000 });
	for (int i = 0; i < 10; i++)
		start_asker(&askers[i], "gate", PATIENCE);
	until(all_at_gate);
	coroutine_sleep(call->loop, SLOW + 10 * CLOCK_MILLISECOND);
	ask_times(call, "", 1, "PEER_UNAVAILABLE");
	open_gate();
	for (int i = 0; i < 10; i++)
		await_asker(&askers[i]);
	return STATUS_OK;
}

static void a_frozen_peer_is_noticed_before_the_deadline(void **state)
{
	(void)state;
	as_client(is_frozen);
}

/* The peer works; it is its own peer that fails, for one of its methods. */
static struct status needs_another(struct call *call)
{
	Customers__GetCustomerRequest get = CUSTOMERS__GET_CUSTOMER_REQUEST__INIT;
	void *reply;

	get.customer_id = (char *)(uintptr_t)ID;
	for (int i = 0; i < 10; i++)
		assert_int_equal(status_code(rpc_call(call, scene.client, &customers__customer_service__descriptor,
						      "GetCustomer", NULL, &get.base, &reply)),
				 CODE_UNAVAILABLE);
	assert_int_equal(status_code(rpc_call(call, scene.client, &customers__customer_service__descriptor,
					      "GetCustomer", NULL, &get.base, &reply)),
			 CODE_UNAVAILABLE);
	return STATUS_OK;
}

/* One more client, whose breakers know nothing of the server's own. */
static struct status retries_once_only(struct call *call)
{
	struct rpc_client *inner = scene.client;
	uint64_t before;

	scene.client = rpc_client_new(scene.core, "tester", scene.address);
	before = rpc_server_total(scene.server);
	TRY(needs_another(call));
	/* Each of 11 calls was sent once, and not three times; those below it three times each at most. */
	assert_in_range(rpc_server_total(scene.server) - before, 11, 11 + 11 * 3);
	rpc_client_free(scene.client);
	scene.client = inner;
	return STATUS_OK;
}

static void only_the_direct_caller_retries(void **state)
{
	(void)state;
	as_client(retries_once_only);
}

/* ---- Retries: one channel has 100 tokens, and stops to retry at 50; a token comes back with ten successes. ---- */

static struct status has_a_dead_target(struct call *call)
{
	const struct rpc_guard_options never = { PATIENCE, 1, 100000 }; /* no rest: the budget of retries alone */
	int requests = 1000;

	rpc_client_guard(scene.client, &never);
	for (int i = 0; i < requests; i++) {
		const struct arena_mark scratch = arena_mark(call->arena);

		(void)status_code(ask(call, "DATABASE_UNAVAILABLE", NULL));
		arena_rewind(call->arena, scratch);
	}
	print_message("%d requests, %d attempts\n", requests, seen.served);
	assert_true(seen.served > requests / 2);
	assert_true(seen.served <= requests * 11 / 10);
	return STATUS_OK;
}

static void a_dead_target_costs_hardly_more_than_one_attempt_each(void **state)
{
	(void)state;
	as_client(has_a_dead_target);
}

static struct status is_pushed_back(struct call *call)
{
	ask_times(call, "later", 1, "OVERLOADED");
	assert_int_equal(seen.served, 3);
	for (int i = 1; i < 3; i++)
		assert_true(seen.times[i] - seen.times[i - 1] >= 290 * CLOCK_MILLISECOND); /* timers count in ms */
	return STATUS_OK;
}

static void core_obeys_the_pushback(void **state)
{
	(void)state;
	as_client(is_pushed_back);
}

/* ---- Room ---- */

static bool ten_at_gate(void)
{
	return scene.at_gate == 10;
}

/* Lists have places of their own: a quarter of the 40. */
static struct status fills_the_limit(struct call *call)
{
	struct asker more;

	rpc_client_guard(scene.client, &(const struct rpc_guard_options){ PATIENCE, REST, 1000 });
	for (int i = 0; i < 10; i++)
		start_asker(&askers[i], "gate", PATIENCE);
	until(ten_at_gate);
	start_asker(&more, "", PATIENCE);
	await_asker(&more);
	assert_string_equal(more.reason, "OVERLOADED");
	call->call_class = CLASS_WORKER; /* the same method, for work that others wait for */
	TRY(ask(call, "", NULL));
	open_gate();
	for (int i = 0; i < 10; i++)
		await_asker(&askers[i]);
	return STATUS_OK;
}

static void work_beyond_the_limit_is_refused_by_priority(void **state)
{
	(void)state;
	as_client(fills_the_limit);
}

/* Of 16 calls to one peer, 8 may be lists. */
static struct status fills_the_bulkhead(struct call *call)
{
	struct asker more;

	(void)call;
	for (int i = 0; i < 8; i++)
		start_asker(&askers[i], "gate", PATIENCE);
	start_asker(&more, "", PATIENCE);
	await_asker(&more);
	assert_string_equal(more.reason, "OVERLOADED");
	open_gate();
	for (int i = 0; i < 8; i++)
		await_asker(&askers[i]);
	assert_int_equal(seen.served, 8);
	return STATUS_OK;
}

static void one_peer_does_not_get_everything(void **state)
{
	(void)state;
	as_client(fills_the_bulkhead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refusals_of_the_business_never_open_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_peer_that_fails_has_a_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_worker_waits_instead_of_being_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_worker_does_not_wait_for_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_frozen_peer_is_noticed_before_the_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_the_direct_caller_retries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_dead_target_costs_hardly_more_than_one_attempt_each, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(core_obeys_the_pushback, set_up, tear_down),
		cmocka_unit_test_setup_teardown(work_beyond_the_limit_is_refused_by_priority, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_peer_does_not_get_everything, set_up, tear_down),
	};

	log_setup("rpc_guard_test", LOG_OFF, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
