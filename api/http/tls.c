/* tls: see tls.h. */
#include "api/http/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <gnutls/x509.h>

struct credentials { /* immutable once made; counted */
	atomic_size_t references;
	gnutls_certificate_credentials_t x509;
	bool client_required;
};

struct tls {
	char *cert, *key, *client_ca; /* owned */
	pthread_mutex_t lock;	      /* of the pointer below */
	struct credentials *in_force;
};

struct tls_session {
	gnutls_session_t session; /* the library's */
	struct credentials *credentials;
};

static struct credentials *credentials_unref(struct credentials *credentials)
{
	if (credentials && atomic_fetch_sub(&credentials->references, 1) == 1) {
		gnutls_certificate_free_credentials(credentials->x509);
		free(credentials);
	}
	return NULL;
}

/* ---- files ---- */

static int bad_file(struct error *ret_error, const char *option, const char *path, const char *why)
{
	return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s %s: %s", option, path, why);
}

static int check_file(const char *option, const char *path, bool secret, struct error *ret_error)
{
	struct stat info;
	if (stat(path, &info) < 0)
		return bad_file(ret_error, option, path, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return bad_file(ret_error, option, path, "not a regular file");
	if (secret && info.st_mode & S_IRWXO)
		return bad_file(
			ret_error, option, path,
			"every user of this machine may read or change it; run chmod 600 on it");
	return 0;
}

static int read_pair(const struct tls *tls, struct credentials *credentials,
		     struct error *ret_error)
{
	int r = check_file("--tls-cert", tls->cert, false, ret_error);
	if (!r)
		r = check_file("--tls-key", tls->key, true, ret_error);
	if (r)
		return r;
	r = gnutls_certificate_set_x509_key_file(credentials->x509, tls->cert, tls->key,
						 GNUTLS_X509_FMT_PEM);
	if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "--tls-key %s: is not the key of the certificate in %s", tls->key,
				 tls->cert);
	if (r < 0)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "--tls-cert %s, --tls-key %s: not a certificate and its key in "
				 "PEM: %s",
				 tls->cert, tls->key, gnutls_strerror(r));
	return 0;
}

static int read_client_ca(const struct tls *tls, struct credentials *credentials,
			  struct error *ret_error)
{
	int r = check_file("--tls-client-ca", tls->client_ca, false, ret_error);
	if (r)
		return r;
	r = gnutls_certificate_set_x509_trust_file(credentials->x509, tls->client_ca,
						   GNUTLS_X509_FMT_PEM);
	if (r <= 0)
		return bad_file(ret_error, "--tls-client-ca", tls->client_ca,
				r < 0 ? gnutls_strerror(r) : "contains no certificate in PEM");
	credentials->client_required = true;
	return 0;
}

static int read_files(const struct tls *tls, struct credentials **ret_credentials,
		      struct error *ret_error)
{
	struct credentials *credentials = calloc(1, sizeof *credentials);
	if (!credentials)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (gnutls_certificate_allocate_credentials(&credentials->x509)) {
		free(credentials);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	}
	atomic_init(&credentials->references, 1);
	int r = read_pair(tls, credentials, ret_error);
	if (!r && tls->client_ca)
		r = read_client_ca(tls, credentials, ret_error);
	if (r) {
		credentials_unref(credentials);
		return r;
	}
	*ret_credentials = credentials;
	return 0;
}

int tls_new(struct tls **ret_tls, const struct tls_files *files, struct error *ret_error)
{
	struct tls *tls = calloc(1, sizeof *tls);
	if (!tls)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	pthread_mutex_init(&tls->lock, NULL);
	tls->cert = strdup(files->cert);
	tls->key = strdup(files->key);
	tls->client_ca = files->client_ca ? strdup(files->client_ca) : NULL;
	int r = tls->cert && tls->key && (tls->client_ca || !files->client_ca)
			? read_files(tls, &tls->in_force, ret_error)
			: error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (r) {
		tls_free(tls);
		return r;
	}
	*ret_tls = tls;
	return 0;
}

int tls_reload(struct tls *tls, struct error *ret_error)
{
	struct credentials *credentials = NULL;
	int r = read_files(tls, &credentials, ret_error);
	if (r)
		return r;
	pthread_mutex_lock(&tls->lock);
	struct credentials *old = tls->in_force;
	tls->in_force = credentials;
	pthread_mutex_unlock(&tls->lock);
	credentials_unref(old);
	return 0;
}

static int64_t expiration_of(gnutls_certificate_credentials_t credentials)
{
	gnutls_datum_t der;
	gnutls_x509_crt_t cert;
	int64_t expires_s = INT64_MAX;
	if (gnutls_certificate_get_crt_raw(credentials, 0, 0, &der) || gnutls_x509_crt_init(&cert))
		return INT64_MAX;
	if (gnutls_x509_crt_import(cert, &der, GNUTLS_X509_FMT_DER) == 0) {
		time_t end = gnutls_x509_crt_get_expiration_time(cert);
		if (end != (time_t)-1)
			expires_s = end;
	}
	gnutls_x509_crt_deinit(cert);
	return expires_s;
}

int64_t tls_expires_s(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	int64_t expires_s = expiration_of(tls->in_force->x509);
	pthread_mutex_unlock(&tls->lock);
	return expires_s;
}

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	credentials_unref(tls->in_force);
	pthread_mutex_destroy(&tls->lock);
	free(tls->cert);
	free(tls->key);
	free(tls->client_ca);
	free(tls);
	return NULL;
}

/* ---- sessions ---- */

