#include "runtime/service.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "runtime/bus.h"
#include "runtime/db.h"
#include "runtime/health.h"
#include "runtime/reflection.h"
#include "runtime/retention.h"
#include "runtime/rpc_core.h"
#include "runtime/saga.h"

#define NAMES_MAX 16
#define PEERS_MAX 8
#define STEPS_MAX 8
#define STEP_TIMEOUT (30 * CLOCK_SECOND)
#define FORGET_PERIOD (60 * CLOCK_SECOND)

struct settings {
	const char *listen, *database, *peers[PEERS_MAX];
	const char *bus_publish, *bus_subscribe, *bus_key;
	int log_level, log_format;
	int64_t max_calls, max_message, max_streams;
	int64_t read_connections, write_connections, group_limit, queue_limit, statement_timeout_ms;
	int64_t min_work, max_work, target_ms, peer_slow_ms, peer_rest_ms, peer_calls;
	int64_t drain_ms;
};

struct step_state {
	struct service *service;
	const struct service_step *step;
	struct loop_timer *timer;
	struct call *call; /* that runs now */
};

/* The process. */
struct service {
	const struct service_spec *spec;
	struct settings settings;
	struct arena *arena; /* for what lives as long as the process */
	struct loop *loop;
	struct db *db;
	struct rpc_core *core;
	struct rpc_server *server;
	struct events *events;
	struct event *signals;
	int signal_fd;
	struct step_state steps[STEPS_MAX];
	size_t n_steps, steps_running;
	bool draining, calls_done, events_done, sagas_done;
};

static const char *const LEVELS[] = { "debug", "info", "warn", "error", "off", NULL };
static const char *const FORMATS[] = { "json", "logfmt", NULL };

/* house: long because it is one list */
static enum config_outcome load_settings(struct service *service, int argc, char *argv[])
{
	struct settings *s = &service->settings;
	const struct service_spec *spec = service->spec;
	struct setting list[28 + PEERS_MAX + OWN_SETTINGS_MAX] = {
		SETTING_TEXT("listen", &s->listen, spec->default_listen,
			     "where calls are taken: unix:/path or host:port, several with commas"),
		SETTING_SECRET("database", &s->database, NULL, "PostgreSQL connection string (libpq)"),
		SETTING_CHOICE("log-level", &s->log_level, LOG_INFO, LEVELS, "the least important lines to write"),
		SETTING_CHOICE("log-format", &s->log_format, LOG_JSON, FORMATS, "the form of a line"),
		SETTING_INT("max-calls", &s->max_calls, 4096, 16, 100000, "calls in flight before more are refused"),
		SETTING_INT("max-message-bytes", &s->max_message, 256 * 1024, 1024, 4 * 1024 * 1024,
			    "size of one request"),
		SETTING_INT("max-streams", &s->max_streams, 4096, 1, 100000, "calls at once on one connection"),
		SETTING_INT("min-work", &s->min_work, 64, 1, 10000, "calls worked on at once, however slow they are"),
		SETTING_INT("max-work", &s->max_work, 256, 0, 10000,
			    "calls worked on at once, however fast they are; 0: as many as are let in"),
		SETTING_INT("target-ms", &s->target_ms, 200, 1, 60000,
			    "work that takes less is never taken for congestion"),
		SETTING_INT("peer-slow-ms", &s->peer_slow_ms, 1000, 10, 600000,
			    "a call to another service that takes longer counts as failed"),
		SETTING_INT("peer-rest-ms", &s->peer_rest_ms, 5000, 10, 600000,
			    "how long another service is not called once it fails"),
		SETTING_INT("peer-calls", &s->peer_calls, 2048, 2, 100000,
			    "calls to one other service under way at once"),
		SETTING_INT("db-read-connections", &s->read_connections, 2, 1, 64, "connections for reads"),
		SETTING_INT("db-write-connections", &s->write_connections, 1, 1, 64, "connections for writes"),
		SETTING_INT("db-group-limit", &s->group_limit, 64, 1, 1024, "units of work in one transaction"),
		SETTING_INT("db-queue-limit", &s->queue_limit, 16384, 16, 1000000, "units of work that may wait"),
		SETTING_INT("statement-timeout-ms", &s->statement_timeout_ms, 1500, 10, 600000,
			    "the longest a statement may run"),
		SETTING_INT("drain-ms", &s->drain_ms, 8000, 0, 60000,
			    "how long accepted calls may take once the process has to stop"),
		SETTING_TEXT("bus-publish", &s->bus_publish, "",
			     "where others hear of new events: ipc:///path or tcp://host:port; empty: they poll"),
		SETTING_TEXT("bus-subscribe", &s->bus_subscribe, "",
			     "where others' bus-publish is, several with commas; empty: we poll"),
		SETTING_SECRET("bus-key", &s->bus_key, "", "shared by all on the bus; needed for tcp"),
	};
	size_t n = 22;

