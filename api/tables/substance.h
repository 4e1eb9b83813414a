/*
 * substance: what a request that changes something is about, as pairs for the audit log.
 *
 * A submission: its name, where to, how fast and how much, of the first streams and how many there
 * are. An update: what becomes what. A cancel: which jobs, how many, why. Each value is bounded,
 * whatever the request holds. Thread: any; no state.
 */
#pragma once
#include "pagecast/agent.h"
#include "pagecast/audit.h"

#include <protobuf-c/protobuf-c.h>

enum {
	SUBSTANCE_STREAMS = 3, /* told one by one; the others are counted */
	SUBSTANCE_VALUE_BYTES = 320,
};

struct substance {
	struct audit_pair
		pairs[AUDIT_PAIRS_MAX]; /* [count]; values point into the message or below */
	size_t count;
	char values[AUDIT_PAIRS_MAX][SUBSTANCE_VALUE_BYTES];
};

/**
 * substance_read() - of a request and what came of it
 * @response:  NULL: it was refused
 * @cancelled: which jobs were stopped, of CancelJobs; NULL: not one of these
 * @ret_substance: valid as long as nothing moves it
 */
void substance_read(struct substance *ret_substance, const ProtobufCMessage *request,
		    const ProtobufCMessage *response, const struct agent_cancelled *cancelled);
