/*
 * document: an invoice as a page for screen and printer (runtime/document.h). Pure.
 *
 * Usage
 *     struct buf page = buf_new(call->arena);
 *     invoice_document(&page, invoice);
 */
#ifndef QUAYSIDE_BILLING_DOCUMENT_H
#define QUAYSIDE_BILLING_DOCUMENT_H

#include "base/str.h"
#include "quayside/billing/v1/billing.pb-c.h"

/* The invoice must be whole, with what rules derive. */
void invoice_document(struct buf *page, const Billing__Invoice *invoice);

#endif
