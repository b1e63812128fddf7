/* What rpc_core promises of events: however one is taken from core, it is treated alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "runtime/rpc_private.h"

struct seen {
	struct rpc_event event;
	struct loop *loop;
	int ahead, run;
	bool ok, in_order; /* nothing was run before it was time to ask for what comes next */
};

static void note_ahead(struct rpc_event *event)
{
	struct seen *seen = RPC_OWNER(event, struct seen, event);

	seen->in_order = seen->run == 0;
	seen->ahead++;
}

static void note_run(struct rpc_event *event, bool ok)
{
	struct seen *seen = RPC_OWNER(event, struct seen, event);

	seen->run++;
	seen->ok = ok;
	loop_stop(seen->loop);
}

static struct seen seen_of(struct loop *loop)
{
	return (struct seen){ .event = { .run = note_run, .ahead = note_ahead }, .loop = loop };
}

static grpc_server *make_server(struct rpc_core *core)
{
	grpc_server *server = grpc_server_create(NULL, NULL);

	grpc_server_register_completion_queue(server, rpc_core_queue(core), NULL);
	grpc_server_start(server);
	return server;
}

/* A server that nobody has called stops at once: core completes this event in here. */
static void complete(struct rpc_core *core, grpc_server *server, struct rpc_event *event)
{
	rpc_event_release(event);
	grpc_server_shutdown_and_notify(server, rpc_core_queue(core), event);
}

static void the_expected_event_runs_when_it_is_caught(void **state)
{
	struct loop *loop = loop_new();
	struct rpc_core *core = rpc_core_new(loop);
	grpc_server *server = make_server(core);
	struct seen expected = seen_of(loop);

	(void)state;
	rpc_core_catch(core);
	complete(core, server, &expected.event);
	assert_int_equal(expected.run, 0);
	rpc_core_run_caught(core, &expected.event);
	assert_int_equal(expected.run, 1);
	assert_int_equal(expected.ahead, 1);
	assert_true(expected.ok && expected.in_order);
	grpc_server_destroy(server);
	rpc_core_free(core);
	loop_free(loop);
}

/* Such as a call that arrives while another one is answered: who does not ask for its message waits for ever. */
static void another_event_that_is_caught_is_handed_over_as_by_the_poller(void **state)
{
	struct loop *loop = loop_new();
	struct rpc_core *core = rpc_core_new(loop);
	grpc_server *server = make_server(core);
	struct seen other = seen_of(loop), expected = seen_of(loop);

	(void)state;
	rpc_core_catch(core);
	complete(core, server, &other.event);
	rpc_core_run_caught(core, &expected.event);
	assert_int_equal(other.run, 0);
	loop_run(loop);
	assert_int_equal(other.run, 1);
	assert_int_equal(other.ahead, 1);
	assert_true(other.ok && other.in_order);
	assert_int_equal(expected.run, 0);
	grpc_server_destroy(server);
	rpc_core_free(core);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_expected_event_runs_when_it_is_caught),
		cmocka_unit_test(another_event_that_is_caught_is_handed_over_as_by_the_poller),
	};

	log_setup("rpc_core_test", LOG_OFF, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
