/* See fault.h. Nothing of this is in other builds than MODE=fault. */
#include "runtime/fault.h"

#ifdef FAULT_POINTS

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define NAME_MAX 64

enum fault { FAULT_NONE, FAULT_KILL, FAULT_SLEEP, FAULT_ERR };

/* What the environment asks for. */
static struct {
	pthread_once_t once;
	enum fault fault;
	struct str name;     /* of the points it is for; empty: all */
	int64_t number;      /* kill, err: at which passage (0: each); sleep: milliseconds */
	const char *file;    /* FAULT_FILE, or NULL */
	atomic_llong passed; /* how many of those points */
} plan = { .once = PTHREAD_ONCE_INIT };

static void refuse(const char *text) __attribute__((noreturn));

static void refuse(const char *text)
{
	fprintf(stderr, "FAULT=%s: say kill@N, kill@NAME:N, err@N, err@NAME, err@NAME:N or sleep@NAME:MILLISECONDS\n",
		text);
	exit(2);
}

static enum fault fault_of(struct str word)
{
	static const char *const names[] = { [FAULT_KILL] = "kill", [FAULT_SLEEP] = "sleep", [FAULT_ERR] = "err" };

	for (enum fault fault = FAULT_KILL; fault <= FAULT_ERR; fault++) {
		if (str_is(word, names[fault]))
			return fault;
	}
	return FAULT_NONE;
}

static void read_environment(void)
{
	const char *text = getenv("FAULT");
	struct str rest = str_of(text == NULL ? "" : text);
	struct str word, number;

	plan.file = getenv("FAULT_FILE");
	if (rest.len == 0)
		return;
	if (!str_cut(&rest, '@', &word) || (plan.fault = fault_of(word)) == FAULT_NONE)
		refuse(text);
	/* A number alone counts all points; sleeping at one of them would show nothing. */
	if (str_to_int64(rest, &plan.number)) {
		if (plan.fault == FAULT_SLEEP)
			refuse(text);
		return;
	}
	(void)str_cut(&rest, ':', &plan.name);
	number = rest;
	if (plan.name.len == 0 || (number.len > 0 ? !str_to_int64(number, &plan.number) : plan.fault != FAULT_ERR))
		refuse(text);
}

/* True if points count now. */
static bool note(const char *name)
{
	char line[NAME_MAX + 1];
	int fd, length;

	if (plan.file == NULL)
		return true;
	fd = open(plan.file, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = snprintf(line, sizeof(line), "%.*s\n", NAME_MAX - 1, name);
	if (write(fd, line, (size_t)length) != length)
		abort();
	close(fd);
	return true;
}

bool fault_point(const char *name)
{
	long long passed;

	pthread_once(&plan.once, read_environment);
	if (!note(name) || plan.fault == FAULT_NONE || (plan.name.len > 0 && !str_is(plan.name, name)))
		return false;
	passed = atomic_fetch_add(&plan.passed, 1) + 1;
	switch (plan.fault) {
	case FAULT_KILL:
		if (passed == plan.number)
			kill(getpid(), SIGKILL);
		return false;
	case FAULT_SLEEP:
		(void)poll(NULL, 0, (int)plan.number);
		return false;
	case FAULT_ERR:
		return plan.number == 0 || passed == plan.number;
	case FAULT_NONE:
		break;
	}
	return false;
}

#endif
