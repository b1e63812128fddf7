#include "ordering/rules.h"

#include <string.h>

#define OPEN ORDERING__ORDER_STATE__ORDER_STATE_OPEN
#define PLACING ORDERING__ORDER_STATE__ORDER_STATE_PLACING
#define PLACED ORDERING__ORDER_STATE__ORDER_STATE_PLACED
#define PARTLY_SHIPPED ORDERING__ORDER_STATE__ORDER_STATE_PARTLY_SHIPPED
#define SHIPPED ORDERING__ORDER_STATE__ORDER_STATE_SHIPPED
#define COMPLETED ORDERING__ORDER_STATE__ORDER_STATE_COMPLETED
#define CANCELLING ORDERING__ORDER_STATE__ORDER_STATE_CANCELLING
#define CANCELLED ORDERING__ORDER_STATE__ORDER_STATE_CANCELLED
#define EXPIRED ORDERING__ORDER_STATE__ORDER_STATE_EXPIRED

const struct reason ORDER_NOT_OPEN = { CODE_FAILED_PRECONDITION, "ORDER_NOT_OPEN", "The order is not open." };
const struct reason ORDER_NOT_PLACED = { CODE_FAILED_PRECONDITION, "ORDER_NOT_PLACED",
					 "The order has not been placed, or is done." };
const struct reason PLACING_TIMED_OUT = { CODE_FAILED_PRECONDITION, "PLACING_TIMED_OUT",
					  "The order could not be placed in time." };
const struct reason SHIPMENT_DISPATCHED = { CODE_FAILED_PRECONDITION, "SHIPMENT_DISPATCHED", "The shipment has left." };
const struct reason SHIPMENT_DELIVERED = { CODE_FAILED_PRECONDITION, "SHIPMENT_DELIVERED",
					   "The shipment has been delivered." };
const struct reason ALREADY_DISPATCHED = { CODE_FAILED_PRECONDITION, "ALREADY_DISPATCHED",
					   "All that was ordered has left already." };
const struct reason ORDER_EMPTY = { CODE_FAILED_PRECONDITION, "ORDER_EMPTY", "The order has no items." };
const struct reason ADDRESS_MISSING = { CODE_FAILED_PRECONDITION, "ADDRESS_MISSING", "The order lacks an address." };
const struct reason CUSTOMER_BLOCKED = { CODE_FAILED_PRECONDITION, "CUSTOMER_BLOCKED", "The customer is blocked." };
const struct reason CUSTOMER_ERASED = { CODE_FAILED_PRECONDITION, "CUSTOMER_ERASED",
					"The customer's personal data has been erased." };

struct transition {
	Ordering__OrderState from;
	enum order_event event;
	Ordering__OrderState to;
};

static const struct transition TRANSITIONS[] = {
	{ OPEN, ORDER_EVENT_PLACE, PLACING },
	{ OPEN, ORDER_EVENT_CANCEL, CANCELLED },
	{ OPEN, ORDER_EVENT_EXPIRE, EXPIRED },
	{ PLACING, ORDER_EVENT_PLACED, PLACED },
	{ PLACING, ORDER_EVENT_REFUSED, OPEN },
	{ PLACED, ORDER_EVENT_SHIPPED_PART, PARTLY_SHIPPED },
	{ PLACED, ORDER_EVENT_SHIPPED_ALL, SHIPPED },
	{ PLACED, ORDER_EVENT_CANCEL, CANCELLING },
	{ PARTLY_SHIPPED, ORDER_EVENT_SHIPPED_PART, PARTLY_SHIPPED },
	{ PARTLY_SHIPPED, ORDER_EVENT_SHIPPED_ALL, SHIPPED },
	{ PARTLY_SHIPPED, ORDER_EVENT_CANCEL, CANCELLING },
	{ SHIPPED, ORDER_EVENT_INVOICED, COMPLETED },
	{ CANCELLING, ORDER_EVENT_CANCELLED, CANCELLED },
	{ CANCELLING, ORDER_EVENT_CANCELLED_REST, PARTLY_SHIPPED },
	{ CANCELLING, ORDER_EVENT_CANCEL_REFUSED, PLACED },
	{ CANCELLING, ORDER_EVENT_CANCEL_REFUSED_PART, PARTLY_SHIPPED },
};

/* What a person asks for needs an open order; what the work behind it reports, a placed one. */
static const struct reason *const REFUSALS[ORDER_EVENTS] = {
	[ORDER_EVENT_PLACE] = &ORDER_NOT_OPEN,
	[ORDER_EVENT_CANCEL] = &ORDER_NOT_OPEN,
	[ORDER_EVENT_EXPIRE] = &ORDER_NOT_OPEN,
	[ORDER_EVENT_PLACED] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_REFUSED] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_SHIPPED_PART] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_SHIPPED_ALL] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_INVOICED] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_CANCELLED] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_CANCELLED_REST] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_CANCEL_REFUSED] = &ORDER_NOT_PLACED,
	[ORDER_EVENT_CANCEL_REFUSED_PART] = &ORDER_NOT_PLACED,
};

