/*
 * rpc_fixture: a server, a client and a loop in one process, for the tests of rpc_*.c. Included by tests only.
 *
 * Invariants
 * - Each test has a scene of its own, in a folder of its own below TMPDIR, and leaves nothing behind: calls, coroutines and files are counted at its end.
 *   The folder is removed also when a test fails.
 * - What a client does is a call of its own (as_client()); it may wait for anything, with a limit that fails the test.
 *
 * Usage
 *     scene_start(services, &limits, NULL);
 *     as_client(work);
 *     scene_end();
 */
#ifndef QUAYSIDE_RUNTIME_RPC_FIXTURE_H
#define QUAYSIDE_RUNTIME_RPC_FIXTURE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "quayside/customers/v1/customers.pb-c.h"
#include "runtime/call.h"
#include "runtime/coroutine.h"
#include "runtime/rpc_client.h"
#include "runtime/rpc_server.h"

#define ID "018f2f6e-0000-7000-8000-000000000001"
/* Of one test; only a failing one needs it, and those that valgrind makes slow. */
#define PATIENCE ((RUNNING_ON_VALGRIND ? 600 : 30) * CLOCK_SECOND)

static struct {
	struct loop *loop;
	struct rpc_core *core;
	struct rpc_server *server;
	struct rpc_client *client;
	struct loop_timer *alarm;
	char folder[96], socket[108], lock[116], address[116];
	bool drained, worked;

	/* What handlers wait at, until the test opens it. */
	struct link gate;
	bool gate_open;
	size_t at_gate, cancelled_at_gate;
} scene;

static const struct rpc_limits usual_limits = { .max_calls = 4096, .max_message = 64 * 1024, .max_streams = 4096 };

struct at_gate {
	struct coroutine *coroutine;
	struct link link;
};

static inline void open_gate(void)
{
	scene.gate_open = true;
	LIST_EACH (&scene.gate, link)
		coroutine_wake(LIST_ENTRY(link, struct at_gate, link)->coroutine);
}

/* For handlers: waits for the gate or the end of the call. */
static inline struct status wait_at_gate(struct call *call)
{
	struct at_gate self = { .coroutine = coroutine_current() };

	list_append(&scene.gate, &self.link);
	scene.at_gate++;
	while (!scene.gate_open && !call->cancelled)
		coroutine_wait();
	scene.at_gate--;
	scene.cancelled_at_gate += call->cancelled;
	list_remove(&self.link);
	return call_check(call);
}

static inline void too_late(void *owner)
{
	(void)owner;
	fprintf(stderr, "the test took too long\n");
	abort();
}

static inline void run_loop(void)
{
	loop_timer_set(scene.alarm, PATIENCE);
	loop_run(scene.loop);
	loop_timer_cancel(scene.alarm);
}

static inline void remove_files(void)
{
	unlink(scene.lock);
	unlink(scene.socket);
	rmdir(scene.folder);
}

static inline void on_abort(int number)
{
	remove_files();
	raise(number);
}

