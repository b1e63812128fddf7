#include "shipping/handlers.h"

#include "quayside/shipping/v1/events.pb-c.h"
#include "runtime/document.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "runtime/types.h"
#include "runtime/write.h"
#include "shipping/document.h"
#include "shipping/rules.h"
#include "shipping/store.h"

RPC_UNARY(create_shipment, Shipping__CreateShipmentRequest, Shipping__Shipment);
RPC_UNARY(get_shipment, Shipping__GetShipmentRequest, Shipping__Shipment);
RPC_UNARY(list_shipments, Shipping__ListShipmentsRequest, Shipping__ListShipmentsResponse);
RPC_UNARY(dispatch_shipment, Shipping__DispatchShipmentRequest, Shipping__Shipment);
RPC_UNARY(deliver_shipment, Shipping__DeliverShipmentRequest, Shipping__Shipment);
RPC_UNARY(cancel_shipment, Shipping__CancelShipmentRequest, Shipping__Shipment);
RPC_UNARY(render_packing_slip, Shipping__RenderPackingSlipRequest, Common__Document);
RPC_UNARY(list_shipment_history, Shipping__ListShipmentHistoryRequest, Shipping__ListShipmentHistoryResponse);

static const char *state_name(Shipping__ShipmentState state)
{
	return pb_enum_name(&shipping__shipment_state__descriptor, (int)state);
}

/* What a write records: the shipment as it is after it, which is also the answer. */
static struct write write_of(struct call *call, Shipping__Shipment *shipment, int64_t version, const char *from)
{
	shipment->update_time = pb_time(call->arena, call->time);
	shipment->etag = etag_of(call->arena, version);
	return (struct write){
		.aggregate_type = "shipment",
		.aggregate_id = shipment->shipment_id,
		.version = version,
		.from_state = from,
		.to_state = state_name(shipment->state),
		.reply = &shipment->base,
	};
}

static const ProtobufCMessage *changed(struct call *call, Shipping__Shipment *shipment)
{
	Shipping__ShipmentChanged *event = pb_new(call->arena, &shipping__shipment_changed__descriptor);

	event->shipment = shipment;
	event->action = arena_strdup(call->arena, call->method->name);
	return &event->base;
}

static const ProtobufCMessage *dispatched(struct call *call, Shipping__Shipment *shipment, Shipping__Shipment *rest)
{
	Shipping__ShipmentDispatched *event = pb_new(call->arena, &shipping__shipment_dispatched__descriptor);

	event->shipment = shipment;
	event->rest = rest;
	if (rest != NULL)
		event->remainder_shipment_id = rest->shipment_id;
	return &event->base;
}

/* What is recorded of the shipment that stays behind. */
static struct write write_of_rest(struct call *call, Shipping__Shipment *rest, const Shipping__Shipment *shipment)
{
	struct write write = write_of(call, rest, 1, "");

	rest->create_time = rest->update_time;
	write.reason = arena_printf(call->arena, "stayed behind when %s left", shipment->shipment_id);
	write.event = changed(call, rest);
	return write;
}

/*
 * The caller gives the id, so the same shipment may be asked for again, under whatever key: then it is answered as it
 * is.
 */
