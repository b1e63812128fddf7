/* The RPCs that place orders: one that was filled item by item, or a whole one in one call. */
#include "base/uuid.h"
#include "ordering/handlers.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"
#include "runtime/pb.h"

/* The write that acknowledges: the order is PLACING, its saga begins, and the call's key waits for the answer. */
static struct write acknowledgement(struct call *call, Ordering__Order *order, int64_t version, const char *from)
{
	struct write write =
	    record_of(call, &(const struct change){ .order = order, .version = version, .from = from });

	write.reply = NULL;
	write.pending = true;
	write.saga = place_saga(call, order, version);
	return write;
}

/* Decides about one version. No saga: it was not that one any more. */
static struct status place_once(struct call *call, const Ordering__PlaceOrderRequest *request, Ordering__Order *reply,
				struct order_row *row, struct saga **ret_saga)
{
	const char *from = order_state_name(reply->state);
	Customers__Customer *customer;
	struct write write;

	TRY(etag_check(call->arena, request->etag, row->version));
	TRY(order_check_place(call->arena, reply));
	TRY(peer_get_customer(call, reply->customer_id, "order_id", &customer));
	TRY(order_check_customer(customer));
	TRY(order_move(call->arena, reply, ORDER_EVENT_PLACE, arena_strdup(call->arena, "")));
	write = acknowledgement(call, reply, row->version + 1, from);
	TRY(store_update(call, reply, STORE_ORDER, &write));
	if (write.applied)
		row->version++;
	*ret_saga = write.applied ? write.saga : NULL;
	return STATUS_OK;
}

struct status check_repeat(struct call *call, bool *ret_repeat)
{
	const struct status status = call->key_pending ? STATUS_OK : write_join(call);

	if (!status_is(status, &KEY_IN_PROGRESS))
		TRY(status);
	*ret_repeat = call->key_pending;
	return STATUS_OK;
}

struct status place_order(struct call *call, const Ordering__PlaceOrderRequest *request, Ordering__Order *reply)
{
	struct order_row row;

	for (int round = 0; write_again(call, &round);) {
		struct saga *saga = NULL;
		bool repeat = false;

		TRY(store_get(call, request->order_id, reply, &row));
		if (call->key_pending || reply->state == ORDERING__ORDER_STATE__ORDER_STATE_PLACING)
			TRY(check_repeat(call, &repeat));
		if (repeat)
			return place_join(call, request->order_id, reply);
		TRY(place_once(call, request, reply, &row, &saga));
		if (saga != NULL)
			return place_run(call, saga, reply, &row);
	}
	return status_of(&CONCURRENT_CHANGE);
}

/* A call of SubmitOrder. */
struct submission {
	const Ordering__SubmitOrderRequest *request;
	Ordering__Order *order;   /* the reply */
	struct order_line *lines; /* one for each product, as the order's items */
	size_t n_lines;
};

/* The same call, repeated, means the same order. */
static char *order_id_of(struct call *call, const Ordering__SubmitOrderRequest *request)
{
	char *id = arena_alloc(call->arena, UUID_TEXT);

	if (*request->order_id != '\0')
		return request->order_id;
	uuid_derive(arena_printf(call->arena, "order/%s", call->actor), call->key, id);
	return id;
}

static struct status add_lines(struct call *call, struct submission *submission)
{
	Ordering__Order *order = submission->order;
	const char *space = arena_printf(call->arena, "item/%s/%s", call->actor, order->order_id);

	for (size_t i = 0; i < submission->n_lines; i++) {
		const struct order_line *line = &submission->lines[i];
		Warehouse__Product *product;
		Ordering__OrderItem *item;
		char id[UUID_TEXT];

		TRY(peer_get_product(call, line->sku, arena_printf(call->arena, "lines[%zu].sku", line->first),
				     &product));
		uuid_derive(space, arena_printf(call->arena, "%s/%s", call->key, line->sku), id);
		TRY(order_add_item(call->arena, order, id, product, line->quantity, &item));
	}
	return STATUS_OK;
}

/* Holds all lines or none. The order's id belongs to the caller's key, or is the caller's own choice. */
static struct status reserve_lines(struct call *call, const struct submission *submission)
{
	const Ordering__Order *order = submission->order;
	const char **fields = arena_array(call->arena, submission->n_lines, sizeof(*fields));
	char key[UUID_TEXT];

	for (size_t i = 0; i < submission->n_lines; i++)
		fields[i] = arena_printf(call->arena, "lines[%zu].quantity", submission->lines[i].first);
	uuid_derive(arena_printf(call->arena, "submit/%s/%s", call->actor, order->order_id), call->key, key);
	return peer_refusal(call, peer_reserve(call, key, order->order_id, order->items, order->n_items), fields,
			    submission->n_lines);
}

/* Everything about the order that can be refused, before anything is written. */
static struct status fill(struct call *call, struct submission *submission)
{
	const Ordering__SubmitOrderRequest *request = submission->request;
	Ordering__Order *order = submission->order;
	Customers__Customer *customer;

	TRY(peer_get_customer(call, request->customer_id, "customer_id", &customer));
	TRY(order_check_customer(customer));
	order_set_customer(call->arena, order, customer, request->shipping_address, request->billing_address);
	order->name = request->name;
	order->note = request->note;
	order->state = ORDERING__ORDER_STATE__ORDER_STATE_OPEN;
	order->create_time = pb_time(call->arena, call->time);
	TRY(add_lines(call, submission));
	TRY(order_check_place(call->arena, order));
	TRY(store_take_number(call, &order->number));
	TRY(reserve_lines(call, submission));
	return order_move(call->arena, order, ORDER_EVENT_PLACE, arena_strdup(call->arena, ""));
}

/* An order with this id is there, or on its way. */
static struct status submit_existing(struct call *call, const char *order_id, Ordering__Order *reply)
{
	bool repeat;

	TRY(check_repeat(call, &repeat));
	if (!repeat)
		return status_already_exists(call->arena, "order", order_id);
	return place_join(call, order_id, reply);
}

struct status submit_order(struct call *call, const Ordering__SubmitOrderRequest *request, Ordering__Order *reply)
{
	struct submission submission = { .request = request, .order = reply };
	struct order_row row = { .version = 1, .submitted = true };
	char *id = order_id_of(call, request);
	struct write write;
	bool exists;

	TRY(order_merge_lines(call->arena, request, &submission.n_lines, &submission.lines));
	TRY(store_exists(call, id, &exists));
	if (exists || call->key_pending)
		return submit_existing(call, id, reply);
	reply->order_id = id;
	TRY(fill(call, &submission));
	write = acknowledgement(call, reply, 1, "");
	TRY(store_create(call, reply, true, &write));
	if (write.applied)
		return place_run(call, write.saga, reply, &row);
	if (!call->key_pending) /* another order took the id: what is held for this one has no owner */
		peer_release_soon(call, id, reply->items[0]->item_id, order_item_ids(call, reply), reply->n_items);
	return submit_existing(call, id, reply);
}
