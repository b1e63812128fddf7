/*
 * bus: doorbells among processes, over nanomsg's PUB/SUB: "this service has events up to this position", and nothing else.
 *
 * Invariants
 * - A doorbell is a hint. Lost, late, doubled or forged, it changes only how soon somebody looks: what counts is fetched over gRPC, and looked for anyway, by polling.
 * - nanomsg is used here and nowhere else, in a thread of its own that never runs a handler: whatever it does, no call waits for it.
 * - With a key, a message carries an HMAC-SHA256 (RFC 2104) over its bytes, and one without the right one is ignored. tcp:// is refused without a key. What is no Doorbell of the
 *   contract, or too long, is ignored too; a flood costs a bounded share of the time.
 * - One per process. rung() is called on the loop, at most once per producer for all that came within a few milliseconds.
 *
 * Usage
 *     if (!bus_start(loop, &(const struct bus_options){ .self = "ordering", .publish = "ipc:///run/quayside/ordering.bus", ... }))
 *             return 1;
 *     bus_ring(1234);
 *     bus_stop();
 */
#ifndef QUAYSIDE_RUNTIME_BUS_H
#define QUAYSIDE_RUNTIME_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/loop.h"

#define BUS_KEY_MIN 16 /* characters */

/* Texts live as long as the bus. */
struct bus_options {
	const char *self; /* the service that rings */
	const char
	    *publish; /* where its doorbells are heard: "ipc:///path", "tcp://127.0.0.1:9101"; "": it rings none */
	const char *subscribe; /* where others' are, separated by commas; "": it hears none */
	const char *key;       /* shared by all; "": none */
	void (*rung)(void *context, const char *producer, int64_t position);
	void *context;
};

/*
 * Starts the thread; with nothing to publish and nothing to hear there is none, and true is returned. False, with a log line that names the setting, when the settings cannot
 * work. An address that is taken is tried again until it is free.
 */
bool bus_start(struct loop *loop, const struct bus_options *options);

/* Tells whoever listens, soon. Never waits. The loop's thread; harmless without a bus. */
void bus_ring(int64_t position);

/* Ends the thread; rung() is not called any more. Harmless when repeated. */
void bus_stop(void);

#endif