static inline void make_folder(void)
{
	const struct sigaction action = { .sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND };
	const char *tmp = getenv("TMPDIR");

	snprintf(scene.folder, sizeof(scene.folder), "%s/rpc-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(scene.folder));
	snprintf(scene.socket, sizeof(scene.socket), "%s/socket", scene.folder);
	snprintf(scene.lock, sizeof(scene.lock), "%s.lock", scene.socket);
	snprintf(scene.address, sizeof(scene.address), "unix:%s", scene.socket);
	assert_int_equal(sigaction(SIGABRT, &action, NULL), 0);
}

static inline void scene_start(const struct rpc_service *const *services, const struct rpc_limits *limits,
			       struct db *db)
{
	/* A failed assertion must not jump from a coroutine's stack to the test's: it ends the program, with its message. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	memset(&scene, 0, sizeof(scene));
	list_init(&scene.gate);
	make_folder();
	scene.loop = loop_new();
	scene.alarm = loop_timer_new(scene.loop, too_late, NULL);
	scene.core = rpc_core_new(scene.loop);
	scene.server = rpc_server_new(scene.core, db, services, limits);
	assert_true(rpc_server_listen(scene.server, scene.address, NULL));
	rpc_server_start(scene.server);
	scene.client = rpc_client_new(scene.core, "tester", scene.address);
	/* Handlers here are slow on purpose. */
	rpc_client_guard(scene.client, &(const struct rpc_guard_options){ PATIENCE, CLOCK_SECOND, 100000 });
}

static inline void on_drained(void *context)
{
	(void)context;
	scene.drained = true;
	loop_stop(scene.loop);
}

static inline void scene_end(void)
{
	if (!scene.drained) {
		rpc_server_drain(scene.server, 0, on_drained, NULL);
		run_loop();
	}
	assert_int_equal(rpc_server_calls(scene.server), 0);
	rpc_client_free(scene.client);
	rpc_server_free(scene.server);
	rpc_core_free(scene.core);
	loop_timer_free(scene.alarm);
	loop_free(scene.loop);
	assert_int_equal(coroutine_count(), 0);
	remove_files();
	assert_int_equal(access(scene.folder, F_OK), -1);
}

/* A client's work. When it fails, so does the test. */
typedef struct status (*client_work)(struct call *call);

static inline void end_work(void *context, struct status status)
{
	(void)context;
	scene.worked = true;
	loop_stop(scene.loop);
	if (status.reason != NULL)
		fail_msg("%s: %s", status.reason->name, status_message(status));
}

static inline struct status run_work(struct call *call, void *context)
{
	const client_work *work = context;

	call->call_class = CLASS_INTERACTIVE;
	return (*work)(call);
}

static inline void as_client(client_work work)
{
	scene.worked = false;
	call_spawn(scene.loop, NULL, "tester", PATIENCE, run_work, end_work, &work);
	while (!scene.worked)
		run_loop();
}

/* From a client's work: lets everything else go on until this is so. */
static inline void until(bool (*condition)(void))
{
	while (!condition())
		coroutine_sleep(scene.loop, CLOCK_MILLISECOND);
}

static inline bool one_at_gate(void)
{
	return scene.at_gate == 1;
}

static inline bool one_was_cancelled(void)
{
	return scene.cancelled_at_gate == 1;
}

static inline bool no_calls(void)
{
	return rpc_server_calls(scene.server) == 0;
}

/* Calls ListCustomers, which in these tests does what the query says. */
static inline struct status ask(struct call *call, const char *query, Customers__ListCustomersResponse **ret_reply)
{
	Customers__ListCustomersRequest request = CUSTOMERS__LIST_CUSTOMERS_REQUEST__INIT;
	void *reply = NULL;

	request.query = (char *)(uintptr_t)query;
	TRY(rpc_call(call, scene.client, &customers__customer_service__descriptor, "ListCustomers", NULL, &request.base,
		     &reply));
	if (ret_reply != NULL)
		*ret_reply = reply;
	return STATUS_OK;
}

/* Asks in a call of its own, so that several are under way at once. */
struct asker {
	const char *query;
	enum code code;
	char reason[32];
	bool done;
	struct call *call;
};

static inline struct status run_asker(struct call *call, void *context)
{
	struct asker *asker = context;
	struct status status;

	asker->call = call;
	call->call_class = CLASS_INTERACTIVE;
	status = ask(call, asker->query, NULL);
	asker->code = status_code(status);
	snprintf(asker->reason, sizeof(asker->reason), "%s", status.reason == NULL ? "" : status.reason->name);
	asker->done = true;
	return status;
}

static inline void start_asker(struct asker *asker, const char *query, int64_t timeout)
{
	*asker = (struct asker){ .query = query };
	call_spawn(scene.loop, NULL, "tester", timeout, run_asker, NULL, asker);
}

static inline void await_asker(const struct asker *asker)
{
	while (!asker->done)
		coroutine_sleep(scene.loop, CLOCK_MILLISECOND);
}

#endif