	for (size_t i = 0; spec->peers != NULL && spec->peers[i].name != NULL && i < PEERS_MAX; i++) {
		const struct service_peer *peer = &spec->peers[i];

		list[n++] = (struct setting)SETTING_TEXT(arena_printf(service->arena, "%s-address", peer->name),
							 &s->peers[i], peer->default_address,
							 arena_printf(service->arena, "where %s is", peer->name));
	}
	for (size_t i = 0; spec->settings != NULL && spec->settings[i].name != NULL && i < OWN_SETTINGS_MAX; i++)
		list[n++] = spec->settings[i];
	list[n] = (struct setting)SETTING_END;
	return config_load(spec->variables, spec->description, list, argc, argv);
}

static void check_stopped(struct service *service)
{
	if (service->calls_done && service->events_done && service->sagas_done && service->steps_running == 0)
		loop_stop(service->loop);
}

static void calls_drained(void *context)
{
	struct service *service = context;

	service->calls_done = true;
	check_stopped(service);
}

static void events_stopped(void *context)
{
	struct service *service = context;

	service->events_done = true;
	check_stopped(service);
}

static void sagas_stopped(void *context)
{
	struct service *service = context;

	service->sagas_done = true;
	check_stopped(service);
}

static void drain(struct service *service)
{
	if (service->draining)
		return;
	service->draining = true;
	log_info("draining", LOG_INT("calls", rpc_server_calls(service->server)));
	health_set(false);
	health_close();
	for (size_t i = 0; i < service->n_steps; i++) {
		loop_timer_cancel(service->steps[i].timer);
		if (service->steps[i].call != NULL)
			call_cancel(service->steps[i].call);
	}
	events_stop(service->events, events_stopped, service);
	sagas_stop(sagas_stopped, service);
	rpc_server_drain(service->server, service->settings.drain_ms * CLOCK_MILLISECOND, calls_drained, service);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
	struct signalfd_siginfo info;

	(void)what;
	if (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		drain(context);
}

/* Signals stay blocked in every thread and are read like any other input. Before the first thread is made. */
static void catch_signals(struct service *service)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	service->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	service->signals =
	    event_new(loop_base(service->loop), service->signal_fd, EV_READ | EV_PERSIST, on_signal, service);
	event_add(service->signals, NULL);
}

static void database_changed(void *context, bool ready)
{
	struct service *service = context;

	if (!service->draining)
		health_set(ready);
}

static bool listen_all(struct service *service)
{
	struct str rest = str_of(service->settings.listen);
	struct str address;

	while (str_cut(&rest, ',', &address)) {
		address = str_trim(address);
		if (!rpc_server_listen(service->server, arena_strndup(service->arena, address.data, address.len), NULL))
			return false;
	}
	return true;
}

static void start_database(struct service *service)
{
	const struct settings *s = &service->settings;

	service->db = db_new(service->loop, &(const struct db_options){
						.conninfo = s->database,
						.read_connections = (int)s->read_connections,
						.write_connections = (int)s->write_connections,
						.group_limit = (int)s->group_limit,
						.queue_limit = (int)s->queue_limit,
						.statement_timeout = s->statement_timeout_ms * CLOCK_MILLISECOND,
					    });
	db_watch(service->db, database_changed, service);
}

/* The service's own services and those that every process has. */
static const struct rpc_service **all_services(struct service *service, const char **names)
{
	static const struct rpc_service *const common[] = { &events_service, &health_service, &reflection_service,
							    &reflection_alpha_service };
	const struct rpc_service **all = arena_array(service->arena, NAMES_MAX, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; service->spec->services[i] != NULL; i++)
		all[n++] = service->spec->services[i];
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		all[n++] = common[i];
	for (size_t i = 0; i < n; i++)
		names[i] = all[i]->descriptor->name;
	return all;
}

static bool start_server(struct service *service)
{
	const struct settings *s = &service->settings;
	const char **names = arena_array(service->arena, NAMES_MAX, sizeof(*names));
	const struct rpc_limits limits = {
		.max_calls = s->max_calls,
		.max_message = s->max_message,
		.max_streams = s->max_streams,
		.min_work = s->min_work,
		.max_work = s->max_work,
		.target = s->target_ms * CLOCK_MILLISECOND,
	};

	service->core = rpc_core_new(service->loop);
	service->server = rpc_server_new(service->core, service->db, all_services(service, names), &limits);
	health_setup(names);
	reflection_setup(names);
	return listen_all(service);
}

static void start_peers(struct service *service)
{
	const struct service_peer *peers = service->spec->peers;
	const struct settings *s = &service->settings;
	const struct rpc_guard_options guard = { s->peer_slow_ms * CLOCK_MILLISECOND,
						 s->peer_rest_ms * CLOCK_MILLISECOND, s->peer_calls };

	for (size_t i = 0; peers != NULL && peers[i].name != NULL; i++) {
		*peers[i].client = rpc_client_new(service->core, service->spec->name, s->peers[i]);
		rpc_client_guard(*peers[i].client, &guard);
	}
}

