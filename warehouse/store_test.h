/*
 * store_test: what the tests of the warehouse on a real database share: the three services, and requests in a few
 * words.
 *
 * After every test the stock must be in order, whatever the test did: see close_services().
 * Only warehouse/store*_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_WAREHOUSE_STORE_TEST_H
#define QUAYSIDE_WAREHOUSE_STORE_TEST_H

#include <string.h>

#include "base/uuid.h"
#include "runtime/migrate.h"
#include "runtime/pb.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"
#include "warehouse/handlers.h"
#include "warehouse/store.h"

extern const struct migration warehouse_migrations[];

#define STORE_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_services, close_services)
#define STATE(state_) WAREHOUSE__RESERVATION_STATE__RESERVATION_STATE_##state_

static const char *conninfo;

static inline int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return migrate(conninfo, warehouse_migrations) ? 0 : -1;
}

static inline int open_services(void **state)
{
	(void)state;
	service_open(&reservation_service, conninfo);
	service_add(&stock_service);
	service_add(&product_service);
	return 0;
}

/* What must be true at any time, whatever a test did. Each counts what breaks it. */
static struct db_statement OVERSOLD =
    DB_READ("oversold", "SELECT count(*) AS n FROM stock WHERE reserved > on_hand OR reserved < 0");

static struct db_statement UNBALANCED =
    DB_READ("unbalanced",
	    "SELECT count(*) AS n FROM stock s WHERE on_hand <> coalesce((SELECT sum(quantity) FROM stock_movement m"
	    " WHERE m.sku = s.sku AND m.location_id = s.location_id), 0)");

static struct db_statement MISCOUNTED = DB_READ(
    "miscounted",
    "SELECT count(*) AS n FROM (SELECT on_hand, sum(quantity) OVER (PARTITION BY sku, location_id ORDER BY entry)"
    " AS so_far FROM stock_movement) AS m WHERE on_hand <> so_far");

static struct db_statement UNKEPT = DB_READ(
    "unkept",
    "SELECT count(*) AS n FROM stock s WHERE reserved <> coalesce((SELECT sum(quantity - fulfilled_quantity)"
    " FROM reservation r WHERE r.sku = s.sku AND r.location_id = s.location_id AND state IN ('RESERVATION_STATE_HELD',"
    " 'RESERVATION_STATE_CONFIRMED', 'RESERVATION_STATE_PARTLY_FULFILLED')), 0)");

static struct db_statement UNTOLD =
    DB_READ("untold",
	    "SELECT count(*) AS n FROM booking b WHERE version <> (SELECT count(DISTINCT aggregate_version) FROM outbox"
	    " WHERE aggregate_type = 'booking' AND aggregate_id = b.order_id::text)");

static inline int close_services(void **state)
{
	(void)state;
	assert_int_equal(service_number(&OVERSOLD), 0);
	assert_int_equal(service_number(&UNBALANCED), 0);
	assert_int_equal(service_number(&MISCOUNTED), 0);
	assert_int_equal(service_number(&UNKEPT), 0);
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
	char *id = arena_alloc(service_arena(), UUID_TEXT);

	uuid_new(id);
	return id;
}

/* The status's metadata pair with this name, or "". */
static inline const char *metadata(struct status status, const char *name)
{
	for (struct status_pair *pair = status.detail == NULL ? NULL : status.detail->metadata; pair != NULL;
	     pair = pair->next) {
		if (strcmp(pair->name, name) == 0)
			return pair->value;
	}
	return "";
}

static inline void assert_refused(struct status status, const struct reason *reason)
{
	assert_string_equal(status.reason == NULL ? "accepted" : status.reason->name, reason->name);
}

static inline void assert_violation(struct status status, const char *field, const char *description)
{
	for (struct violation *violation = status.detail->violations; violation != NULL; violation = violation->next) {
		if (strcmp(violation->field, field) == 0) {
			assert_string_equal(violation->description, description);
			return;
		}
	}
	fail_msg("no violation of %s", field);
}

/* Products and stock */

static inline Warehouse__Product *new_product(char *sku)
{
	Warehouse__Product *product = pb_new(service_arena(), &warehouse__product__descriptor);

	product->sku = sku;
	product->name = arena_printf(service_arena(), "Product %s", sku);
	product->unit_price = pb_new(service_arena(), &common__money__descriptor);
	product->unit_price->currency_code = text("EUR");
	product->unit_price->minor_units = 1250;
	product->tax_rate_basis_points = 1900;
	return product;
}

static inline struct status create(Warehouse__Product *product, Warehouse__Product **ret_product)
{
	Warehouse__CreateProductRequest request = WAREHOUSE__CREATE_PRODUCT_REQUEST__INIT;

	request.product = product;
	return service_call("CreateProduct", NULL, &request.base, (void **)ret_product);
}

static inline struct status receive(const char *key, char *sku, const char *location, int64_t quantity,
				    Warehouse__StockLevel **ret_level)
{
	Warehouse__ReceiveStockRequest request = WAREHOUSE__RECEIVE_STOCK_REQUEST__INIT;

	request.sku = sku;
	request.location_id = text(location);
	request.quantity = quantity;
	request.reference = text("DN-1");
	return service_call("ReceiveStock", key, &request.base, (void **)ret_level);
}

static inline struct status adjust(const char *key, char *sku, const char *location, int64_t quantity,
				   Warehouse__StockLevel **ret_level)
{
	Warehouse__AdjustStockRequest request = WAREHOUSE__ADJUST_STOCK_REQUEST__INIT;

	request.sku = sku;
	request.location_id = text(location);
	request.quantity = quantity;
	request.reason = text("counted");
	return service_call("AdjustStock", key, &request.base, (void **)ret_level);
}

