/*
 * handlers: the RPCs of quayside.shipping.v1.ShipmentService, one function each: check, rules, store, reply.
 *
 * Invariants: a handler decides nothing (rules do) and knows no SQL (store does).
 * Usage: give shipment_service to the process in main.c.
 */
#ifndef QUAYSIDE_SHIPPING_HANDLERS_H
#define QUAYSIDE_SHIPPING_HANDLERS_H

#include "runtime/rpc_server.h"

extern const struct rpc_service shipment_service;

#endif
