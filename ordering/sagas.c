/* Running a saga's steps, and placing orders. */
#include "ordering/sagas.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/saga_steps.h"
#include "runtime/coroutine.h"
#include "runtime/pb.h"

#define PLACING ORDERING__ORDER_STATE__ORDER_STATE_PLACING
#define ANSWER_TIME (500 * CLOCK_MILLISECOND) /* what a caller's deadline must leave for the answer */
#define PAUSE_MIN (50 * CLOCK_MILLISECOND)
#define PAUSE_MAX (1 * CLOCK_SECOND)

enum saga_outcome saga_outcome(struct status status)
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

/* Repeats a step whose outcome is unknown while somebody waits for it and there is time; work that nobody waits for comes back later by itself. */
static struct status run_step(struct call *call, const struct saga_step *step, void *work)
{
	int64_t pause = PAUSE_MIN;
	struct status status = step->run(call, work);

	while (saga_outcome(status) == SAGA_UNKNOWN && call->method != NULL && call_check(call).reason == NULL &&
	       call_remaining(call) > pause + ANSWER_TIME) {
		coroutine_sleep(call->loop, pause);
		pause = pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
		status = step->run(call, work);
	}
	return status;
}

struct status saga_run(struct call *call, const struct saga *saga, void *work, enum saga_outcome *ret_outcome)
{
	*ret_outcome = SAGA_DONE;
	for (const struct saga_step *step = saga->steps; step->name != NULL; step++) {
		const struct status status = run_step(call, step, work);

		if (status.reason == NULL)
			continue;
		*ret_outcome = saga_outcome(status);
		if (*ret_outcome == SAGA_REFUSED && step->final)
			*ret_outcome = SAGA_BUG;
		if (*ret_outcome != SAGA_BUG)
			return status;
		return status_private(call->arena, &INTERNAL_ERROR, "%s cannot get past %s: %s: %s", saga->kind,
				      step->name, status.reason->name, status_message(status));
	}
	return STATUS_OK;
}

/* An order on its way from PLACING to PLACED. */
struct placing {
	Ordering__Order *order;
	struct order_row *row;
};

static const char *key_of(struct call *call, const struct placing *work, const char *step)
{
	return arena_printf(call->arena, "%s/%lld/%s", work->order->order_id, (long long)work->row->version, step);
}

/* Holds that ran out, or that say something else than the order, are taken anew: all or none. */
static struct status keep_goods(struct call *call, void *context)
{
	const struct placing *work = context;
	const Ordering__Order *order = work->order;
	struct status status = peer_confirm(call, key_of(call, work, "confirm"), order);

	if (saga_outcome(status) != SAGA_REFUSED)
		return status;
	TRY(peer_reserve(call, key_of(call, work, "reserve"), order->order_id, order->items, order->n_items));
	return peer_confirm(call, key_of(call, work, "confirm-reserved"), order);
}

/* An order is placed once, so its first shipment's id follows from its own. */
static char *shipment_id_of(struct call *call, const Ordering__Order *order)
{
	char *id = arena_alloc(call->arena, UUID_TEXT);

	uuid_derive("shipment", order->order_id, id);
	return id;
}

static struct status make_shipment(struct call *call, void *context)
{
	const struct placing *work = context;

	return peer_create_shipment(call, key_of(call, work, "ship"), shipment_id_of(call, work->order), work->order);
}

static const struct saga PLACE = {
	"place",
	(const struct saga_step[]){
	    { "keep_goods", keep_goods, false },
	    { "make_shipment", make_shipment, true },
	    { .name = NULL },
	},
};

/* After losing against another writer: is there still something to record? */
static struct status look_again(struct call *call, const struct placing *work)
{
	TRY(store_get(call, work->order->order_id, work->order, work->row));
	return STATUS_OK;
}

static struct status record_placed(struct call *call, const struct placing *work)
{
	Ordering__Order *order = work->order;
	char **shipments = arena_array(call->arena, 1, sizeof(*shipments));

