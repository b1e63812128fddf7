/* What rpc_server.h and rpc_client.h promise about time, room and ends: deadlines, cancellation, overload, drains, addresses. */
#include "runtime/rpc_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "quayside/events/v1/events.pb-c.h"
#include "runtime/health.h"
#include "runtime/write.h"

/* ThreadSanitizer takes milliseconds for each stack, and has a limit of its own for them; to valgrind a stack is a search through all of them. */
#define MANY (slow_tools() ? 200 : 2000)

static bool slow_tools(void)
{
	const char *mode = getenv("QUAYSIDE_MODE");

	return mode != NULL && (strcmp(mode, "tsan") == 0 || strcmp(mode, "valgrind") == 0);
}

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
RPC_UNARY(fetch_events, Events__FetchEventsRequest, Events__FetchEventsResponse);

/* Does what the query says. Lists are shed first. */
static struct status list_customers(struct call *call, const Customers__ListCustomersRequest *request,
				    Customers__ListCustomersResponse *reply)
{
	(void)reply;
	if (strcmp(request->query, "gate") == 0)
		return wait_at_gate(call);
	if (strcmp(request->query, "nested gate") == 0)
		return ask(call, "gate", NULL);
	return STATUS_OK;
}

/* Someone waits for this one. */
static struct status get_customer(struct call *call, const Customers__GetCustomerRequest *request,
				  Customers__Customer *reply)
{
	(void)call;
	reply->customer_id = request->customer_id;
	return STATUS_OK;
}

/* A worker's. */
static struct status fetch_events(struct call *call, const Events__FetchEventsRequest *request,
				  Events__FetchEventsResponse *reply)
{
	(void)call;
	(void)request;
	reply->last_position = 1;
	return STATUS_OK;
}

static const struct rpc_method customer_methods[] = {
	RPC_METHOD("ListCustomers", list_customers),
	RPC_METHOD("GetCustomer", get_customer),
	RPC_METHODS_END,
};
static const struct rpc_method event_methods[] = { RPC_METHOD("FetchEvents", fetch_events), RPC_METHODS_END };
static const struct rpc_service customer_service = { &customers__customer_service__descriptor, customer_methods };
static const struct rpc_service event_service = { &events__event_service__descriptor, event_methods };
static const struct rpc_service *const services[] = { &customer_service, &event_service, &health_service, NULL };

static int set_up(void **state)
{
	static const char *const names[] = { "quayside.customers.v1.CustomerService", NULL };

	(void)state;
	health_setup(names);
	scene_start(services, &usual_limits, NULL);
	return 0;
}

