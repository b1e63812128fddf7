/*
 * numbers: gives out the numbers of a series, one after the other, without gaps and without asking for each.
 *
 * Invariants
 * - A number is known before the statement that uses it, because it stands in the answer and in the event of that very
 *   statement. The statement takes it only if it is the next one (store.h); whatever goes wrong before the commit
 *   leaves the counter as it was, so there is never a gap and never a double, whoever else issues at the same time.
 * - Within a process the calls that need a number take turns (runtime/mutex.h), so each of them knows what the one
 *   before took. Between processes the guard decides: who finds its number gone reads the counter and tries again.
 * - A number carries the moment in which it was taken (call->time), so that in a series dates never run against
 *   numbers.
 *
 * Usage
 *     struct number number;
 *     TRY(number_take(call, INVOICE_SERIES, &number));
 *     status = store_issue(call, invoice, &number, &entry, &write);
 *     number_done(&number, status.reason == NULL && write.applied);
 */
#ifndef QUAYSIDE_BILLING_NUMBERS_H
#define QUAYSIDE_BILLING_NUMBERS_H

#include <stdbool.h>

#include "billing/rules.h"
#include "runtime/call.h"

/* Waits for its turn and tells the number that is next now. Sets call->time. Every success needs a number_done(). */
struct status number_take(struct call *call, const char *series, struct number *ret_number) MUST_USE;

/* used: the number is committed. Otherwise nobody knows how the counter stands, and the next call reads it. */
void number_done(const struct number *number, bool used);

#endif
