/* See numbers.h. */
#include "billing/numbers.h"

#include "base/clock.h"
#include "billing/store.h"
#include "runtime/mutex.h"

/* The series of this process: the counter as it will stand when all that is under way is committed. */
static struct {
	struct mutex mutex; /* around reading and taking */
	bool known;
	int year;
	int64_t last;
	unsigned reading; /* counts how often it was read: numbers of one reading build on each other */
} counter = { .mutex = MUTEX(counter.mutex) };

static void forget(unsigned reading)
{
	if (counter.reading == reading)
		counter.known = false;
}

static struct status take(struct call *call, const char *series, struct number *ret_number)
{
	int year;

	call->time = clock_now();
	year = clock_date(call->time).year;
	if (!counter.known || counter.year != year) {
		counter.known = false;
		TRY(store_last_number(call, series, year, &counter.last));
		counter.known = true;
		counter.year = year;
		counter.reading++;
	}
	*ret_number = (struct number){ series, year, ++counter.last };
	return STATUS_OK;
}

static struct status use_among_others(struct call *call, const char *series, number_use_fn use, void *context,
				      bool *ret_used)
{
	struct number number;
	struct status status;
	unsigned reading;

	TRY(mutex_lock(call, &counter.mutex));
	status = take(call, series, &number);
	reading = counter.reading;
	mutex_unlock(&counter.mutex);
	TRY(status);
	status = use(call, &number, context, ret_used);
	if (status.reason != NULL || !*ret_used)
		forget(reading);
	return status;
}

static struct status use_alone(struct call *call, const char *series, number_use_fn use, void *context, bool *ret_used)
{
	struct number number;
	struct status status;

	TRY(mutex_lock(call, &counter.mutex));
	counter.known = false;
	status = take(call, series, &number);
	if (status.reason == NULL)
		status = use(call, &number, context, ret_used);
	if (status.reason != NULL || !*ret_used)
		counter.known = false;
	mutex_unlock(&counter.mutex);
	return status;
}

struct status number_use(struct call *call, const char *series, number_use_fn use, void *context, bool *ret_used)
{
	*ret_used = false;
	TRY(use_among_others(call, series, use, context, ret_used));
	return *ret_used ? STATUS_OK : use_alone(call, series, use, context, ret_used);
}