static int set_up_small(void **state)
{
	const struct rpc_limits small = { .max_calls = 16, .max_message = 64 * 1024, .max_streams = 4096 };

	(void)state;
	scene_start(services, &small, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scene_end();
	return 0;
}

/* ---- Deadlines and cancellation ---- */

/* Time enough for a call to reach the server, also where everything is slow, once it is connected. */
#define SHORT_TIME (500 * CLOCK_MILLISECOND)

static struct status misses_its_deadline(struct call *call)
{
	struct asker asker;
	int64_t started;

	TRY(ask(call, "", NULL));
	started = clock_monotonic();
	start_asker(&asker, "gate", SHORT_TIME);
	await_asker(&asker);
	assert_string_equal(asker.reason, "DEADLINE_PASSED");
	assert_in_range(clock_monotonic() - started, SHORT_TIME * 4 / 5, PATIENCE / 2);
	until(one_was_cancelled); /* the handler hears of it */
	until(no_calls);
	return STATUS_OK;
}

static void a_deadline_ends_the_call_on_both_sides(void **state)
{
	(void)state;
	as_client(misses_its_deadline);
}

static struct status misses_its_nested_deadline(struct call *call)
{
	struct asker asker;

	TRY(ask(call, "", NULL));
	start_asker(&asker, "nested gate", SHORT_TIME);
	await_asker(&asker);
	assert_string_equal(asker.reason, "DEADLINE_PASSED");
	until(one_was_cancelled); /* two calls away */
	until(no_calls);
	return STATUS_OK;
}

static void a_deadline_reaches_the_peers_of_a_peer(void **state)
{
	(void)state;
	as_client(misses_its_nested_deadline);
}

static struct status has_no_time_left(struct call *call)
{
	struct asker asker;

	(void)call;
	start_asker(&asker, "", 0);
	await_asker(&asker);
	assert_string_equal(asker.reason, "DEADLINE_PASSED");
	return STATUS_OK;
}

static void a_call_without_time_is_not_made(void **state)
{
	(void)state;
	as_client(has_no_time_left);
	assert_int_equal(rpc_server_total(scene.server), 0);
}

static struct status is_cancelled(struct call *call)
{
	struct asker asker;

	(void)call;
	start_asker(&asker, "nested gate", PATIENCE);
	until(one_at_gate);
	call_cancel(asker.call);
	await_asker(&asker);
	assert_string_equal(asker.reason, "CALL_CANCELLED");
	until(one_was_cancelled); /* two calls away */
	until(no_calls);
	return STATUS_OK;
}

static void cancelling_reaches_the_peers_of_a_peer(void **state)
{
	(void)state;
	as_client(is_cancelled);
}

/* ---- Room ---- */

static struct asker askers[2000];

static bool room_is_full(void)
{
	return scene.at_gate == 11; /* of 16 places, one is kept, and lists get three quarters of the rest */
}

static struct status fills_the_room(struct call *call)
{
	Customers__GetCustomerRequest get = CUSTOMERS__GET_CUSTOMER_REQUEST__INIT;
	Events__FetchEventsRequest fetch = EVENTS__FETCH_EVENTS_REQUEST__INIT;
	struct status status;
	void *reply;

	for (int i = 0; i < 11; i++)
		start_asker(&askers[i], "gate", PATIENCE);
	until(room_is_full);
	status = ask(call, "gate", NULL);
	assert_true(status_is(status, &OVERLOADED));
	assert_int_equal(status_code(status), CODE_UNAVAILABLE);
	assert_true(status.detail->retry_after_ms > 0);

	get.customer_id = (char *)(uintptr_t)ID;
	TRY(rpc_call(call, scene.client, &customers__customer_service__descriptor, "GetCustomer", NULL, &get.base,
		     &reply));
	TRY(rpc_call(call, scene.client, &events__event_service__descriptor, "FetchEvents", NULL, &fetch.base, &reply));
	open_gate();
	for (int i = 0; i < 11; i++) {
		await_asker(&askers[i]);
		assert_int_equal(askers[i].code, CODE_OK);
	}
	return ask(call, "there is room again", NULL);
}

static void calls_beyond_the_limit_are_refused_at_once(void **state)
{
	(void)state;
	as_client(fills_the_room);
}

static bool all_at_gate(void)
{
	return scene.at_gate == MANY;
}

static size_t threads_now(void)
{
	struct stat entry;

	assert_int_equal(stat("/proc/self/task", &entry), 0);
	return (size_t)entry.st_nlink - 2;
}

static struct status waits_many_times(struct call *call)
{
	size_t threads;

	TRY(ask(call, "", NULL)); /* core has its threads */
	threads = threads_now();
	for (int i = 0; i < MANY; i++)
		start_asker(&askers[i], "gate", PATIENCE);
	until(all_at_gate);
	assert_true(coroutine_count() >= 2 * MANY); /* clients and handlers */
	assert_true(threads_now() <= threads + 16); /* core starts some when it is busy */
	TRY(ask(call, "others are served meanwhile", NULL));
	open_gate();
	for (int i = 0; i < MANY; i++) {
		await_asker(&askers[i]);
		assert_int_equal(askers[i].code, CODE_OK);
	}
	return STATUS_OK;
}

static void waiting_calls_cost_no_threads(void **state)
{
	(void)state;
	as_client(waits_many_times);
}

/* ---- Drains ---- */

static bool drained(void)
{
	return scene.drained;
}

static void drain_and_run(int64_t grace)
{
	rpc_server_drain(scene.server, grace, on_drained, NULL);
	if (!scene.drained)
		run_loop();
}

static struct status finishes_in_a_drain(struct call *call)
{
	struct asker asker, late;

	(void)call;
	start_asker(&asker, "gate", PATIENCE);
	until(one_at_gate);
	rpc_server_drain(scene.server, PATIENCE, on_drained, NULL);
	start_asker(&late, "", PATIENCE);
	await_asker(&late);
	assert_string_equal(late.reason, "SHUTTING_DOWN");
	assert_false(scene.drained);
	open_gate();
	await_asker(&asker);
	assert_int_equal(asker.code, CODE_OK);
	return STATUS_OK;
}

static void a_drain_lets_accepted_calls_finish(void **state)
{
	(void)state;
	as_client(finishes_in_a_drain);
	if (!scene.drained)
		run_loop();
	assert_true(scene.drained);
}

/* The same address, as after a restart. Calls fail for a while, at most as long as core waits between its attempts to connect. */
static struct status meets_a_restart(struct call *call)
{
	struct status status;

	TRY(ask(call, "", NULL));
	rpc_server_drain(scene.server, PATIENCE, on_drained, NULL);
	until(drained);
	assert_true(status_is(ask(call, "", NULL), &PEER_UNAVAILABLE));
	rpc_server_free(scene.server);
	scene.server = rpc_server_new(scene.core, NULL, services, &usual_limits);
	assert_true(rpc_server_listen(scene.server, scene.address, NULL));
	rpc_server_start(scene.server);
	scene.drained = false;
	do
		status = ask(call, "", NULL);
	while (status_is(status, &PEER_UNAVAILABLE));
	return status;
}

static void a_peer_that_was_restarted_is_found_again(void **state)
{
	(void)state;
	as_client(meets_a_restart);
}

static struct status outstays_a_drain(struct call *call)
{
	struct asker asker;

	(void)call;
	start_asker(&asker, "gate", PATIENCE);
	until(one_at_gate);
	rpc_server_drain(scene.server, 50 * CLOCK_MILLISECOND, on_drained, NULL);
	await_asker(&asker);
	assert_int_not_equal(asker.code, CODE_OK);
	assert_int_equal(scene.cancelled_at_gate, 1);
	return STATUS_OK;
}

static void a_drain_ends_calls_that_outstay_it(void **state)
{
	(void)state;
	as_client(outstays_a_drain);
	if (!scene.drained)
		run_loop();
	assert_true(scene.drained);
}

/* Many clients that ask again and again, until the server is gone. */
static size_t storm_running;
static uint64_t storm_answers;

static struct status storm(struct call *call, void *context)
{
	struct status status = STATUS_OK;

	(void)context;
	while (status.reason == NULL || status_is(status, &OVERLOADED)) {
		const struct arena_mark scratch = arena_mark(call->arena);

		status = ask(call, "", NULL);
		if (status.reason == NULL)
			storm_answers++;
		if (status.reason == NULL || status_is(status, &OVERLOADED))
			arena_rewind(call->arena, scratch);
	}
	assert_int_equal(status_code(status), CODE_UNAVAILABLE);
	storm_running--;
	return STATUS_OK;
}

static bool storm_is_up(void)
{
	return storm_answers > 1000;
}

static bool storm_is_over(void)
{
	return storm_running == 0;
}

static struct status drains_under_load(struct call *call)
{
	(void)call;
	storm_answers = 0;
	storm_running = 64;
	for (int i = 0; i < 64; i++)
		call_spawn(scene.loop, NULL, "tester", PATIENCE, storm, NULL, NULL);
	until(storm_is_up);
	rpc_server_drain(scene.server, PATIENCE, on_drained, NULL);
	until(storm_is_over);
	return STATUS_OK;
}

static void a_drain_under_load_is_clean(void **state)
{
	(void)state;
	as_client(drains_under_load);
	if (!scene.drained)
		run_loop();
	assert_true(scene.drained);
}

static void a_server_without_calls_drains_at_once(void **state)
{
	const int64_t started = clock_monotonic();

	(void)state;
	drain_and_run(PATIENCE);
	assert_true(clock_monotonic() - started < PATIENCE / 2);
}

/* ---- Addresses ---- */

static bool listens(const char *address)
{
	struct rpc_server *other = rpc_server_new(scene.core, NULL, services, &usual_limits);
	const bool taken = rpc_server_listen(other, address, NULL);

	scene.drained = false;
	rpc_server_drain(other, 0, on_drained, NULL);
	run_loop();
	rpc_server_free(other);
	scene.drained = false;
	return taken;
}

static void a_taken_socket_is_refused(void **state)
{
	(void)state;
	assert_false(listens(scene.address));
}

/* Someone who knows nothing of our lock. */
static void a_foreign_socket_is_refused(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char address[128], lock[128];
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/foreign", scene.folder);
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 1), 0);
	snprintf(address, sizeof(address), "unix:%s", name.sun_path);
	assert_false(listens(address));
	close(fd);
	assert_true(listens(address)); /* the file is still there, nobody behind it: as after a crash */
	snprintf(lock, sizeof(lock), "%s.lock", name.sun_path);
	assert_int_equal(unlink(lock), 0);
	(void)unlink(name.sun_path);
}

