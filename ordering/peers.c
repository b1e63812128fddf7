#include "ordering/peers.h"

#include "runtime/page.h"
#include "runtime/rpc_client.h"

static struct rpc_client *customers, *warehouse, *shipping, *billing;

const struct service_peer ordering_peers[] = {
	{ "customers", "127.0.0.1:9001", &customers },
	{ "warehouse", "127.0.0.1:9003", &warehouse },
	{ "shipping", "127.0.0.1:9004", &shipping },
	{ "billing", "127.0.0.1:9005", &billing },
	{ .name = NULL },
};

#define CUSTOMERS customers__customer_service__descriptor
#define PRODUCTS warehouse__product_service__descriptor
#define RESERVATIONS warehouse__reservation_service__descriptor
#define SHIPMENTS shipping__shipment_service__descriptor
#define INVOICES billing__invoice_service__descriptor

RPC_CLIENT(get_customer, CUSTOMERS, "GetCustomer", Customers__GetCustomerRequest, Customers__Customer)
RPC_CLIENT(get_product, PRODUCTS, "GetProduct", Warehouse__GetProductRequest, Warehouse__Product)
RPC_CLIENT(reserve_stock, RESERVATIONS, "ReserveStock", Warehouse__ReserveStockRequest, Warehouse__ReserveStockResponse)
RPC_CLIENT(confirm_reservations, RESERVATIONS, "ConfirmReservations", Warehouse__ConfirmReservationsRequest,
	   Warehouse__ConfirmReservationsResponse)
RPC_CLIENT(release_reservations, RESERVATIONS, "ReleaseReservations", Warehouse__ReleaseReservationsRequest,
	   Warehouse__ReleaseReservationsResponse)
RPC_CLIENT(fulfil_reservations, RESERVATIONS, "FulfilReservations", Warehouse__FulfilReservationsRequest,
	   Warehouse__FulfilReservationsResponse)
RPC_CLIENT(change_reservation, RESERVATIONS, "ChangeReservation", Warehouse__ChangeReservationRequest,
	   Warehouse__Reservation)
RPC_CLIENT(list_shipments, SHIPMENTS, "ListShipments", Shipping__ListShipmentsRequest, Shipping__ListShipmentsResponse)
RPC_CLIENT(create_shipment, SHIPMENTS, "CreateShipment", Shipping__CreateShipmentRequest, Shipping__Shipment)
RPC_CLIENT(cancel_shipment, SHIPMENTS, "CancelShipment", Shipping__CancelShipmentRequest, Shipping__Shipment)
RPC_CLIENT(issue_invoice, INVOICES, "IssueInvoice", Billing__IssueInvoiceRequest, Billing__Invoice)

/* The messages' texts are not const, but nobody writes to a request. */
static char *shared(const char *text)
{
	return (char *)(uintptr_t)text;
}

struct status peer_get_customer(struct call *call, const char *customer_id, const char *field,
				Customers__Customer **ret_customer)
{
	Customers__GetCustomerRequest request = CUSTOMERS__GET_CUSTOMER_REQUEST__INIT;
	struct status status;

	request.customer_id = shared(customer_id);
	status = get_customer(call, customers, NULL, &request, ret_customer);
	if (status_is(status, &NOT_FOUND))
		return status_field(call->arena, &INVALID_REQUEST, field, "there is no such customer");
	return peer_refusal(call, status, NULL, 0);
}

struct status peer_get_product(struct call *call, const char *sku, const char *field, Warehouse__Product **ret_product)
{
	Warehouse__GetProductRequest request = WAREHOUSE__GET_PRODUCT_REQUEST__INIT;
	struct status status;

	request.sku = shared(sku);
	status = get_product(call, warehouse, NULL, &request, ret_product);
	if (status_is(status, &NOT_FOUND))
		return status_field(call->arena, &INVALID_REQUEST, field, "there is no such product");
	return peer_refusal(call, status, NULL, 0);
}

