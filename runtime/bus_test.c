/* What bus.h promises, with a stranger on the bus who sends what he likes. */
#include "runtime/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "quayside/events/v1/events.pb-c.h"

#define PATIENCE (20 * CLOCK_SECOND) /* only a failing test needs it */
#define TICK (2 * CLOCK_MILLISECOND)
#define KEY "a key for this test alone"
#define OTHER_KEY "a key that others made up"
#define LAST 4711 /* the position of the doorbell that ends a test */
#define FLOOD 20000

static struct {
	char folder[64], own[96], strange[96]; /* addresses */
	struct loop *loop;
	struct loop_timer *tick;
	int64_t until;
	int stranger;        /* his socket */
	void (*again)(void); /* at every tick */
	char producers[256]; /* that were heard */
	int64_t position;    /* heard last */
	int64_t foul;        /* positions heard that nobody may hear */
	int heard;
} scene;

static void rung(void *context, const char *producer, int64_t position)
{
	assert_ptr_equal(context, &scene);
	snprintf(scene.producers, sizeof(scene.producers), "%s", producer);
	scene.position = position;
	scene.foul += position < LAST;
	scene.heard++;
}

static void on_tick(void *owner)
{
	(void)owner;
	if (scene.position >= LAST || clock_monotonic() > scene.until) {
		loop_stop(scene.loop);
		return;
	}
	if (scene.again != NULL)
		scene.again();
	loop_timer_set(scene.tick, TICK);
}

/* Does something again and again until the last doorbell was heard: whoever joins late misses what was said before. */
static void until_heard(void (*again)(void))
{
	scene.again = again;
	scene.position = 0;
	scene.until = clock_monotonic() + PATIENCE;
	loop_timer_set(scene.tick, 0);
	loop_run(scene.loop);
	assert_int_equal(scene.position, LAST);
}

static void ring_last(void)
{
	bus_ring(LAST);
}

static int open_scene(void **state)
{
	const char *folder = getenv("TMPDIR");

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.stranger = -1;
	snprintf(scene.folder, sizeof(scene.folder), "%s/busXXXXXX", folder != NULL ? folder : "/tmp");
	if (mkdtemp(scene.folder) == NULL)
		return -1;
	snprintf(scene.own, sizeof(scene.own), "ipc://%s/own", scene.folder);
	snprintf(scene.strange, sizeof(scene.strange), "ipc://%s/strange", scene.folder);
	scene.loop = loop_new();
	scene.tick = loop_timer_new(scene.loop, on_tick, NULL);
	return 0;
}

static int close_scene(void **state)
{
	(void)state;
	bus_stop();
	bus_stop();
	if (scene.stranger >= 0)
		nn_close(scene.stranger);
	loop_timer_free(scene.tick);
	loop_free(scene.loop);
	(void)unlink(scene.own + strlen("ipc://"));
	(void)unlink(scene.strange + strlen("ipc://"));
	return rmdir(scene.folder);
}

static bool start(const char *publish, const char *subscribe, const char *key)
{
	return bus_start(scene.loop, &(const struct bus_options){ .self = "ordering",
								  .publish = publish,
								  .subscribe = subscribe,
								  .key = key,
								  .rung = rung,
								  .context = &scene });
}

/* ---- The stranger ---- */

static void enter_stranger(const char *address)
{
	scene.stranger = nn_socket(AF_SP, NN_PUB);
	assert_true(nn_bind(scene.stranger, address) >= 0);
}

static void send_bytes(const void *data, size_t len)
{
	(void)nn_send(scene.stranger, data, len, NN_DONTWAIT);
}

static size_t doorbell(const char *producer, int64_t position, uint8_t *ret_bytes)
{
	Events__Doorbell message = EVENTS__DOORBELL__INIT;
	char name[100];

	snprintf(name, sizeof(name), "%s", producer);
	message.producer = name;
	message.position = position;
	return events__doorbell__pack(&message, ret_bytes);
}

static void send_doorbell(const char *producer, int64_t position, const char *key)
{
	uint8_t bytes[200];
	size_t len = doorbell(producer, position, bytes);

	if (key != NULL) {
		assert_non_null(HMAC(EVP_sha256(), key, (int)strlen(key), bytes, len, bytes + len, NULL));
		len += 32;
	}
	send_bytes(bytes, len);
}

