/* Placing an order: its goods are kept, its shipment is made. */
#include "base/uuid.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"
#include "runtime/pb.h"

/* When an order that could not be placed is given up. */
static int64_t placing_time_s = 900;

const struct setting ordering_settings[] = {
	SETTING_INT("placing-time-s", &placing_time_s, 900, 1, 86400, "how long placing an order is tried"),
	SETTING_INT("abandon-after-s", &ordering_abandon_s, 604800, 1, 315360000,
		    "when an open order that nobody touches expires"),
	SETTING_END,
};

/* An order on its way from PLACING to PLACED. */
struct placing {
	Ordering__Order *order; /* as it is now: it may be renamed meanwhile */
	struct order_row row;
	const Ordering__Order *asked; /* as it was when it was placed: what peers are asked for */
};

static struct status open_place(struct call *call, struct saga *saga)
{
	struct placing *work = arena_alloc(call->arena, sizeof(*work));
	void *asked;

	work->order = pb_new(call->arena, &ordering__order__descriptor);
	TRY(store_get(call, saga->subject_id, work->order, &work->row));
	work->asked = work->order;
	if (saga->data.len > 0) {
		TRY(pb_unpack(call->arena, &ordering__order__descriptor, saga->data, &asked));
		work->asked = asked;
	}
	saga->work = work;
	return STATUS_OK;
}

/*
 * Confirms what the order says, all or none, whatever is held: holds run out, calls die between the warehouse and the order, and a placing that was given up
 * leaves its goods confirmed. The warehouse orders placings by the version that they began with: once a later one is confirmed, a request of an earlier one that
 * was on its way for long changes nothing. One that arrives before does no harm, as the later one sets the quantities anew.
 */
static struct status keep_goods(struct call *call, struct saga *saga)
{
	const struct placing *work = saga->work;

	return peer_confirm(call, saga_key(call, saga, "keep"), work->asked);
}

/* An order that came whole goes as a whole. One that was filled item by item is open again, with its goods. */
static struct status give_back(struct call *call, struct saga *saga)
{
	const struct placing *work = saga->work;

	return work->row.submitted ? peer_release(call, saga_key(call, saga, "give-back"), saga->subject_id, NULL, 0)
				   : STATUS_OK;
}

/* Another placing of the same order makes another shipment: the one that was undone never comes back. */
static char *shipment_id_of(struct call *call, const struct saga *saga)
{
	char *id = arena_alloc(call->arena, UUID_TEXT);

	uuid_derive("shipment", saga->saga_id, id);
	return id;
}

static struct status make_shipment(struct call *call, struct saga *saga)
{
	const struct placing *work = saga->work;

	return peer_create_shipment(call, saga_key(call, saga, "ship"), shipment_id_of(call, saga), work->asked);
}

static struct status cancel_shipment(struct call *call, struct saga *saga)
{
	return peer_cancel_shipment(call, saga_key(call, saga, "unship"), shipment_id_of(call, saga),
				    saga->cause.reason != NULL ? saga->cause.reason->name : "");
}

/* After losing against another writer. */
static struct status look_again(struct call *call, struct placing *work)
{
	return store_get(call, work->order->order_id, work->order, &work->row);
}

static struct write record(struct call *call, const struct placing *work, const char *action)
{
	return record_of(call,
			 &(const struct change){ .order = work->order,
						 .version = work->row.version + 1,
						 .from = order_state_name(ORDERING__ORDER_STATE__ORDER_STATE_PLACING),
						 .action = action });
}

static struct status record_placed(struct call *call, struct saga *saga, struct placing *work)
{
	Ordering__Order *order = work->order;
	char **shipments = arena_array(call->arena, 1, sizeof(*shipments));

	shipments[0] = shipment_id_of(call, saga);
	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(order_move(call->arena, order, ORDER_EVENT_PLACED, arena_strdup(call->arena, "")));
		order_mark_items(order, ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RESERVED);
		order->place_time = pb_time(call->arena, call->time);
		order->shipment_ids = shipments;
		order->n_shipment_ids = 1;
		write = record(call, work, "RecordPlaced");
		TRY(store_end(call, saga, order, STORE_ITEMS, &write, STATUS_OK));
		if (write.applied) {
			work->row.version++;
			return STATUS_OK;
		}
		TRY(look_again(call, work));
	}
	return status_of(&CONCURRENT_CHANGE);
}

/* The items that the refusal names are REJECTED; the order can be changed and placed again. */
static void reject_items(const Ordering__Order *order, struct status refusal)
{
	const struct violation *violation = refusal.detail == NULL ? NULL : refusal.detail->violations;
	size_t line;

	for (; violation != NULL; violation = violation->next) {
		if (peer_line(violation->field, &line) && line < order->n_items)
			order->items[line]->state = ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_REJECTED;
	}
}

static struct status record_refused(struct call *call, struct saga *saga, struct placing *work)
{
	Ordering__Order *order = work->order;
	struct status refusal = peer_refusal(call, saga->cause, NULL, 0);

	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(order_move(call->arena, order, ORDER_EVENT_REFUSED,
			       arena_strdup(call->arena, saga->cause.reason->name)));
		reject_items(order, saga->cause);
		write = record(call, work, "RecordRefused");
		TRY(store_end(call, saga, order, STORE_ITEMS, &write, refusal));
		if (write.applied)
			return refusal;
		TRY(look_again(call, work));
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status end_place(struct call *call, struct saga *saga)
{
	struct placing *work = saga->work;

	return saga->place.state == SAGA_STATE_COMPLETED ? record_placed(call, saga, work)
							 : record_refused(call, saga, work);
}

const struct saga_kind place_kind = {
	.name = "place",
	.steps = (const struct saga_step[]){ { .name = "keep_goods", .run = keep_goods, .undo = give_back },
					     { .name = "make_shipment", .run = make_shipment, .undo = cancel_shipment },
					     { .name = NULL } },
	.deadline_s = &placing_time_s,
	.too_late = &PLACING_TIMED_OUT,
	.open = open_place,
	.end = end_place,
};

struct saga *place_saga(struct call *call, const Ordering__Order *order, int64_t version)
{
	const char *name = arena_printf(call->arena, "%s/%lld", order->order_id, (long long)version);

	return saga_new(call, &place_kind, order->order_id, name, pb_pack(call->arena, &order->base));
}

struct status place_join(struct call *call, const char *order_id, Ordering__Order *order)
{
	TRY(saga_join(call, &place_kind, order_id));
	TRY(write_join(call));
	return store_get(call, order_id, order, NULL);
}

struct status place_run(struct call *call, struct saga *saga, Ordering__Order *order, struct order_row *row)
{
	struct placing work = { order, *row, order };
	struct status status;

	saga->work = &work;
	status = saga_run(call, saga);
	*row = work.row;
	return status_is(status, &SAGA_LOST) ? place_join(call, order->order_id, order) : status;
}
