/* See delivery.h. */
#include "test/harness/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/uuid.h"

static uint64_t seed, chance;

static uint64_t read_seed(void)
{
	const char *given = getenv("SEED");
	int64_t number;
	uint64_t drawn;

	if (given != NULL && str_to_int64(str_of(given), &number))
		return (uint64_t)number;
	random_bytes(&drawn, sizeof(drawn));
	return drawn >> 16; /* so that it can be given back as a number */
}

void delivery_begin(const char *test)
{
	if (seed == 0)
		seed = read_seed();
	chance = seed;
	print_message("# %s: SEED=%llu\n", test, (unsigned long long)seed);
}

/* splitmix64 */
uint64_t delivery_draw(uint64_t bound)
{
	uint64_t mixed = chance += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (mixed ^ (mixed >> 31)) % bound;
}

void delivery_add(struct delivery_script *script, const char *method, const ProtobufCMessage *request)
{
	char *key = arena_alloc(service_arena(), UUID_TEXT);

	assert_true(script->n_steps < DELIVERY_STEPS_MAX);
	uuid_new(key);
	script->steps[script->n_steps++] = (struct delivery_step){ method, key, request };
}

void delivery_of(struct delivery_script *script, size_t step)
{
	struct invocation *delivery = &script->deliveries[script->n_deliveries++];

	*delivery = (struct invocation){ .method = script->steps[step].method,
					 .request = script->steps[step].request,
					 .key = script->steps[step].key };
	service_start(delivery);
}

void delivery_late(struct delivery_script *script, size_t n_known)
{
	while (n_known > 0 && delivery_draw(2) == 0 && script->n_deliveries < DELIVERIES_MAX - DELIVERY_STEPS_MAX)
		delivery_of(script, delivery_draw(n_known));
}

void delivery_play(struct delivery_script **scripts, size_t count, bool rough)
{
	for (size_t step = 0; step <= DELIVERY_STEPS_MAX; step++) {
		for (size_t i = 0; i < count; i++) {
			const size_t known = step < scripts[i]->n_steps ? step : scripts[i]->n_steps;

			if (rough)
				delivery_late(scripts[i], known);
			if (step < scripts[i]->n_steps)
				delivery_of(scripts[i], step);
			if (rough && step < scripts[i]->n_steps)
				delivery_late(scripts[i], known + 1);
		}
		service_finish();
	}
}

static const char *name_of(struct status outcome)
{
	return outcome.reason == NULL ? "OK" : outcome.reason->name;
}

void delivery_assert_alike(const struct delivery_script *script)
{
	for (size_t i = 0; i < script->n_deliveries; i++) {
		const struct invocation *one = &script->deliveries[i];

		for (size_t j = 0; j < i; j++) {
			const struct invocation *other = &script->deliveries[j];

			if (!str_is(str_of(one->key), other->key))
				continue;
			assert_string_equal(name_of(one->outcome), name_of(other->outcome));
			if (one->outcome.reason == NULL)
				assert_true(str_equal(one->bytes, other->bytes));
		}
	}
}
