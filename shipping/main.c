/*
 * shipping: what leaves the house.
 *
 * Trusted with: where goods go, and whether a shipment leaves or is stopped: its row decides, exactly one of them wins.
 * Never: calls another service, touches stock, or knows a price.
 */
#include "runtime/service.h"
#include "shipping/handlers.h"

extern const struct migration shipping_migrations[]; /* embedded from migrations/ */

static const struct rpc_service *const services[] = { &shipment_service, NULL };

int main(int argc, char *argv[])
{
	return service_run(
	    &(const struct service_spec){
		.name = "shipping",
		.variables = "QUAYSIDE_SHIPPING",
		.description = "Ships what was placed: from the pick list to the customer's door.",
		.default_listen = "127.0.0.1:9004",
		.services = services,
		.migrations = shipping_migrations,
	    },
	    argc, argv);
}
