/* See bus.h. A message is a packed quayside.events.v1.Doorbell, followed by its code where there is a key. */
#include "runtime/bus.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/str.h"
#include "quayside/events/v1/events.pb-c.h"
#include "runtime/contract.h"
#include "runtime/pb.h"

#define MESSAGE_MAX 128 /* bytes; nanomsg cuts off who sends more */
#define CODE_BYTES 32
#define NAME_MAX_BYTES 40
#define PRODUCERS_MAX 16             /* of which doorbells came since the loop looked last */
#define BURST 64                     /* messages read at once */
#define REST (2 * CLOCK_MILLISECOND) /* after a burst: what came meanwhile is one doorbell */
#define LOOK CLOCK_SECOND            /* how often it is looked whether an address is free, and a connection sound */
#define BROKEN_MAX 3                 /* connections in that time */
#define RECONNECT_MIN 50             /* ms */
#define RECONNECT_MAX 1000

struct heard {
	char producer[NAME_MAX_BYTES + 1];
	int64_t position;
};

/* One per process. */
static struct {
	struct loop *loop;
	struct bus_options options;
	const struct contract_message *doorbell;
	int publisher, subscriber; /* sockets, or -1 */
	bool bound;                /* the publisher has its address */
	int wake;                  /* eventfd: something to do for the thread */
	bool running;
	pthread_t thread;

	pthread_mutex_t lock; /* over what follows */
	bool stopping, posted;
	int64_t position; /* to ring; 0: nothing */
	struct heard heard[PRODUCERS_MAX];
	size_t n_heard;
	struct loop_task task;
} bus = { .lock = PTHREAD_MUTEX_INITIALIZER, .publisher = -1, .subscriber = -1 };

/* What follows the prefix; empty when it is not there. */
static struct str text_after(struct str text, const char *prefix)
{
	const size_t len = strlen(prefix);

	return str_starts(text, prefix) ? (struct str){ text.data + len, text.len - len } : STR("");
}

static bool has_key(void)
{
	return *bus.options.key != '\0';
}

static void code_of(const char *data, size_t len, unsigned char ret_code[CODE_BYTES])
{
	const char *key = bus.options.key;
	unsigned int size = CODE_BYTES;

	if (HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)data, len, ret_code, &size) == NULL)
		abort(); /* over memory it fails only when OpenSSL itself is broken */
}

/* ---- Hearing: in the bus's thread, up to the loop ---- */

static void tell(struct loop_task *task)
{
	struct heard heard[PRODUCERS_MAX];
	size_t n_heard;

	(void)task;
	pthread_mutex_lock(&bus.lock);
	n_heard = bus.n_heard;
	memcpy(heard, bus.heard, n_heard * sizeof(*heard));
	bus.n_heard = 0;
	bus.posted = false;
	pthread_mutex_unlock(&bus.lock);
	for (size_t i = 0; i < n_heard && bus.running; i++)
		bus.options.rung(bus.options.context, heard[i].producer, heard[i].position);
}

static void note(const char *producer, int64_t position)
{
	size_t i = 0;

	pthread_mutex_lock(&bus.lock);
	while (i < bus.n_heard && strcmp(bus.heard[i].producer, producer) != 0)
		i++;
	if (i == bus.n_heard && i < PRODUCERS_MAX) {
		bus.heard[i] = (struct heard){ .position = 0 };
		memcpy(bus.heard[i].producer, producer, strnlen(producer, NAME_MAX_BYTES));
		bus.n_heard++;
	}
	if (i < PRODUCERS_MAX && position > bus.heard[i].position)
		bus.heard[i].position = position;
	pthread_mutex_unlock(&bus.lock);
}

/* Once for all that a burst brought. */
static void pass_on(void)
{
	pthread_mutex_lock(&bus.lock);
	if (bus.n_heard > 0 && !bus.posted) {
		bus.posted = true;
		loop_post(bus.loop, &bus.task);
	}
	pthread_mutex_unlock(&bus.lock);
}

/* Strangers may have sent it. */
static void read_message(const char *data, size_t len)
{
	unsigned char code[CODE_BYTES];
	struct arena *arena;
	void *doorbell;

	if (has_key()) {
		if (len < CODE_BYTES)
			return;
		len -= CODE_BYTES;
		code_of(data, len, code);
		if (CRYPTO_memcmp(code, data + len, CODE_BYTES) != 0)
			return;
	}
	arena = arena_new(1024, 64 * 1024);
	if (pb_request(arena, bus.doorbell, &events__doorbell__descriptor, (struct str){ data, len }, &doorbell)
		.reason == NULL)
		note(((const Events__Doorbell *)doorbell)->producer, ((const Events__Doorbell *)doorbell)->position);
	arena_free(arena);
}

