/* Driving a saga: the machine decides, this does it. */
#include "runtime/saga.h"

#include "base/log.h"
#include "base/uuid.h"
#include "runtime/coroutine.h"
#include "runtime/fault.h"
#include "runtime/saga_private.h"

#define ANSWER_TIME (500 * CLOCK_MILLISECOND) /* what a step leaves of the call's time, for the record and the answer */
#define LEASE_MARGIN (2 * CLOCK_SECOND)       /* what it leaves of the lease */
#define RECORD_TIME (1 * CLOCK_SECOND)        /* what the record gets in any case */
#define PAUSE_MIN (50 * CLOCK_MILLISECOND)
#define PAUSE_MAX (1 * CLOCK_SECOND)
#define DELAY_MAX (20 * CLOCK_SECOND) /* what was stuck goes on soon after what it needs is back */
#define LOOK_MIN (5 * CLOCK_MILLISECOND)
#define LOOK_MAX (200 * CLOCK_MILLISECOND)

const struct reason SAGA_LOST = { CODE_ABORTED, "SAGA_LOST", "Somebody else goes on with it." };
const struct reason SAGA_PARKED = { CODE_INTERNAL, "SAGA_PARKED", "It waits for an operator." };

enum saga_event saga_outcome(struct status status)
{
	switch (status_code(status)) {
	case CODE_OK:
		return SAGA_DONE;
	case CODE_FAILED_PRECONDITION:
	case CODE_NOT_FOUND:
	case CODE_ALREADY_EXISTS:
	case CODE_OUT_OF_RANGE:
		return SAGA_REFUSED;
	case CODE_INVALID_ARGUMENT:
	case CODE_PERMISSION_DENIED:
	case CODE_UNAUTHENTICATED:
	case CODE_UNIMPLEMENTED:
	case CODE_DATA_LOSS:
		return SAGA_BUG;
	case CODE_CANCELLED:
	case CODE_UNKNOWN:
	case CODE_DEADLINE_EXCEEDED:
	case CODE_RESOURCE_EXHAUSTED:
	case CODE_ABORTED:
	case CODE_INTERNAL:
	case CODE_UNAVAILABLE:
		return SAGA_UNKNOWN;
	}
	return SAGA_UNKNOWN;
}

char *saga_id_of(struct arena *arena, const struct saga_kind *kind, const char *name)
{
	char *id = arena_alloc(arena, UUID_TEXT);

	uuid_derive(arena_printf(arena, "saga/%s", kind->name), name, id);
	return id;
}

static struct saga *new_saga(struct call *call, const struct saga_kind *kind, const char *subject_id, const char *name,
			     struct str data, bool leased)
{
	struct saga *saga = arena_alloc(call->arena, sizeof(*saga));

	*saga = (struct saga){ .kind = kind,
			       .saga_id = saga_id_of(call->arena, kind, name),
			       .subject_id = subject_id,
			       .data = data,
			       .leased = leased,
			       .epoch = leased ? 1 : 0,
			       .lease_end = clock_monotonic() + SAGA_LEASE,
			       .failed_step = -1,
			       .trace_parent = call->trace_parent };
	return saga;
}

struct saga *saga_new(struct call *call, const struct saga_kind *kind, const char *subject_id, const char *name,
		      struct str data)
{
	return new_saga(call, kind, subject_id, name, data, true);
}

struct saga *saga_for_workers(struct call *call, const struct saga_kind *kind, const char *subject_id, const char *name,
			      struct str data)
{
	return new_saga(call, kind, subject_id, name, data, false);
}

char *saga_key(struct call *call, const struct saga *saga, const char *request)
{
	if (saga->retries == 0)
		return arena_printf(call->arena, "%s/%s", saga->saga_id, request);
	return arena_printf(call->arena, "%s/%s/%d", saga->saga_id, request, saga->retries);
}

static struct saga_shape shape_of(const struct saga_kind *kind)
{
	struct saga_shape shape = { 0 };

	for (const struct saga_step *step = kind->steps; step->name != NULL; step++) {
		const uint32_t bit = UINT32_C(1) << shape.n_steps++;

		shape.undoable |= step->undo != NULL ? bit : 0;
		shape.final |= step->final ? bit : 0;
	}
	return shape;
}

static const char *text_of(struct status status)
{
	if (status.reason == NULL)
		return "";
	return status.detail != NULL && status.detail->private != NULL ? status.detail->private
								       : status_message(status);
}

