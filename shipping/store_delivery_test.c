/*
 * Requests that come twice, late, or before what they undo, as they do where processes die and networks fail: a shipment
 * ends as if each had come once and in time. SEED=n repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shipping/store_test.h"

#define SCRIPTS 60
#define STEPS_MAX 4
#define DELIVERIES_MAX 20

static uint64_t seed, chance;

/* splitmix64 */
static uint64_t draw(uint64_t bound)
{
	uint64_t mixed = chance += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (mixed ^ (mixed >> 31)) % bound;
}

/* What is asked for one shipment, one step after the other, each under a key of its own. */
struct step {
	const char *method, *key;
	const ProtobufCMessage *request;
};

struct script {
	char *shipment_id, *order_id;
	size_t n_steps;
	struct step steps[STEPS_MAX];
	size_t n_deliveries;
	struct invocation deliveries[DELIVERIES_MAX];
};

/* Two shipments with the same course must come to the same end. */
struct course {
	bool dispatches, in_part, delivers, cancels;
};

static void add(struct script *script, const char *method, const ProtobufCMessage *request)
{
	assert_true(script->n_steps < STEPS_MAX);
	script->steps[script->n_steps++] = (struct step){ method, new_id(), request };
}

static void add_dispatch(struct script *script, const Shipping__CreateShipmentRequest *created, bool in_part)
{
	Shipping__DispatchShipmentRequest *request = dispatch_of(script->shipment_id);

	if (in_part) {
		request->n_lines = 1;
		request->lines = arena_array(service_arena(), 1, sizeof(*request->lines));
		request->lines[0] = pb_new(service_arena(), &shipping__dispatch_line__descriptor);
		request->lines[0]->item_id = created->lines[0]->item_id;
		request->lines[0]->quantity = 2;
	}
	add(script, "DispatchShipment", &request->base);
}

static void add_deliver(struct script *script)
{
	Shipping__DeliverShipmentRequest *request =
	    pb_new(service_arena(), &shipping__deliver_shipment_request__descriptor);

	request->shipment_id = script->shipment_id;
	add(script, "DeliverShipment", &request->base);
}

static struct script *new_script(const struct course *course)
{
	const Shipping__CreateShipmentRequest *created = new_shipment("ORD-1", "Ada Byron");
	struct script *script = arena_alloc(service_arena(), sizeof(*script));

	*script = (struct script){ .shipment_id = created->shipment_id, .order_id = created->order_id };
	add(script, "CreateShipment", &created->base);
	if (course->dispatches)
		add_dispatch(script, created, course->in_part);
	if (course->delivers)
		add_deliver(script);
	if (course->cancels)
		add(script, "CancelShipment", &cancel_of(script->shipment_id)->base);
	return script;
}

static struct course draw_course(void)
{
	struct course course = { .dispatches = draw(2), .in_part = draw(2), .cancels = draw(2) };

	course.delivers = course.dispatches && draw(2);
	return course;
}

static void deliver_step(struct script *script, size_t step)
{
	struct invocation *delivery = &script->deliveries[script->n_deliveries++];

	*delivery = (struct invocation){ .method = script->steps[step].method,
					 .request = script->steps[step].request,
					 .key = script->steps[step].key };
	service_start(delivery);
}

/* Something that has been asked for before comes again, or nothing does. */
static void deliver_late(struct script *script, size_t n_known)
{
	while (n_known > 0 && draw(2) == 0 && script->n_deliveries < DELIVERIES_MAX - STEPS_MAX)
		deliver_step(script, draw(n_known));
}

/* All go on together, step by step; rough ones get old requests again, before, beside and after the new one. */
static void play(struct script **scripts, size_t count, bool rough)
{
	for (size_t step = 0; step <= STEPS_MAX; step++) {
		for (size_t i = 0; i < count; i++) {
			const size_t known = step < scripts[i]->n_steps ? step : scripts[i]->n_steps;

			if (rough)
				deliver_late(scripts[i], known);
			if (step < scripts[i]->n_steps)
				deliver_step(scripts[i], step);
			if (rough && step < scripts[i]->n_steps)
				deliver_late(scripts[i], known + 1);
		}
		service_finish();
	}
}

