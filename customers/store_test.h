/*
 * store_test: what the tests of customers on a real database share: customers to create, and requests in a few words.
 *
 * Only store_test.c and list_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_CUSTOMERS_STORE_TEST_H
#define QUAYSIDE_CUSTOMERS_STORE_TEST_H

#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "customers/handlers.h"
#include "customers/rules.h"
#include "quayside/customers/v1/customers.pb-c.h"
#include "runtime/migrate.h"
#include "runtime/pb.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"

#define STATUS(status_) CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_##status_
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_service, close_service)

extern const struct migration customers_migrations[];

static const char *conninfo;

static inline int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return migrate(conninfo, customers_migrations) ? 0 : -1;
}

static inline int open_service_with(const struct rpc_service *service)
{
	pg_execute(conninfo, "TRUNCATE customer, customer_address, idempotency, history, outbox");
	service_open(service, conninfo);
	return 0;
}

static inline int open_service(void **state)
{
	(void)state;
	return open_service_with(&customer_service);
}

static inline int close_service(void **state)
{
	(void)state;
	clock_thaw();
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

static inline Customers__CustomerAddress *address_in(const char *city, bool shipping, bool billing)
{
	Customers__CustomerAddress *made = pb_new(service_arena(), &customers__customer_address__descriptor);
	Common__Address *address = pb_new(service_arena(), &common__address__descriptor);

	address->recipient = text("Zoë O'Neill, \"first\" {floor}");
	address->line1 = text("12 St James's Square");
	address->line2 = text("c/o NULL, \\back");
	address->postal_code = text("SW1Y 4JH");
	address->city = text(city);
	address->region = text("Greater");
	address->country_code = text("GB");
	made->label = arena_printf(service_arena(), "At %s", city);
	made->address = address;
	made->default_shipping = shipping;
	made->default_billing = billing;
	return made;
}

/* Lives at all of these cities, in this order: ships to the first, gets invoices at the last. */
static inline void settle(Customers__Customer *customer, const char *const *cities, size_t count)
{
	customer->addresses = arena_array(service_arena(), count, sizeof(*customer->addresses));
	customer->n_addresses = count;
	for (size_t i = 0; i < count; i++)
		customer->addresses[i] = address_in(cities[i], i == 0, i == count - 1);
}

static const char *const TWO_CITIES[] = { "London", "Leeds" };

static inline Customers__CreateCustomerRequest *new_customer(const char *first_name, const char *last_name)
{
	Customers__CreateCustomerRequest *made =
	    pb_new(service_arena(), &customers__create_customer_request__descriptor);
	Customers__Customer *customer = pb_new(service_arena(), &customers__customer__descriptor);

	made->customer_id = new_id();
	made->customer = customer;
	customer->first_name = text(first_name);
	customer->last_name = text(last_name);
	customer->company = text("Analytical Engines & Sons");
	customer->email = arena_printf(service_arena(), "%s@example.com", first_name);
	customer->phone = text("+44 (0)20 7946-0000");
	settle(customer, TWO_CITIES, 2);
	return made;
}

static inline Customers__Customer *create(const Customers__CreateCustomerRequest *request)
{
	void *reply;

	assert_null(service_call("CreateCustomer", NULL, &request->base, &reply).reason);
	return reply;
}

static inline Customers__Customer *ada(void)
{
	return create(new_customer("Ada", "Byron"));
}

static inline Customers__Customer *get(const char *customer_id)
{
	Customers__GetCustomerRequest request = CUSTOMERS__GET_CUSTOMER_REQUEST__INIT;
	void *reply;

	request.customer_id = text(customer_id);
	assert_null(service_call("GetCustomer", NULL, &request.base, &reply).reason);
	return reply;
}

static inline struct status update(const char *key, Customers__Customer *customer, const char *path, void **ret_reply)
{
	Customers__UpdateCustomerRequest request = CUSTOMERS__UPDATE_CUSTOMER_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	char *paths[] = { text(path) };

	mask.n_paths = 1;
	mask.paths = paths;
	request.customer = customer;
	request.update_mask = &mask;
	return service_call("UpdateCustomer", key, &request.base, ret_reply);
}

static inline struct status block(const char *key, const char *customer_id, const char *reason, const char *etag)
{
	Customers__BlockCustomerRequest request = CUSTOMERS__BLOCK_CUSTOMER_REQUEST__INIT;

	request.customer_id = text(customer_id);
	request.reason = text(reason);
	request.etag = text(etag);
	return service_call("BlockCustomer", key, &request.base, NULL);
}

static inline void assert_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	assert_true(str_equal(pb_pack(service_arena(), a), pb_pack(service_arena(), b)));
}

#define assert_refused(status_, reason_) assert_true(status_is((status_), &(reason_)))

#endif
