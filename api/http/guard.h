/*
 * guard: whether a web page of somebody else is behind a request.
 *
 * Without tokens reaching a loopback address is enough (see auth), and a browser on the machine has
 * that reach on behalf of any page; therefore Origin and Host are judged before anything else. Host
 * matters on TCP alone: no page reaches a unix socket. Thread: any; the configuration does not
 * change while requests run.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct guard {
	char **allow_hosts; /* owned, [allow_host_count] */
	size_t allow_host_count;
	char **allow_origins;
	size_t allow_origin_count;
	char host_name[256]; /* of this machine */
};

int guard_init(struct guard *guard, const char *const *allow_hosts, size_t allow_host_count,
	       const char *const *allow_origins, size_t allow_origin_count,
	       struct error *ret_error);
void guard_deinit(struct guard *guard);

/** guard_host_valid() - has it the form of a Host: a name or address, a port up to 65535 or none?
 */
bool guard_host_valid(const char *host);

/**
 * guard_host() - may a request bear this Host?
 * @host:  the header, NULL: absent (HTTP/1.0)
 * @local: the address that was connected to
 */
bool guard_host(const struct guard *guard, const char *host, const struct sockaddr_storage *local);

/**
 * guard_origin() - may a page of @origin ask?
 * @host: the request's Host, judged already; NULL: none
 * @tls:  it came over TLS
 */
bool guard_origin(const struct guard *guard, const char *origin, const char *host, bool tls);
