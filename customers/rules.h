/*
 * rules: what is allowed with customers. Pure: no I/O, no clock, no SQL, no log.
 *
 * Invariants
 * - A function that refuses changes nothing.
 * - Status changes only by customer_move(), along one table.
 *
 * Usage
 *     TRY(customer_update(arena, stored, changes, mask));
 *     TRY(customer_move(arena, stored, CUSTOMER_EVENT_BLOCK, "unpaid invoices"));
 */
#ifndef QUAYSIDE_CUSTOMERS_RULES_H
#define QUAYSIDE_CUSTOMERS_RULES_H

#include "base/status.h"
#include "quayside/customers/v1/customers.pb-c.h"

extern const struct reason CUSTOMER_BLOCKED;
extern const struct reason CUSTOMER_NOT_BLOCKED;
extern const struct reason CUSTOMER_ERASED;

enum customer_event { CUSTOMER_EVENT_BLOCK, CUSTOMER_EVENT_UNBLOCK };

/* A new customer must make sense: at most one default address for each use. Fails with INVALID_REQUEST, naming the fields below `customer`. */
struct status customer_check(struct arena *arena, const Customers__Customer *customer) MUST_USE;

/*
 * Writes the fields that the mask names (without a mask: those that are set) from changes into customer, which then shares changes' memory.
 * Fails with INVALID_REQUEST for a field that is not one or cannot be changed, with CUSTOMER_ERASED for a customer without personal data.
 */
struct status customer_update(struct arena *arena, Customers__Customer *customer, const Customers__Customer *changes,
			      const Google__Protobuf__FieldMask *mask) MUST_USE;

/* Moves the status and keeps the reason (shared, not copied), or refuses. */
struct status customer_move(Customers__Customer *customer, enum customer_event event, char *reason) MUST_USE;

#endif
