/*
 * See coroutine.h. Stacks are switched by swapcontext(3); a coroutine that may go on is an active event of its loop, so libevent's queue is the ready list.
 *
 * One mapping holds it all: a guard page, the stack, and above it the coroutine itself with its event.
 */
#include "runtime/coroutine.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/list.h"

#ifdef __has_feature
#define HAS_FEATURE(name_) __has_feature(name_)
#else
#define HAS_FEATURE(name_) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define WITH_ASAN 1
#include <sanitizer/common_interface_defs.h>
#else
#define WITH_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define WITH_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define WITH_TSAN 0
#endif
#if __has_include(<valgrind/valgrind.h>)
#define WITH_VALGRIND 1
#include <valgrind/valgrind.h>
#else
#define WITH_VALGRIND 0
#endif

#define STACK_SIZE ((size_t)(WITH_ASAN || WITH_TSAN ? 256 : 64) * 1024)
#define POOL_MAX 256 /* stacks kept for the next coroutines, per thread */

/* What a sanitizer knows about one side of a switch. */
struct side {
	void *fake_stack;   /* ASan's */
	const void *bottom; /* of the stack: its lowest address */
	size_t size;
	void *fiber; /* TSan's */
};

struct coroutine {
	ucontext_t context;
	struct side side;
	struct event *ready; /* active while the coroutine is to go on */
	void (*run)(void *argument);
	void *argument;
	struct link link; /* in the pool */
	char *stack;
	void *mapping;
	size_t mapping_size;
	unsigned stack_id; /* valgrind's */
	bool waiting;      /* in coroutine_wait() and not woken */
	bool woken;        /* while awake: the next wait returns at once */
	bool finished;
};

/* The loop's own stack, while a coroutine runs, and what this thread keeps. */
static _Thread_local ucontext_t loop_context;
static _Thread_local struct side loop_side;
static _Thread_local struct coroutine *current;
static _Thread_local struct link pool;
static _Thread_local size_t pool_size;
static _Thread_local size_t count;

static void die(const char *what) __attribute__((noreturn));

static void die(const char *what)
{
	fprintf(stderr, "coroutine: %s (errno %d)\n", what, errno);
	abort();
}

/* Switches stacks. A side that is left for good gives its fake stack back. */
static void switch_to(ucontext_t *from, struct side *from_side, bool for_good, const ucontext_t *to,
		      const struct side *to_side)
{
	(void)from_side;
	(void)for_good;
	(void)to_side;
#if WITH_ASAN
	__sanitizer_start_switch_fiber(for_good ? NULL : &from_side->fake_stack, to_side->bottom, to_side->size);
#endif
#if WITH_TSAN
	__tsan_switch_to_fiber(to_side->fiber, 0);
#endif
	if (swapcontext(from, to) != 0)
		die("swapcontext");
#if WITH_ASAN
	__sanitizer_finish_switch_fiber(from_side->fake_stack, NULL, NULL);
#endif
}

static void enter(void)
{
	struct coroutine *self = current;

#if WITH_ASAN
	/* Also tells where the loop's own stack lies. */
	__sanitizer_finish_switch_fiber(NULL, &loop_side.bottom, &loop_side.size);
#endif
	self->run(self->argument);
	self->finished = true;
	switch_to(&self->context, &self->side, true, &loop_context, &loop_side);
	die("a finished coroutine went on");
}

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) / to * to;
}

static struct coroutine *map_stack(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t head = round_up(sizeof(struct coroutine), 64);
	const size_t top = round_up(head + event_get_struct_event_size(), 64);
	const size_t size = page + round_up(STACK_SIZE + top, page);
	char *mapping =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

	if (mapping == MAP_FAILED || mprotect(mapping, page, PROT_NONE) != 0)
		die("no memory for a stack");

	char *self_at = mapping + size - top;
	struct coroutine *self = (struct coroutine *)(void *)self_at;

	self->ready = (struct event *)(void *)(self_at + head);
	self->mapping = mapping;
	self->mapping_size = size;
	self->stack = mapping + page;
	self->side.bottom = self->stack;
	self->side.size = (size_t)(self_at - self->stack);
	list_init(&self->link);
#if WITH_VALGRIND
	self->stack_id = VALGRIND_STACK_REGISTER(self->stack, self_at);
#endif
	return self;
}

