/*
 * See rpc_core.h. Who takes events from core:
 *
 * While there is little to do, the poller waits for events and hands them over; the loop is free to wait for everything else. When the loop finds many at
 * once, it asks the poller to step aside and takes them itself, as long as there are any: two threads on the same connections cost more than they save.
 * The loop never waits for core: it lets the poller go on before it waits for anything.
 */
#include "runtime/rpc_core.h"

#include <event2/event.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "runtime/coroutine.h"
#include "runtime/rpc_private.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#define RELEASE(address_) __tsan_release(address_)
#define ACQUIRE(address_) __tsan_acquire(address_)
#else
#define RELEASE(address_) ((void)(address_))
#define ACQUIRE(address_) ((void)(address_))
#endif

#define MANY 8   /* events at once: then the loop takes them itself */
#define TURN 256 /* events until others on the loop have their turn */

struct rpc_core {
	struct loop *loop;
	grpc_completion_queue *queue;
	pthread_t poller;

	/* From the poller to the loop. */
	pthread_mutex_t lock;
	struct rpc_event *first, **end;
	bool posted;
	struct loop_task task;

	/* The poller steps aside at the next event when it is asked to, until it is told to go on. */
	bool asked_aside, aside;
	pthread_cond_t go_on;

	/* From coroutines to the loop's own stack. */
	struct rpc_errand *errand_first, **errand_end;
	struct event *errands_ready;
};

static void die(const char *what) __attribute__((noreturn));

static void die(const char *what)
{
	fprintf(stderr, "rpc_core: %s\n", what);
	abort();
}

void rpc_event_release(struct rpc_event *event)
{
	RELEASE(event);
}

/* The loop is woken unless it has yet to come for an earlier event, or looks by itself. */
static void hand_over(struct rpc_core *core, struct rpc_event *event, bool from_poller)
{
	event->next = NULL;
	pthread_mutex_lock(&core->lock);
	*core->end = event;
	core->end = &event->next;

	const bool wake = !core->posted && !core->aside;

	core->posted |= wake;
	if (from_poller)
		core->aside = core->asked_aside;
	pthread_mutex_unlock(&core->lock);
	if (wake)
		loop_post(core->loop, &core->task);
}

/* Every event comes by here, whoever takes it from core: what comes next is asked for, or it never comes. */
static struct rpc_event *open_event(void *tag, int success)
{
	struct rpc_event *event = tag;

	ACQUIRE(event);
	event->ok = success != 0;
	if (event->ok && event->ahead != NULL)
		event->ahead(event);
	return event;
}

static void stay_aside(struct rpc_core *core)
{
	pthread_mutex_lock(&core->lock);
	while (core->aside)
		pthread_cond_wait(&core->go_on, &core->lock);
	pthread_mutex_unlock(&core->lock);
}

static void *poll_events(void *argument)
{
	struct rpc_core *core = argument;
	const gpr_timespec never = gpr_inf_future(GPR_CLOCK_REALTIME);
	grpc_event taken;

	pthread_setname_np(pthread_self(), "rpc-poller");
	while ((taken = grpc_completion_queue_next(core->queue, never, NULL)).type != GRPC_QUEUE_SHUTDOWN) {
		hand_over(core, open_event(taken.tag, taken.success), true);
		stay_aside(core);
	}
	return NULL;
}

static void let_poller_go_on(struct rpc_core *core, bool come_back)
{
	pthread_mutex_lock(&core->lock);
	core->aside = false;
	core->asked_aside = come_back;
	pthread_cond_signal(&core->go_on);
	pthread_mutex_unlock(&core->lock);
}

/* Runs what was handed over; returns how many events that were, and whether the poller is aside. */
static size_t run_handed_over(struct rpc_core *core, bool *ret_aside)
{
	struct rpc_event *event;
	size_t count = 0;

	pthread_mutex_lock(&core->lock);
	event = core->first;
	core->first = NULL;
	core->end = &core->first;
	core->posted = false;
	*ret_aside = core->aside;
	pthread_mutex_unlock(&core->lock);
	for (struct rpc_event *next; event != NULL; event = next, count++) {
		next = event->next; /* run() may free the event */
		event->run(event, event->ok);
	}
	return count;
}

/* By way of the loop's own queue, so that everything else that is ready has its turn first. */
static void post_again(struct rpc_core *core)
{
	pthread_mutex_lock(&core->lock);

	const bool post = !core->posted;

	core->posted = true;
	pthread_mutex_unlock(&core->lock);
	if (post)
		loop_post(core->loop, &core->task);
}