static const char *name_of(struct status status)
{
	return status.reason == NULL ? "" : status.reason->name;
}

/* ---- Steps ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Until when a step may take: our lease lasts, and who waits for the answer still does. */
static int64_t step_deadline(const struct call *call, const struct saga *saga)
{
	const int64_t own = call->deadline == CLOCK_NEVER ? CLOCK_NEVER : call->deadline - ANSWER_TIME;

	return earlier(own, saga->lease_end - LEASE_MARGIN);
}

static struct status try_step(struct call *call, struct saga *saga, bool undo)
{
	const struct saga_step *step = &saga->kind->steps[saga->place.step];
	struct saga_try *try = &saga->tries[saga->place.step][undo];
	const int64_t deadline = call->deadline;
	struct status status;

	if (try->attempts++ == 0)
		try->start_time = clock_now();
	call->deadline = step_deadline(call, saga);
	FAULT_POINT("saga.before_step");
	status = undo ? step->undo(call, saga) : step->run(call, saga);
	FAULT_POINT("saga.step_done");
	call->deadline = deadline;
	try->end_time = clock_now();
	try->outcome = code_name(status_code(status));
	try->error = text_of(status);
	return status;
}

/* Repeats what is unknown while a client waits and there is time; work that nobody waits for comes back later by itself. */
static struct status do_step(struct call *call, struct saga *saga, bool undo)
{
	struct status status = try_step(call, saga, undo);

	for (int64_t pause = PAUSE_MIN; saga_outcome(status) == SAGA_UNKNOWN && call->method != NULL;
	     pause = earlier(2 * pause, PAUSE_MAX)) {
		if (call->cancelled || clock_monotonic() + pause >= step_deadline(call, saga))
			break;
		coroutine_sleep(call->loop, pause);
		status = try_step(call, saga, undo);
	}
	return status;
}

/* ---- Records ---- */

/* Also for a call that nobody waits for any more: what it knows is worth a moment, but a process that ends does not wait longer. */
static struct status record(struct call *call, struct saga *saga, int64_t delay, const char *error)
{
	const int64_t deadline = call->deadline;
	const bool cancelled = call->cancelled;
	struct status status;
	bool held = false;

	if (cancelled || call->deadline < clock_monotonic() + RECORD_TIME)
		call->deadline = clock_monotonic() + RECORD_TIME;
	call->cancelled = false;
	FAULT_POINT("saga.before_record");
	status = saga_store_record(call, saga, delay, error, &held);
	FAULT_POINT("saga.recorded");
	call->deadline = deadline;
	call->cancelled |= cancelled;
	if (status.reason != NULL)
		return status;
	return held ? STATUS_OK : status_of(&SAGA_LOST);
}

/* Doubles from try to try, with jitter, so that what failed together does not come back together. */
static int64_t delay_of(int attempts)
{
	const int doublings = attempts < 20 ? attempts - 1 : 19;
	const int64_t delay = earlier(PAUSE_MIN << doublings, DELAY_MAX);
	uint16_t jitter;

	random_bytes(&jitter, sizeof(jitter));
	return delay / 2 + delay / 2 * jitter / UINT16_MAX;
}

static struct status put_off(struct call *call, struct saga *saga, struct status why)
{
	saga->attempts = saga->failed_step == saga->place.step ? saga->attempts + 1 : 1;

	const int64_t delay = delay_of(saga->attempts);

	TRY(record(call, saga, delay, text_of(why)));
	sagas_wake(delay);
	log_warn("saga has to wait", LOG_TEXT("kind", saga->kind->name), LOG_TEXT("subject_id", saga->subject_id),
		 LOG_TEXT("step", saga->kind->steps[saga->place.step].name), LOG_INT("attempts", saga->attempts),
		 LOG_TEXT("reason", name_of(why)), LOG_TEXT("err", text_of(why)));
	return why;
}

static struct status park(struct call *call, struct saga *saga, struct status why)
{
	const char *step = saga->kind->steps[saga->place.step].name;

	TRY(record(call, saga, 0, text_of(why)));
	log_error("saga needs an operator", LOG_TEXT("kind", saga->kind->name), LOG_TEXT("saga_id", saga->saga_id),
		  LOG_TEXT("subject_id", saga->subject_id), LOG_TEXT("step", step), LOG_TEXT("reason", name_of(why)),
		  LOG_TEXT("err", text_of(why)));
	return status_private(call->arena, &SAGA_PARKED, "%s cannot get past %s: %s: %s", saga->kind->name, step,
			      name_of(why), text_of(why));
}