static void a_taken_port_is_refused(void **state)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);
	char address[64];
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(name.sin_port));
	assert_false(listens(address));
	close(fd);
}

static void two_servers_do_not_share_a_port(void **state)
{
	struct rpc_server *other = rpc_server_new(scene.core, NULL, services, &usual_limits);
	char address[64];
	int port = 0;

	(void)state;
	assert_true(rpc_server_listen(other, "127.0.0.1:0", &port));
	assert_in_range(port, 1, 65535);
	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	rpc_server_start(other);
	assert_false(listens(address));
	rpc_server_drain(other, 0, on_drained, NULL);
	run_loop();
	rpc_server_free(other);
	scene.drained = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_deadline_ends_the_call_on_both_sides, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_deadline_reaches_the_peers_of_a_peer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_call_without_time_is_not_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cancelling_reaches_the_peers_of_a_peer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_beyond_the_limit_are_refused_at_once, set_up_small, tear_down),
		cmocka_unit_test_setup_teardown(waiting_calls_cost_no_threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_drain_lets_accepted_calls_finish, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_drain_ends_calls_that_outstay_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_drain_under_load_is_clean, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_peer_that_was_restarted_is_found_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_server_without_calls_drains_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_taken_socket_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_foreign_socket_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_taken_port_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_servers_do_not_share_a_port, set_up, tear_down),
	};

	log_setup("rpc_limits_test", LOG_OFF, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
