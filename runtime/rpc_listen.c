/*
 * Where the server takes calls.
 *
 * Core would share a TCP port with another process, and replace another's Unix socket, without a word. So ports are not shared (GRPC_ARG_ALLOW_REUSEPORT),
 * and a Unix socket is guarded by a lock on `<path>.lock`: the kernel drops it with the process, so a socket file that a dead one left behind is no hindrance.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/rpc_private.h"

#define UNIX_PREFIX "unix:"

static bool refuse(const char *address, const char *why)
{
	log_error("cannot listen", LOG_TEXT("address", address), LOG_TEXT("reason", why));
	return false;
}

/* Does someone answer there who knows nothing of our lock? */
static bool is_answered(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(name.sun_path, path, strlen(path));

	const bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;

	if (fd >= 0)
		close(fd);
	return answered;
}

static void keep_lock(struct rpc_server *server, int fd)
{
	/* house: allocation because it lives as long as the server */
	int *locks = realloc(server->locks, (server->n_locks + 1) * sizeof(*locks));

	if (locks == NULL)
		abort();
	server->locks = locks;
	server->locks[server->n_locks++] = fd;
}

/* The file stays: removing it would let two processes lock two files of one name. */
static int lock_file(const char *path)
{
	struct arena *scratch = arena_new(256, 0);
	const int fd = open(arena_printf(scratch, "%s.lock", path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	arena_free(scratch);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		const int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

static bool guard_socket(struct rpc_server *server, const char *address, const char *path)
{
	int fd;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return refuse(address, "the path is too long for a socket");
	fd = lock_file(path);
	if (fd < 0)
		return refuse(address,
			      errno == EWOULDBLOCK ? "another process listens there" : "the lock file cannot be made");
	keep_lock(server, fd);
	return is_answered(path) ? refuse(address, "another process listens there") : true;
}

bool rpc_server_listen(struct rpc_server *server, const char *address, int *ret_port)
{
	const bool is_unix = strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;

	if (is_unix && !guard_socket(server, address, address + strlen(UNIX_PREFIX)))
		return false;

	grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
	const int port = grpc_server_add_http2_port(server->server, address, credentials);

	grpc_server_credentials_release(credentials);
	if (port == 0)
		return refuse(address, "the address is not to be had; another process may listen there");
	if (ret_port != NULL)
		*ret_port = port;
	log_info("listening", LOG_TEXT("address", address), LOG_INT("port", is_unix ? 0 : port));
	return true;
}
