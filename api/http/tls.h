/*
 * tls: the certificates that connections are served with, and whose certificate a client showed.
 *
 * TLS 1.2 and 1.3 by GnuTLS, under libmicrohttpd. The library is given no certificate of its own:
 * every connection is lent the credentials in force when it begins and keeps them until it ends, so
 * that a reload changes what the next connection gets and disturbs none. With a client CA a
 * certificate is required and verified within the handshake (the library alone would only
 * request one): who has none gets no further. Thread: any.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

enum { TLS_NAME_MAX = 64 }; /* bytes of a common name; X.509's own bound in characters */

/* TLS 1.2 and 1.3; no key exchange without forward secrecy, no SHA-1; the server's order counts. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-SHA1:%SERVER_PRECEDENCE"

struct tls_files { /* PEM */
	const char *cert;
	const char *key;
	const char *client_ca; /* NULL: no client certificates */
};

struct tls;
struct tls_session;

/** tls_new() - read the files, whose names are copied. Return: 0; FAILED_PRECONDITION naming the
 * file and what is wrong with it */
int tls_new(struct tls **ret_tls, const struct tls_files *files, struct error *ret_error);
/** tls_reload() - read them again; on failure the old ones stay in force */
int tls_reload(struct tls *tls, struct error *ret_error);
/** tls_expires_s() - when the certificate in force ends, in seconds since 1970; INT64_MAX: it does
 * unknown */
int64_t tls_expires_s(struct tls *tls);
/** tls_free() - sessions may outlive it. Return: NULL */
struct tls *tls_free(struct tls *tls);

/** tls_begin() - lend the credentials to a session ahead of its handshake. Return: NULL: it must
 * not go on */
struct tls_session *tls_begin(struct tls *tls, gnutls_session_t session);
struct tls_session *tls_end(struct tls_session *session);

/** tls_write() - a few bytes by the session; what does not leave at once is lost */
void tls_write(struct tls_session *session, const char *text, size_t len);

/** tls_has_client() - was a client certificate required, and so verified, on this session? */
bool tls_has_client(const struct tls_session *session);

/**
 * tls_client_name() - the common name of the client's certificate
 *
 * Return: 0; UNAUTHENTICATED: the certificate is not good, has not exactly one common name, or it
 * is not 1 to TLS_NAME_MAX of letters, digits, blanks and . _ - @
 */
int tls_client_name(const struct tls_session *session, char ret_name[static TLS_NAME_MAX + 1],
		    struct error *ret_error);

/** tls_no_certificate() - what the library asks for a certificate; it never gets one */
int tls_no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
		       int authority_count, const gnutls_pk_algorithm_t *algorithms,
		       int algorithm_count, gnutls_pcert_st **ret_certs,
		       unsigned int *ret_cert_count, gnutls_privkey_t *ret_key);
