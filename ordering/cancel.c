/* Cancelling what was placed. Shipping decides: what is in a shipment that has left stays, all else is given back. */
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"
#include "runtime/pb.h"

/* An order on its way out of CANCELLING. */
struct cancelling {
	Ordering__Order *order;
	struct order_row row;
	Shipping__Shipment *
	    *shipments; /* all that there are, once none of them can leave any more; NULL: not known yet */
	size_t n_shipments;
};

static struct status open_cancel(struct call *call, struct saga *saga)
{
	struct cancelling *work = arena_alloc(call->arena, sizeof(*work));

	work->order = pb_new(call->arena, &ordering__order__descriptor);
	TRY(store_get(call, saga->subject_id, work->order, &work->row));
	saga->work = work;
	return STATUS_OK;
}

/* The saga's data is the reason that was given. One that leaves in this moment is no failure: it stays, and what did not leave with it is in a shipment of its own. */
static struct status stop_shipment(struct call *call, struct saga *saga, const Shipping__Shipment *shipment)
{
	const char *request = arena_printf(call->arena, "stop/%s", shipment->shipment_id);
	const struct status status = peer_cancel_shipment(call, saga_key(call, saga, request), shipment->shipment_id,
							  arena_strndup(call->arena, saga->data.data, saga->data.len));

	return status_is(status, &SHIPMENT_DISPATCHED) || status_is(status, &SHIPMENT_DELIVERED) ? STATUS_OK : status;
}

/*
 * Until there are none to be stopped. From then on there will be none either: only one that can leave makes another.
 */
static struct status stop_shipments(struct call *call, struct saga *saga)
{
	struct cancelling *work = saga->work;
	Shipping__Shipment **pending;
	size_t n_pending;

	do {
		TRY(call_check(call));
		TRY(peer_pending_shipments(call, saga->subject_id, &n_pending, &pending));
		for (size_t i = 0; i < n_pending; i++)
			TRY(stop_shipment(call, saga, pending[i]));
	} while (n_pending > 0);
	TRY(peer_all_shipments(call, saga->subject_id, &work->n_shipments, &work->shipments));
	return order_check_cancel(work->order, work->shipments, work->n_shipments);
}

/* Lowers an item's reservation to what has left. */
static struct status keep_departed(struct call *call, struct saga *saga, const Ordering__OrderItem *item,
				   int64_t departed)
{
	const char *request = arena_printf(call->arena, "keep/%s", item->item_id);

	return peer_change_reservation(call, saga_key(call, saga, request), item->item_id, departed);
}

static struct status free_goods(struct call *call, struct saga *saga)
{
	const struct cancelling *work = saga->work;
	const Ordering__Order *order = work->order;
	char **released = arena_array(call->arena, order->n_items, sizeof(*released));
	size_t n_released = 0;

	for (size_t i = 0; i < order->n_items; i++) {
		const Ordering__OrderItem *item = order->items[i];
		const int64_t departed = order_departed(item, work->shipments, work->n_shipments);

		if (departed == 0)
			released[n_released++] = item->item_id;
		else if (departed < item->quantity - item->cancelled_quantity)
			TRY(keep_departed(call, saga, item, departed));
	}
	if (n_released == 0)
		return STATUS_OK;
	return peer_release(call, saga_key(call, saga, "release"), order->order_id, released,
			    n_released == order->n_items ? 0 : n_released);
}

static struct status record(struct call *call, struct saga *saga, struct cancelling *work, bool *ret_applied)
{
	const bool refused = saga->place.state != SAGA_STATE_COMPLETED;
	struct change change = { .order = work->order,
				 .version = work->row.version + 1,
				 .from = order_state_name(work->order->state),
				 .action = refused ? "RecordCancelRefused" : "RecordCancelled" };
	struct write write;

	if (refused)
		TRY(order_refuse_cancel(call->arena, work->order));
	else
		TRY(order_cancel(call->arena, work->order, work->shipments, work->n_shipments));
	write = record_of(call, &change);
	TRY(store_end(call, saga, work->order, STORE_ITEMS, &write,
		      refused ? peer_refusal(call, saga->cause, NULL, 0) : STATUS_OK));
	*ret_applied = write.applied;
	return STATUS_OK;
}

static struct status end_cancel(struct call *call, struct saga *saga)
{
	struct cancelling *work = saga->work;

	for (int round = 0; write_again(call, &round);) {
		bool applied;

		TRY(record(call, saga, work, &applied));
		if (applied)
			return saga->cause;
		TRY(store_get(call, saga->subject_id, work->order, &work->row));
	}
	return status_of(&CONCURRENT_CHANGE);
}

const struct saga_kind cancel_kind = {
	.name = "cancel",
	.steps = (const struct saga_step[]){ { .name = "stop_shipments", .run = stop_shipments },
					     { .name = "free_goods", .run = free_goods, .final = true },
					     { .name = NULL } },
	.open = open_cancel,
	.end = end_cancel,
};

struct saga *cancel_saga(struct call *call, const Ordering__Order *order, int64_t version, const char *reason)
{
	const char *name = arena_printf(call->arena, "%s/%lld", order->order_id, (long long)version);

	return saga_new(call, &cancel_kind, order->order_id, name, str_of(reason));
}

struct status cancel_join(struct call *call, const char *order_id, Ordering__Order *order)
{
	TRY(saga_join(call, &cancel_kind, order_id));
	TRY(write_join(call));
	return store_get(call, order_id, order, NULL);
}

struct status cancel_run(struct call *call, struct saga *saga, Ordering__Order *order, const struct order_row *row)
{
	struct cancelling work = { .order = order, .row = *row };
	struct status status;

	saga->work = &work;
	status = saga_run(call, saga);
	return status_is(status, &SAGA_LOST) ? cancel_join(call, order->order_id, order) : status;
}