/* With the poller aside. */
static void take_events(struct rpc_core *core)
{
	const gpr_timespec now = gpr_inf_past(GPR_CLOCK_REALTIME);
	bool aside;

	for (size_t count = 0; count < TURN; count++) {
		const grpc_event taken = grpc_completion_queue_next(core->queue, now, NULL);

		if (taken.type == GRPC_OP_COMPLETE) {
			struct rpc_event *event = open_event(taken.tag, taken.success);

			event->run(event, event->ok);
		} else if (run_handed_over(core, &aside) == 0) {
			let_poller_go_on(core, count >= MANY);
			return;
		}
	}
	post_again(core);
}

static void run_events(struct loop_task *task)
{
	struct rpc_core *core = RPC_OWNER(task, struct rpc_core, task);
	bool aside;
	const size_t count = run_handed_over(core, &aside);

	if (aside)
		take_events(core);
	else if (count >= MANY)
		let_poller_go_on(core, true); /* for one more event */
}

void rpc_core_catch(struct rpc_core *core)
{
	grpc_completion_queue_thread_local_cache_init(core->queue);
}

void rpc_core_run_caught(struct rpc_core *core, struct rpc_event *expected)
{
	struct rpc_event *event;
	void *tag;
	int ok;

	if (!grpc_completion_queue_thread_local_cache_flush(core->queue, &tag, &ok))
		return;
	event = open_event(tag, ok);
	if (event == expected)
		event->run(event, event->ok);
	else
		hand_over(core, event, false);
}

/* What core has to say belongs into the log. It calls an error what it gets over. */
static void log_core(gpr_log_func_args *args)
{
	switch (args->severity) {
	case GPR_LOG_SEVERITY_ERROR:
		log_warn("grpc", LOG_TEXT("text", args->message));
		return;
	case GPR_LOG_SEVERITY_INFO:
	case GPR_LOG_SEVERITY_DEBUG:
		log_debug("grpc", LOG_TEXT("text", args->message));
		return;
	}
}

static void run_errands(evutil_socket_t fd, short events, void *argument)
{
	struct rpc_core *core = argument;
	struct rpc_errand *errand = core->errand_first;

	(void)fd;
	(void)events;
	core->errand_first = NULL;
	core->errand_end = &core->errand_first;
	while (errand != NULL) {
		struct rpc_errand *next = errand->next; /* run() may free the errand */

		errand->run(errand);
		errand = next;
	}
}

void rpc_core_errand(struct rpc_core *core, struct rpc_errand *errand)
{
	if (coroutine_current() == NULL) {
		errand->run(errand);
		return;
	}
	errand->next = NULL;
	*core->errand_end = errand;
	core->errand_end = &errand->next;
	event_active(core->errands_ready, 0, 0);
}

struct rpc_core *rpc_core_new(struct loop *loop)
{
	/* house: allocation because it lives as long as the process */
	struct rpc_core *core = calloc(1, sizeof(*core));

	if (core == NULL)
		die("no memory");
	gpr_set_log_function(log_core);
	grpc_init();
	core->loop = loop;
	core->end = &core->first;
	core->errand_end = &core->errand_first;
	core->task.run = run_events;
	core->queue = grpc_completion_queue_create_for_next(NULL);
	core->errands_ready = event_new(loop_base(loop), -1, 0, run_errands, core);
	if (core->errands_ready == NULL || pthread_mutex_init(&core->lock, NULL) != 0 ||
	    pthread_cond_init(&core->go_on, NULL) != 0 || pthread_create(&core->poller, NULL, poll_events, core) != 0)
		die("no thread");
	return core;
}

void rpc_core_free(struct rpc_core *core)
{
	if (core == NULL)
		return;
	let_poller_go_on(core, false);
	grpc_completion_queue_shutdown(core->queue);
	if (pthread_join(core->poller, NULL) != 0)
		die("the poller is gone");
	grpc_completion_queue_destroy(core->queue);
	grpc_shutdown_blocking();
	event_free(core->errands_ready);
	pthread_cond_destroy(&core->go_on);
	pthread_mutex_destroy(&core->lock);
	free(core);
}

struct grpc_completion_queue *rpc_core_queue(struct rpc_core *core)
{
	return core->queue;
}

struct loop *rpc_core_loop(struct rpc_core *core)
{
	return core->loop;
}
