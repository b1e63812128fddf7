/*
 * Workers: each is a call that claims one saga and drives it. Who finds one starts the next worker, so as many run as there is work for; who finds none ends.
 * Claims that are made at the same time share a commit (db.h).
 */
#include "base/log.h"
#include "runtime/saga_private.h"

#define POLL (1 * CLOCK_SECOND)
#define WORK_TIME (SAGA_LEASE + 5 * CLOCK_SECOND)

struct worker {
	bool busy, found;
	struct call *call; /* while it runs */
};

static struct {
	struct loop *loop;
	struct db *db;
	const char *self;
	const struct saga_kind *const *kinds;
	struct loop_timer *timer;
	int64_t due; /* when the timer fires */
	struct worker workers[SAGA_WORKERS];
	int busy;
	bool looking,
	    look_again; /* one worker at most looks at any time: it is enough to find out that there is nothing to do */
	bool stopping;
	void (*stopped)(void *context);
	void *context;
} engine;

static void start_worker(void);

static struct status work(struct call *call, void *context)
{
	struct worker *worker = context;
	struct saga *saga;
	struct status status;

	worker->call = call;
	if (engine.stopping)
		return STATUS_OK; /* since it was started */
	TRY(saga_store_claim_due(call, engine.kinds, &saga));
	if (saga == NULL)
		return STATUS_OK;
	worker->found = true;
	engine.looking = false;
	start_worker();
	call->trace_parent = *saga->trace_parent != '\0' ? saga->trace_parent : call->trace_parent;
	status = saga_run(call, saga);
	if (saga->ended)
		log_info("saga ended", LOG_TEXT("kind", saga->kind->name), LOG_TEXT("subject_id", saga->subject_id),
			 LOG_TEXT("state", SAGA_STATE_NAMES[saga->place.state]));
	else if (status.reason != NULL)
		log_debug("saga goes on later", LOG_TEXT("saga_id", saga->saga_id),
			  LOG_TEXT("reason", status.reason->name));
	return STATUS_OK;
}

static void check_stopped(void)
{
	void (*stopped)(void *) = engine.stopped;

	if (!engine.stopping || engine.busy > 0 || stopped == NULL)
		return;
	engine.stopped = NULL;
	stopped(engine.context);
}

static void worked(void *context, struct status status)
{
	struct worker *worker = context;
	const bool found = worker->found;

	*worker = (struct worker){ 0 };
	engine.busy--;
	if (status.reason != NULL && !engine.stopping)
		log_warn("looking for sagas failed, will be tried again", LOG_TEXT("reason", status.reason->name));
	if (!found)
		engine.looking = false;
	if (found || engine.look_again)
		start_worker();
	else
		sagas_wake(POLL);
	check_stopped();
}

static struct worker *idle_worker(void)
{
	for (int i = 0; i < SAGA_WORKERS; i++) {
		if (!engine.workers[i].busy)
			return &engine.workers[i];
	}
	return NULL;
}

static void start_worker(void)
{
	struct worker *worker = idle_worker();

	engine.look_again = engine.looking;
	if (worker == NULL || engine.looking || engine.stopping)
		return;
	worker->busy = engine.looking = true;
	engine.busy++;
	call_spawn(engine.loop, engine.db, engine.self, WORK_TIME, work, worked, worker);
}

static void look(void *owner)
{
	(void)owner;
	engine.due = CLOCK_NEVER;
	start_worker();
}

void sagas_start(struct loop *loop, struct db *db, const char *self, const struct saga_kind *const *kinds)
{
	engine = (typeof(engine)){ .loop = loop, .db = db, .self = self, .kinds = kinds, .due = CLOCK_NEVER };
	engine.timer = loop_timer_new(loop, look, NULL);
	sagas_wake(0);
}

void sagas_wake(int64_t delay)
{
	const int64_t due = clock_monotonic() + delay;

	if (engine.timer == NULL || engine.stopping || due >= engine.due)
		return;
	engine.due = due;
	loop_timer_set(engine.timer, delay);
}

int sagas_busy(void)
{
	return engine.busy;
}

void sagas_stop(void (*stopped)(void *context), void *context)
{
	engine.stopping = true;
	engine.stopped = stopped;
	engine.context = context;
	if (engine.timer != NULL)
		loop_timer_cancel(engine.timer);
	for (int i = 0; i < SAGA_WORKERS; i++) {
		if (engine.workers[i].call != NULL)
			call_cancel(engine.workers[i].call);
	}
	check_stopped();
}

void sagas_free(void)
{
	if (engine.timer != NULL)
		loop_timer_free(engine.timer);
	engine.timer = NULL;
}
