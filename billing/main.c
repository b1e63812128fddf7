/*
 * billing: invoices and what was paid.
 *
 * Trusted with: what customers owe. One invoice for each shipment, numbered without gaps, never changed once issued;
 * every amount booked twice. Never: calls another service, sets a price, or takes more than is open.
 */
#include "billing/handlers.h"
#include "runtime/service.h"

extern const struct migration billing_migrations[]; /* embedded from migrations/ */

static const struct rpc_service *const services[] = { &invoice_service, NULL };

int main(int argc, char *argv[])
{
	return service_run(
	    &(const struct service_spec){
		.name = "billing",
		.variables = "QUAYSIDE_BILLING",
		.description = "Bills what was shipped, and books what is paid.",
		.default_listen = "127.0.0.1:9005",
		.services = services,
		.migrations = billing_migrations,
	    },
	    argc, argv);
}