static Warehouse__ReservationLine **reservation_lines(struct call *call, Ordering__OrderItem *const *items,
						      size_t n_items)
{
	Warehouse__ReservationLine **lines = arena_array(call->arena, n_items, sizeof(*lines));

	for (size_t i = 0; i < n_items; i++) {
		lines[i] = arena_alloc(call->arena, sizeof(**lines));
		warehouse__reservation_line__init(lines[i]);
		lines[i]->reservation_id = items[i]->item_id;
		lines[i]->sku = items[i]->sku;
		lines[i]->quantity = items[i]->quantity;
	}
	return lines;
}

struct status peer_reserve(struct call *call, const char *key, const char *order_id, Ordering__OrderItem *const *items,
			   size_t n_items)
{
	Warehouse__ReserveStockRequest request = WAREHOUSE__RESERVE_STOCK_REQUEST__INIT;
	Warehouse__ReserveStockResponse *reply;

	request.order_id = shared(order_id);
	request.lines = reservation_lines(call, items, n_items);
	request.n_lines = n_items;
	return reserve_stock(call, warehouse, key, &request, &reply);
}

struct status peer_confirm(struct call *call, const char *key, const Ordering__Order *order)
{
	Warehouse__ConfirmReservationsRequest request = WAREHOUSE__CONFIRM_RESERVATIONS_REQUEST__INIT;
	Warehouse__ConfirmReservationsResponse *reply;

	request.order_id = order->order_id;
	request.lines = reservation_lines(call, order->items, order->n_items);
	request.n_lines = order->n_items;
	request.order_version = etag_version(order->etag);
	return confirm_reservations(call, warehouse, key, &request, &reply);
}

char *release_key(struct call *call, const char *order_id, const char *cause)
{
	return arena_printf(call->arena, "%s/%s/release", order_id, cause);
}

struct status peer_release(struct call *call, const char *key, const char *order_id, char **item_ids, size_t n_items)
{
	Warehouse__ReleaseReservationsRequest request = WAREHOUSE__RELEASE_RESERVATIONS_REQUEST__INIT;
	Warehouse__ReleaseReservationsResponse *reply;

	request.order_id = shared(order_id);
	request.reservation_ids = item_ids;
	request.n_reservation_ids = n_items;
	return release_reservations(call, warehouse, key, &request, &reply);
}

void peer_release_soon(struct call *call, const char *order_id, const char *cause, char **item_ids, size_t n_items)
{
	const struct status ignored =
	    peer_release(call, release_key(call, order_id, cause), order_id, item_ids, n_items);

	(void)ignored;
}

struct status peer_change_reservation(struct call *call, const char *key, const char *item_id, int64_t quantity)
{
	Warehouse__ChangeReservationRequest request = WAREHOUSE__CHANGE_RESERVATION_REQUEST__INIT;
	Warehouse__Reservation *reply;

	request.reservation_id = shared(item_id);
	request.quantity = quantity;
	return change_reservation(call, warehouse, key, &request, &reply);
}

struct status peer_pending_shipments(struct call *call, const char *order_id, size_t *ret_count,
				     Shipping__Shipment ***ret_shipments)
{
	Shipping__ListShipmentsRequest request = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
	Shipping__ListShipmentsResponse *reply;

	request.order_id = shared(order_id);
	request.state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING;
	TRY(list_shipments(call, shipping, NULL, &request, &reply));
	*ret_count = reply->n_shipments;
	*ret_shipments = reply->shipments;
	return STATUS_OK;
}

static void append(struct call *call, Shipping__Shipment ***all, size_t *count, Shipping__Shipment *const *more,
		   size_t n_more)
{
	Shipping__Shipment **longer = arena_array(call->arena, *count + n_more, sizeof(*longer));

	for (size_t i = 0; i < *count; i++)
		longer[i] = (*all)[i];
	for (size_t i = 0; i < n_more; i++)
		longer[*count + i] = more[i];
	*count += n_more;
	*all = longer;
}

