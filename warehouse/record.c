#include "warehouse/record.h"

#include "quayside/warehouse/v1/events.pb-c.h"
#include "runtime/pb.h"

#define HELD WAREHOUSE__RESERVATION_STATE__RESERVATION_STATE_HELD

static void stamp(struct call *call, const struct plan *plan, int64_t version, int64_t expire_time)
{
	for (size_t i = 0; i < plan->n_changed; i++) {
		Warehouse__Reservation *changed = plan->changed[i];

		changed->etag = etag_of(call->arena, version);
		changed->update_time = pb_time(call->arena, call->time);
		if (changed->create_time == NULL)
			changed->create_time = changed->update_time;
		if (changed->state == HELD &&
		    (changed->expire_time == NULL || pb_micros(changed->expire_time) < expire_time))
			changed->expire_time = pb_time(call->arena, expire_time);
	}
}

struct write record_of(struct call *call, const struct plan *plan, const struct change *change)
{
	Warehouse__ReservationsChanged *event = pb_new(call->arena, &warehouse__reservations_changed__descriptor);
	const char *action = change->action != NULL ? change->action : call->method->name;
	const int64_t version = change->booking->version + 1;

	stamp(call, plan, version, change->expire_time);
	event->order_id = change->order_id;
	event->n_reservations = plan->n_changed;
	event->reservations = plan->changed;
	event->action = arena_strdup(call->arena, action);
	return (struct write){
		.aggregate_type = "booking",
		.aggregate_id = change->order_id,
		.version = version,
		.action = action,
		.reason = change->reason,
		.event = &event->base,
		.reply = change->reply,
	};
}
