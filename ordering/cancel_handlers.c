/* The RPC that cancels orders: at once what is open, with the help of others what was placed. */
#include "ordering/handlers.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"

#define PLACING ORDERING__ORDER_STATE__ORDER_STATE_PLACING
#define CANCELLING ORDERING__ORDER_STATE__ORDER_STATE_CANCELLING

/* Nobody has been promised anything: all that it holds is given back. */
static struct write cancelled(struct call *call, Ordering__Order *order, int64_t version, const char *from)
{
	order_mark_items(order, ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RELEASED);
	return record_of(call, &(const struct change){ .order = order,
						       .version = version,
						       .from = from,
						       .released = order_item_ids(call, order),
						       .n_released = order->n_items });
}

/* The write that acknowledges: the order is CANCELLING, its saga begins, and the call's key waits for the answer. */
static struct write acknowledgement(struct call *call, Ordering__Order *order, int64_t version, const char *from,
				    const char *reason)
{
	struct write write =
	    record_of(call, &(const struct change){ .order = order, .version = version, .from = from });

	write.reply = NULL;
	write.pending = true;
	write.saga = cancel_saga(call, order, version, reason);
	return write;
}

/* Decides about one version; applied tells whether it was still that one. A saga: there is more to do. */
static struct status cancel_once(struct call *call, const Ordering__CancelOrderRequest *request, Ordering__Order *reply,
				 struct order_row *row, struct saga **ret_saga, bool *ret_applied)
{
	const char *from = order_state_name(reply->state);
	struct write write;
	bool placed;

	TRY(etag_check(call->arena, request->etag, row->version));
	TRY(order_move(call->arena, reply, ORDER_EVENT_CANCEL, request->reason));
	placed = reply->state == CANCELLING;
	write = placed ? acknowledgement(call, reply, row->version + 1, from, request->reason)
		       : cancelled(call, reply, row->version + 1, from);
	TRY(store_update(call, reply, placed ? STORE_ORDER : STORE_ITEMS, &write));
	row->version += write.applied;
	*ret_saga = write.saga;
	*ret_applied = write.applied;
	return STATUS_OK;
}

struct status cancel_order(struct call *call, const Ordering__CancelOrderRequest *request, Ordering__Order *reply)
{
	for (int round = 0; write_again(call, &round);) {
		bool repeat = false, applied = false;
		struct order_row row;
		struct saga *saga = NULL;

		TRY(store_get(call, request->order_id, reply, &row));
		if (call->key_pending || reply->state == CANCELLING)
			TRY(check_repeat(call, &repeat));
		if (repeat)
			return cancel_join(call, request->order_id, reply);
		if (reply->state == PLACING) {
			TRY(saga_join(call, &place_kind, request->order_id));
			continue;
		}
		TRY(cancel_once(call, request, reply, &row, &saga, &applied));
		if (!applied)
			continue;
		if (saga != NULL)
			return cancel_run(call, saga, reply, &row);
		peer_release_soon(call, reply->order_id, reply->etag, NULL, 0);
		return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}
