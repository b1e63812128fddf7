/*
 * handlers: the RPCs of quayside.warehouse.v1, one function each: check, rules, store, reply. One file for each
 * service of the contract.
 *
 * Invariants: a handler decides nothing (rules do) and knows no SQL (store does).
 * Usage: give the services to the process in main.c.
 */
#ifndef QUAYSIDE_WAREHOUSE_HANDLERS_H
#define QUAYSIDE_WAREHOUSE_HANDLERS_H

#include "runtime/rpc_server.h"

extern const struct rpc_service product_service, stock_service, reservation_service;

#endif
