/*
 * handlers: the RPCs of quayside.billing.v1.InvoiceService, one function each: check, rules, store, reply.
 *
 * Invariants: a handler decides nothing (rules do) and knows no SQL (store does).
 * Usage: give invoice_service to the process in main.c.
 */
#ifndef QUAYSIDE_BILLING_HANDLERS_H
#define QUAYSIDE_BILLING_HANDLERS_H

#include "runtime/rpc_server.h"

extern const struct rpc_service invoice_service;

#endif
