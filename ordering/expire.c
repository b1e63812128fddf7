/* Orders that were begun and abandoned: they expire, and what they hold is given back. */
#include "base/clock.h"
#include "base/log.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"
#include "runtime/pb.h"

#define AT_ONCE 50

int64_t ordering_abandon_s = 7 * (CLOCK_DAY / CLOCK_SECOND);

static struct status open_expire(struct call *call, struct saga *saga)
{
	(void)call;
	saga->work = saga; /* the order's id is all that it takes */
	return STATUS_OK;
}

static struct status give_back(struct call *call, struct saga *saga)
{
	return peer_release(call, saga_key(call, saga, "release"), saga->subject_id, NULL, 0);
}

static struct status end_expire(struct call *call, struct saga *saga)
{
	return store_end_alone(call, saga, saga->subject_id);
}

const struct saga_kind expire_kind = {
	.name = "expire",
	.steps =
	    (const struct saga_step[]){ { .name = "give_back", .run = give_back, .final = true }, { .name = NULL } },
	.open = open_expire,
	.end = end_expire,
};

/* Whoever has changed the order since it was found, or does so meanwhile, has not abandoned it: nothing is written then. */
static struct status expire(struct call *call, const char *order_id)
{
	Ordering__Order *order = pb_new(call->arena, &ordering__order__descriptor);
	struct order_row row;
	struct write write;

	TRY(store_get(call, order_id, order, &row));
	TRY(order_move(call->arena, order, ORDER_EVENT_EXPIRE, arena_strdup(call->arena, "ABANDONED")));
	order_mark_items(order, ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RELEASED);
	write =
	    record_of(call, &(const struct change){ .order = order,
						    .version = row.version + 1,
						    .from = order_state_name(ORDERING__ORDER_STATE__ORDER_STATE_OPEN),
						    .action = "ExpireOrder" });
	write.saga = saga_for_workers(call, &expire_kind, order_id, order_id, STR(""));
	return store_expire(call, order, ordering_abandon_s, &write);
}

static struct status expire_orders(struct call *call)
{
	char **order_ids;
	size_t count;

	TRY(store_abandoned(call, ordering_abandon_s, AT_ONCE, &count, &order_ids));
	for (size_t i = 0; i < count; i++) {
		const struct status status = expire(call, order_ids[i]);

		if (status.reason != NULL)
			log_warn("order did not expire, will be tried again", LOG_TEXT("order_id", order_ids[i]),
				 LOG_TEXT("reason", status.reason->name));
	}
	return STATUS_OK;
}

const struct service_step ordering_steps[] = {
	{ "expire_orders", 2 * CLOCK_SECOND, expire_orders },
	{ .name = NULL },
};
