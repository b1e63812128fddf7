#include "ordering/handlers.h"

#include "base/uuid.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/store.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "runtime/types.h"

RPC_UNARY(create_order, Ordering__CreateOrderRequest, Ordering__Order);
RPC_UNARY(get_order, Ordering__GetOrderRequest, Ordering__Order);
RPC_UNARY(list_orders, Ordering__ListOrdersRequest, Ordering__ListOrdersResponse);
RPC_UNARY(update_order, Ordering__UpdateOrderRequest, Ordering__Order);
RPC_UNARY(list_order_history, Ordering__ListOrderHistoryRequest, Ordering__ListOrderHistoryResponse);
RPC_UNARY_DECLARED(add_order_item, Ordering__AddOrderItemRequest, Ordering__Order);
RPC_UNARY_DECLARED(update_order_item, Ordering__UpdateOrderItemRequest, Ordering__Order);
RPC_UNARY_DECLARED(remove_order_item, Ordering__RemoveOrderItemRequest, Ordering__Order);
RPC_UNARY_DECLARED(place_order, Ordering__PlaceOrderRequest, Ordering__Order);
RPC_UNARY_DECLARED(cancel_order, Ordering__CancelOrderRequest, Ordering__Order);
RPC_UNARY_DECLARED(submit_order, Ordering__SubmitOrderRequest, Ordering__Order);

static struct status create_order(struct call *call, const Ordering__CreateOrderRequest *request,
				  Ordering__Order *reply)
{
	Customers__Customer *customer;
	struct write write;
	char *id, *number;
	bool exists;

	TRY(store_exists(call, request->order_id, &exists));
	if (exists)
		return status_already_exists(call->arena, "order", request->order_id);
	TRY(peer_get_customer(call, request->customer_id, "customer_id", &customer));
	TRY(order_check_customer(customer));
	TRY(store_take_number(call, &number));
	id = arena_strdup(call->arena, request->order_id);
	if (*id == '\0') {
		id = arena_alloc(call->arena, UUID_TEXT);
		uuid_new(id);
	}
	reply->order_id = id;
	reply->number = number;
	reply->name = request->name;
	reply->note = request->note;
	reply->state = ORDERING__ORDER_STATE__ORDER_STATE_OPEN;
	reply->create_time = pb_time(call->arena, call->time);
	order_set_customer(call->arena, reply, customer, request->shipping_address, request->billing_address);
	write = record_of(call, &(const struct change){ .order = reply, .version = 1, .from = "" });
	TRY(store_create(call, reply, false, &write));
	return write.applied ? STATUS_OK : status_already_exists(call->arena, "order", id);
}

static struct status get_order(struct call *call, const Ordering__GetOrderRequest *request, Ordering__Order *reply)
{
	return store_get(call, request->order_id, reply, NULL);
}

/* All filters as one text, so that a page token cannot be used with others. */
static const char *filters_of(struct call *call, const Ordering__ListOrdersRequest *request)
{
	struct buf text = buf_new(call->arena);

	buf_printf(&text, "%s %lld %lld", request->customer_id, (long long)pb_micros(request->start_time),
		   (long long)pb_micros(request->end_time));
	for (size_t i = 0; i < request->n_states; i++)
		buf_printf(&text, " %d", (int)request->states[i]);
	buf_printf(&text, " %s", request->query);
	return text.data;
}

static struct status list_orders(struct call *call, const Ordering__ListOrdersRequest *request,
				 Ordering__ListOrdersResponse *reply)
{
	const Ordering__Order *last;
	struct page page;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters_of(call, request), &page));
	TRY(store_list(call, request, &page, &reply->n_orders, &reply->orders));
	if (reply->n_orders > page.size) {
		reply->n_orders = page.size;
		last = reply->orders[page.size - 1];
		reply->next_page_token = page_next(call->arena, &page, pb_micros(last->create_time), last->order_id);
	}
	return STATUS_OK;
}

static struct status update_order(struct call *call, const Ordering__UpdateOrderRequest *request,
				  Ordering__Order *reply)
{
	struct order_row row;

	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(store_get(call, request->order_id, reply, &row));
		TRY(etag_check(call->arena, request->etag, row.version));
		TRY(order_update(call->arena, reply, request));
		write = record_of(call, &(const struct change){ .order = reply,
								.version = row.version + 1,
								.from = order_state_name(reply->state) });
		TRY(store_update(call, reply, STORE_ORDER, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status list_order_history(struct call *call, const Ordering__ListOrderHistoryRequest *request,
					Ordering__ListOrderHistoryResponse *reply)
{
	return read_history(call, "order", request->order_id, request->page_size, request->page_token,
			    &reply->n_entries, &reply->entries, &reply->next_page_token);
}

static const struct rpc_method methods[] = {
	RPC_METHOD("CreateOrder", create_order),
	RPC_METHOD("GetOrder", get_order),
	RPC_METHOD("ListOrders", list_orders),
	RPC_METHOD("UpdateOrder", update_order),
	RPC_METHOD("AddOrderItem", add_order_item),
	RPC_METHOD("UpdateOrderItem", update_order_item),
	RPC_METHOD("RemoveOrderItem", remove_order_item),
	RPC_METHOD("PlaceOrder", place_order),
	RPC_METHOD("SubmitOrder", submit_order),
	RPC_METHOD("CancelOrder", cancel_order),
	RPC_METHOD("ListOrderHistory", list_order_history),
	{ .name = "WatchOrders", .handler = watch_orders, .in_size = sizeof(Ordering__WatchOrdersRequest) },
	RPC_METHODS_END,
};

const struct rpc_service order_service = { &ordering__order_service__descriptor, methods };