/* True if there was anything. */
static bool hear(void)
{
	char message[MESSAGE_MAX];
	int n = 0;

	while (n < BURST) {
		const int len = nn_recv(bus.subscriber, message, sizeof(message), NN_DONTWAIT);

		if (len < 0)
			break;
		if ((size_t)len <= sizeof(message))
			read_message(message, (size_t)len);
		n++;
	}
	pass_on();
	return n > 0;
}

/* ---- Ringing: from the loop to the bus's thread ---- */

static void send_doorbell(int64_t position)
{
	struct arena *arena = arena_new(1024, 0);
	Events__Doorbell doorbell = EVENTS__DOORBELL__INIT;
	struct buf message = buf_new(arena);
	unsigned char code[CODE_BYTES];
	struct str packed;

	doorbell.producer = arena_strdup(arena, bus.options.self);
	doorbell.position = position;
	packed = pb_pack(arena, &doorbell.base);
	buf_bytes(&message, packed.data, packed.len);
	if (has_key()) {
		code_of(packed.data, packed.len, code);
		buf_bytes(&message, (const char *)code, CODE_BYTES);
	}
	(void)nn_send(bus.publisher, message.data, message.len, NN_DONTWAIT); /* not heard is not harmful */
	arena_free(arena);
}

static void wake_thread(void)
{
	const uint64_t one = 1;

	(void)!write(bus.wake, &one, sizeof(one));
}

void bus_ring(int64_t position)
{
	if (!bus.running || bus.publisher < 0)
		return;
	pthread_mutex_lock(&bus.lock);
	bus.position = position;
	pthread_mutex_unlock(&bus.lock);
	wake_thread();
}

/* False when the thread has to end. */
static bool ring_what_is_due(void)
{
	uint64_t count;
	int64_t position;
	bool stopping;

	(void)!read(bus.wake, &count, sizeof(count));
	pthread_mutex_lock(&bus.lock);
	position = bus.position;
	stopping = bus.stopping;
	bus.position = 0;
	pthread_mutex_unlock(&bus.lock);
	if (position > 0 && bus.bound)
		send_doorbell(position);
	return !stopping;
}

/* ---- Opening ---- */

static bool refuse(const char *setting, const char *address, const char *why)
{
	log_error("the bus cannot work", LOG_TEXT("setting", setting), LOG_TEXT("address", address),
		  LOG_TEXT("why", why));
	return false;
}

static void set_number(int socket, int option, int value)
{
	if (nn_setsockopt(socket, NN_SOL_SOCKET, option, &value, sizeof(value)) != 0)
		abort(); /* the options are nanomsg's own */
}

