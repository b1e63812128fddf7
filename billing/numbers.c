/* See numbers.h. */
#include "billing/numbers.h"

#include "base/clock.h"
#include "billing/store.h"
#include "runtime/mutex.h"

/* The series of this process: how its counter stood when the last number was used. */
static struct {
	struct mutex mutex;
	bool known;
	int year;
	int64_t last;
} counter = { .mutex = MUTEX(counter.mutex) };

static struct status next_number(struct call *call, const char *series, struct number *ret_number)
{
	int year;

	call->time = clock_now();
	year = clock_date(call->time).year;
	if (!counter.known || counter.year != year) {
		counter.known = false;
		TRY(store_last_number(call, series, year, &counter.last));
		counter.known = true;
		counter.year = year;
	}
	*ret_number = (struct number){ series, year, counter.last + 1 };
	return STATUS_OK;
}

struct status number_take(struct call *call, const char *series, struct number *ret_number)
{
	struct status status;

	TRY(mutex_lock(call, &counter.mutex));
	status = next_number(call, series, ret_number);
	if (status.reason != NULL)
		mutex_unlock(&counter.mutex);
	return status;
}

void number_done(const struct number *number, bool used)
{
	counter.known = used;
	counter.last = number->value;
	mutex_unlock(&counter.mutex);
}
