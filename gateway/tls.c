/* See tls.h. */
#include "gateway/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>

#include "base/log.h"

/* Offers are lists of names, each behind its length (RFC 7301). */
static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
			   const unsigned char *offered, unsigned len, void *context)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)context;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)ret_name, ret_len, ours, sizeof(ours) - 1, offered,
				  len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static struct ssl_ctx_st *refused(SSL_CTX *context, const char *setting, const char *file)
{
	char why[256];

	ERR_error_string_n(ERR_peek_last_error(), why, sizeof(why));
	ERR_clear_error();
	log_error("TLS cannot be set up", LOG_TEXT("setting", setting), LOG_TEXT("file", file), LOG_TEXT("why", why));
	SSL_CTX_free(context);
	return NULL;
}

struct ssl_ctx_st *tls_load(const char *certificate, const char *key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
		return refused(context, "tls-certificate", certificate);
	(void)SSL_CTX_set_options(context,
				  SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
		return refused(context, "tls-certificate", certificate);
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(context) != 1)
		return refused(context, "tls-key", key);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	return context;
}

void tls_free(struct ssl_ctx_st *tls)
{
	SSL_CTX_free(tls);
}
