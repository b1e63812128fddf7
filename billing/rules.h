/*
 * rules: what is allowed with invoices and what they come to. Pure: no I/O, no clock, no SQL, no log.
 *
 * Invariants
 * - A function that refuses changes nothing.
 * - All amounts of an invoice have one currency and are computed here, from quantity, unit price and tax rate. The tax
 *   is rounded once per line, half away from zero; every total is a sum of lines.
 * - The state follows from the amounts alone: nothing paid ISSUED, something PARTLY_PAID, nothing open PAID, all
 *   credited CREDITED. So it needs no table of transitions.
 * - An entry of the journal moves each amount from one account to another, so it is balanced whatever it holds.
 *
 * Usage
 *     TRY(invoice_compute(arena, request, invoice));
 *     invoice_issue(arena, invoice, &number, time);
 *     TRY(invoice_pay(arena, invoice, payment));
 *     invoice_derive(arena, invoice, time);
 */
#ifndef QUAYSIDE_BILLING_RULES_H
#define QUAYSIDE_BILLING_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "quayside/billing/v1/billing.pb-c.h"

extern const struct reason PAYMENT_EXCEEDS_OPEN; /* metadata: open (minor units), currency_code */

#define INVOICE_SERIES "INV"
#define INVOICE_PAYMENT_DAYS 14 /* from the issue date to the due date */

/* A number of a series, which starts anew each calendar year (UTC). */
struct number {
	const char *series;
	int year;
	int64_t value; /* from 1 */
};

/*
 * The invoice that a request asks for, with its amounts, sharing the request's memory; id and version are left to the
 * caller. Fails with INVALID_REQUEST, naming the lines: more than one currency, a negative price, an item twice,
 * amounts beyond 64 bits.
 */
struct status invoice_compute(struct arena *arena, const Billing__IssueInvoiceRequest *request,
			      Billing__Invoice *ret_invoice) MUST_USE;

/* Gives a computed invoice its number and, from the time of its issue (microseconds since 1970), its dates. */
void invoice_issue(struct arena *arena, Billing__Invoice *invoice, const struct number *number, int64_t time);

/*
 * Is the invoice that exists for the shipment the one that the request asks for? Fails with ALREADY_EXISTS when it is
 * of another order.
 */
struct status invoice_same(struct arena *arena, const Billing__Invoice *existing,
			   const Billing__IssueInvoiceRequest *request) MUST_USE;

/* Adds a payment to the invoice. Fails with INVALID_REQUEST (amount) or PAYMENT_EXCEEDS_OPEN. */
struct status invoice_pay(struct arena *arena, Billing__Invoice *invoice, Billing__Payment *payment) MUST_USE;

/* Sets what follows from the rest at this time: the totals by tax rate, what is open, and whether that is overdue. */
void invoice_derive(struct arena *arena, Billing__Invoice *invoice, int64_t time);

/* The UTC date of a time, "2026-11-21": such texts compare as the dates do. */
char *date_text(struct arena *arena, int64_t time);

/* An entry of the journal: amounts that go from one account to another. */
#define ENTRY_MOVES 2
struct entry {
	const char *kind;
	const char *entry_id; /* of the document that is booked */
	size_t n_moves;
	const char *debit[ENTRY_MOVES], *credit[ENTRY_MOVES];
	int64_t amount[ENTRY_MOVES]; /* more than zero */
};

/* What an issued invoice and a payment book. */
struct entry invoice_entry(const Billing__Invoice *invoice);
struct entry payment_entry(const Billing__Payment *payment);

#endif
