/* See rpc_core.h. */
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

struct rpc_core {
	struct loop *loop;
	grpc_completion_queue *queue;
	pthread_t poller;

	/* From the poller to the loop. */
	pthread_mutex_t lock;
	struct rpc_event *first, **end;
	bool posted;
	struct loop_task task;

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

/* The loop is woken unless it has yet to come for an earlier event, so that a busy loop finds many at once. */
static void hand_over(struct rpc_core *core, struct rpc_event *event)
{
	event->next = NULL;
	pthread_mutex_lock(&core->lock);
	*core->end = event;
	core->end = &event->next;

	const bool wake = !core->posted;

	core->posted = true;
	pthread_mutex_unlock(&core->lock);
	if (wake)
		loop_post(core->loop, &core->task);
}

static void pass_on(struct rpc_core *core, struct rpc_event *event)
{
	if (event->ok && event->ahead != NULL)
		event->ahead(event);
	hand_over(core, event);
}

static void run_events(struct loop_task *task)
{
	struct rpc_core *core = (struct rpc_core *)(void *)((char *)task - offsetof(struct rpc_core, task));

	pthread_mutex_lock(&core->lock);

	struct rpc_event *event = core->first;

	core->first = NULL;
	core->end = &core->first;
	core->posted = false;
	pthread_mutex_unlock(&core->lock);
	while (event != NULL) {
		struct rpc_event *next = event->next; /* run() may free the event */

		event->run(event, event->ok);
		event = next;
	}
}

static void *poll_events(void *argument)
{
	struct rpc_core *core = argument;
	const gpr_timespec never = gpr_inf_future(GPR_CLOCK_REALTIME);
	grpc_event taken;

	pthread_setname_np(pthread_self(), "rpc-poller");
	while ((taken = grpc_completion_queue_next(core->queue, never, NULL)).type != GRPC_QUEUE_SHUTDOWN) {
		struct rpc_event *event = taken.tag;

		ACQUIRE(event);
		event->ok = taken.success != 0;
		pass_on(core, event);
	}
	return NULL;
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
	event = tag;
	ACQUIRE(event);
	event->ok = ok != 0;
	if (event == expected)
		event->run(event, event->ok);
	else
		pass_on(core, event);
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
	struct rpc_core *core = calloc(1, sizeof(*core)); /* lives as long as the process */

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
	    pthread_create(&core->poller, NULL, poll_events, core) != 0)
		die("no thread");
	return core;
}

void rpc_core_free(struct rpc_core *core)
{
	if (core == NULL)
		return;
	grpc_completion_queue_shutdown(core->queue);
	if (pthread_join(core->poller, NULL) != 0)
		die("the poller is gone");
	grpc_completion_queue_destroy(core->queue);
	grpc_shutdown_blocking();
	event_free(core->errands_ready);
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
