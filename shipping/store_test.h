/*
 * store_test: what the tests of shipping on a real database share: the service, and requests in a few words.
 *
 * After every test each version of each shipment must have been told of, whatever the test did.
 * Only shipping/store*_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_SHIPPING_STORE_TEST_H
#define QUAYSIDE_SHIPPING_STORE_TEST_H

#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "quayside/shipping/v1/events.pb-c.h"
#include "runtime/migrate.h"
#include "runtime/pb.h"
#include "shipping/handlers.h"
#include "shipping/rules.h"
#include "shipping/store.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"

#define STORE_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_service, close_service)
#define MANY 20

extern const struct migration shipping_migrations[];

static const char *conninfo;

static inline int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return migrate(conninfo, shipping_migrations) ? 0 : -1;
}

static inline int open_service(void **state)
{
	(void)state;
	pg_execute(conninfo, "TRUNCATE shipment, shipment_line, idempotency, history, outbox");
	service_open(&shipment_service, conninfo);
	return 0;
}

/* Versions that have no event, or no row in the history. */
static struct db_statement UNTOLD =
    DB_READ("untold", "SELECT count(*) AS n FROM shipment s, generate_series(1, s.version) AS v(version)"
		      " WHERE NOT EXISTS (SELECT FROM outbox"
		      " WHERE aggregate_type = 'shipment' AND aggregate_id = s.shipment_id::text"
		      " AND aggregate_version = v.version)"
		      " OR NOT EXISTS (SELECT FROM history h WHERE aggregate_id = s.shipment_id::text"
		      " AND h.version = v.version)");

static inline int close_service(void **state)
{
	(void)state;
	clock_thaw();
	assert_int_equal(service_number(&UNTOLD), 0);
	service_close();
	return 0;
}

static inline char *text(const char *value)
{
	return arena_strdup(service_arena(), value);
}

static inline char *new_id(void)
{
	char id[UUID_TEXT];

	uuid_new(id);
	return text(id);
}

static inline Shipping__ShipmentLine *line(const char *sku, int64_t quantity)
{
	Shipping__ShipmentLine *made = pb_new(service_arena(), &shipping__shipment_line__descriptor);

	made->item_id = new_id();
	made->sku = text(sku);
	made->name = text("Tea, \"first\" {flush}, \\ and 'more'");
	made->quantity = quantity;
	return made;
}

static inline Shipping__CreateShipmentRequest *new_shipment(const char *number, const char *recipient)
{
	Shipping__CreateShipmentRequest *made = pb_new(service_arena(), &shipping__create_shipment_request__descriptor);

	made->shipment_id = new_id();
	made->order_id = new_id();
	made->order_number = text(number);
	made->customer_id = new_id();
	made->address = pb_new(service_arena(), &common__address__descriptor);
	made->address->recipient = text(recipient);
	made->address->line1 = text("12 St James's Square");
	made->address->city = text("London");
	made->address->country_code = text("GB");
	made->lines = arena_array(service_arena(), 2, sizeof(*made->lines));
	made->lines[0] = line("TEA-1", 5);
	made->lines[1] = line("CUP-2", 1);
	made->n_lines = 2;
	made->note = text("ring twice");
	return made;
}

static inline Shipping__Shipment *create(const Shipping__CreateShipmentRequest *request)
{
	void *reply;

	assert_null(service_call("CreateShipment", NULL, &request->base, &reply).reason);
	return reply;
}

static inline Shipping__Shipment *get(const char *shipment_id)
{
	Shipping__GetShipmentRequest request = SHIPPING__GET_SHIPMENT_REQUEST__INIT;
	void *reply;

	request.shipment_id = text(shipment_id);
	assert_null(service_call("GetShipment", NULL, &request.base, &reply).reason);
	return reply;
}

static inline Shipping__DispatchShipmentRequest *dispatch_of(const char *shipment_id)
{
	Shipping__DispatchShipmentRequest *made =
	    pb_new(service_arena(), &shipping__dispatch_shipment_request__descriptor);

	made->shipment_id = text(shipment_id);
	made->carrier = text("Parcels Ltd");
	made->tracking_number = text("PL-77");
	made->tracking_url = text("https://parcels.example/PL-77");
	return made;
}

static inline struct status try_to_dispatch(const char *shipment_id)
{
	return service_call("DispatchShipment", NULL, &dispatch_of(shipment_id)->base, NULL);
}

static inline Shipping__Shipment *dispatch(const char *shipment_id)
{
	void *reply;

	assert_null(service_call("DispatchShipment", NULL, &dispatch_of(shipment_id)->base, &reply).reason);
	return reply;
}

static inline struct status deliver(const char *shipment_id, const char *reason, const char *etag)
{
	Shipping__DeliverShipmentRequest request = SHIPPING__DELIVER_SHIPMENT_REQUEST__INIT;

	request.shipment_id = text(shipment_id);
	request.reason = text(reason);
	request.etag = text(etag);
	return service_call("DeliverShipment", NULL, &request.base, NULL);
}

static inline void assert_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	struct str left = pb_pack(service_arena(), a), right = pb_pack(service_arena(), b);

	assert_true(str_equal(left, right));
}

static inline int64_t count_events(void)
{
	static struct db_statement COUNT_EVENTS = DB_READ("count_events", "SELECT count(*) AS n FROM outbox");

	return service_number(&COUNT_EVENTS);
}
static inline const Shipping__CancelShipmentRequest *cancel_of(const char *shipment_id)
{
	Shipping__CancelShipmentRequest *made = pb_new(service_arena(), &shipping__cancel_shipment_request__descriptor);

	made->shipment_id = text(shipment_id);
	made->reason = text("the customer changed her mind");
	return made;
}

static inline struct status try_to_cancel(const char *shipment_id, const char *key)
{
	return service_call("CancelShipment", key, &cancel_of(shipment_id)->base, NULL);
}

#endif
