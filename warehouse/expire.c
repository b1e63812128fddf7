#include "warehouse/expire.h"

#include "base/clock.h"
#include "base/log.h"
#include "warehouse/record.h"
#include "warehouse/store.h"

#define PERIOD CLOCK_SECOND
#define BATCH 500 /* holds in a round: what a round needs of memory has a bound */

/* *ret_expired counts what was given back. Somebody else may have been faster, which is as good. */
static struct status expire_order(struct call *call, char *order_id, int64_t time, size_t *ret_expired)
{
	struct booking booking;
	struct write write;
	struct plan plan;

	TRY(store_find_booking(call, order_id, NULL, 0, NULL, &booking));
	plan = booking_expire(call->arena, &booking, time);
	if (plan.n_changed == 0)
		return STATUS_OK;
	write = record_of(call, &plan,
			  &(const struct change){ .order_id = order_id,
						  .booking = &booking,
						  .action = "ExpireReservations",
						  .reason = "the hold ran out" });
	TRY(store_expire(call, &plan, &write));
	if (write.applied)
		*ret_expired += plan.n_changed;
	return STATUS_OK;
}

struct status expire_holds(struct call *call)
{
	size_t count, expired = 0;
	char **order_ids;
	int64_t time;

	TRY(store_find_due(call, BATCH, &count, &order_ids, &time));
	for (size_t i = 0; i < count && call_check(call).reason == NULL; i++)
		TRY(expire_order(call, order_ids[i], time, &expired));
	if (expired > 0)
		log_info("holds ran out", LOG_INT("reservations", expired));
	return STATUS_OK;
}

const struct service_step warehouse_steps[] = {
	{ "expire_holds", PERIOD, expire_holds },
	{ .name = NULL },
};
