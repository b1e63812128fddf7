/*
 * front: which part answers a request: the API under /v1, health under /healthz and /readyz, the UI everywhere else.
 *
 * Invariants
 * - /healthz answers 200 as long as the process takes requests. /readyz answers 200 once every service was reachable,
 *   until the process is to stop; a service that goes away later does not make the gateway unready, since the others
 *   can still be reached through it. Both name each service's connection.
 *
 * Usage
 *     struct front front = { .api = api, .files = files, .peers = peers };
 *     http_server_new(loop, &limits, tls, front_handle, &front);
 */
#ifndef QUAYSIDE_GATEWAY_FRONT_H
#define QUAYSIDE_GATEWAY_FRONT_H

#include "gateway/api.h"
#include "gateway/http.h"
#include "gateway/static.h"

struct front {
	struct api *api;
	const struct static_files *files; /* NULL: no UI */
	const struct api_peer *peers;
	bool were_connected; /* all of them at once, at some time */
	bool draining;
};

/* For http_server_new(): owner is the front. */
void front_handle(void *owner, struct http_request *request);

#endif
