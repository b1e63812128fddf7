/*
 * store: what is remembered of invoices. All SQL of the service, and nothing else.
 *
 * Invariants
 * - An invoice with its lines, number and booking, or a payment with its booking, is written by one statement together
 *   with key, answer, history and event (runtime/write.h).
 * - Documents, payments and bookings are only ever inserted. What changes is the balance: guarded by its version and by
 *   what is open, and bounded by a check of the table.
 * - Results live in the call's arena, without what rules derive.
 *
 * Usage
 *     int64_t version;
 *     TRY(store_get(call, id, reply, &version));
 *     TRY(store_pay(call, reply, payment, &entry, &write));
 */
#ifndef QUAYSIDE_BILLING_STORE_H
#define QUAYSIDE_BILLING_STORE_H

#include "billing/rules.h"
#include "quayside/billing/v1/billing.pb-c.h"
#include "runtime/page.h"
#include "runtime/write.h"

/* Fails with NOT_FOUND. ret_version may be NULL. */
struct status store_get(struct call *call, const char *invoice_id, Billing__Invoice *ret_invoice,
			int64_t *ret_version) MUST_USE;

/* The id of a shipment's invoice, NULL when there is none. */
struct status store_find(struct call *call, const char *shipment_id, const char **ret_invoice_id) MUST_USE;

/* The page's invoices, newest first; at most page->limit. */
struct status store_list(struct call *call, const Billing__ListInvoicesRequest *request, const struct page *page,
			 size_t *ret_count, Billing__Invoice ***ret_invoices) MUST_USE;

/* The last number given out, after every issue that was sent before; opens the year when it is new. */
struct status store_last_number(struct call *call, const char *series, int year, int64_t *ret_last) MUST_USE;

/*
 * Inserts an invoice under its number. Not applied when that is not the next one, or when the shipment has an invoice.
 */
struct status store_issue(struct call *call, const Billing__Invoice *invoice, const struct number *number,
			  const struct entry *entry, struct write *write) MUST_USE;

/*
 * Inserts a payment to an invoice, given as it is after it. Not applied when its version is no longer write->version -
 * 1.
 */
struct status store_pay(struct call *call, const Billing__Invoice *invoice, const Billing__Payment *payment,
			const struct entry *entry, struct write *write) MUST_USE;

#endif
