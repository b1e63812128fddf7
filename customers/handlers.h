/*
 * handlers: the RPCs of quayside.customers.v1.CustomerService, one function each: check, rules, store, reply.
 *
 * Invariants: a handler decides nothing (rules do) and knows no SQL (store does).
 * Usage: give customer_service to the process in main.c.
 */
#ifndef QUAYSIDE_CUSTOMERS_HANDLERS_H
#define QUAYSIDE_CUSTOMERS_HANDLERS_H

#include "runtime/rpc_server.h"

extern const struct rpc_service customer_service;

#endif
