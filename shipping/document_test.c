/* What document.h of shipping promises. */
#include "shipping/document.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/pb.h"

static struct arena *arena;

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new(4096, 0);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static Shipping__ShipmentLine *line(const char *name, int64_t quantity)
{
	Shipping__ShipmentLine *made = pb_new(arena, &shipping__shipment_line__descriptor);

	made->sku = arena_strdup(arena, "TEA-1");
	made->name = arena_strdup(arena, name);
	made->quantity = quantity;
	return made;
}

static Shipping__Shipment *shipment(void)
{
	Shipping__Shipment *made = pb_new(arena, &shipping__shipment__descriptor);

	made->shipment_id = arena_strdup(arena, "0192d3a0-0000-7000-8000-000000000001");
	made->order_number = arena_strdup(arena, "ORD-1");
	made->address = pb_new(arena, &common__address__descriptor);
	made->address->recipient = arena_strdup(arena, "Ada Byron");
	made->address->city = arena_strdup(arena, "London");
	made->address->country_code = arena_strdup(arena, "GB");
	made->lines = arena_array(arena, 2, sizeof(*made->lines));
	made->lines[0] = line("Tea", 12);
	made->lines[1] = line("Cups & saucers <fragile>", 3);
	made->n_lines = 2;
	return made;
}

static bool says(const Shipping__Shipment *of, const char *what)
{
	struct buf page = buf_new(arena);

	packing_slip(&page, of);
	return strstr(page.data, what) != NULL;
}

static void a_slip_says_what_to_pack_and_for_whom(void **state)
{
	const Shipping__Shipment *one = shipment();

	(void)state;
	assert_true(says(one, "<!doctype html>"));
	assert_true(says(one, "<h1>Packing slip ORD-1</h1>"));
	assert_true(says(one, "<address>Ada Byron<br>London<br>GB</address>"));
	assert_true(says(one, "<dt>Shipment</dt><dd>0192d3a0-0000-7000-8000-000000000001</dd>"));
	assert_true(says(one, "<th scope=\"row\">Tea</th><td class=\"number\">12</td>"));
	assert_true(says(one, "<th scope=\"row\">Packages</th><td>15</td>"));
}

static void no_text_becomes_markup(void **state)
{
	Shipping__Shipment *one = shipment();

	(void)state;
	one->note = arena_strdup(arena, "<script>alert('x')</script>");
	assert_true(says(one, "Cups &amp; saucers &lt;fragile&gt;"));
	assert_true(says(one, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
	assert_false(says(one, "<script"));
}

static void what_has_left_says_how(void **state)
{
	Shipping__Shipment *one = shipment();

	(void)state;
	assert_false(says(one, "Carrier"));
	assert_false(says(one, "Left"));
	one->carrier = arena_strdup(arena, "Parcels Ltd");
	one->dispatch_time = pb_time(arena, INT64_C(1795262400) * CLOCK_SECOND);
	assert_true(says(one, "<dt>Carrier</dt><dd>Parcels Ltd</dd>"));
	assert_true(says(one, "<dt>Left</dt><dd>2026-11-21</dd>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_slip_says_what_to_pack_and_for_whom, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(no_text_becomes_markup, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_has_left_says_how, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