/* All that may come from elsewhere; each with a position of its own that must not be heard. */
static void send_foul(const char *key)
{
	uint8_t bytes[200];
	size_t len;

	send_bytes("", 0);
	send_bytes("\xff\xff\xff\xff\xff", 5);
	send_bytes("0123456789012345678901234567890123456789", 40);
	send_doorbell("", 11, key);
	send_doorbell("shipping", -12, key);
	send_doorbell("a name of more than forty characters, which no service has", 13, key);
	if (key == NULL)
		return;
	send_doorbell("shipping", 14, NULL);
	send_doorbell("shipping", 15, OTHER_KEY);
	len = doorbell("shipping", 16, bytes);
	assert_non_null(HMAC(EVP_sha256(), key, (int)strlen(key), bytes, len, bytes + len, NULL));
	bytes[len - 1]++; /* another position than the one that was signed */
	send_bytes(bytes, len + 32);
	send_bytes(bytes, len + 31);
}

static void foul_then_last(void)
{
	send_foul(NULL);
	send_doorbell("shipping", LAST, NULL);
}

static void foul_then_last_signed(void)
{
	send_foul(KEY);
	send_doorbell("shipping", LAST, KEY);
}

/* ---- Tests ---- */

static void a_doorbell_is_heard(void **state)
{
	(void)state;
	assert_true(start(scene.own, scene.own, ""));
	until_heard(ring_last);
	assert_string_equal(scene.producers, "ordering");
}

static void a_signed_doorbell_is_heard_over_tcp(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	const int probe = socket(AF_INET, SOCK_STREAM, 0);
	char url[64];

	(void)state;
	assert_int_equal(bind(probe, (struct sockaddr *)(void *)&address, len), 0);
	assert_int_equal(getsockname(probe, (struct sockaddr *)(void *)&address, &len), 0);
	close(probe);
	snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", ntohs(address.sin_port));
	assert_true(start(url, url, KEY));
	until_heard(ring_last);
	assert_string_equal(scene.producers, "ordering");
}

static void what_is_no_doorbell_is_ignored(void **state)
{
	(void)state;
	enter_stranger(scene.strange);
	assert_true(start("", scene.strange, ""));
	until_heard(foul_then_last);
	assert_string_equal(scene.producers, "shipping");
	assert_int_equal(scene.foul, 0);
}

static void what_is_not_signed_is_ignored(void **state)
{
	(void)state;
	enter_stranger(scene.strange);
	assert_true(start("", scene.strange, KEY));
	until_heard(foul_then_last_signed);
	assert_string_equal(scene.producers, "shipping");
	assert_int_equal(scene.foul, 0);
}

static void too_long_then_last(void)
{
	static const char much[64 * 1024];
	static int round;

	if (round++ % 100 == 0) /* it costs him his connection, which comes back after a while */
		send_bytes(much, sizeof(much));
	else
		send_doorbell("shipping", LAST, NULL);
}

/* Not even nanomsg's own protocol: whoever finds the publisher's door may say anything, and go in any way. */
static void knock_then_ring(void)
{
	static const char garbage[4096] = "GET / HTTP/1.1\r\n\r\n";
	static const size_t lengths[] = { 0, 1, 7, 8, 21, sizeof(garbage) };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static unsigned round;

	memcpy(address.sun_path, scene.own + strlen("ipc://"), sizeof(scene.own) - strlen("ipc://"));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const int door = socket(AF_UNIX, SOCK_STREAM, 0);

		if (connect(door, (struct sockaddr *)(void *)&address, sizeof(address)) == 0)
			(void)send(door, garbage, lengths[i], MSG_NOSIGNAL | MSG_DONTWAIT);
		close(door);
	}
	if (round++ > 50)
		bus_ring(LAST);
}

static void noise_at_the_door_is_survived(void **state)
{
	(void)state;
	assert_true(start(scene.own, scene.own, ""));
	until_heard(knock_then_ring);
	assert_string_equal(scene.producers, "ordering");
}

