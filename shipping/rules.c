#include "shipping/rules.h"

#include "base/str.h"
#include "base/uuid.h"

const struct reason SHIPMENT_NOT_DISPATCHED = { CODE_FAILED_PRECONDITION, "SHIPMENT_NOT_DISPATCHED",
						"The shipment has not been dispatched yet." };
const struct reason SHIPMENT_DISPATCHED = { CODE_FAILED_PRECONDITION, "SHIPMENT_DISPATCHED",
					    "The shipment has been dispatched already." };
const struct reason SHIPMENT_DELIVERED = { CODE_FAILED_PRECONDITION, "SHIPMENT_DELIVERED",
					   "The shipment has been delivered already." };
const struct reason SHIPMENT_CANCELLED = { CODE_FAILED_PRECONDITION, "SHIPMENT_CANCELLED",
					   "The shipment has been cancelled." };

#define UNKNOWN SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_UNSPECIFIED
#define PENDING SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING
#define DISPATCHED SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED
#define DELIVERED SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DELIVERED
#define CANCELLED SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED

/* The life of a shipment. */
static const struct transition {
	Shipping__ShipmentState from, to;
} TRANSITIONS[] = {
	{ UNKNOWN, CANCELLED }, /* a tombstone */
	{ PENDING, DISPATCHED },
	{ PENDING, CANCELLED },
	{ DISPATCHED, DELIVERED },
};

/* Why what the table does not have is refused. */
static const struct refusal {
	Shipping__ShipmentState in;
	const struct reason *reason;
} REFUSALS[] = {
	{ PENDING, &SHIPMENT_NOT_DISPATCHED },
	{ DISPATCHED, &SHIPMENT_DISPATCHED },
	{ DELIVERED, &SHIPMENT_DELIVERED },
	{ CANCELLED, &SHIPMENT_CANCELLED },
};

#define LENGTH(table_) (sizeof(table_) / sizeof((table_)[0]))

static struct status check_move(Shipping__ShipmentState from, Shipping__ShipmentState to)
{
	for (size_t i = 0; i < LENGTH(TRANSITIONS); i++) {
		if (TRANSITIONS[i].from == from && TRANSITIONS[i].to == to)
			return STATUS_OK;
	}
	for (size_t i = 0; i < LENGTH(REFUSALS); i++) {
		if (REFUSALS[i].in == from)
			return status_of(REFUSALS[i].reason);
	}
	return status_of(&INTERNAL_ERROR);
}

/* Ids are the same in upper and in lower case. */
static bool same_id(const char *a, const char *b)
{
	return str_is_nocase(str_of(a), b);
}

struct status shipment_create(struct arena *arena, const Shipping__CreateShipmentRequest *request,
			      Shipping__Shipment *ret_shipment)
{
	struct status status = STATUS_OK;

	for (size_t i = 1; i < request->n_lines; i++) {
		for (size_t before = 0; before < i; before++) {
			if (same_id(request->lines[i]->item_id, request->lines[before]->item_id))
				status = status_violation(arena, status, arena_printf(arena, "lines[%zu].item_id", i),
							  "is in another line already");
		}
	}
	TRY(status);
	shipping__shipment__init(ret_shipment);
	ret_shipment->shipment_id = request->shipment_id;
	ret_shipment->order_id = request->order_id;
	ret_shipment->order_number = request->order_number;
	ret_shipment->customer_id = request->customer_id;
	ret_shipment->address = request->address;
	ret_shipment->lines = request->lines;
	ret_shipment->n_lines = request->n_lines;
	ret_shipment->note = request->note;
	ret_shipment->state = PENDING;
	return STATUS_OK;
}

struct status shipment_same(struct arena *arena, const Shipping__Shipment *existing,
			    const Shipping__CreateShipmentRequest *request)
{
	if (existing->state == CANCELLED)
		return status_of(&SHIPMENT_CANCELLED);
	if (!same_id(existing->order_id, request->order_id))
		return status_already_exists(arena, "shipment", existing->shipment_id);
	return STATUS_OK;
}

static const Shipping__ShipmentLine *line_of(const Shipping__Shipment *shipment, const char *item_id)
{
	for (size_t i = 0; i < shipment->n_lines; i++) {
		if (same_id(shipment->lines[i]->item_id, item_id))
			return shipment->lines[i];
	}
	return NULL;
}

static bool named_before(const Shipping__DispatchShipmentRequest *request, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (same_id(request->lines[i]->item_id, request->lines[at]->item_id))
			return true;
	}
	return false;
}

