/*
 * document: an invoice as a page of HTML for screen and printer. Pure.
 *
 * Invariants
 * - Everything that is not ours is escaped: no text of a customer or a product becomes markup.
 * - The page needs one thing besides itself, the style sheet /css/document.css; without it the page still reads well.
 *   Its classes are document, head, parties, lines, totals, and number for cells of the lines.
 *
 * Usage
 *     struct str html = invoice_document(call->arena, invoice);
 */
#ifndef QUAYSIDE_BILLING_DOCUMENT_H
#define QUAYSIDE_BILLING_DOCUMENT_H

#include "base/str.h"
#include "quayside/billing/v1/billing.pb-c.h"

/* The invoice must be whole, with what rules derive. */
struct str invoice_document(struct arena *arena, const Billing__Invoice *invoice);

#endif