static void what_is_too_long_is_survived(void **state)
{
	(void)state;
	enter_stranger(scene.strange);
	assert_true(start("", scene.strange, ""));
	until_heard(too_long_then_last);
	until_heard(too_long_then_last);
	assert_int_equal(scene.foul, 0);
}

/* Several publishers, as there are several services. */
static void ring_both(void)
{
	bus_ring(LAST - 1);
	send_doorbell("shipping", LAST, NULL);
}

static void all_addresses_are_listened_to(void **state)
{
	char both[200];

	(void)state;
	enter_stranger(scene.strange);
	snprintf(both, sizeof(both), "%s, %s,", scene.own, scene.strange);
	assert_true(start(scene.own, both, ""));
	until_heard(ring_both);
	until_heard(ring_last);
}

static int flooded;

static void flood_once(void)
{
	for (; scene.heard > 0 && flooded < FLOOD; flooded++)
		send_doorbell("shipping", 1 + flooded % 100, NULL);
	send_doorbell("shipping", flooded < FLOOD ? 1 : LAST, NULL);
}

/* However many come, the loop is told only now and then. */
static void a_flood_is_a_trickle(void **state)
{
	const int64_t began = clock_monotonic();

	(void)state;
	enter_stranger(scene.strange);
	assert_true(start("", scene.strange, ""));
	until_heard(flood_once);
	assert_int_equal(flooded, FLOOD);
	assert_in_range(scene.heard, 2, 2 + (clock_monotonic() - began) / CLOCK_MILLISECOND);
	assert_in_range(scene.heard, 2, FLOOD / 4);
}

static void leave_then_ring(void)
{
	if (scene.stranger >= 0)
		nn_close(scene.stranger);
	scene.stranger = -1;
	bus_ring(LAST);
}

static void an_address_that_is_taken_is_tried_again(void **state)
{
	(void)state;
	enter_stranger(scene.own);
	assert_true(start(scene.own, scene.own, ""));
	until_heard(leave_then_ring);
	assert_string_equal(scene.producers, "ordering");
}

/* A process that was killed leaves its socket in the folder. */
static void what_was_left_behind_is_no_hindrance(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int left = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	memcpy(address.sun_path, scene.own + strlen("ipc://"), sizeof(scene.own) - strlen("ipc://"));
	assert_int_equal(bind(left, (struct sockaddr *)(void *)&address, sizeof(address)), 0);
	close(left);
	assert_true(start(scene.own, scene.own, ""));
	until_heard(ring_last);
}

static void settings_that_cannot_work_are_refused(void **state)
{
	(void)state;
	assert_false(start("tcp://127.0.0.1:1", "", ""));
	assert_false(start("", "ipc:///a, tcp://127.0.0.1:1", ""));
	assert_false(start(scene.own, "", "short"));
	assert_false(start("nonsense", "", ""));
	assert_false(start("", "nonsense", ""));
	assert_false(start("nothing://here", "", ""));
	assert_true(start(scene.own, "", ""));
}

static void without_a_bus_nothing_is_rung(void **state)
{
	(void)state;
	bus_ring(LAST);
	assert_true(start("", "", ""));
	bus_ring(LAST);
	bus_stop();
	assert_true(start(scene.own, "", "")); /* nobody listens */
	for (int i = 0; i < 1000; i++)
		bus_ring(i);
	bus_stop();
	bus_ring(LAST);
	assert_int_equal(scene.heard, 0);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_scene, close_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_doorbell_is_heard),
		TEST(a_signed_doorbell_is_heard_over_tcp),
		TEST(what_is_no_doorbell_is_ignored),
		TEST(what_is_not_signed_is_ignored),
		TEST(what_is_too_long_is_survived),
		TEST(noise_at_the_door_is_survived),
		TEST(all_addresses_are_listened_to),
		TEST(a_flood_is_a_trickle),
		TEST(an_address_that_is_taken_is_tried_again),
		TEST(what_was_left_behind_is_no_hindrance),
		TEST(settings_that_cannot_work_are_refused),
		TEST(without_a_bus_nothing_is_rung),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