/* A certificate for servers alone does not identify a person. GnuTLS keeps the pointer. */
static gnutls_typed_vdata_st client_purpose = {
	.type = GNUTLS_DT_KEY_PURPOSE_OID,
	.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
};

static int refuse(gnutls_session_t session, gnutls_alert_description_t alert, int code)
{
	gnutls_alert_send(session, GNUTLS_AL_FATAL, alert); /* libmicrohttpd sends none */
	return code;
}

/* The handshake's last message from the client has come, and what it signed was good: GnuTLS asks
 * here before the session is anybody's. */
static int check_client(gnutls_session_t session, unsigned int message, unsigned int when,
			unsigned int incoming, const gnutls_datum_t *bytes)
{
	unsigned int count = 0, status = 0;
	(void)message;
	(void)when;
	(void)bytes;
	if (!incoming)
		return 0;
	if (!gnutls_certificate_get_peers(session, &count) || !count)
		return refuse(session, GNUTLS_A_CERTIFICATE_REQUIRED,
			      GNUTLS_E_CERTIFICATE_REQUIRED);
	if (gnutls_certificate_verify_peers(session, &client_purpose, 1, &status) < 0)
		return refuse(session, GNUTLS_A_INTERNAL_ERROR, GNUTLS_E_INTERNAL_ERROR);
	if (status & GNUTLS_CERT_EXPIRED)
		return refuse(session, GNUTLS_A_CERTIFICATE_EXPIRED, GNUTLS_E_CERTIFICATE_ERROR);
	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		return refuse(session, GNUTLS_A_UNKNOWN_CA, GNUTLS_E_CERTIFICATE_ERROR);
	if (status)
		return refuse(session, GNUTLS_A_BAD_CERTIFICATE, GNUTLS_E_CERTIFICATE_ERROR);
	return 0;
}

struct tls_session *tls_begin(struct tls *tls, gnutls_session_t library_session)
{
	struct tls_session *session = calloc(1, sizeof *session);
	if (!session)
		return NULL;
	pthread_mutex_lock(&tls->lock);
	session->credentials = tls->in_force;
	atomic_fetch_add(&session->credentials->references, 1);
	pthread_mutex_unlock(&tls->lock);
	session->session = library_session;
	if (gnutls_credentials_set(library_session, GNUTLS_CRD_CERTIFICATE,
				   session->credentials->x509))
		return tls_end(session);
	if (session->credentials->client_required) {
		gnutls_certificate_server_set_request(library_session, GNUTLS_CERT_REQUEST);
		gnutls_handshake_set_hook_function(library_session, GNUTLS_HANDSHAKE_FINISHED,
						   GNUTLS_HOOK_POST, check_client);
	}
	return session;
}

struct tls_session *tls_end(struct tls_session *session)
{
	if (session)
		credentials_unref(session->credentials);
	free(session);
	return NULL;
}

void tls_write(struct tls_session *session, const char *text, size_t len)
{
	gnutls_record_send(session->session, text, len);
}

bool tls_has_client(const struct tls_session *session)
{
	return session->credentials->client_required;
}

static bool name_valid(const char *name, size_t len)
{
	static const char GOOD[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-@ ";
	return len > 0 && len <= TLS_NAME_MAX && strspn(name, GOOD) == len;
}

/* The common name at @index, wherever in the subject it is. */
static int read_common_name(gnutls_x509_crt_t cert, unsigned int index,
			    char ret_name[static TLS_NAME_MAX + 1], size_t *ret_len)
{
	*ret_len = TLS_NAME_MAX + 1;
	return gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, index, 0, ret_name,
					     ret_len);
}

/* Return: NULL with the name; what is wrong with it */
static const char *read_name(const gnutls_datum_t *der, char ret_name[static TLS_NAME_MAX + 1])
{
	gnutls_x509_crt_t cert;
	char second[TLS_NAME_MAX + 1];
	size_t len = 0, second_len;
	const char *wrong = NULL;
	if (gnutls_x509_crt_init(&cert) < 0)
		return "cannot be read";
	if (gnutls_x509_crt_import(cert, der, GNUTLS_X509_FMT_DER) < 0)
		wrong = "cannot be read";
	else if (read_common_name(cert, 0, ret_name, &len) < 0 || !name_valid(ret_name, len))
		wrong = "must have a common name of 1 to 64 of letters, digits, blanks and . _ - @";
	else if (read_common_name(cert, 1, second, &second_len) !=
		 GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		wrong = "has several common names; it must have one, for jobs belong to it";
	gnutls_x509_crt_deinit(cert);
	return wrong;
}

int tls_client_name(const struct tls_session *session, char ret_name[static TLS_NAME_MAX + 1],
		    struct error *ret_error)
{
	char name[TLS_NAME_MAX + 1] = "";
	unsigned int count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session->session, &count);
	if (!chain || !count)
		return error_set(ret_error, ERROR_CODE_UNAUTHENTICATED,
				 "missing client certificate");
	const char *wrong = read_name(&chain[0], name);
	if (wrong)
		return error_set(ret_error, ERROR_CODE_UNAUTHENTICATED, "the client certificate %s",
				 wrong);
	strcpy(ret_name, name);
	return 0;
}

int tls_no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
		       int authority_count, const gnutls_pk_algorithm_t *algorithms,
		       int algorithm_count, gnutls_pcert_st **ret_certs,
		       unsigned int *ret_cert_count, gnutls_privkey_t *ret_key)
{
	(void)session;
	(void)authorities;
	(void)authority_count;
	(void)algorithms;
	(void)algorithm_count;
	(void)ret_certs;
	(void)ret_cert_count;
	(void)ret_key;
	return -1;
}
