/* Fulfilling a shipment: what has left the house is booked out and billed. There is no way but forward. */
#include "base/str.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"
#include "quayside/shipping/v1/events.pb-c.h"
#include "runtime/pb.h"

#define PLACING ORDERING__ORDER_STATE__ORDER_STATE_PLACING
#define CANCELLING ORDERING__ORDER_STATE__ORDER_STATE_CANCELLING

/* A dispatched shipment on its way to its invoice. */
struct fulfilment {
	Ordering__Order *order;
	struct order_row row;
	const Shipping__ShipmentDispatched *dispatched;
	const Shipping__Shipment *shipment; /* of it */
	char *invoice_id;
};

/* The order, when nobody is about to change what it means: goods may leave before it was recorded that they may, or while they are being cancelled. */
static struct status read_settled(struct call *call, struct fulfilment *work)
{
	const char *order_id = work->shipment->order_id;

	for (int round = 0; write_again(call, &round);) {
		TRY(store_get(call, order_id, work->order, &work->row));
		if (work->order->state == PLACING)
			TRY(saga_join(call, &place_kind, order_id));
		else if (work->order->state == CANCELLING)
			TRY(saga_join(call, &cancel_kind, order_id));
		else
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status open_fulfil(struct call *call, struct saga *saga)
{
	struct fulfilment *work = arena_alloc(call->arena, sizeof(*work));
	Billing__InvoiceLine **lines;
	size_t n_lines;
	void *payload;

	TRY(pb_unpack(call->arena, &shipping__shipment_dispatched__descriptor, saga->data, &payload));
	work->order = pb_new(call->arena, &ordering__order__descriptor);
	work->dispatched = payload;
	work->shipment = work->dispatched->shipment;
	TRY(read_settled(call, work));
	saga->work = work;
	return order_invoice_lines(call->arena, work->order, work->shipment, &n_lines, &lines);
}

static struct status book_out(struct call *call, struct saga *saga)
{
	const struct fulfilment *work = saga->work;

	return peer_fulfil(call, saga_key(call, saga, "fulfil"), work->shipment);
}

static struct status bill(struct call *call, struct saga *saga)
{
	struct fulfilment *work = saga->work;
	Billing__InvoiceLine **lines;
	size_t n_lines;

	TRY(order_invoice_lines(call->arena, work->order, work->shipment, &n_lines, &lines));
	return peer_issue_invoice(call, saga_key(call, saga, "invoice"), work->order, work->shipment, lines, n_lines,
				  &work->invoice_id);
}

/* Adds an id to a list, once; an empty one is none. */
static void add_id(struct call *call, char ***ids, size_t *count, char *id)
{
	char **more = arena_array(call->arena, *count + 1, sizeof(*more));

	if (*id == '\0')
		return;
	for (size_t i = 0; i < *count; i++) {
		more[i] = (*ids)[i];
		if (str_is(str_of(id), more[i]))
			return;
	}
	more[(*count)++] = id;
	*ids = more;
}

/* Records what the shipment took, its invoice, and the shipment that holds the rest. */
static struct status end_fulfil(struct call *call, struct saga *saga)
{
	struct fulfilment *work = saga->work;
	Ordering__Order *order = work->order;

	for (int round = 0; write_again(call, &round);) {
		const char *from = order_state_name(order->state);
		struct write write;

		TRY(order_ship(call->arena, order, work->shipment));
		add_id(call, &order->invoice_ids, &order->n_invoice_ids, work->invoice_id);
		add_id(call, &order->shipment_ids, &order->n_shipment_ids, work->shipment->shipment_id);
		add_id(call, &order->shipment_ids, &order->n_shipment_ids, work->dispatched->remainder_shipment_id);
		write = record_of(call, &(const struct change){ .order = order,
								.version = work->row.version + 1,
								.from = from,
								.action = "RecordShipment" });
		write.reply = NULL; /* keys that wait for this order wait for something else */
		TRY(store_end(call, saga, order, STORE_ITEMS, &write, STATUS_OK));
		if (write.applied)
			return STATUS_OK;
		TRY(read_settled(call, work));
	}
	return status_of(&CONCURRENT_CHANGE);
}

const struct saga_kind fulfil_kind = {
	.name = "fulfil",
	.steps = (const struct saga_step[]){ { .name = "book_out", .run = book_out, .final = true },
					     { .name = "bill", .run = bill, .final = true },
					     { .name = NULL } },
	.open = open_fulfil,
	.end = end_fulfil,
};
