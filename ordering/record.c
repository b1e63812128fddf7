#include "ordering/record.h"

#include "base/str.h"
#include "quayside/ordering/v1/events.pb-c.h"
#include "runtime/pb.h"

const char *order_state_name(Ordering__OrderState state)
{
	return pb_enum_name(&ordering__order_state__descriptor, (int)state);
}

char **order_item_ids(struct call *call, const Ordering__Order *order)
{
	char **ids = arena_array(call->arena, order->n_items, sizeof(*ids));

	for (size_t i = 0; i < order->n_items; i++)
		ids[i] = order->items[i]->item_id;
	return ids;
}

struct write record_of(struct call *call, const struct change *change)
{
	Ordering__OrderChanged *event = pb_new(call->arena, &ordering__order_changed__descriptor);
	const char *action = change->action != NULL ? change->action : call->method->name;
	const char *to = order_state_name(change->order->state);

	change->order->update_time = pb_time(call->arena, call->time);
	change->order->etag = etag_of(call->arena, change->version);
	event->order = change->order;
	event->action = arena_strdup(call->arena, action);
	event->released_item_ids = change->released;
	event->n_released_item_ids = change->n_released;
	return (struct write){
		.aggregate_type = "order",
		.aggregate_id = change->order->order_id,
		.version = change->version,
		.action = action,
		.from_state = change->from,
		.to_state = to,
		.reason = str_is(str_of(change->from), to) ? NULL : change->order->state_reason,
		.event = &event->base,
		.reply = &change->order->base,
	};
}
