/* See settings.h. */
#include "gateway/settings.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

#define MIB (INT64_C(1024) * 1024)

const char *const PEER_NAMES[PEERS] = { "customers", "ordering", "warehouse", "shipping", "billing" };

static const char *const LEVELS[] = { "debug", "info", "warn", "error", "off", NULL };
static const char *const FORMATS[] = { "json", "logfmt", NULL };

/* Deadlines are given in milliseconds. */
static void to_microseconds(struct settings *s)
{
	int64_t *const times[] = { &s->limits.head_timeout,  &s->limits.body_timeout, &s->limits.idle_timeout,
				   &s->limits.write_timeout, &s->streams.heartbeat,   &s->drain,
				   &s->guard.slow,           &s->guard.rest };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		*times[i] *= CLOCK_MILLISECOND;
}

/* What no single value can show. */
static enum config_outcome check_together(const struct settings *s)
{
	if ((*s->tls_certificate == '\0') == (*s->tls_key == '\0'))
		return CONFIG_READY;
	fprintf(stderr, "tls-certificate and tls-key: one is set without the other\n");
	return CONFIG_REFUSED;
}

/* house: long because it is a table of all settings */
enum config_outcome settings_load(struct settings *s, int argc, char *argv[])
{
	struct http_limits *limits = &s->limits;
	const struct setting list[] = {
		SETTING_TEXT("http-listen", &s->http_listen, "127.0.0.1:8080",
			     "address:port to take requests at; several with commas"),
		SETTING_TEXT("ui-dir", &s->ui_dir, "", "folder of the browser UI; empty: none"),
		SETTING_TEXT("tls-certificate", &s->tls_certificate, "", "certificate chain (PEM file); empty: no TLS"),
		SETTING_TEXT("tls-key", &s->tls_key, "", "private key of the certificate (PEM file)"),
		SETTING_TEXT("customers-address", &s->peers[PEER_CUSTOMERS], "127.0.0.1:9001", "where customers is"),
		SETTING_TEXT("ordering-address", &s->peers[PEER_ORDERING], "127.0.0.1:9002", "where ordering is"),
		SETTING_TEXT("warehouse-address", &s->peers[PEER_WAREHOUSE], "127.0.0.1:9003", "where warehouse is"),
		SETTING_TEXT("shipping-address", &s->peers[PEER_SHIPPING], "127.0.0.1:9004", "where shipping is"),
		SETTING_TEXT("billing-address", &s->peers[PEER_BILLING], "127.0.0.1:9005", "where billing is"),
		SETTING_INT("peer-slow-ms", &s->guard.slow, 1000, 10, 600000,
			    "a call to a service that takes longer counts as failed"),
		SETTING_INT("peer-rest-ms", &s->guard.rest, 5000, 10, 600000,
			    "how long a service is not called once it fails"),
		SETTING_INT("peer-calls", &s->guard.max_calls, 2048, 2, 100000,
			    "calls to one service under way at once"),
		SETTING_CHOICE("log-level", &s->log_level, LOG_INFO, LEVELS, "the least important lines to write"),
		SETTING_CHOICE("log-format", &s->log_format, LOG_JSON, FORMATS, "the form of a line"),
		SETTING_INT("max-connections", &limits->max_connections, 4096, 1, 100000, "connections at once"),
		SETTING_INT("max-connections-per-address", &limits->max_connections_per_address, 1024, 1, 100000,
			    "connections at once from one address (IPv6: from one /64)"),
		SETTING_INT("max-body-bytes", &limits->max_body, MIB, 1024, 16 * MIB, "size of one request's body"),
		SETTING_INT("max-bodies-bytes", &limits->max_bodies, 64 * MIB, 1024, 4096 * MIB,
			    "size of all bodies that are being received"),
		SETTING_INT("head-timeout-ms", &limits->head_timeout, 5000, 10, 600000,
			    "how long a request's head may take"),
		SETTING_INT("body-timeout-ms", &limits->body_timeout, 10000, 10, 600000, "how long its body may take"),
		SETTING_INT("idle-timeout-ms", &limits->idle_timeout, 60000, 10, 3600000,
			    "how long a connection may be idle"),
		SETTING_INT("write-timeout-ms", &limits->write_timeout, 60000, 10, 3600000,
			    "how long a client may take to read an answer, or what is new of a live stream"),
		SETTING_INT("max-live-streams", &s->streams.max_streams, 1024, 0, 100000, "live streams at once"),
		SETTING_INT("live-heartbeat-ms", &s->streams.heartbeat, 15000, 10, 600000,
			    "how long a live stream is silent before it says that it is there"),
		SETTING_INT("drain-ms", &s->drain, 8000, 0, 60000, "how long accepted requests may take at the end"),
		SETTING_END,
	};
	const enum config_outcome outcome = config_load(
	    "QUAYSIDE_GATEWAY", "Translates JSON over HTTP to the services' gRPC, and serves the browser UI.", list,
	    argc, argv);

	if (outcome != CONFIG_READY)
		return outcome;
	to_microseconds(s);
	return check_together(s);
}