static void unmap_stack(struct coroutine *self)
{
#if WITH_VALGRIND
	VALGRIND_STACK_DEREGISTER(self->stack_id);
#endif
	if (munmap(self->mapping, self->mapping_size) != 0)
		die("munmap");
}

static struct coroutine *take_stack(void)
{
	if (pool_size == 0)
		return map_stack();

	struct coroutine *self = LIST_ENTRY(list_first(&pool), struct coroutine, link);

	list_remove(&self->link);
	pool_size--;
	return self;
}

/* The stack used last is used first: it is warm. */
static void keep_stack(struct coroutine *self)
{
	if (pool_size == POOL_MAX) {
		unmap_stack(self);
		return;
	}
	if (pool_size == 0)
		list_init(&pool);
	list_append(pool.next, &self->link);
	pool_size++;
}

static void finish(struct coroutine *self)
{
#if WITH_TSAN
	__tsan_destroy_fiber(self->side.fiber);
#endif
	count--;
	keep_stack(self);
}

/* On the loop's own stack: lets the coroutine run until it waits or ends. */
static void resume(struct coroutine *self)
{
#if WITH_TSAN
	loop_side.fiber = __tsan_get_current_fiber();
#endif
	current = self;
	switch_to(&loop_context, &loop_side, false, &self->context, &self->side);
	current = NULL;
	if (self->finished)
		finish(self);
}

static void on_ready(evutil_socket_t fd, short events, void *argument)
{
	(void)fd;
	(void)events;
	resume(argument);
}

/* Apart, because the compiler takes getcontext() for a function that may return twice. */
static void prepare_context(struct coroutine *self)
{
	if (getcontext(&self->context) != 0)
		die("getcontext");
	self->context.uc_link = NULL;
	self->context.uc_stack.ss_sp = self->stack;
	self->context.uc_stack.ss_size = self->side.size;
	makecontext(&self->context, enter, 0);
}

void coroutine_start(struct loop *loop, void (*run)(void *argument), void *argument)
{
	struct coroutine *self = take_stack();

	self->run = run;
	self->argument = argument;
	self->waiting = self->woken = self->finished = false;
	self->side.fake_stack = NULL;
	if (event_assign(self->ready, loop_base(loop), -1, 0, on_ready, self) != 0)
		die("event_assign");
	prepare_context(self);
#if WITH_TSAN
	self->side.fiber = __tsan_create_fiber(0);
#endif
	count++;
	if (current == NULL)
		resume(self);
	else
		event_active(self->ready, 0, 0);
}

struct coroutine *coroutine_current(void)
{
	return current;
}

void coroutine_wait(void)
{
	struct coroutine *self = current;

	if (self == NULL)
		die("a wait outside of a coroutine would block the loop");
	if (!self->woken) {
		self->waiting = true;
		switch_to(&self->context, &self->side, false, &loop_context, &loop_side);
	}
	self->woken = false;
}

void coroutine_wake(struct coroutine *coroutine)
{
	if (!coroutine->waiting) {
		coroutine->woken = true;
		return;
	}
	coroutine->waiting = false;
	event_active(coroutine->ready, 0, 0);
}

struct nap {
	struct coroutine *sleeper;
	bool over;
};

static void end_nap(void *owner)
{
	struct nap *nap = owner;

	nap->over = true;
	coroutine_wake(nap->sleeper);
}

void coroutine_sleep(struct loop *loop, int64_t delay)
{
	struct nap nap = { .sleeper = current };
	struct loop_timer *timer = loop_timer_new(loop, end_nap, &nap);

	loop_timer_set(timer, delay);
	while (!nap.over)
		coroutine_wait();
	loop_timer_free(timer);
}

size_t coroutine_count(void)
{
	return count;
}