/* Does the request ask for what is in the shipment, each item once? */
static struct status check_lines(struct arena *arena, const Shipping__Shipment *shipment,
				 const Shipping__DispatchShipmentRequest *request)
{
	struct status status = STATUS_OK;

	for (size_t i = 0; i < request->n_lines; i++) {
		const Shipping__ShipmentLine *line = line_of(shipment, request->lines[i]->item_id);
		const char *item_field = arena_printf(arena, "lines[%zu].item_id", i);

		if (line == NULL)
			status = status_violation(arena, status, item_field, "is not in the shipment");
		else if (named_before(request, i))
			status = status_violation(arena, status, item_field, "is in another line already");
		else if (request->lines[i]->quantity > line->quantity)
			status = status_violation(arena, status, arena_printf(arena, "lines[%zu].quantity", i),
						  "is more than the shipment holds");
	}
	return status;
}

static int64_t leaving_of(const Shipping__DispatchShipmentRequest *request, const Shipping__ShipmentLine *line)
{
	for (size_t i = 0; i < request->n_lines; i++) {
		if (same_id(request->lines[i]->item_id, line->item_id))
			return request->lines[i]->quantity;
	}
	return request->n_lines == 0 ? line->quantity : 0;
}

/* Gives a shipment so much of a line; nothing makes no line. */
static void add_line(struct arena *arena, Shipping__Shipment *shipment, const Shipping__ShipmentLine *line,
		     int64_t quantity)
{
	if (quantity == 0)
		return;
	shipment->lines[shipment->n_lines] = arena_memdup(arena, line, sizeof(*line));
	shipment->lines[shipment->n_lines++]->quantity = quantity;
}

static Shipping__Shipment *without_lines(struct arena *arena, const Shipping__Shipment *shipment)
{
	Shipping__Shipment *copy = arena_memdup(arena, shipment, sizeof(*shipment));

	copy->lines = arena_array(arena, shipment->n_lines, sizeof(*copy->lines));
	copy->n_lines = 0;
	return copy;
}

/* Takes out of the shipment what does not leave. Returns that, or NULL if it is nothing. */
static Shipping__Shipment *split(struct arena *arena, Shipping__Shipment *shipment,
				 const Shipping__DispatchShipmentRequest *request)
{
	Shipping__Shipment *leaving = without_lines(arena, shipment), *rest = without_lines(arena, shipment);

	for (size_t i = 0; i < shipment->n_lines; i++) {
		const Shipping__ShipmentLine *line = shipment->lines[i];
		const int64_t quantity = leaving_of(request, line);

		add_line(arena, leaving, line, quantity);
		add_line(arena, rest, line, line->quantity - quantity);
	}
	if (rest->n_lines == 0)
		return NULL;
	*shipment = *leaving;
	rest->shipment_id = arena_alloc(arena, UUID_TEXT);
	uuid_derive(shipment->shipment_id, "rest", rest->shipment_id);
	return rest;
}

struct status shipment_dispatch(struct arena *arena, Shipping__Shipment *shipment,
				const Shipping__DispatchShipmentRequest *request, Google__Protobuf__Timestamp *time,
				Shipping__Shipment **ret_rest)
{
	TRY(check_move(shipment->state, DISPATCHED));
	TRY(check_lines(arena, shipment, request));
	*ret_rest = split(arena, shipment, request);
	shipment->state = DISPATCHED;
	shipment->carrier = request->carrier;
	shipment->tracking_number = request->tracking_number;
	shipment->tracking_url = request->tracking_url;
	shipment->dispatch_time = time;
	return STATUS_OK;
}

struct status shipment_deliver(Shipping__Shipment *shipment, Google__Protobuf__Timestamp *time)
{
	TRY(check_move(shipment->state, DELIVERED));
	shipment->state = DELIVERED;
	shipment->deliver_time = time;
	return STATUS_OK;
}

struct status shipment_cancel(Shipping__Shipment *shipment, bool *ret_changed)
{
	const bool before = shipment->state == CANCELLED;

	if (!before)
		TRY(check_move(shipment->state, CANCELLED));
	shipment->state = CANCELLED;
	*ret_changed = !before;
	return STATUS_OK;
}

struct status shipment_packable(const Shipping__Shipment *shipment)
{
	return shipment->state == CANCELLED ? status_of(&SHIPMENT_CANCELLED) : STATUS_OK;
}
