/*
 * warehouse: what is sold, and how much of it there is.
 *
 * Trusted with: the catalogue and its prices, the stock, and what of it is promised to which order.
 * Never: sells what is not there, changes its ledger, calls another service, or knows who ordered.
 */
#include "runtime/service.h"
#include "warehouse/expire.h"
#include "warehouse/handlers.h"

extern const struct migration warehouse_migrations[]; /* embedded from migrations/ */

static const struct rpc_service *const services[] = { &product_service, &stock_service, &reservation_service, NULL };

int main(int argc, char *argv[])
{
	return service_run(
	    &(const struct service_spec){
		.name = "warehouse",
		.variables = "QUAYSIDE_WAREHOUSE",
		.description = "Keeps products, their stock, and the goods that are kept back for orders.",
		.default_listen = "127.0.0.1:9003",
		.services = services,
		.migrations = warehouse_migrations,
		.steps = warehouse_steps,
	    },
	    argc, argv);
}