	shipments[0] = shipment_id_of(call, order);
	for (int round = 0; write_again(call, &round) && order->state == PLACING;) {
		struct write write;

		TRY(order_move(call->arena, order, ORDER_EVENT_PLACED, arena_strdup(call->arena, "")));
		order_mark_items(order, ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RESERVED);
		order->place_time = pb_time(call->arena, call->time);
		order->shipment_ids = shipments;
		order->n_shipment_ids = 1;
		write = record_of(call, &(const struct change){ .order = order,
								.version = work->row->version + 1,
								.from = order_state_name(PLACING),
								.action = "RecordPlaced" });
		TRY(store_step(call, order, STORE_ITEMS, &write, STATUS_OK));
		if (write.applied) {
			work->row->version++;
			return STATUS_OK;
		}
		TRY(look_again(call, work));
	}
	return order->state == PLACING ? status_of(&CONCURRENT_CHANGE) : write_join(call);
}

/* The items that the refusal names are REJECTED; the order can be changed and placed again. */
static void reject_items(const Ordering__Order *order, struct status refusal)
{
	const struct violation *violation = refusal.detail == NULL ? NULL : refusal.detail->violations;
	size_t line;

	for (; violation != NULL; violation = violation->next) {
		if (peer_line(violation->field, &line) && line < order->n_items)
			order->items[line]->state = ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_REJECTED;
	}
}

static struct status record_refused(struct call *call, const struct placing *work, struct status cause)
{
	Ordering__Order *order = work->order;
	struct status refusal = peer_refusal(call, cause, NULL, 0);

	for (int round = 0; write_again(call, &round) && order->state == PLACING;) {
		struct write write;

		TRY(order_move(call->arena, order, ORDER_EVENT_REFUSED, arena_strdup(call->arena, cause.reason->name)));
		reject_items(order, cause);
		write = record_of(call, &(const struct change){ .order = order,
								.version = work->row->version + 1,
								.from = order_state_name(PLACING),
								.action = "RecordRefused" });
		TRY(store_step(call, order, STORE_ITEMS, &write, refusal));
		if (write.applied)
			return refusal;
		TRY(look_again(call, work));
	}
	return order->state == PLACING ? status_of(&CONCURRENT_CHANGE) : write_join(call);
}

struct status saga_place(struct call *call, Ordering__Order *order, struct order_row *row)
{
	struct placing work = { order, row };
	enum saga_outcome outcome;
	struct status status;

	if (order->state != PLACING)
		return write_join(call);
	status = saga_run(call, &PLACE, &work, &outcome);
	switch (outcome) {
	case SAGA_DONE:
		return record_placed(call, &work);
	case SAGA_REFUSED:
		return record_refused(call, &work, status);
	case SAGA_UNKNOWN:
	case SAGA_BUG:
		break;
	}
	return status;
}

static const char *cause_of(struct status status)
{
	return status.detail != NULL && status.detail->private != NULL ? status.detail->private
								       : status_message(status);
}

/* One order that waits. How it went is told here, so that the next one has its turn. */
static void resume(struct call *call, const char *order_id)
{
	Ordering__Order *order = pb_new(call->arena, &ordering__order__descriptor);
	struct order_row row;
	struct status status = store_get(call, order_id, order, &row);

	if (status.reason == NULL)
		status = saga_place(call, order, &row);
	log_event(
	    saga_outcome(status) == SAGA_DONE || saga_outcome(status) == SAGA_REFUSED ? LOG_INFO : LOG_WARN,
	    "placing resumed",
	    (const struct log_field[]){ LOG_TEXT("order_id", order_id),
					LOG_TEXT("outcome", status.reason == NULL ? "PLACED" : status.reason->name),
					LOG_TEXT("err", cause_of(status)),
					{ .name = NULL } });
}

static struct status resume_placing(struct call *call)
{
	char **order_ids;
	size_t count;

	TRY(store_claim_placing(call, &count, &order_ids));
	for (size_t i = 0; i < count && call_check(call).reason == NULL; i++)
		resume(call, order_ids[i]);
	return STATUS_OK;
}

const struct service_step ordering_steps[] = {
	{ "resume_placing", 2 * CLOCK_SECOND, resume_placing },
	{ .name = NULL },
};
