/*
 * rules: what is allowed with products, stock and reservations. Pure: no I/O, no clock, no SQL, no log.
 *
 * Invariants
 * - A function that refuses changes nothing.
 * - States change only along tables: a product's and a reservation's.
 * - An order's reservations are its booking and change together: a rule takes the booking as it was found and makes a
 *   plan, all of it or nothing. Plans share the memory of request and booking.
 * - What is available is decided by the database, under its locks; rules that get to see the stock choose the
 *   location and word the refusal.
 *
 * Usage
 *     TRY(product_update(arena, product, changes, mask));
 *
 *     struct plan plan;
 *     TRY(booking_reserve(arena, &booking, request, &plan));
 */
#ifndef QUAYSIDE_WAREHOUSE_RULES_H
#define QUAYSIDE_WAREHOUSE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "quayside/warehouse/v1/warehouse.pb-c.h"

extern const struct reason PRODUCT_ARCHIVED;
extern const struct reason PRODUCT_UNKNOWN;
extern const struct reason STOCK_RESERVED;        /* metadata sku, location_id, on_hand, reserved */
extern const struct reason OUT_OF_STOCK;          /* metadata sku, requested, available of the first short line */
extern const struct reason RESERVATION_TAKEN;     /* the id belongs to another order or another product */
extern const struct reason RESERVATION_CONFIRMED; /* with another quantity */
extern const struct reason RESERVATION_CLOSED;    /* released or fulfilled; or the whole order was released */
extern const struct reason RESERVATION_NOT_HELD;
extern const struct reason RESERVATION_SUPERSEDED; /* a later version of the order was confirmed */
extern const struct reason RESERVATION_NOT_CONFIRMED;
extern const struct reason RESERVATION_EXCEEDED; /* more would leave than is kept back */
extern const struct reason QUANTITY_FULFILLED;   /* more than that has left */
extern const struct reason SHIPMENT_BOOKED;      /* with other lines */

#define MAIN_LOCATION "MAIN"                      /* every product has stock there, if only none */
#define HOLD_DEFAULT (INT64_C(30) * 60 * 1000000) /* microseconds */
#define HOLD_MAX (INT64_C(7) * 24 * 3600 * 1000000)

/* Products */

/*
 * A price is not negative and in a currency that exists. Fails with INVALID_REQUEST, naming the fields below
 * `product`.
 */
struct status product_check(struct arena *arena, const Warehouse__Product *product) MUST_USE;

/*
 * Writes the fields that the mask names (without a mask: those that are set; "*": all) from changes into product,
 * which then shares changes' memory. Fails with INVALID_REQUEST for a field that is not one or cannot be changed.
 */
struct status product_update(struct arena *arena, Warehouse__Product *product, const Warehouse__Product *changes,
			     const Google__Protobuf__FieldMask *mask) MUST_USE;

/* Takes the product out of sale; fails with PRODUCT_ARCHIVED when it is. */
struct status product_archive(Warehouse__Product *product) MUST_USE;

/* Stock */

/* Sets what follows from on_hand, reserved and reorder_level: available and low. */
void stock_level_settle(Warehouse__StockLevel *level);

/* May the stock change by so much? Fails with STOCK_RESERVED when less would be there than is promised. */
struct status stock_adjust(struct arena *arena, const Warehouse__StockLevel *level, int64_t quantity) MUST_USE;

/* Reservations */

/* The stock of one product in one location. */
struct shelf {
	const char *sku, *location_id;
	int64_t on_hand, reserved;
	bool sold; /* the product is active */
};

/* What is kept for one order, as it was found. All zero is the booking of an order that has none. */
struct booking {
	int64_t version;       /* changes so far */
	bool closed;           /* released as a whole: nothing is reserved or confirmed any more */
	int64_t order_version; /* of the order, when it was confirmed last; 0: not told */
	size_t n_reservations; /* the order's, and others' under ids that the request names */
	Warehouse__Reservation **reservations;
	bool stock_known; /* shelves are all of the products that the request names, by sku and location */
	size_t n_shelves;
	const struct shelf *shelves;
	size_t n_booked; /* what the shipment of the request took when it was booked before */
	Warehouse__FulfilmentLine **booked;
};

