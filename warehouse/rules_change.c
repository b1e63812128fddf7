/* Another quantity for goods that are kept back. */
#include "warehouse/rules_private.h"

const struct reason QUANTITY_FULFILLED = { CODE_FAILED_PRECONDITION, "QUANTITY_FULFILLED",
					   "More than that has left already." };

static const struct shelf *shelf_of(const struct booking *booking, const Warehouse__Reservation *reservation)
{
	for (size_t i = 0; i < booking->n_shelves; i++) {
		if (same_text(booking->shelves[i].sku, reservation->sku) &&
		    same_text(booking->shelves[i].location_id, reservation->location_id))
			return &booking->shelves[i];
	}
	return NULL;
}

/* The goods stay on their shelf, so that is where more must be. What is not known of the stock the database knows. */
static struct status check_raise(struct arena *arena, const struct booking *booking,
				 const Warehouse__Reservation *reservation, int64_t quantity)
{
	const struct shelf *shelf = shelf_of(booking, reservation);
	int64_t available;

	if (quantity <= reservation->quantity || !booking->stock_known)
		return STATUS_OK;
	if (shelf == NULL)
		return status_field(arena, &PRODUCT_UNKNOWN, "reservation_id", "is of goods that are not stocked");
	if (!shelf->sold)
		return status_field(arena, &PRODUCT_ARCHIVED, "quantity", "cannot grow: it is no longer sold");
	available = reservation->quantity + shelf->on_hand - shelf->reserved;
	if (quantity <= available)
		return STATUS_OK;
	return out_of_stock(arena,
			    status_field(arena, &OUT_OF_STOCK, "quantity", "only %lld of %lld available",
					 (long long)available, (long long)quantity),
			    reservation->sku, quantity, available);
}

static struct status check_change(struct arena *arena, const struct booking *booking,
				  const Warehouse__Reservation *reservation, int64_t quantity)
{
	if (is_closed(reservation))
		return status_field(arena, &RESERVATION_CLOSED, "reservation_id", "has been released or fulfilled");
	if (transition_of(reservation, EVENT_CHANGE) == NULL)
		return status_field(arena, &RESERVATION_NOT_HELD, "reservation_id", "is not held");
	if (quantity < reservation->fulfilled_quantity)
		return status_field(arena, &QUANTITY_FULFILLED, "quantity", "%lld have left already",
				    (long long)reservation->fulfilled_quantity);
	return check_raise(arena, booking, reservation, quantity);
}

struct status booking_change(struct arena *arena, const struct booking *booking,
			     const Warehouse__ChangeReservationRequest *request, struct plan *ret_plan)
{
	Warehouse__Reservation *before = booking_find(booking, request->reservation_id), *after;
	const int64_t quantity = request->quantity;
	struct plan plan = plan_new(arena, 1);

	if (before == NULL)
		return status_not_found(arena, "reservation", request->reservation_id);
	if (*request->etag != '\0' && !same_text(request->etag, before->etag))
		return status_of(&ETAG_MISMATCH);
	if (quantity == before->quantity && keeps_quantity(before)) {
		plan_answer(&plan, before);
		*ret_plan = plan;
		return STATUS_OK;
	}
	TRY(check_change(arena, booking, before, quantity));
	after = plan_change(
	    arena, &plan, before,
	    transition_of(before, quantity == before->fulfilled_quantity ? EVENT_CHANGE_TO_FULFILLED : EVENT_CHANGE));
	after->quantity = quantity;
	plan_shift(&plan, after->sku, after->location_id, 0, quantity - before->quantity);
	plan_answer(&plan, after);
	*ret_plan = plan;
	return STATUS_OK;
}
