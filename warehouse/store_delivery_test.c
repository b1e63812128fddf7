/*
 * Requests that come twice, late, or in another order, as they do where processes die and networks fail: whatever an
 * order's requests go through, it ends as if each had come once and in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "warehouse/store_test.h"
#include "test/harness/delivery.h"

#define SCRIPTS 40
#define STOCK 20

struct script {
	char *order, *first_shipment, *second_shipment;
	struct wanted wanted[2];
	struct delivery_script asked;
};

/* What a script does; two orders with the same plan must come to the same end. */
struct course {
	bool changes, confirms, ships, lowers, ships_rest, releases, whole;
	int64_t changed_to;
};

static void add_change(struct script *script, int64_t quantity)
{
	Warehouse__ChangeReservationRequest *request =
	    pb_new(service_arena(), &warehouse__change_reservation_request__descriptor);

	request->reservation_id = script->wanted[0].id;
	request->quantity = quantity;
	delivery_add(&script->asked, "ChangeReservation", &request->base);
}

static void add_confirm(struct script *script)
{
	Warehouse__ConfirmReservationsRequest *request =
	    pb_new(service_arena(), &warehouse__confirm_reservations_request__descriptor);

	request->order_id = script->order;
	delivery_add(&script->asked, "ConfirmReservations", &request->base);
}

/* So much of the first line, and of the second. */
static void add_fulfil(struct script *script, char *shipment, const int64_t quantities[2])
{
	Warehouse__FulfilReservationsRequest *request =
	    pb_new(service_arena(), &warehouse__fulfil_reservations_request__descriptor);

	request->order_id = script->order;
	request->shipment_id = shipment;
	request->lines = arena_array(service_arena(), 2, sizeof(*request->lines));
	for (size_t i = 0; i < 2; i++) {
		if (quantities[i] == 0)
			continue;
		request->lines[request->n_lines] = pb_new(service_arena(), &warehouse__fulfilment_line__descriptor);
		request->lines[request->n_lines]->reservation_id = script->wanted[i].id;
		request->lines[request->n_lines++]->quantity = quantities[i];
	}
	delivery_add(&script->asked, "FulfilReservations", &request->base);
}

static void add_release(struct script *script, bool whole)
{
	Warehouse__ReleaseReservationsRequest *request =
	    pb_new(service_arena(), &warehouse__release_reservations_request__descriptor);

	request->order_id = script->order;
	if (!whole) {
		request->reservation_ids = arena_array(service_arena(), 2, sizeof(*request->reservation_ids));
		request->reservation_ids[0] = script->wanted[0].id;
		request->reservation_ids[1] = script->wanted[1].id;
		request->n_reservation_ids = 2;
	}
	delivery_add(&script->asked, "ReleaseReservations", &request->base);
}

static struct script *new_script(const struct course *course)
{
	struct script *script = arena_alloc(service_arena(), sizeof(*script));
	const int64_t first = course->changes ? course->changed_to : 5;

	*script = (struct script){ .order = new_id(), .first_shipment = new_id(), .second_shipment = new_id() };
	script->wanted[0] = (struct wanted){ new_id(), stocked(STOCK), 5 };
	script->wanted[1] = (struct wanted){ new_id(), stocked(STOCK), 3 };
	delivery_add(&script->asked, "ReserveStock", &reserve_request(script->order, script->wanted, 2)->base);
	if (course->changes)
		add_change(script, course->changed_to);
	if (course->confirms)
		add_confirm(script);
	if (course->ships)
		add_fulfil(script, script->first_shipment, (const int64_t[]){ 1, 3 });
	if (course->lowers)
		add_change(script, 2);
	if (course->ships_rest)
		add_fulfil(script, script->second_shipment, (const int64_t[]){ (course->lowers ? 2 : first) - 1, 0 });
	if (course->releases)
		add_release(script, course->whole);
	return script;
}

static struct course draw_course(void)
{
	struct course course = { .changes = delivery_draw(2),
				 .changed_to = (int64_t)(2 + delivery_draw(8)),
				 .whole = delivery_draw(2) };

	course.confirms = delivery_draw(4) > 0;
	course.ships = course.confirms && delivery_draw(3) > 0;
	course.lowers = course.ships && delivery_draw(2);
	course.ships_rest = course.ships && delivery_draw(2);
	course.releases = delivery_draw(2);
	return course;
}

static Warehouse__StockLevel *level_of(char *sku)
{
	return list_stock(sku, text("MAIN"), "", false, 0, text(""))->levels[0];
}

/* Does the order take one line more? */
static struct status take_more(const struct script *script)
{
	const struct wanted more = { new_id(), stocked(1), 1 };

	return reserve(NULL, script->order, &more, 1, NULL);
}

static void assert_same_end(const struct script *smooth, const struct script *rough)
{
	for (size_t i = 0; i < 2; i++) {
		const Warehouse__Reservation *a = reservation(smooth->wanted[i].id);
		const Warehouse__Reservation *b = reservation(rough->wanted[i].id);
		const Warehouse__StockLevel *here = level_of(smooth->wanted[i].sku);
		const Warehouse__StockLevel *there = level_of(rough->wanted[i].sku);

		assert_int_equal(a->state, b->state);
		assert_int_equal(a->quantity, b->quantity);
		assert_int_equal(a->fulfilled_quantity, b->fulfilled_quantity);
		assert_string_equal(a->etag, b->etag);
		assert_int_equal(here->on_hand, there->on_hand);
		assert_int_equal(here->reserved, there->reserved);
	}
	assert_ptr_equal(take_more(smooth).reason == NULL, take_more(rough).reason == NULL);
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

/*
 * Steps that may or may not have happened are undone, while they are still on their way: each is delivered in any order
 * with what undoes it, beside it or after it. In the end nothing is kept.
 */
static void what_undoes_may_come_first(void **state)
{
	struct script *scripts[SCRIPTS];

	(void)state;
	delivery_begin("undone before done");
	for (size_t i = 0; i < SCRIPTS; i++) {
		struct course course = draw_course();
		size_t order[DELIVERY_STEPS_MAX];

		course.ships = course.lowers = course.ships_rest = false;
		course.releases = true;
		scripts[i] = new_script(&course);
		for (size_t step = 0; step < scripts[i]->asked.n_steps; step++) {
			const size_t at = delivery_draw(step + 1);

			order[step] = order[at];
			order[at] = step;
		}
		for (size_t step = 0; step < scripts[i]->asked.n_steps; step++) {
			delivery_of(&scripts[i]->asked, order[step]);
			if (delivery_draw(3) == 0)
				service_finish();
		}
	}
	service_finish();
	for (size_t i = 0; i < SCRIPTS; i++) {
		for (size_t step = 0; step < scripts[i]->asked.n_steps; step++)
			delivery_of(&scripts[i]->asked, step);
	}
	service_finish();
	for (size_t i = 0; i < SCRIPTS; i++) {
		delivery_assert_alike(&scripts[i]->asked);
		for (size_t j = 0; j < 2; j++) {
			const Warehouse__StockLevel *level = level_of(scripts[i]->wanted[j].sku);

			assert_int_equal(level->on_hand, STOCK);
			assert_int_equal(level->reserved, 0);
		}
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