/* Whatever came under one key was answered alike. */
static void assert_answered_alike(const struct script *script)
{
	for (size_t i = 0; i < script->n_deliveries; i++) {
		const struct invocation *one = &script->deliveries[i];

		for (size_t j = 0; j < i; j++) {
			const struct invocation *other = &script->deliveries[j];

			if (strcmp(one->key, other->key) != 0)
				continue;
			assert_string_equal(one->outcome.reason == NULL ? "OK" : one->outcome.reason->name,
					    other->outcome.reason == NULL ? "OK" : other->outcome.reason->name);
			if (one->outcome.reason == NULL)
				assert_true(str_equal(one->bytes, other->bytes));
		}
	}
}

static Shipping__ListShipmentsResponse *shipments_of(const struct script *script)
{
	Shipping__ListShipmentsRequest request = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
	void *reply;

	request.order_id = script->order_id;
	assert_null(service_call("ListShipments", NULL, &request.base, &reply).reason);
	return reply;
}

static int64_t packages_in(const Shipping__ListShipmentsResponse *list, Shipping__ShipmentState state)
{
	int64_t packages = 0;

	for (size_t i = 0; i < list->n_shipments; i++) {
		for (size_t j = 0; list->shipments[i]->state == state && j < list->shipments[i]->n_lines; j++)
			packages += list->shipments[i]->lines[j]->quantity;
	}
	return packages;
}

static void assert_same_end(const struct script *smooth, const struct script *rough)
{
	const Shipping__Shipment *a = get(smooth->shipment_id), *b = get(rough->shipment_id);
	const Shipping__ListShipmentsResponse *here = shipments_of(smooth), *there = shipments_of(rough);

	assert_int_equal(a->state, b->state);
	assert_string_equal(a->etag, b->etag);
	assert_int_equal(here->n_shipments, there->n_shipments);
	for (int state = 1; state <= (int)SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED; state++)
		assert_int_equal(packages_in(here, (Shipping__ShipmentState)state),
				 packages_in(there, (Shipping__ShipmentState)state));
}

static void begin(const char *name)
{
	chance = seed;
	print_message("# %s: SEED=%llu\n", name, (unsigned long long)seed);
}

static void duplicates_and_stragglers_change_nothing(void **state)
{
	struct script *smooth[SCRIPTS], *rough[SCRIPTS];
	size_t delivered = 0, asked = 0;

	(void)state;
	begin("duplicates and stragglers");
	for (size_t i = 0; i < SCRIPTS; i++) {
		const struct course course = draw_course();

		smooth[i] = new_script(&course);
		rough[i] = new_script(&course);
	}
	play(smooth, SCRIPTS, false);
	play(rough, SCRIPTS, true);
	for (size_t i = 0; i < SCRIPTS; i++) {
		assert_answered_alike(rough[i]);
		assert_same_end(smooth[i], rough[i]);
		delivered += rough[i]->n_deliveries;
		asked += rough[i]->n_steps;
	}
	print_message("# %zu requests, delivered %zu times\n", asked, delivered);
	assert_true(delivered > asked + SCRIPTS);
}

/* A shipment is called off while its making is still on its way, beside it or after it: it never leaves. */
static void what_undoes_may_come_first(void **state)
{
	const struct course course = { .cancels = true };
	struct script *scripts[SCRIPTS];

	(void)state;
	begin("undone before done");
	for (size_t i = 0; i < SCRIPTS; i++) {
		const size_t first = draw(2);

		scripts[i] = new_script(&course);
		deliver_step(scripts[i], first);
		if (draw(2) == 0)
			service_finish();
		deliver_step(scripts[i], !first);
		deliver_late(scripts[i], 2);
	}
	service_finish();
	for (size_t i = 0; i < SCRIPTS; i++) {
		assert_answered_alike(scripts[i]);
		assert_int_equal(get(scripts[i]->shipment_id)->state,
				 SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED);
		assert_true(status_is(try_to_dispatch(scripts[i]->shipment_id), &SHIPMENT_CANCELLED));
	}
}

static int open_seeded(void **state)
{
	const char *given = getenv("SEED");
	int64_t number;

	random_bytes(&seed, sizeof(seed));
	seed >>= 16; /* so that it can be given back as a number */
	if (given != NULL && str_to_int64(str_of(given), &number))
		seed = (uint64_t)number;
	return make_database(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(duplicates_and_stragglers_change_nothing),
		STORE_TEST(what_undoes_may_come_first),
	};

	return cmocka_run_group_tests(tests, open_seeded, NULL);
}