/* The end and its effect are one statement. When that cannot be, the saga stands where it stood. */
static enum saga_event end(struct call *call, struct saga *saga, struct saga_place before, struct status *ret_status)
{
	FAULT_POINT("saga.before_end");
	*ret_status = saga->kind->end(call, saga);
	FAULT_POINT("saga.ended");
	if (saga->ended || status_is(*ret_status, &SAGA_LOST))
		return SAGA_DONE;
	saga->place = before;
	return saga_outcome(*ret_status) == SAGA_UNKNOWN ? SAGA_UNKNOWN : SAGA_BUG;
}

/* ---- Driving ---- */

/* status is the event's, where it is an outcome. */
static struct status drive(struct call *call, struct saga *saga, enum saga_event event, struct status status)
{
	const struct saga_shape shape = shape_of(saga->kind);

	for (;;) {
		const struct saga_place before = saga->place;

		switch (saga_next(&shape, &saga->place, event)) {
		case SAGA_RUN:
		case SAGA_UNDO:
			status = do_step(call, saga, saga->place.backwards);
			event = saga_outcome(status);
			if (event == SAGA_REFUSED && !saga->place.backwards)
				saga->cause = status;
			break;
		case SAGA_TURN:
			if (!saga->place.backwards)
				saga->cause = STATUS_OK;
			else if (event == SAGA_LATE)
				saga->cause = status_of(saga->kind->too_late);
			TRY(record(call, saga, -1, text_of(saga->cause)));
			event = SAGA_GO;
			break;
		case SAGA_WAIT:
			return put_off(call, saga, status);
		case SAGA_PARK:
			return park(call, saga, status);
		case SAGA_END:
			event = end(call, saga, before, &status);
			if (event == SAGA_DONE)
				return status;
			break;
		}
	}
}

/* What the steps work on is read in the time of a step. */
static struct status open_work(struct call *call, struct saga *saga)
{
	const int64_t deadline = call->deadline;
	struct status status;

	if (saga->work != NULL)
		return STATUS_OK;
	call->deadline = step_deadline(call, saga);
	status = saga->kind->open(call, saga);
	call->deadline = deadline;
	return status;
}

struct status saga_run(struct call *call, struct saga *saga)
{
	const struct status status = open_work(call, saga);

	if (status.reason != NULL)
		return drive(call, saga, saga_outcome(status) == SAGA_UNKNOWN ? SAGA_UNKNOWN : SAGA_BUG, status);
	return drive(call, saga, saga->late ? SAGA_LATE : SAGA_GO, STATUS_OK);
}

struct status saga_end(struct call *call, struct saga *saga, struct db_unit *unit, struct write *write,
		       struct status refusal)
{
	saga_bind_end(call, unit, saga);
	TRY(write_step(call, unit, write, refusal));
	saga->ended = write->applied;
	if (!write->applied && db_int(db_last_rows(unit), 0, "held") == 0)
		return status_of(&SAGA_LOST);
	return STATUS_OK;
}

/* Waits a little; longer each time. */
static struct status look_later(struct call *call, int64_t *pause)
{
	TRY(call_check(call));
	if (call_remaining(call) < *pause + ANSWER_TIME)
		return status_of(&KEY_IN_PROGRESS);
	coroutine_sleep(call->loop, *pause);
	*pause = earlier(2 * *pause, LOOK_MAX);
	return STATUS_OK;
}

static struct status join(struct call *call, const struct saga_kind *kind, const char *subject_id)
{
	for (int64_t pause = LOOK_MIN;;) {
		struct saga_found found;
		struct saga *saga = NULL;
		struct status status;

		TRY(saga_store_find(call, kind, subject_id, &found));
		if (!found.found)
			return STATUS_OK;
		if (found.parked)
			return status_of(&SAGA_PARKED);
		if (found.unheld)
			TRY(saga_store_claim(call, kind, subject_id, &saga));
		if (saga == NULL) {
			TRY(look_later(call, &pause));
			continue;
		}
		status = saga_run(call, saga);
		if (saga->ended)
			return STATUS_OK;
		if (!status_is(status, &SAGA_LOST))
			return status;
	}
}

/* The end of another's work is not the effect that this call was asked for. */
struct status saga_join(struct call *call, const struct saga_kind *kind, const char *subject_id)
{
	const bool committed = call->committed;
	const struct status status = join(call, kind, subject_id);

	call->committed = committed;
	return status;
}
