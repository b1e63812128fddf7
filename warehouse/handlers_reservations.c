#include "base/uuid.h"
#include "quayside/warehouse/v1/events.pb-c.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "warehouse/handlers.h"
#include "warehouse/record.h"
#include "warehouse/rules.h"
#include "warehouse/store.h"

RPC_UNARY(reserve_stock, Warehouse__ReserveStockRequest, Warehouse__ReserveStockResponse);
RPC_UNARY(change_reservation, Warehouse__ChangeReservationRequest, Warehouse__Reservation);
RPC_UNARY(confirm_reservations, Warehouse__ConfirmReservationsRequest, Warehouse__ConfirmReservationsResponse);
RPC_UNARY(release_reservations, Warehouse__ReleaseReservationsRequest, Warehouse__ReleaseReservationsResponse);
RPC_UNARY(fulfil_reservations, Warehouse__FulfilReservationsRequest, Warehouse__FulfilReservationsResponse);
RPC_UNARY(get_reservation, Warehouse__GetReservationRequest, Warehouse__Reservation);
RPC_UNARY(list_reservations, Warehouse__ListReservationsRequest, Warehouse__ListReservationsResponse);

/* One try, with what is known of the booking; a try that fails makes it known. */
static struct status try_to_reserve(struct call *call, const Warehouse__ReserveStockRequest *request, int64_t hold,
				    struct booking *booking, Warehouse__ReserveStockResponse *reply, bool *ret_done)
{
	struct plan plan;
	struct write write;

	*ret_done = true;
	TRY(booking_reserve(call->arena, booking, request, &plan));
	reply->reservations = plan.reservations;
	reply->n_reservations = plan.n_reservations;
	if (plan_is_empty(&plan, booking))
		return write_existing(call, &reply->base);
	write = record_of(call, &plan,
			  &(const struct change){ .order_id = request->order_id,
						  .booking = booking,
						  .expire_time = call->time + hold,
						  .reply = &reply->base });
	TRY(store_reserve(call, &plan, &write, booking));
	*ret_done = write.applied;
	return STATUS_OK;
}

/*
 * Most orders reserve once, so the first try takes it that this one is new, and needs no look. It is one unit of work
 * however many want the same goods: who comes too late learns what is left in the same answer.
 */
static struct status reserve_stock(struct call *call, const Warehouse__ReserveStockRequest *request,
				   Warehouse__ReserveStockResponse *reply)
{
	struct booking booking = { 0 };
	int64_t hold;
	bool done;

	TRY(reservation_hold(call->arena, request->hold, &hold));
	TRY(try_to_reserve(call, request, hold, &booking, reply, &done));
	for (int round = 0; !done && write_again(call, &round);)
		TRY(try_to_reserve(call, request, hold, &booking, reply, &done));
	return done ? STATUS_OK : status_of(&CONCURRENT_CHANGE);
}

