/*
 * customers: who orders.
 *
 * Trusted with: names, addresses and contact data of people and companies, and whether they may order.
 * Never: calls another service, decides about orders, or writes personal data to a log.
 */
#include "customers/handlers.h"
#include "runtime/service.h"

extern const struct migration customers_migrations[]; /* embedded from migrations/ */

static const struct rpc_service *const services[] = { &customer_service, NULL };

int main(int argc, char *argv[])
{
	return service_run(
	    &(const struct service_spec){
		.name = "customers",
		.variables = "QUAYSIDE_CUSTOMERS",
		.description = "Keeps customers: who may order, and where goods and invoices go.",
		.default_listen = "127.0.0.1:9001",
		.services = services,
		.migrations = customers_migrations,
	    },
	    argc, argv);
}
