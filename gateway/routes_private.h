/*
 * routes_private: the half of routes that reads templates. Included by routes*.c only.
 *
 * Usage
 *     const char *mistake = route_compile(method, &method->routes[0], &route);
 */
#ifndef QUAYSIDE_GATEWAY_ROUTES_PRIVATE_H
#define QUAYSIDE_GATEWAY_ROUTES_PRIVATE_H

#include "gateway/routes.h"

/* Fills a route; returns NULL, or why it cannot be served. */
const char *route_compile(const struct contract_method *method, const struct contract_route *source,
			  struct route *ret_route);

#endif
