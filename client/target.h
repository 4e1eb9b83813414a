/*
 * target: where `send` sends to: udp://192.0.2.1:9000, udp://[2001:db8::1]:9000,
 * ip://192.0.2.1?proto=253, eth://eth0/02:00:00:00:00:01; with the flags that belong to it.
 * Addresses are literals: the agent resolves no names, and neither does the client, because the
 * name may mean another host where the agent stands.
 */
#pragma once
#include "options.h"

#include "pagecast/v1/job_spec.pb-c.h"

/* A message of the schema on the heap, owned; freed with the tree it is hung into. */
#define MESSAGE_NEW(type, init)                                                                    \
	({                                                                                         \
		__typeof__(type) inert_ = init;                                                    \
		__typeof__(inert_) *message_ = util_calloc(1, sizeof *message_);                   \
		*message_ = inert_;                                                                \
		message_;                                                                          \
	})

/**
 * target_read() - the stream's destination from the URL and the flags
 * @stream: gets a destination it owns, also when the flags are wrong
 *
 * Return: 0; EXIT_USAGE, told.
 */
int target_read(const struct options *options, const char *url, Pagecast__V1__Stream *stream);
