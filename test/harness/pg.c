/* See pg.h. The cluster itself is deploy/local/postgres.sh's work. */
#include "test/harness/pg.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT "deploy/local/postgres.sh"
#define DATABASES_MAX 64

/* The cluster: its folder, its socket's folder, and who cleans up after us. */
static char folder[256], sockets[256];
static pid_t guardian;
static int guarded; /* the write end of a pipe; the guardian sees its end when this process is gone */
static char conninfos[DATABASES_MAX][512];
static int n_databases;

static void fail(const char *what) __attribute__((noreturn));

static void fail(const char *what)
{
	fprintf(stderr, "pg: %s failed\n", what);
	exit(1);
}

/* Runs a program and returns its first line of output in ret_line (if not NULL). */
static void run(char *ret_line, size_t size, const char *const *argv)
{
	int fds[2], status;

	if (pipe2(fds, O_CLOEXEC) != 0)
		fail("pipe");

	const pid_t child = fork();

	if (child == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);

	FILE *output = fdopen(fds[0], "r");
	char line[512] = "";

	if (child < 0 || output == NULL)
		fail("fork");
	if (fgets(line, sizeof(line), output) != NULL)
		line[strcspn(line, "\n")] = '\0';
	while (fgetc(output) != EOF)
		continue;
	fclose(output);
	if (waitpid(child, &status, 0) != child || status != 0)
		fail(argv[0]);
	if (ret_line != NULL)
		snprintf(ret_line, size, "%s", line);
}

static void script(const char *what, char *ret_line, size_t size)
{
	run(ret_line, size, (const char *const[]){ SCRIPT, what, folder, NULL });
}

/* Deaf to a Ctrl-C that is meant for the test: it ends when the test has. */
static void guard(int end) __attribute__((noreturn));

static void guard(int end)
{
	char nothing;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	setpgid(0, 0);
	while (read(end, &nothing, 1) > 0)
		continue;
	execl(SCRIPT, SCRIPT, "destroy", folder, (char *)NULL);
	_exit(127);
}

static void dismiss_guardian(void)
{
	close(guarded);
	waitpid(guardian, NULL, 0);
}

static void post_guardian(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		fail("pipe");
	guardian = fork();
	if (guardian < 0)
		fail("fork");
	if (guardian == 0) {
		const int nowhere = open("/dev/null", O_WRONLY);

		/* Whoever reads the test's output waits for the test only. */
		dup2(nowhere, STDOUT_FILENO);
		close(fds[1]);
		guard(fds[0]);
	}
	close(fds[0]);
	guarded = fds[1];
	atexit(dismiss_guardian);
}

static void make_cluster(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/pg.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
		fail("mkdtemp");
	post_guardian();
	script("start", sockets, sizeof(sockets));
}

void pg_execute(const char *conninfo, const char *sql)
{
	run(NULL, 0,
	    (const char *const[]){ "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-c", sql, NULL });
}

const char *pg_start(void)
{
	char admin[512], sql[64];

	if (n_databases == 0)
		make_cluster();
	if (n_databases == DATABASES_MAX)
		fail("another database");

	char *conninfo = conninfos[n_databases++];

	snprintf(admin, sizeof(admin), "host=%s user=postgres dbname=postgres", sockets);
	snprintf(sql, sizeof(sql), "CREATE DATABASE test%d", n_databases);
	pg_execute(admin, sql);
	snprintf(conninfo, sizeof(conninfos[0]), "host=%s user=postgres dbname=test%d", sockets, n_databases);
	return conninfo;
}

void pg_stop(void)
{
	script("stop", NULL, 0);
}

void pg_restart(void)
{
	script("start", sockets, sizeof(sockets));
}