static struct rpc_client *client_of(const struct service *service, const char *name)
{
	const struct service_peer *peers = service->spec->peers;

	for (size_t i = 0; peers != NULL && peers[i].name != NULL; i++) {
		if (str_is(str_of(name), peers[i].name))
			return *peers[i].client;
	}
	return NULL;
}

static void start_events(struct service *service)
{
	const struct event_consumer *consumers = service->spec->consumers;

	service->events = events_start(service->loop, service->db, service->spec->name);
	for (size_t i = 0; consumers != NULL && consumers[i].producer != NULL; i++)
		events_consume(service->events, &consumers[i], client_of(service, consumers[i].producer));
}

static void rung(void *context, const char *producer, int64_t position)
{
	struct service *service = context;

	if (!service->draining)
		events_rung(service->events, producer, position);
}

static bool start_bus(struct service *service)
{
	return bus_start(service->loop, &(const struct bus_options){ .self = service->spec->name,
								     .publish = service->settings.bus_publish,
								     .subscribe = service->settings.bus_subscribe,
								     .key = service->settings.bus_key,
								     .rung = rung,
								     .context = service });
}

static const struct service_step FORGET_SAGAS_STEP = { "forget_sagas", FORGET_PERIOD, saga_forget };

static struct status run_step(struct call *call, void *context)
{
	struct step_state *state = context;

	state->call = call;
	return state->step->run(call);
}

static void step_done(void *context, struct status status)
{
	struct step_state *state = context;
	struct service *service = state->service;

	state->call = NULL;
	service->steps_running--;
	if (service->draining) {
		check_stopped(service);
		return;
	}
	if (status.reason != NULL)
		log_warn("maintenance failed, will be tried again", LOG_TEXT("step", state->step->name),
			 LOG_TEXT("reason", status.reason->name));
	loop_timer_set(state->timer, state->step->period);
}

static void start_step(void *owner)
{
	struct step_state *state = owner;
	struct service *service = state->service;

	service->steps_running++;
	call_spawn(service->loop, service->db, service->spec->name, STEP_TIMEOUT, run_step, step_done, state);
}

static void add_step(struct service *service, const struct service_step *step)
{
	struct step_state *state = &service->steps[service->n_steps++];

	*state = (struct step_state){ .service = service, .step = step };
	state->timer = loop_timer_new(service->loop, start_step, state);
	loop_timer_set(state->timer, step->period);
}

static void start_steps(struct service *service)
{
	const struct service_step *steps = service->spec->steps;

	add_step(service, &FORGET_KEYS);
	if (service->spec->sagas != NULL)
		add_step(service, &FORGET_SAGAS_STEP);
	add_step(service, &FORGET_EVENTS);
	for (size_t i = 0; steps != NULL && steps[i].name != NULL; i++)
		add_step(service, &steps[i]);
}

static void stop(struct service *service)
{
	const struct service_peer *peers = service->spec->peers;

	bus_stop();
	for (size_t i = 0; i < service->n_steps; i++)
		loop_timer_free(service->steps[i].timer);
	sagas_free();
	if (service->events != NULL)
		events_free(service->events);
	for (size_t i = 0; service->events != NULL && peers != NULL && peers[i].name != NULL; i++)
		rpc_client_free(*peers[i].client);
	rpc_server_free(service->server);
	rpc_core_free(service->core);
	db_free(service->db);
	event_free(service->signals);
	close(service->signal_fd);
	loop_free(service->loop);
}

static int serve(struct service *service)
{
	service->loop = loop_new();
	catch_signals(service);
	start_database(service);
	if (!start_server(service) || !start_bus(service)) {
		stop(service);
		return 1;
	}
	start_peers(service);
	start_events(service);
	start_steps(service);
	if (service->spec->sagas != NULL)
		sagas_start(service->loop, service->db, service->spec->name, service->spec->sagas);
	rpc_server_start(service->server);
	log_info("serving", LOG_TEXT("listen", service->settings.listen), LOG_INT("pid", getpid()));
	loop_run(service->loop);
	stop(service);
	log_info("stopped");
	return 0;
}

int service_run(const struct service_spec *spec, int argc, char *argv[])
{
	struct service service = { .spec = spec, .arena = arena_new(4096, 0) };
	int status = 1;

	switch (load_settings(&service, argc, argv)) {
	case CONFIG_HELP_SHOWN:
		status = 0;
		break;
	case CONFIG_REFUSED:
		status = 2;
		break;
	case CONFIG_READY:
		log_setup(spec->name, (enum log_level)service.settings.log_level,
			  (enum log_format)service.settings.log_format);
		if (migrate(service.settings.database, spec->migrations))
			status = serve(&service);
		break;
	}
	arena_free(service.arena);
	return status;
}
