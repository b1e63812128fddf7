/*
 * Requests that come twice, late, or before what they undo, as they do where processes die and networks fail: a shipment
 * ends as if each had come once and in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shipping/store_test.h"
#include "test/harness/delivery.h"

#define SCRIPTS 60

struct script {
	char *shipment_id, *order_id;
	struct delivery_script asked;
};

/* Two shipments with the same course must come to the same end. */
struct course {
	bool dispatches, in_part, delivers, cancels;
};

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
	delivery_add(&script->asked, "DispatchShipment", &request->base);
}

static void add_deliver(struct script *script)
{
	Shipping__DeliverShipmentRequest *request =
	    pb_new(service_arena(), &shipping__deliver_shipment_request__descriptor);

	request->shipment_id = script->shipment_id;
	delivery_add(&script->asked, "DeliverShipment", &request->base);
}

static struct script *new_script(const struct course *course)
{
	const Shipping__CreateShipmentRequest *created = new_shipment("ORD-1", "Ada Byron");
	struct script *script = arena_alloc(service_arena(), sizeof(*script));

	*script = (struct script){ .shipment_id = created->shipment_id, .order_id = created->order_id };
	delivery_add(&script->asked, "CreateShipment", &created->base);
	if (course->dispatches)
		add_dispatch(script, created, course->in_part);
	if (course->delivers)
		add_deliver(script);
	if (course->cancels)
		delivery_add(&script->asked, "CancelShipment", &cancel_of(script->shipment_id)->base);
	return script;
}

static struct course draw_course(void)
{
	struct course course = { .dispatches = delivery_draw(2),
				 .in_part = delivery_draw(2),
				 .cancels = delivery_draw(2) };

	course.delivers = course.dispatches && delivery_draw(2);
	return course;
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

static void play(struct script **scripts, bool rough)
{
	struct delivery_script *asked[SCRIPTS];

	for (size_t i = 0; i < SCRIPTS; i++)
		asked[i] = &scripts[i]->asked;
	delivery_play(asked, SCRIPTS, rough);
}

static void duplicates_and_stragglers_change_nothing(void **state)
{
	struct script *smooth[SCRIPTS], *rough[SCRIPTS];
	size_t delivered = 0, asked = 0;

	(void)state;
	delivery_begin("duplicates and stragglers");
	for (size_t i = 0; i < SCRIPTS; i++) {
		const struct course course = draw_course();

		smooth[i] = new_script(&course);
		rough[i] = new_script(&course);
	}
	play(smooth, false);
	play(rough, true);
	for (size_t i = 0; i < SCRIPTS; i++) {
		delivery_assert_alike(&rough[i]->asked);
		assert_same_end(smooth[i], rough[i]);
		delivered += rough[i]->asked.n_deliveries;
		asked += rough[i]->asked.n_steps;
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
	delivery_begin("undone before done");
	for (size_t i = 0; i < SCRIPTS; i++) {
		const size_t first = delivery_draw(2);

		scripts[i] = new_script(&course);
		delivery_of(&scripts[i]->asked, first);
		if (delivery_draw(2) == 0)
			service_finish();
		delivery_of(&scripts[i]->asked, !first);
		delivery_late(&scripts[i]->asked, 2);
	}
	service_finish();
	for (size_t i = 0; i < SCRIPTS; i++) {
		delivery_assert_alike(&scripts[i]->asked);
		assert_int_equal(get(scripts[i]->shipment_id)->state,
				 SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED);
		assert_true(status_is(try_to_dispatch(scripts[i]->shipment_id), &SHIPMENT_CANCELLED));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(duplicates_and_stragglers_change_nothing),
		STORE_TEST(what_undoes_may_come_first),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
