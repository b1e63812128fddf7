/*
 * store: what is remembered of customers. All SQL of the service, and nothing else.
 *
 * Invariants
 * - A customer and its addresses are written together, with key, answer, history and event (runtime/write.h).
 * - Results live in the call's arena.
 *
 * Usage
 *     int64_t version;
 *     TRY(store_get(call, id, reply, &version));
 *     TRY(store_update(call, reply, &write));
 */
#ifndef QUAYSIDE_CUSTOMERS_STORE_H
#define QUAYSIDE_CUSTOMERS_STORE_H

#include "quayside/customers/v1/customers.pb-c.h"
#include "runtime/page.h"
#include "runtime/write.h"

/* Fails with NOT_FOUND. ret_version may be NULL. */
struct status store_get(struct call *call, const char *customer_id, Customers__Customer *ret_customer,
			int64_t *ret_version) MUST_USE;

/* The page's customers, newest first; at most page->limit. */
struct status store_list(struct call *call, const Customers__ListCustomersRequest *request, const struct page *page,
			 size_t *ret_count, Customers__Customer ***ret_customers) MUST_USE;

/* Inserts a customer; fails with ALREADY_EXISTS for a known id. Updates one whose version is still write->version - 1. */
struct status store_create(struct call *call, const Customers__Customer *customer, struct write *write) MUST_USE;
struct status store_update(struct call *call, const Customers__Customer *customer, struct write *write) MUST_USE;

#endif
