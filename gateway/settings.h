/*
 * settings: what can be set from outside, from flags and from the environment (QUAYSIDE_GATEWAY_...).
 *
 * Invariants
 * - A wrong value is refused by its name, and then nothing starts.
 *
 * Usage
 *     struct settings settings;
 *     switch (settings_load(&settings, argc, argv)) ...
 */
#ifndef QUAYSIDE_GATEWAY_SETTINGS_H
#define QUAYSIDE_GATEWAY_SETTINGS_H

#include <stdint.h>

#include "base/config.h"
#include "gateway/http.h"
#include "gateway/stream.h"
#include "runtime/rpc_guard.h"

/* The services; their names are also those of the contracts' packages. */
enum peer { PEER_CUSTOMERS, PEER_ORDERING, PEER_WAREHOUSE, PEER_SHIPPING, PEER_BILLING, PEERS };
extern const char *const PEER_NAMES[PEERS];

struct settings {
	const char *http_listen;
	const char *ui_dir;                    /* "": no UI */
	const char *tls_certificate, *tls_key; /* "": plain HTTP */
	const char *peers[PEERS];              /* addresses */
	int log_level, log_format;
	struct http_limits limits;
	struct stream_limits streams;
	struct rpc_guard_options guard; /* of each service */
	int64_t drain;                  /* microseconds */
};

enum config_outcome settings_load(struct settings *settings, int argc, char *argv[]);

#endif
