/*
 * ordering: what is ordered, and that it gets there.
 *
 * Trusted with: orders, their prices and addresses, and the work that takes several services: placing an order, shipping it, billing it.
 * Never: changes stock, prices, shipments or invoices itself (it asks the services that own them), or calls anybody inside a transaction.
 */
#include "ordering/handlers.h"
#include "ordering/peers.h"
#include "ordering/sagas.h"
#include "runtime/service.h"

extern const struct migration ordering_migrations[]; /* embedded from migrations/ */

static const struct rpc_service *const services[] = { &order_service, &fulfilment_service, NULL };

int main(int argc, char *argv[])
{
	return service_run(
	    &(const struct service_spec){
		.name = "ordering",
		.variables = "QUAYSIDE_ORDERING",
		.description = "Takes orders and sees them through: goods kept, shipped and billed.",
		.default_listen = "127.0.0.1:9002",
		.services = services,
		.migrations = ordering_migrations,
		.peers = ordering_peers,
		.consumers = ordering_consumers,
		.steps = ordering_steps,
		.sagas = ordering_sagas,
		.settings = ordering_settings,
	    },
	    argc, argv);
}