/* Where there is too little for more, the try that fails makes the stock known, and the rules say so. */
static struct status change_reservation(struct call *call, const Warehouse__ChangeReservationRequest *request,
					Warehouse__Reservation *reply)
{
	struct booking booking;

	TRY(store_find_booking_of(call, request->reservation_id, &booking));
	for (int round = 0; write_again(call, &round);) {
		struct write write;
		struct plan plan;

		TRY(booking_change(call->arena, &booking, request, &plan));
		write = record_of(call, &plan,
				  &(const struct change){ .order_id = plan.reservations[0]->order_id,
							  .booking = &booking,
							  .reply = &reply->base });
		*reply = *plan.reservations[0];
		if (plan_is_empty(&plan, &booking))
			return write_existing(call, &reply->base);
		TRY(store_reserve(call, &plan, &write, &booking));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status confirm_reservations(struct call *call, const Warehouse__ConfirmReservationsRequest *request,
					  Warehouse__ConfirmReservationsResponse *reply)
{
	struct booking booking;

	TRY(store_find_booking(call, request->order_id, NULL, 0, NULL, &booking));
	for (int round = 0; write_again(call, &round);) {
		struct write write;
		struct plan plan;

		TRY(booking_confirm(call->arena, &booking, request, &plan));
		reply->reservations = plan.reservations;
		reply->n_reservations = plan.n_reservations;
		if (plan_is_empty(&plan, &booking))
			return write_existing(call, &reply->base);
		write = record_of(call, &plan,
				  &(const struct change){
				      .order_id = request->order_id, .booking = &booking, .reply = &reply->base });
		TRY(store_reserve(call, &plan, &write, &booking));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status release_reservations(struct call *call, const Warehouse__ReleaseReservationsRequest *request,
					  Warehouse__ReleaseReservationsResponse *reply)
{
	for (int round = 0; write_again(call, &round);) {
		struct booking booking;
		struct write write;
		struct plan plan;

		TRY(store_find_booking(call, request->order_id, request->reservation_ids, request->n_reservation_ids,
				       NULL, &booking));
		TRY(booking_release(call->arena, &booking, request, &plan));
		reply->reservations = plan.reservations;
		reply->n_reservations = plan.n_reservations;
		if (plan_is_empty(&plan, &booking))
			return write_existing(call, &reply->base);
		write = record_of(call, &plan,
				  &(const struct change){ .order_id = request->order_id,
							  .booking = &booking,
							  .reason = request->reason,
							  .reply = &reply->base });
		TRY(store_carry_out(call, &plan, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

/* The ledger's rows for what leaves. */
static Warehouse__StockMoved *departure(struct call *call, const struct plan *plan, char *shipment_id)
{
	Warehouse__StockMoved *moved = pb_new(call->arena, &warehouse__stock_moved__descriptor);

	moved->movements = arena_array(call->arena, plan->n_changed, sizeof(*moved->movements));
	for (size_t i = 0; i < plan->n_changed; i++) {
		Warehouse__StockMovement *movement = pb_new(call->arena, &warehouse__stock_movement__descriptor);

		movement->movement_id = arena_alloc(call->arena, UUID_TEXT);
		uuid_new(movement->movement_id);
		movement->sku = plan->changed[i]->sku;
		movement->location_id = plan->changed[i]->location_id;
		movement->kind = WAREHOUSE__STOCK_MOVEMENT_KIND__STOCK_MOVEMENT_KIND_SHIPMENT;
		movement->quantity = -plan->leaving[i];
		movement->reference = shipment_id;
		movement->actor = arena_strdup(call->arena, call->actor);
		movement->time = pb_time(call->arena, call->time);
		moved->movements[moved->n_movements++] = movement;
	}
	return moved;
}

static struct status fulfil_reservations(struct call *call, const Warehouse__FulfilReservationsRequest *request,
					 Warehouse__FulfilReservationsResponse *reply)
{
	for (int round = 0; write_again(call, &round);) {
		Warehouse__StockMoved *moved;
		struct booking booking;
		struct write write;
		struct plan plan;

		TRY(store_find_booking(call, request->order_id, NULL, 0, request->shipment_id, &booking));
		TRY(booking_fulfil(call->arena, &booking, request, &plan));
		reply->reservations = plan.reservations;
		reply->n_reservations = plan.n_reservations;
		if (plan_is_empty(&plan, &booking))
			return write_existing(call, &reply->base);
		moved = departure(call, &plan, request->shipment_id);
		write = record_of(call, &plan,
				  &(const struct change){
				      .order_id = request->order_id, .booking = &booking, .reply = &reply->base });
		write.second_event = &moved->base;
		TRY(store_fulfil(call, &plan, moved, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status get_reservation(struct call *call, const Warehouse__GetReservationRequest *request,
				     Warehouse__Reservation *reply)
{
	return store_get_reservation(call, request->reservation_id, reply);
}

static struct status list_reservations(struct call *call, const Warehouse__ListReservationsRequest *request,
				       Warehouse__ListReservationsResponse *reply)
{
	const char *filters =
	    arena_printf(call->arena, "%s %s %d", request->order_id, request->sku, (int)request->state);
	const Warehouse__Reservation *last;
	struct page page;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
	TRY(store_list_reservations(call, request, &page, &reply->n_reservations, &reply->reservations));
	if (reply->n_reservations > page.size) {
		reply->n_reservations = page.size;
		last = reply->reservations[page.size - 1];
		reply->next_page_token =
		    page_next(call->arena, &page, pb_micros(last->create_time), last->reservation_id);
	}
	return STATUS_OK;
}

static const struct rpc_method methods[] = {
	RPC_METHOD("ReserveStock", reserve_stock),
	RPC_METHOD("ChangeReservation", change_reservation),
	RPC_METHOD("ConfirmReservations", confirm_reservations),
	RPC_METHOD("ReleaseReservations", release_reservations),
	RPC_METHOD("FulfilReservations", fulfil_reservations),
	RPC_METHOD("GetReservation", get_reservation),
	RPC_METHOD("ListReservations", list_reservations),
	RPC_METHODS_END,
};

const struct rpc_service reservation_service = { &warehouse__reservation_service__descriptor, methods };
