/*
 * document: a packing slip as a page for screen and printer (runtime/document.h). Pure.
 *
 * Usage
 *     struct buf page = buf_new(call->arena);
 *     packing_slip(&page, shipment);
 */
#ifndef QUAYSIDE_SHIPPING_DOCUMENT_H
#define QUAYSIDE_SHIPPING_DOCUMENT_H

#include "base/str.h"
#include "quayside/shipping/v1/shipping.pb-c.h"

/* The shipment must have an address: it is no tombstone. */
void packing_slip(struct buf *page, const Shipping__Shipment *shipment);

#endif
