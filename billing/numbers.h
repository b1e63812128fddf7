/*
 * numbers: gives out the numbers of a series, one after the other, without gaps.
 *
 * Invariants
 * - A number is known before the statement that uses it, because it stands in the answer and in the event of that very
 *   statement. The statement takes it only if it is the next one (store.h); whatever goes wrong before the commit
 *   leaves the counter as it was. So there is never a gap and never a double, whatever is cut off and whoever else
 *   issues.
 * - Nobody waits for the number before to be committed: calls take their numbers in the order in which their statements
 *   go out, so that many travel in one commit. When one of them fails, those behind it find their numbers wrong; each
 *   of them then goes once more, alone: with the counter as it stands after all that were under way, and nobody behind
 *   it.
 * - What one process cannot know another may have done: then the statement is not applied, and nothing has changed.
 * - A number carries the moment in which it was taken (call->time), so that in a series dates never run against
 *   numbers.
 *
 * Usage
 *     static struct status issue_as(struct call *call, const struct number *number, void *context, bool *ret_used);
 *
 *     TRY(number_use(call, INVOICE_SERIES, issue_as, invoice, &used));
 */
#ifndef QUAYSIDE_BILLING_NUMBERS_H
#define QUAYSIDE_BILLING_NUMBERS_H

#include <stdbool.h>

#include "billing/rules.h"
#include "runtime/call.h"

/*
 * Writes a document under the number, which must not wait for anything else before. Not used: the guard did not hold.
 */
typedef struct status (*number_use_fn)(struct call *call, const struct number *number, void *context, bool *ret_used);

/* Calls use() with the next number, a second time if it did not hold. Sets call->time. Fails as use() does. */
struct status number_use(struct call *call, const char *series, number_use_fn use, void *context,
			 bool *ret_used) MUST_USE;

#endif
