/*
 * store: what is remembered of products, stock and reservations. All SQL of the service, and nothing else. One file
 * for each of the three.
 *
 * Invariants
 * - Effect, key, answer, history and events are written together (runtime/write.h).
 * - Stock changes under its row's lock only, and every change of what is on hand has a row in the ledger. Where
 *   several rows change, they are locked by a statement of their own, in the order of sku and location; the next
 *   statement then sees what is true.
 * - An order's reservations change only together with its booking's version, which guards them.
 * - Results live in the call's arena.
 *
 * Usage
 *     TRY(store_get_product(call, sku, reply, &version));
 *     TRY(store_update_product(call, reply, &write));
 */
#ifndef QUAYSIDE_WAREHOUSE_STORE_H
#define QUAYSIDE_WAREHOUSE_STORE_H

#include "quayside/warehouse/v1/events.pb-c.h"
#include "quayside/warehouse/v1/warehouse.pb-c.h"
#include "runtime/page.h"
#include "runtime/write.h"
#include "warehouse/rules.h"

/* Products */

/* Fails with NOT_FOUND. ret_version may be NULL. */
struct status store_get_product(struct call *call, const char *sku, Warehouse__Product *ret_product,
				int64_t *ret_version) MUST_USE;

/* The page's products by sku; at most page->limit. */
struct status store_list_products(struct call *call, const Warehouse__ListProductsRequest *request,
				  const struct page *page, size_t *ret_count,
				  Warehouse__Product ***ret_products) MUST_USE;

/*
 * Inserts a product, with no stock in MAIN; fails with ALREADY_EXISTS for a known sku. Updates one whose version is
 * still write->version - 1.
 */
struct status store_create_product(struct call *call, const Warehouse__Product *product, struct write *write) MUST_USE;
struct status store_update_product(struct call *call, const Warehouse__Product *product, struct write *write) MUST_USE;

/* Stock */

/*
 * A product's stock in one location, settled; all zero, and *ret_exists false, where it never was. Fails with
 * NOT_FOUND for an unknown product.
 */
struct status store_get_level(struct call *call, const char *sku, const char *location_id,
			      Warehouse__StockLevel *ret_level, bool *ret_exists) MUST_USE;

/*
 * Books a movement, whose on_hand is not known yet: write->values are what is on hand and what is reserved after it.
 * Receiving makes the stock of a new location. Adjusting is not applied if less would be left than is reserved.
 */
#define STOCK_VALUES 2
struct status store_receive(struct call *call, const Warehouse__StockMovement *movement, struct write *write) MUST_USE;
struct status store_adjust(struct call *call, const Warehouse__StockMovement *movement, struct write *write) MUST_USE;

/* The page's levels by sku and location. */
struct status store_list_stock(struct call *call, const Warehouse__ListStockRequest *request, const struct page *page,
			       size_t *ret_count, Warehouse__StockLevel ***ret_levels) MUST_USE;

/* What stands for a level in a page's key. */
char *store_level_key(struct arena *arena, const Warehouse__StockLevel *level);

/*
 * The page's movements, newest first, and their places in the ledger, which are the page's times. Fails with
 * NOT_FOUND for an unknown product.
 */
struct status store_list_movements(struct call *call, const Warehouse__ListStockMovementsRequest *request,
				   const struct page *page, size_t *ret_count,
				   Warehouse__StockMovement ***ret_movements, int64_t **ret_entries) MUST_USE;

/* Reservations */

/* Fails with NOT_FOUND. */
struct status store_get_reservation(struct call *call, const char *reservation_id,
				    Warehouse__Reservation *ret_reservation) MUST_USE;

/* The page's reservations, newest first; tombstones are left out. */
struct status store_list_reservations(struct call *call, const Warehouse__ListReservationsRequest *request,
				      const struct page *page, size_t *ret_count,
				      Warehouse__Reservation ***ret_reservations) MUST_USE;

/*
 * An order's booking, with others' reservations under these ids and with what this shipment (may be NULL) has taken;
 * without stock.
 */
struct status store_find_booking(struct call *call, const char *order_id, char *const *reservation_ids, size_t n_ids,
				 const char *shipment_id, struct booking *ret_booking) MUST_USE;

/* The booking that one reservation belongs to; fails with NOT_FOUND. */
struct status store_find_booking_of(struct call *call, const char *reservation_id,
				    struct booking *ret_booking) MUST_USE;

/*
 * Carries out a plan, guarded by the booking's version and, shelf by shelf, by what is there and sold. For what takes
 * goods, the stock is locked and the booking read on the way: where the guard did not hold, *booking is what was found,
 * with the stock of the products that the plan's answer names. A plan that moves no goods locks no stock, nor reads it.
 */
struct status store_reserve(struct call *call, const struct plan *plan, struct write *write,
			    struct booking *booking) MUST_USE;
struct status store_carry_out(struct call *call, const struct plan *plan, struct write *write) MUST_USE;

/*
 * Orders with holds that have run out, by the database's clock, which is *ret_time (microseconds since 1970): of at most
 * `limit` such holds, the oldest first.
 */
struct status store_find_due(struct call *call, size_t limit, size_t *ret_count, char ***ret_order_ids,
			     int64_t *ret_time) MUST_USE;

/*
 * As store_carry_out(), for a step that nobody asked for. Not applied while another transaction is at work on the order.
 */
struct status store_expire(struct call *call, const struct plan *plan, struct write *write) MUST_USE;

/*
 * As store_carry_out(), for goods that leave: moved has one movement for each changed reservation, in the same order.
 */
struct status store_fulfil(struct call *call, const struct plan *plan, const Warehouse__StockMoved *moved,
			   struct write *write) MUST_USE;

#endif
