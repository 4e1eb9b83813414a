/*
 * protocol: what REST, Connect and gRPC-Web do differently about one request: which bodies they
 * take, which forms they answer in, and how they say an error. Everything else of a request is the
 * same for all. Protocols are handed in with their routes (route.h); this room knows none.
 *
 * Static and immutable. Thread: whoever owns the request.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>

struct request;

struct protocol {
	/* Judge what the head says of the body and of the answer, before any of the body is read.
	 * Return: false: .reply holds the refusal */
	bool (*judge)(struct request *request);
	/* Make the reply of an error. @status: 0: what this protocol gives the code; else what a
	 * refusal of HTTP itself (405, 413, …) should have, where the protocol has a status at all
	 */
	void (*put_error)(struct request *request, unsigned int status, const struct error *error);
};