/* A product with so much in MAIN. */
static inline char *stocked(int64_t quantity)
{
	char *sku = arena_printf(service_arena(), "T-%s", new_id());

	assert_null(create(new_product(sku), NULL).reason);
	if (quantity > 0)
		assert_null(receive(NULL, sku, "", quantity, NULL).reason);
	return sku;
}

static inline Warehouse__ListStockResponse *list_stock(char *sku, char *location, const char *query, bool low_only,
						       int32_t size, char *token)
{
	Warehouse__ListStockRequest request = WAREHOUSE__LIST_STOCK_REQUEST__INIT;
	Warehouse__ListStockResponse *reply;

	request.sku = sku;
	request.location_id = location;
	request.query = text(query);
	request.low_stock_only = low_only;
	request.page_size = size;
	request.page_token = token;
	assert_null(service_call("ListStock", NULL, &request.base, (void **)&reply).reason);
	return reply;
}

static inline void assert_stock(char *sku, const char *location, int64_t on_hand, int64_t reserved)
{
	Warehouse__ListStockResponse *reply = list_stock(sku, text(location), "", false, 0, text(""));

	assert_int_equal(reply->n_levels, 1);
	assert_int_equal(reply->levels[0]->on_hand, on_hand);
	assert_int_equal(reply->levels[0]->reserved, reserved);
	assert_int_equal(reply->levels[0]->available, on_hand - reserved);
}

/* Reservations */

struct wanted {
	char *id, *sku;
	int64_t quantity;
};

static inline Warehouse__ReservationLine **lines_of(const struct wanted *wanted, size_t count)
{
	Warehouse__ReservationLine **lines = arena_array(service_arena(), count, sizeof(*lines));

	for (size_t i = 0; i < count; i++) {
		lines[i] = pb_new(service_arena(), &warehouse__reservation_line__descriptor);
		lines[i]->reservation_id = wanted[i].id;
		lines[i]->sku = wanted[i].sku;
		lines[i]->quantity = wanted[i].quantity;
	}
	return lines;
}

static inline Warehouse__ReserveStockRequest *reserve_request(char *order, const struct wanted *wanted, size_t count)
{
	Warehouse__ReserveStockRequest *request =
	    pb_new(service_arena(), &warehouse__reserve_stock_request__descriptor);

	request->order_id = order;
	request->lines = lines_of(wanted, count);
	request->n_lines = count;
	return request;
}

static inline struct status reserve(const char *key, char *order, const struct wanted *wanted, size_t count,
				    Warehouse__ReserveStockResponse **ret_reply)
{
	return service_call("ReserveStock", key, &reserve_request(order, wanted, count)->base, (void **)ret_reply);
}

static inline Warehouse__ConfirmReservationsRequest *confirm_request(char *order, const struct wanted *wanted,
								     size_t count, int64_t order_version)
{
	Warehouse__ConfirmReservationsRequest *request =
	    pb_new(service_arena(), &warehouse__confirm_reservations_request__descriptor);

	request->order_id = order;
	request->lines = lines_of(wanted, count);
	request->n_lines = count;
	request->order_version = order_version;
	return request;
}

static inline struct status confirm(char *order, const struct wanted *wanted, size_t count,
				    Warehouse__ConfirmReservationsResponse **ret_reply)
{
	return service_call("ConfirmReservations", NULL, &confirm_request(order, wanted, count, 0)->base,
			    (void **)ret_reply);
}

/* Confirms what a version of the order says. */
static inline struct status settle(char *order, int64_t order_version, const struct wanted *wanted, size_t count)
{
	return service_call("ConfirmReservations", NULL, &confirm_request(order, wanted, count, order_version)->base,
			    NULL);
}

static inline struct status release(char *order, char **ids, size_t count,
				    Warehouse__ReleaseReservationsResponse **ret_reply)
{
	Warehouse__ReleaseReservationsRequest request = WAREHOUSE__RELEASE_RESERVATIONS_REQUEST__INIT;

	request.order_id = order;
	request.reservation_ids = ids;
	request.n_reservation_ids = count;
	request.reason = text("no longer wanted");
	return service_call("ReleaseReservations", NULL, &request.base, (void **)ret_reply);
}

static inline struct status fulfil(const char *key, char *order, char *shipment, const struct wanted *gone,
				   size_t count, Warehouse__FulfilReservationsResponse **ret_reply)
{
	Warehouse__FulfilReservationsRequest request = WAREHOUSE__FULFIL_RESERVATIONS_REQUEST__INIT;
	Warehouse__FulfilmentLine **lines = arena_array(service_arena(), count, sizeof(*lines));

	for (size_t i = 0; i < count; i++) {
		lines[i] = pb_new(service_arena(), &warehouse__fulfilment_line__descriptor);
		lines[i]->reservation_id = gone[i].id;
		lines[i]->quantity = gone[i].quantity;
	}
	request.order_id = order;
	request.shipment_id = shipment;
	request.lines = lines;
	request.n_lines = count;
	return service_call("FulfilReservations", key, &request.base, (void **)ret_reply);
}

static inline Warehouse__Reservation *reservation(char *id)
{
	Warehouse__GetReservationRequest request = WAREHOUSE__GET_RESERVATION_REQUEST__INIT;
	Warehouse__Reservation *reply;

	request.reservation_id = id;
	assert_null(service_call("GetReservation", NULL, &request.base, (void **)&reply).reason);
	return reply;
}

#endif
