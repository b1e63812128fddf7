/*
 * gateway: JSON over HTTP in front of the five services, and the browser UI.
 *
 * Trusted with: facing strangers. It bounds what they can make us hold, checks what they send, and translates.
 * Never: decides business, keeps business data, opens a database, or changes what a service said.
 */
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "gateway/front.h"
#include "gateway/settings.h"
#include "gateway/tls.h"
#include "runtime/rpc_core.h"

#define DESCRIPTORS_SPARE 128 /* beside connections: peers, logs, polls */

struct gateway {
	struct settings settings;
	struct arena *arena; /* for what lives as long as the process */
	struct loop *loop;
	struct rpc_core *core;
	struct api_peer peers[PEERS + 1];
	struct front front;
	struct ssl_ctx_st *tls;
	struct http_server *server;
	struct event *signals;
	int signal_fd;
};

static void calls_ended(void *context)
{
	loop_stop(((struct gateway *)context)->loop);
}

static void drained(void *context)
{
	api_drain(((struct gateway *)context)->front.api, calls_ended, context);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
	struct gateway *gateway = context;
	struct signalfd_siginfo info;

	(void)what;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info) || gateway->front.draining)
		return;
	log_info("draining");
	gateway->front.draining = true;
	http_server_drain(gateway->server, gateway->settings.drain, drained, gateway);
}

/* Signals stay blocked in every thread and are read like any other input. Before the first thread is made. */
static void catch_signals(struct gateway *gateway)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	gateway->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	gateway->signals =
	    event_new(loop_base(gateway->loop), gateway->signal_fd, EV_READ | EV_PERSIST, on_signal, gateway);
	event_add(gateway->signals, NULL);
}

/* As many descriptors as the system grants; connections fit into them. */
static void fit_connections(struct http_limits *limits)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max == RLIM_INFINITY || (int64_t)files.rlim_max >= limits->max_connections + DESCRIPTORS_SPARE)
		return;
	limits->max_connections = (int64_t)files.rlim_max > 2 * DESCRIPTORS_SPARE
				      ? (int64_t)files.rlim_max - DESCRIPTORS_SPARE
				      : DESCRIPTORS_SPARE;
	log_warn("max-connections is more than the system grants", LOG_INT("connections", limits->max_connections));
}

static bool listen_all(struct gateway *gateway)
{
	struct str rest = str_of(gateway->settings.http_listen);
	struct str address;

	while (str_cut(&rest, ',', &address)) {
		address = str_trim(address);
		if (!http_server_listen(gateway->server, arena_strndup(gateway->arena, address.data, address.len)))
			return false;
	}
	return true;
}

/* What can fail for reasons outside, before anything runs. */
static bool load(struct gateway *gateway)
{
	const struct settings *s = &gateway->settings;

	if (*s->tls_certificate != '\0') {
		gateway->tls = tls_load(s->tls_certificate, s->tls_key);
		if (gateway->tls == NULL)
			return false;
	}
	if (*s->ui_dir != '\0') {
		gateway->front.files = static_load(gateway->arena, s->ui_dir);
		if (gateway->front.files == NULL)
			return false;
	}
	return true;
}

static bool start(struct gateway *gateway)
{
	gateway->core = rpc_core_new(gateway->loop);
	for (size_t i = 0; i < PEERS; i++) {
		gateway->peers[i] = (struct api_peer){ PEER_NAMES[i], rpc_client_new(gateway->core, "gateway",
										     gateway->settings.peers[i]) };
		rpc_client_guard(gateway->peers[i].client, &gateway->settings.guard);
		(void)rpc_client_connected(gateway->peers[i].client); /* starts connecting */
	}
	gateway->front.peers = gateway->peers;
	gateway->front.api = api_new(gateway->arena, gateway->loop, gateway->peers, &gateway->settings.streams);
	gateway->server =
	    http_server_new(gateway->loop, &gateway->settings.limits, gateway->tls, front_handle, &gateway->front);
	return gateway->front.api != NULL && listen_all(gateway);
}

static void stop(struct gateway *gateway)
{
	http_server_free(gateway->server);
	for (size_t i = 0; i < PEERS; i++)
		rpc_client_free(gateway->peers[i].client);
	rpc_core_free(gateway->core);
}

static int serve(struct gateway *gateway)
{
	bool good = load(gateway);

	if (!good)
		return 1;
	fit_connections(&gateway->settings.limits);
	gateway->loop = loop_new();
	catch_signals(gateway);
	good = start(gateway);
	if (good)
		loop_run(gateway->loop);
	stop(gateway);
	event_free(gateway->signals);
	(void)close(gateway->signal_fd);
	loop_free(gateway->loop);
	if (good)
		log_info("stopped");
	return good ? 0 : 1;
}

int main(int argc, char *argv[])
{
	struct gateway gateway = { .arena = arena_new(4096, 0) };
	int status = 2;

	switch (settings_load(&gateway.settings, argc, argv)) {
	case CONFIG_HELP_SHOWN:
		status = 0;
		break;
	case CONFIG_REFUSED:
		break;
	case CONFIG_READY:
		log_setup("gateway", (enum log_level)gateway.settings.log_level,
			  (enum log_format)gateway.settings.log_format);
		status = serve(&gateway);
		break;
	}
	tls_free(gateway.tls);
	arena_free(gateway.arena);
	return status;
}
