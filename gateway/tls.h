/*
 * tls: the server's half of TLS (1.2 and later), for http_server_new().
 *
 * Invariants
 * - Certificate chain and key are PEM files that fit each other, or nothing is returned. Clients cannot renegotiate;
 *   the protocol offered is http/1.1.
 *
 * Usage
 *     struct ssl_ctx_st *tls = tls_load("server.crt", "server.key");
 *     tls_free(tls);
 */
#ifndef QUAYSIDE_GATEWAY_TLS_H
#define QUAYSIDE_GATEWAY_TLS_H

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* NULL, with a log line that names the file, when they cannot be used. */
struct ssl_ctx_st *tls_load(const char *certificate, const char *key);

/* Accepts NULL. */
void tls_free(struct ssl_ctx_st *tls);

#endif
