/* The RPCs that change an open order's items. The warehouse holds the new quantity first, then the order says it. */
#include <string.h>

#include "base/uuid.h"
#include "ordering/handlers.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/store.h"
#include "runtime/pb.h"

#define FIELD_QUANTITY "quantity"

/*
 * Holds an item's new quantity. The key belongs to the version that was read, and to the item: who lost against another writer, or takes another id, and decides
 * again asks something new.
 * Derived, because a caller's key can be long; in the caller's own space, because it can be anything.
 *
 * Goods that are confirmed with another quantity are left alone. Either a placing began after this call has looked, and what was placed must stay as it was: the
 * write of the order will be refused. Or a placing that was given up has left them: the next one sets them to what the order says then (place.c).
 */
static struct status reserve_item(struct call *call, const char *order_id, int64_t version, Ordering__OrderItem *item)
{
	static const char *const fields[] = { FIELD_QUANTITY };
	const char *space = arena_printf(call->arena, "reserve/%s/%s", call->actor, order_id);
	struct status status;
	char key[UUID_TEXT];

	uuid_derive(space, arena_printf(call->arena, "%lld/%s/%s", (long long)version, item->item_id, call->key), key);
	status = peer_reserve(call, key, order_id, &item, 1);
	return status_is(status, &RESERVATION_CONFIRMED) ? STATUS_OK : peer_refusal(call, status, fields, 1);
}

static struct status write_items(struct call *call, Ordering__Order *order, int64_t version, bool *ret_applied)
{
	struct write write = record_of(
	    call, &(const struct change){ .order = order, .version = version, .from = order_state_name(order->state) });

	TRY(store_update(call, order, STORE_ITEMS, &write));
	*ret_applied = write.applied;
	return STATUS_OK;
}

/* A call of AddOrderItem. */
struct adding {
	const Ordering__AddOrderItemRequest *request;
	Ordering__Order *order;      /* the reply */
	Warehouse__Product *product; /* NULL: not asked for yet */
	char first_id[UUID_TEXT];    /* that every repeat of this call tries first for an item of its own */
	char own_id[UUID_TEXT];      /* that it tries now: one that was given back is never held again */
	bool held;                   /* goods may be held under own_id, with no item to show for it */
};

static void drop_hold(struct call *call, struct adding *adding)
{
	char **ids = arena_array(call->arena, 1, sizeof(*ids));

	if (!adding->held)
		return;
	ids[0] = arena_strdup(call->arena, adding->own_id);
	peer_release_soon(call, adding->request->order_id, ids[0], ids, 1);
	uuid_new(adding->own_id);
	adding->held = false;
}

/* An item's goods are given back after it was taken out of the order: who looked before that looks again. */
static struct status unless_changed(struct call *call, const char *order_id, int64_t version, struct status refusal)
{
	Ordering__Order *order = pb_new(call->arena, &ordering__order__descriptor);
	struct order_row row;

	TRY(store_get(call, order_id, order, &row));
	return row.version == version ? refusal : STATUS_OK;
}

/* Decides about one version; applied tells whether it was still that one. */
static struct status add_once(struct call *call, struct adding *adding, bool *ret_applied)
{
	const Ordering__AddOrderItemRequest *request = adding->request;
	Ordering__OrderItem *item;
	struct order_row row;
	struct status status;
	bool own;

	TRY(store_get(call, request->order_id, adding->order, &row));
	if (order_item(adding->order, adding->first_id) != NULL)
		TRY(write_join(call)); /* a repeat of this call was faster */
	TRY(etag_check(call->arena, request->etag, row.version));
	TRY(order_check_open(call->arena, adding->order));
	if (adding->product == NULL)
		TRY(peer_get_product(call, request->sku, "sku", &adding->product));
	own = order_item_of_sku(adding->order, adding->product->sku) == NULL;
	TRY(order_add_item(call->arena, adding->order, adding->own_id, adding->product, request->quantity, &item));
	if (!own)
		drop_hold(call, adding); /* another call added the product meanwhile: its item takes all */
	adding->held |= own;
	status = reserve_item(call, request->order_id, row.version, item);
	if (status_is(status, &RESERVATION_CLOSED) && own)
		drop_hold(call, adding); /* a repeat of this call has given it back */
	if (status_is(status, &RESERVATION_CLOSED))
		return own ? STATUS_OK : unless_changed(call, request->order_id, row.version, status);
	TRY(status);
	return write_items(call, adding->order, row.version + 1, ret_applied);
}

/* Is it sure that this call, under its key, will never have an effect? Only then may its hold be given back. */
static bool is_final(struct status status)
{
	enum code code = status_code(status);

	return code == CODE_FAILED_PRECONDITION || code == CODE_INVALID_ARGUMENT || code == CODE_NOT_FOUND;
}

struct status add_order_item(struct call *call, const Ordering__AddOrderItemRequest *request, Ordering__Order *reply)
{
	struct adding adding = { .request = request, .order = reply };

	uuid_derive(arena_printf(call->arena, "item/%s/%s", call->actor, request->order_id),
		    arena_printf(call->arena, "%s/%s", call->key, request->sku), adding.first_id);
	memcpy(adding.own_id, adding.first_id, sizeof(adding.own_id));
	for (int round = 0; write_again(call, &round);) {
		bool applied = false;
		struct status status = add_once(call, &adding, &applied);

		if (is_final(status))
			drop_hold(call, &adding);
		if (status.reason != NULL || applied)
			return status;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status update_once(struct call *call, const Ordering__UpdateOrderItemRequest *request,
				 Ordering__Order *reply, bool *ret_applied)
{
	Ordering__OrderItem *item;
	struct order_row row;
	struct status status;

	TRY(store_get(call, request->order_id, reply, &row));
	TRY(etag_check(call->arena, request->etag, row.version));
	TRY(order_set_quantity(call->arena, reply, request->item_id, request->quantity, &item));
	status = reserve_item(call, request->order_id, row.version, item);
	if (status_is(status, &RESERVATION_CLOSED))
		return unless_changed(call, request->order_id, row.version, status);
	TRY(status);
	return write_items(call, reply, row.version + 1, ret_applied);
}

struct status update_order_item(struct call *call, const Ordering__UpdateOrderItemRequest *request,
				Ordering__Order *reply)
{
	for (int round = 0; write_again(call, &round);) {
		bool applied = false;

		TRY(update_once(call, request, reply, &applied));
		if (applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

struct status remove_order_item(struct call *call, const Ordering__RemoveOrderItemRequest *request,
				Ordering__Order *reply)
{
	char **released = arena_array(call->arena, 1, sizeof(*released));
	struct order_row row;

	released[0] = request->item_id;
	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(store_get(call, request->order_id, reply, &row));
		TRY(etag_check(call->arena, request->etag, row.version));
		TRY(order_remove_item(call->arena, reply, request->item_id));
		write = record_of(call, &(const struct change){ .order = reply,
								.version = row.version + 1,
								.from = order_state_name(reply->state),
								.released = released,
								.n_released = 1 });
		TRY(store_update(call, reply, STORE_ITEMS, &write));
		if (write.applied) {
			peer_release_soon(call, reply->order_id, reply->etag, released, 1);
			return STATUS_OK;
		}
	}
	return status_of(&CONCURRENT_CHANGE);
}
