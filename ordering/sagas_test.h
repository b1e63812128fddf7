/*
 * sagas_test: what the tests of sagas share: work that no client asks for, run as the runtime runs it, and faults of peers.
 *
 * Invariants
 * - Events are delivered in their order, each once; time passes when the test says so.
 *
 * Only sagas_test.c, fulfil_test.c and cancel_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_ORDERING_SAGAS_TEST_H
#define QUAYSIDE_ORDERING_SAGAS_TEST_H

#include "base/clock.h"
#include "ordering/peers_test.h"
#include "ordering/sagas.h"
#include "runtime/coroutine.h"

#define A_SECOND (1 * CLOCK_SECOND)
#define EVER 1000000

static int64_t own_seen, shipping_seen;

/* ---- Work that no client asks for, run in the place of the one method that is a stream ---- */

static struct db_statement OUTBOX = DB_READ(
    "test_outbox", "SELECT aggregate_id, aggregate_version, payload FROM outbox ORDER BY entry OFFSET :seen LIMIT 1");

static inline struct status handle(struct call *call, const struct event_consumer *consumer, const Events__Event *event,
				   struct str payload)
{
	void *message;

	call->producer = consumer->producer;
	TRY(pb_unpack(call->arena, consumer->handlers[0].payload, payload, &message));
	return consumer->handlers[0].handle(call, event, message);
}

/* Delivers the service's own events, one after the other, also those that come while it does. */
static inline struct status deliver_own(struct call *call)
{
	for (;;) {
		Events__Event event = EVENTS__EVENT__INIT;
		struct db_unit *unit = db_unit(call, &OUTBOX);
		const struct db_rows *rows;

		db_bind_int(unit, "seen", own_seen);
		TRY(db_run(call, unit));
		rows = db_rows(unit, 0);
		if (db_count(rows) == 0)
			return STATUS_OK;
		event.position = own_seen + 1;
		event.aggregate_id = db_text(rows, 0, "aggregate_id");
		event.aggregate_version = db_int(rows, 0, "aggregate_version");
		TRY(handle(call, &ordering_consumers[1], &event, db_bytes(rows, 0, "payload")));
		own_seen++;
	}
}

static struct status (*the_work)(struct call *call);

static inline struct status work_alone(struct call *call, const void *request, void *reply)
{
	(void)request;
	(void)reply;
	call->method = NULL;
	call->key = NULL;
	call->key_given = false;
	return the_work(call);
}

/* Runs work in a call that has no method and no key, as the runtime does. */
static inline struct status run(struct status (*work)(struct call *call))
{
	const Ordering__WatchOrdersRequest request = ORDERING__WATCH_ORDERS_REQUEST__INIT;

	the_work = work;
	return service_call("WatchOrders", NULL, &request.base, NULL);
}

static struct rpc_method methods[32];
static const struct rpc_service service = { &ordering__order_service__descriptor, methods };

static inline int open_sagas(void **state)
{
	size_t n = 0;

	open_service(state);
	service_close();
	for (; order_service.methods[n].name != NULL; n++) {
		methods[n] = order_service.methods[n];
		if (str_is(str_of(methods[n].name), "WatchOrders"))
			methods[n] = (struct rpc_method){ .name = "WatchOrders", .handler = work_alone };
	}
	own_seen = shipping_seen = 0;
	service_open(&service, conninfo);
	service_add(&fulfilment_service);
	return 0;
}

/* ---- What happens ---- */

static struct db_statement TIME_PASSES =
    DB_WRITE("test_time_passes",
	     "WITH late AS (UPDATE saga SET lease_until = now() - interval '1 s', run_time = now() - interval '1 s'"
	     " WHERE state IN ('RUNNING', 'COMPENSATING') RETURNING 1) SELECT count(*) AS n FROM late");

/* The workers take up what is due, until nothing is. */
static inline struct status work_off(struct call *call)
{
	sagas_start(call->loop, call->db, "ordering", ordering_sagas);
	do
		coroutine_sleep(call->loop, 2 * CLOCK_MILLISECOND);
	while (sagas_busy() > 0);
	sagas_stop(NULL, NULL);
	sagas_free();
	return STATUS_OK;
}

static inline void resume_everything(void)
{
	service_number(&TIME_PASSES);
	assert_ok(run(work_off));
}

/* ---- What shipping says ---- */

static const Shipping__ShipmentDispatched *the_dispatch;

static inline struct status deliver_dispatch(struct call *call)
{
	Events__Event event = EVENTS__EVENT__INIT;

	event.position = shipping_seen + 1;
	return handle(call, &ordering_consumers[0], &event, pb_pack(call->arena, &the_dispatch->base));
}

/* A shipment leaves, with all that is in it. */
static inline Shipping__ShipmentDispatched *departure_of(struct paper *paper)
{
	Shipping__ShipmentDispatched *event = pb_new(service_arena(), &shipping__shipment_dispatched__descriptor);
	Shipping__Shipment *shipment = pb_new(service_arena(), &shipping__shipment__descriptor);

	paper->left = true;
	shipment->shipment_id = text(paper->id);
	shipment->order_id = text(paper->order_id);
	shipment->lines = arena_array(service_arena(), LINES_MAX, sizeof(*shipment->lines));
	for (; shipment->n_lines < paper->n_lines; shipment->n_lines++) {
		Shipping__ShipmentLine *line = pb_new(service_arena(), &shipping__shipment_line__descriptor);

		line->item_id = text(paper->lines[shipment->n_lines].item_id);
		line->quantity = paper->lines[shipment->n_lines].quantity;
		shipment->lines[shipment->n_lines] = line;
	}
	event->shipment = shipment;
	return event;
}

/* The shipment that was made last. */
static inline Shipping__ShipmentDispatched *last_departure(void)
{
	return departure_of(&peers.shipments[peers.n_shipments - 1]);
}

static inline struct status dispatch(const Shipping__ShipmentDispatched *event)
{
	struct status status;

	the_dispatch = event;
	status = run(deliver_dispatch);
	if (status.reason == NULL) {
		shipping_seen++;
		assert_ok(run(work_off));
	}
	return status;
}

static inline void no_answer(const char *peer, int times, bool after)
{
	peers.fault = peer;
	peers.faults = times;
	peers.after = after;
}

static inline void heal(void)
{
	peers.faults = 0;
	peers.refusal = NULL;
}

static inline Ordering__Order *filled(const char *sku, int64_t quantity)
{
	Ordering__Order *order = create(NULL);

	assert_ok(add(&order, NULL, sku, quantity));
	return order;
}

/* Leaves an order PLACING: its call ends without knowing the outcome. */
static inline struct status place_in_vain(const Ordering__Order *order, const char *key)
{
	struct invocation placing = {
		.method = "PlaceOrder", .key = key, .request = &placing_of(order)->base, .timeout = A_SECOND
	};

	service_start(&placing);
	service_finish();
	return placing.outcome;
}

#endif