static struct status refuse(struct arena *arena, const Ordering__Order *order, const struct reason *reason)
{
	const ProtobufCEnumValue *state =
	    protobuf_c_enum_descriptor_get_value(&ordering__order_state__descriptor, (int)order->state);

	return status_metadata(arena, status_of(reason), "state", state != NULL ? state->name : "");
}

struct status order_move(struct arena *arena, Ordering__Order *order, enum order_event event, char *reason)
{
	for (size_t i = 0; i < sizeof(TRANSITIONS) / sizeof(TRANSITIONS[0]); i++) {
		if (TRANSITIONS[i].from == order->state && TRANSITIONS[i].event == event) {
			order->state = TRANSITIONS[i].to;
			order->state_reason = reason;
			return STATUS_OK;
		}
	}
	return refuse(arena, order, REFUSALS[event]);
}

struct status order_check_open(struct arena *arena, const Ordering__Order *order)
{
	return order->state == OPEN ? STATUS_OK : refuse(arena, order, &ORDER_NOT_OPEN);
}

struct status order_check_place(struct arena *arena, const Ordering__Order *order)
{
	TRY(order_check_open(arena, order));
	if (order->n_items == 0)
		return status_of(&ORDER_EMPTY);
	if (order->shipping_address == NULL)
		return status_metadata(arena, status_of(&ADDRESS_MISSING), "address", "shipping_address");
	if (order->billing_address == NULL)
		return status_metadata(arena, status_of(&ADDRESS_MISSING), "address", "billing_address");
	return STATUS_OK;
}

struct status order_check_customer(const Customers__Customer *customer)
{
	if (customer->status == CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE)
		return STATUS_OK;
	if (customer->status == CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ERASED)
		return status_of(&CUSTOMER_ERASED);
	return status_of(&CUSTOMER_BLOCKED);
}

static Common__Address *default_address(const Customers__Customer *customer, bool billing)
{
	for (size_t i = 0; i < customer->n_addresses; i++) {
		const Customers__CustomerAddress *address = customer->addresses[i];

		if (billing ? address->default_billing : address->default_shipping)
			return address->address;
	}
	return customer->n_addresses > 0 ? customer->addresses[0]->address : NULL;
}

void order_set_customer(struct arena *arena, Ordering__Order *order, const Customers__Customer *customer,
			Common__Address *shipping, Common__Address *billing)
{
	order->customer_id = customer->customer_id;
	order->customer_name = *customer->company != '\0'
				   ? customer->company
				   : arena_printf(arena, "%s %s", customer->first_name, customer->last_name);
	order->shipping_address = shipping != NULL ? shipping : default_address(customer, false);
	order->billing_address = billing != NULL ? billing : default_address(customer, true);
}

/* The fields that an update may change. */
static const struct changeable {
	const char *path;
	size_t in_request, in_order;
} CHANGEABLE[] = {
	{ "name", offsetof(Ordering__UpdateOrderRequest, name), offsetof(Ordering__Order, name) },
	{ "note", offsetof(Ordering__UpdateOrderRequest, note), offsetof(Ordering__Order, note) },
};
#define N_CHANGEABLE (sizeof(CHANGEABLE) / sizeof(CHANGEABLE[0]))

static const struct changeable *changeable_named(const char *path)
{
	for (size_t i = 0; i < N_CHANGEABLE; i++) {
		if (strcmp(CHANGEABLE[i].path, path) == 0)
			return &CHANGEABLE[i];
	}
	return NULL;
}

static char *text_at(const void *message, size_t offset)
{
	return *(char *const *)(const void *)((const char *)message + offset);
}

static void change(Ordering__Order *order, const Ordering__UpdateOrderRequest *request, const struct changeable *field)
{
	*(char **)(void *)((char *)order + field->in_order) = text_at(request, field->in_request);
}

struct status order_update(struct arena *arena, Ordering__Order *order, const Ordering__UpdateOrderRequest *request)
{
	const Google__Protobuf__FieldMask *mask = request->update_mask;
	bool masked = mask != NULL && mask->n_paths > 0;
	struct status status = STATUS_OK;

	for (size_t i = 0; masked && i < mask->n_paths; i++) {
		if (changeable_named(mask->paths[i]) == NULL)
			status = status_violation(
			    arena, status, "update_mask",
			    arena_printf(arena, "\"%s\" is not a field that can be changed", mask->paths[i]));
	}
	TRY(status);
	for (size_t i = 0; masked && i < mask->n_paths; i++)
		change(order, request, changeable_named(mask->paths[i]));
	for (size_t i = 0; !masked && i < N_CHANGEABLE; i++) {
		if (*text_at(request, CHANGEABLE[i].in_request) != '\0')
			change(order, request, &CHANGEABLE[i]);
	}
	return STATUS_OK;
}
