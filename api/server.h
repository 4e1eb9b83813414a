/*
 * server: the HTTP side of the agent: listeners, limits, routes. The only header of api/ that
 * agent/main.c sees (with policy_json.h for the policy file).
 *
 * One libmicrohttpd daemon a listener, so that a flooded TCP port cannot lock the operator's unix
 * socket out.
 */
#pragma once
#include "pagecast/agent.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

struct server_options {
	struct agent *agent; /* borrowed until server_stop() */
	const char *const
		*listen; /* [listen_count]: "127.0.0.1:8470", "[::1]:0", "unix:/run/…/api.sock" */
	size_t listen_count;
	bool listen_optional;		/* failure to create a default unix socket is not fatal */
	const char *const *allow_hosts; /* further Host values */
	size_t allow_host_count;
	const char *const *allow_origins;
	size_t allow_origin_count;
	const char *tokens_file; /* NULL: none; who reaches a listener is an operator */
	const char *tls_cert_file, *tls_key_file; /* both, and TCP is served by TLS; or neither */
	const char *tls_client_ca_file;		  /* over TLS a client certificate is required */
	bool insecure_http;			  /* tokens may cross a network in clear */
};

/** server_start() - bind all and serve. Return: 0; error_code with a sentence naming the listener
 */
int server_start(struct server **ret_server, const struct server_options *options,
		 struct error *ret_error);

/** server_url() - "http://127.0.0.1:8470" (with the real port; https:// by TLS), "unix:/run/…":
 * listener @index, NULL past the end */
const char *server_url(const struct server *server, size_t index);

enum { SERVER_CHANGE_BYTES = 640 };
/** server_reload_tokens() - read the tokens file again (SIGHUP)
 * @ret_change: what it brought and took, for the log; written on success
 *
 * Return: 0; error_code: the old tokens stay in force */
int server_reload_tokens(struct server *server, char ret_change[static SERVER_CHANGE_BYTES],
			 struct error *ret_error);
/** server_reload_tls() - the same for certificates and the client CA; connections keep theirs */
int server_reload_tls(struct server *server, char ret_change[static SERVER_CHANGE_BYTES],
		      struct error *ret_error);
/** server_certificate_expires_s() - when the one in force ends, in seconds since 1970; INT64_MAX:
 * there is none, or it does not say */
int64_t server_certificate_expires_s(struct server *server);

/**
 * server_stop() - accept no more, answer what waits, close
 *
 * After agent_stop(): then held requests are answered with the end of their jobs, and no thread of
 * the agent calls back here any more. Returns within 1 s, and the time of calls already in the
 * agent. Return: NULL
 */
struct server *server_stop(struct server *server);