/* How a shelf changes. */
struct shift {
	const char *sku, *location_id;
	int64_t on_hand, reserved;
};

/* What a request does to a booking. Reservations stand in it as they will be, but for times and version. */
struct plan {
	size_t n_reservations; /* the answer, in the order of the request's lines */
	Warehouse__Reservation **reservations;
	bool closes;           /* the booking, from now on */
	int64_t order_version; /* that is confirmed; 0: as it was */
	size_t n_changed;      /* those that the plan changes */
	Warehouse__Reservation **changed;
	Warehouse__ReservationState *from; /* what each of them was; UNSPECIFIED: not known */
	int64_t *leaving;                  /* of each changed one: packages that leave with the shipment */
	size_t n_shifts;                   /* one for each shelf */
	struct shift *shifts;
};

/* How long a reservation is to be held, in microseconds. Fails with INVALID_REQUEST (field hold). */
struct status reservation_hold(struct arena *arena, const Google__Protobuf__Duration *hold, int64_t *ret_hold) MUST_USE;

/*
 * Holds each line's quantity; one whose hold has run out is held anew, if it is still there to be had. The stock may be
 * unknown: then the plan takes all from MAIN. Fails with INVALID_REQUEST
 * (an id or a sku in two lines), or, naming the lines, with RESERVATION_TAKEN, RESERVATION_CLOSED,
 * RESERVATION_CONFIRMED, PRODUCT_UNKNOWN, PRODUCT_ARCHIVED, OUT_OF_STOCK: the first line's reason, and all lines that
 * have the same.
 */
struct status booking_reserve(struct arena *arena, const struct booking *booking,
			      const Warehouse__ReserveStockRequest *request, struct plan *ret_plan) MUST_USE;

/*
 * Sets the quantity of one reservation, which stays on its shelf and in its state; one of which just that has left is
 * FULFILLED then. The stock may be unknown. Fails with NOT_FOUND, ETAG_MISMATCH, RESERVATION_CLOSED, RESERVATION_NOT_HELD,
 * QUANTITY_FULFILLED; when it grows, with PRODUCT_ARCHIVED or OUT_OF_STOCK.
 */
struct status booking_change(struct arena *arena, const struct booking *booking,
			     const Warehouse__ChangeReservationRequest *request, struct plan *ret_plan) MUST_USE;

/*
 * Makes holds permanent. Fails with RESERVATION_NOT_HELD, naming the lines that are not held as they say, with
 * RESERVATION_CLOSED when the order was released as a whole, with INVALID_REQUEST for an id in two lines.
 *
 * A version of the order that is later than the one confirmed last sets its lines first, whatever their quantity was,
 * and then fails as booking_reserve(). An earlier one fails with RESERVATION_SUPERSEDED: whoever placed it has given it
 * up, and its request was on its way for long. The same one again finds what it has made.
 */
struct status booking_confirm(struct arena *arena, const struct booking *booking,
			      const Warehouse__ConfirmReservationsRequest *request, struct plan *ret_plan) MUST_USE;

/*
 * Gives goods back, and remembers ids that are not known; without ids, all of the order's, and closes the booking, also
 * one that is not known. What has been fulfilled stays so. Fails with RESERVATION_TAKEN.
 */
struct status booking_release(struct arena *arena, const struct booking *booking,
			      const Warehouse__ReleaseReservationsRequest *request, struct plan *ret_plan) MUST_USE;

/* Gives back what is held no longer than to this time, in microseconds; perhaps nothing. */
struct plan booking_expire(struct arena *arena, const struct booking *booking, int64_t time);

/* Does a plan change anything? */
bool plan_is_empty(const struct plan *plan, const struct booking *booking);

/*
 * The goods of a shipment leave. A shipment that was booked with the same lines changes nothing. Fails with
 * SHIPMENT_BOOKED, RESERVATION_NOT_CONFIRMED, RESERVATION_EXCEEDED, naming the lines; with INVALID_REQUEST for an id
 * in two lines.
 */
struct status booking_fulfil(struct arena *arena, const struct booking *booking,
			     const Warehouse__FulfilReservationsRequest *request, struct plan *ret_plan) MUST_USE;

#endif