/* Asking nanomsg for a taken address costs memory each time (nn_bipc_create() of 1.1.5 forgets what it made), so it is asked when the answer may be another one. */
static bool is_taken(void)
{
	const struct str path = text_after(str_of(bus.options.publish), "ipc://");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool taken;
	int fd;

	if (path.len == 0 || path.len >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path.data, path.len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	taken = fd >= 0 && (connect(fd, (struct sockaddr *)(void *)&address, sizeof(address)) == 0 || errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	return taken;
}

/* False when it can never work. Another process may still have the address. */
static bool bind_publisher(void)
{
	if (is_taken())
		return true;
	if (nn_bind(bus.publisher, bus.options.publish) >= 0)
		bus.bound = true;
	else if (nn_errno() != EADDRINUSE && nn_errno() != EADDRNOTAVAIL)
		return false;
	return true;
}

static bool open_publisher(void)
{
	bus.publisher = nn_socket(AF_SP, NN_PUB);
	if (bus.publisher < 0)
		return refuse("bus-publish", bus.options.publish, nn_strerror(nn_errno()));
	return bind_publisher() || refuse("bus-publish", bus.options.publish, nn_strerror(nn_errno()));
}

static void free_arena(struct arena **arena)
{
	arena_free(*arena);
}

static bool open_subscriber(void)
{
	struct arena *arena CLEANUP(free_arena) = arena_new(1024, 0);
	struct str rest = str_of(bus.options.subscribe), item;

	/* NN_IPV4ONLY stays on: without it nanomsg 1.1.5 ends the process when it connects by IPv4 (nanomsg/nanomsg#1114). */
	bus.subscriber = nn_socket(AF_SP, NN_SUB);
	if (bus.subscriber < 0 || nn_setsockopt(bus.subscriber, NN_SUB, NN_SUB_SUBSCRIBE, "", 0) != 0)
		return refuse("bus-subscribe", bus.options.subscribe, nn_strerror(nn_errno()));
	set_number(bus.subscriber, NN_RCVMAXSIZE, MESSAGE_MAX);
	set_number(bus.subscriber, NN_RECONNECT_IVL, RECONNECT_MIN);
	set_number(bus.subscriber, NN_RECONNECT_IVL_MAX, RECONNECT_MAX);
	while (str_cut(&rest, ',', &item)) {
		const char *address = arena_strndup(arena, str_trim(item).data, str_trim(item).len);

		if (*address != '\0' && nn_connect(bus.subscriber, address) < 0)
			return refuse("bus-subscribe", address, nn_strerror(nn_errno()));
	}
	return true;
}

/* ---- The thread ---- */

static int timeout_of(bool resting)
{
	return (int)((resting ? REST : LOOK) / CLOCK_MILLISECOND);
}

static int readable_descriptor(int socket)
{
	size_t size = sizeof(int);
	int fd = -1;

	if (socket >= 0 && nn_getsockopt(socket, NN_SOL_SOCKET, NN_RCVFD, &fd, &size) != 0)
		return -1;
	return fd;
}

/*
 * Who sends more than the limit is cut off, and then nanomsg 1.1.5 breaks each further connection to this address as soon as it has it: only a new socket helps. What is rung
 * meanwhile is lost.
 */
static void mend_subscriber(void)
{
	static uint64_t broken_before;
	uint64_t broken;

	if (bus.subscriber < 0)
		return;
	broken = nn_get_statistic(bus.subscriber, NN_STAT_BROKEN_CONNECTIONS);
	if (broken >= broken_before + BROKEN_MAX) {
		(void)nn_close(bus.subscriber);
		(void)open_subscriber();
		broken = 0;
	}
	broken_before = broken;
}

/* What is not done at every turn. */
static void look_after(int64_t *next)
{
	const int64_t now = clock_monotonic();

	if (now < *next)
		return;
	*next = now + LOOK;
	if (bus.publisher >= 0 && !bus.bound)
		(void)bind_publisher();
	mend_subscriber();
}

static void *run(void *argument)
{
	struct pollfd inputs[] = { { .fd = bus.wake, .events = POLLIN }, { .events = POLLIN } };
	int64_t next = 0;
	bool resting = false;

	do {
		inputs[1].fd = readable_descriptor(bus.subscriber);
		inputs[1].revents = 0;
		(void)poll(inputs, resting ? 1 : 2, timeout_of(resting));
		resting = inputs[1].revents != 0 && hear();
		look_after(&next);
	} while (ring_what_is_due());
	return argument;
}

static bool names_tcp(const char *addresses)
{
	return strstr(addresses, "tcp:") != NULL || strstr(addresses, "ws:") != NULL;
}

static bool check_key(void)
{
	if (has_key() && strlen(bus.options.key) < BUS_KEY_MIN)
		return refuse("bus-key", "", "it is too short");
	if (!has_key() && (names_tcp(bus.options.publish) || names_tcp(bus.options.subscribe)))
		return refuse("bus-key", "", "what goes over a network needs one");
	return true;
}

static bool open_all(void)
{
	return check_key() && (*bus.options.publish == '\0' || open_publisher()) &&
	       (*bus.options.subscribe == '\0' || open_subscriber());
}

static void close_all(void)
{
	if (bus.publisher >= 0)
		(void)nn_close(bus.publisher);
	if (bus.subscriber >= 0)
		(void)nn_close(bus.subscriber);
	bus.publisher = bus.subscriber = -1;
	bus.bound = false;
}

bool bus_start(struct loop *loop, const struct bus_options *options)
{
	bus.loop = loop;
	bus.options = *options;
	bus.doorbell = contract_message(contract_load(), "quayside.events.v1.Doorbell");
	bus.task.run = tell;
	bus.stopping = bus.posted = false;
	bus.position = 0;
	bus.n_heard = 0;
	if (*options->publish == '\0' && *options->subscribe == '\0')
		return true;
	if (!open_all()) {
		close_all();
		return false;
	}
	bus.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	bus.running = true;
	if (bus.wake < 0 || pthread_create(&bus.thread, NULL, run, NULL) != 0)
		abort(); /* the system is out of what a process needs to start */
	return true;
}

void bus_stop(void)
{
	if (!bus.running)
		return;
	pthread_mutex_lock(&bus.lock);
	bus.stopping = true;
	pthread_mutex_unlock(&bus.lock);
	wake_thread();
	(void)pthread_join(bus.thread, NULL);
	bus.running = false;
	close_all();
	close(bus.wake);
}