struct status peer_all_shipments(struct call *call, const char *order_id, size_t *ret_count,
				 Shipping__Shipment ***ret_shipments)
{
	Shipping__ListShipmentsRequest request = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
	Shipping__ListShipmentsResponse *reply;
	Shipping__Shipment **all = NULL;
	size_t count = 0;

	request.order_id = shared(order_id);
	request.page_size = PAGE_SIZE_MAX;
	do {
		TRY(list_shipments(call, shipping, NULL, &request, &reply));
		append(call, &all, &count, reply->shipments, reply->n_shipments);
		request.page_token = reply->next_page_token;
	} while (*request.page_token != '\0');
	*ret_count = count;
	*ret_shipments = all;
	return STATUS_OK;
}

static Shipping__ShipmentLine **shipment_lines(struct call *call, const Ordering__Order *order)
{
	Shipping__ShipmentLine **lines = arena_array(call->arena, order->n_items, sizeof(*lines));

	for (size_t i = 0; i < order->n_items; i++) {
		lines[i] = arena_alloc(call->arena, sizeof(**lines));
		shipping__shipment_line__init(lines[i]);
		lines[i]->item_id = order->items[i]->item_id;
		lines[i]->sku = order->items[i]->sku;
		lines[i]->name = order->items[i]->name;
		lines[i]->quantity = order->items[i]->quantity;
	}
	return lines;
}

struct status peer_create_shipment(struct call *call, const char *key, const char *shipment_id,
				   const Ordering__Order *order)
{
	Shipping__CreateShipmentRequest request = SHIPPING__CREATE_SHIPMENT_REQUEST__INIT;
	Shipping__Shipment *reply;

	request.shipment_id = shared(shipment_id);
	request.order_id = order->order_id;
	request.order_number = order->number;
	request.customer_id = order->customer_id;
	request.address = order->shipping_address;
	request.note = order->note;
	request.lines = shipment_lines(call, order);
	request.n_lines = order->n_items;
	return create_shipment(call, shipping, key, &request, &reply);
}

struct status peer_cancel_shipment(struct call *call, const char *key, const char *shipment_id, const char *reason)
{
	Shipping__CancelShipmentRequest request = SHIPPING__CANCEL_SHIPMENT_REQUEST__INIT;
	Shipping__Shipment *reply;

	request.shipment_id = shared(shipment_id);
	request.reason = shared(reason);
	return cancel_shipment(call, shipping, key, &request, &reply);
}

struct status peer_fulfil(struct call *call, const char *key, const Shipping__Shipment *shipment)
{
	Warehouse__FulfilReservationsRequest request = WAREHOUSE__FULFIL_RESERVATIONS_REQUEST__INIT;
	Warehouse__FulfilmentLine **lines = arena_array(call->arena, shipment->n_lines, sizeof(*lines));
	Warehouse__FulfilReservationsResponse *reply;

	for (size_t i = 0; i < shipment->n_lines; i++) {
		lines[i] = arena_alloc(call->arena, sizeof(**lines));
		warehouse__fulfilment_line__init(lines[i]);
		lines[i]->reservation_id = shipment->lines[i]->item_id;
		lines[i]->quantity = shipment->lines[i]->quantity;
	}
	request.order_id = shipment->order_id;
	request.shipment_id = shipment->shipment_id;
	request.lines = lines;
	request.n_lines = shipment->n_lines;
	return fulfil_reservations(call, warehouse, key, &request, &reply);
}

struct status peer_issue_invoice(struct call *call, const char *key, const Ordering__Order *order,
				 const Shipping__Shipment *shipment, Billing__InvoiceLine **lines, size_t n_lines,
				 char **ret_invoice_id)
{
	Billing__IssueInvoiceRequest request = BILLING__ISSUE_INVOICE_REQUEST__INIT;
	Billing__Invoice *reply;

	request.shipment_id = shipment->shipment_id;
	request.order_id = order->order_id;
	request.order_number = order->number;
	request.customer_id = order->customer_id;
	request.customer_name = order->customer_name;
	request.billing_address = order->billing_address;
	request.lines = lines;
	request.n_lines = n_lines;
	TRY(issue_invoice(call, billing, key, &request, &reply));
	*ret_invoice_id = reply->invoice_id;
	return STATUS_OK;
}
