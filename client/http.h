/*
 * http: requests to agents over TCP, TLS or unix sockets, on libcurl; many at a time from one
 * thread. No proxy, no redirect, no cookie: only direct connections.
 *
 * Limits: an answer over HTTP_BODY_MAX is refused (1,000 jobs with their specs fit); each request
 * has a deadline. A transport fault is a sentence in the response, with status 0.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_BODY_MAX = 64 << 20, HTTP_HEADERS_MAX = 4 };

/* How client and agent authenticate; all borrowed for the life of the http. */
struct http_credentials {
	const char *token;     /* Authorization: Bearer; NULL: none */
	const char *ca_file;   /* PEM; NULL: the system's */
	const char *cert_file; /* PEM, client certificate; NULL: none */
	const char *key_file;  /* PEM; NULL: in cert_file */
};

struct http_peer {
	char *name;   /* as the person wrote it: "http://lab3:8470", "unix:/run/…" */
	char *base;   /* "http://lab3:8470" */
	char *socket; /* path of a unix socket; NULL: TCP */
};

/* A piece of the body of a 200 as it comes, which is then not kept; @context: the exchange's. */
typedef void (*http_data)(void *context, const char *data, size_t len);

struct http_request {
	const char *method;
	const char *path; /* "/v1/jobs?page_size=5" */
	const void *body; /* [body_len], copied; NULL: none */
	size_t body_len;
	const char *content_type; /* of the body */
	const char *accept;
	const char *headers[HTTP_HEADERS_MAX]; /* further ones, "Name: value"; copied */
	long timeout_ms;		       /* in all */
	http_data data;			       /* NULL: the body is kept for done */
};

struct http_response {
	int status;  /* 0: no answer, @fault says why */
	bool absent; /* nobody listens there: refused, or no such socket */
	char *fault; /* owned */
	char *body;  /* owned, NUL-terminated behind [len] */
	size_t len;
	char *content_type; /* owned, or NULL */
	char *etag;	    /* owned, or NULL */
	long retry_after_s;
};
void http_response_deinit(struct http_response *response);
#define _cleanup_response_ __attribute__((cleanup(http_response_deinit)))

struct http;
struct http_exchange;
/* Called once when an exchange has ended; may take what the response owns. */
typedef void (*http_done)(void *context, struct http_response *response);

struct http *http_new(const struct http_credentials *credentials);
struct http *http_free(struct http *http);

/** http_start() - begin an exchange; everything given is copied but @peer, which is borrowed */
struct http_exchange *http_start(struct http *http, const struct http_peer *peer,
				 const struct http_request *request, http_done done, void *context);
/** http_abort() - drop an exchange without calling done */
void http_abort(struct http_exchange *exchange);
/** http_wait() - move exchanges, call done for those that ended; returns after the first of them,
 * after @timeout_ms, or when @wake_fd (-1: none) is readable */
void http_wait(struct http *http, int timeout_ms, int wake_fd);
/** http_call() - one exchange from start to end */
void http_call(struct http *http, const struct http_peer *peer, const struct http_request *request,
	       struct http_response *ret_response);