static struct status create_shipment(struct call *call, const Shipping__CreateShipmentRequest *request,
				     Shipping__Shipment *reply)
{
	for (int round = 0; write_again(call, &round);) {
		struct write write;
		bool found;

		TRY(store_find(call, request->shipment_id, &found, reply, NULL));
		if (found) {
			TRY(shipment_same(call->arena, reply, request));
			return write_existing(call, &reply->base);
		}
		TRY(shipment_create(call->arena, request, reply));
		reply->create_time = pb_time(call->arena, call->time);
		write = write_of(call, reply, 1, "");
		write.event = changed(call, reply);
		TRY(store_create(call, reply, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status get_shipment(struct call *call, const Shipping__GetShipmentRequest *request,
				  Shipping__Shipment *reply)
{
	return store_get(call, request->shipment_id, reply, NULL);
}

static struct status list_shipments(struct call *call, const Shipping__ListShipmentsRequest *request,
				    Shipping__ListShipmentsResponse *reply)
{
	const char *filters = arena_printf(call->arena, "%s %s %d %s", request->order_id, request->customer_id,
					   (int)request->state, request->query);
	const Shipping__Shipment *last;
	struct page page;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
	TRY(store_list(call, request, &page, &reply->n_shipments, &reply->shipments));
	if (reply->n_shipments > page.size) {
		reply->n_shipments = page.size;
		last = reply->shipments[page.size - 1];
		reply->next_page_token = page_next(call->arena, &page, pb_micros(last->create_time), last->shipment_id);
	}
	return STATUS_OK;
}

static struct status dispatch_shipment(struct call *call, const Shipping__DispatchShipmentRequest *request,
				       Shipping__Shipment *reply)
{
	for (int round = 0; write_again(call, &round);) {
		struct write write, write_rest;
		Shipping__Shipment *rest;
		const char *from;
		int64_t version;

		TRY(store_get(call, request->shipment_id, reply, &version));
		TRY(etag_check(call->arena, request->etag, version));
		from = state_name(reply->state);
		TRY(shipment_dispatch(call->arena, reply, request, pb_time(call->arena, call->time), &rest));
		write = write_of(call, reply, version + 1, from);
		if (rest != NULL) {
			write_rest = write_of_rest(call, rest, reply);
			write.beside = &write_rest;
		}
		write.event = dispatched(call, reply, rest);
		TRY(rest == NULL ? store_move(call, reply, &write) : store_split(call, reply, rest, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status deliver_shipment(struct call *call, const Shipping__DeliverShipmentRequest *request,
				      Shipping__Shipment *reply)
{
	for (int round = 0; write_again(call, &round);) {
		struct write write;
		const char *from;
		int64_t version;

		TRY(store_get(call, request->shipment_id, reply, &version));
		TRY(etag_check(call->arena, request->etag, version));
		from = state_name(reply->state);
		TRY(shipment_deliver(reply, pb_time(call->arena, call->time)));
		write = write_of(call, reply, version + 1, from);
		write.reason = request->reason;
		write.event = changed(call, reply);
		TRY(store_move(call, reply, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

/* What a tombstone is made from. */
static void make_unknown(struct call *call, char *shipment_id, Shipping__Shipment *reply)
{
	shipping__shipment__init(reply);
	reply->shipment_id = shipment_id;
	reply->create_time = pb_time(call->arena, call->time);
}

/*
 * An id that is not known is remembered as cancelled, so that a CreateShipment that comes later is refused. Whoever
 * stops a shipment may not know whether it was ever made.
 */
static struct status cancel_shipment(struct call *call, const Shipping__CancelShipmentRequest *request,
				     Shipping__Shipment *reply)
{
	for (int round = 0; write_again(call, &round);) {
		int64_t version = 0;
		struct write write;
		const char *from;
		bool found, changed_now;

		TRY(store_find(call, request->shipment_id, &found, reply, &version));
		if (!found)
			make_unknown(call, request->shipment_id, reply);
		from = found ? state_name(reply->state) : "";
		TRY(shipment_cancel(reply, &changed_now));
		if (!changed_now)
			return write_existing(call, &reply->base);
		write = write_of(call, reply, version + 1, from);
		write.reason = request->reason;
		write.event = changed(call, reply);
		TRY(found ? store_move(call, reply, &write) : store_create(call, reply, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status render_packing_slip(struct call *call, const Shipping__RenderPackingSlipRequest *request,
					 Common__Document *reply)
{
	Shipping__Shipment *shipment = pb_new(call->arena, &shipping__shipment__descriptor);
	struct buf page = buf_new(call->arena);

	TRY(store_get(call, request->shipment_id, shipment, NULL));
	TRY(shipment_packable(shipment));
	packing_slip(&page, shipment);
	document_reply(call->arena, &page, arena_printf(call->arena, "packing-slip-%s.html", shipment->shipment_id),
		       reply);
	return STATUS_OK;
}

static struct status list_shipment_history(struct call *call, const Shipping__ListShipmentHistoryRequest *request,
					   Shipping__ListShipmentHistoryResponse *reply)
{
	return read_history(call, "shipment", request->shipment_id, request->page_size, request->page_token,
			    &reply->n_entries, &reply->entries, &reply->next_page_token);
}

static const struct rpc_method methods[] = {
	RPC_METHOD("CreateShipment", create_shipment),
	RPC_METHOD("GetShipment", get_shipment),
	RPC_METHOD("ListShipments", list_shipments),
	RPC_METHOD("DispatchShipment", dispatch_shipment),
	RPC_METHOD("DeliverShipment", deliver_shipment),
	RPC_METHOD("CancelShipment", cancel_shipment),
	RPC_METHOD("RenderPackingSlip", render_packing_slip),
	RPC_METHOD("ListShipmentHistory", list_shipment_history),
	RPC_METHODS_END,
};

const struct rpc_service shipment_service = { &shipping__shipment_service__descriptor, methods };
