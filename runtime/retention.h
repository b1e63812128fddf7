/*
 * retention: how long what is over is kept.
 *
 * Invariants
 * - A key is kept for seven days after its answer, long after the last retry.
 * - An event is kept for seven days, and longer while a known consumer has not passed it. A consumer is known once it has fetched under its name.
 * - What is deleted is always the oldest, without gaps; the last position deleted is kept, so that who asks for what is gone is told and does not miss it silently.
 * - A consumer that will never come again is forgotten by deleting its row of outbox_consumer.
 *
 * Usage: retention_note() at each fetch; FORGET_EVENTS and FORGET_KEYS among the process's maintenance.
 */
#ifndef QUAYSIDE_RUNTIME_RETENTION_H
#define QUAYSIDE_RUNTIME_RETENTION_H

#include "runtime/call.h"
#include "runtime/db.h"
#include "runtime/service.h"

/* A consumer has handled all up to this position, it says. In memory, until the next round of maintenance writes it down. Names beyond a limit are ignored. */
void retention_note(const char *consumer, int64_t position);

/*
 * Deletes batch by batch until nothing is left to delete, or enough for one round: as much as ever comes in between two rounds. The statement deletes at most :limit rows
 * and says in `n` how many.
 */
struct status retention_delete(struct call *call, struct db_statement *statement, int64_t *ret_deleted) MUST_USE;

/* The maintenance. */
extern const struct service_step FORGET_EVENTS, FORGET_KEYS;

#endif
