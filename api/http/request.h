/*
 * request: one HTTP request from its first line to its answer, and what handlers do with it.
 *
 * Stages: HEAD (the target is known, the head is being read), BODY (accepted, the body comes in),
 * WHOLE (the body is there; one turn of the library's loop before it may be suspended),
 * REFUSED (the answer is known, a small body is read away first), WORKING (a handler has it, on the
 * HTTP thread, in the pool or held as a waiter; suspended in the latter two), ANSWERED (the answer
 * waits to be queued). exchange.c moves it from one to the next. Exactly one thread owns a request
 * at any time: the HTTP thread, except from request_suspend() to request_resume().
 */
#pragma once
#include "api/auth/auth.h"
#include "api/http/connection.h"
#include "api/http/guard.h"
#include "api/http/head.h"
#include "api/http/pool.h"
#include "api/http/protocol.h"
#include "api/http/reply.h"
#include "api/http/request_counts.h"
#include "api/http/route.h"
#include "pagecast/agent.h"

#include <microhttpd.h>
#include <stdatomic.h>

struct request_context { /* what all requests of a server share */
	struct agent *agent;
	struct guard guard;
	struct auth *auth;
	struct pool *pool;
	struct request_counts *counts;
	struct routes routes;
	const struct protocol *fallback; /* answers until the path says otherwise */
	void *live; /* of the room above, for its handlers (api/live/live.h): only carried here */
	atomic_size_t bodies_bytes; /* of bodies held by requests; bounded by LIMIT_BODIES_BYTES */
	atomic_size_t
		unanswered;   /* requests that were whole, or refused, and still owe an answer */
	atomic_bool stopping; /* new requests are refused */
};

enum request_stage {
	REQUEST_HEAD,
	REQUEST_BODY,
	REQUEST_WHOLE,
	REQUEST_REFUSED,
	REQUEST_WORKING,
	REQUEST_ANSWERED,
};

struct request {
	struct request_context *context;
	struct connection *connection;
	struct MHD_Connection *mhd;
	enum request_stage stage;
	int64_t started_ms;
	int64_t started_ns;

	char *target;		 /* owned; raw, from the path on; ends where the query begins */
	const char *query;	 /* raw, after the '?'; NULL: none */
	char *authority;	 /* owned; of a target in absolute form; NULL: the usual form */
	const char *wire_target; /* where the library has it: for comparing only */
	size_t wire_target_len;
	struct fields fields;
	struct head head;
	struct route_match match;
	const struct route *route; /* match.route; NULL until the path was judged */
	const struct protocol *protocol;
	int64_t deadline_ms; /* thread_now_ms(): what the caller will wait; INT64_MAX: nothing said
			      */

	enum media body_media; /* of the body, or of the messages in it; the protocol's judge() */
	bool body_gzip;	       /* it, or they, may be compressed */
	uint8_t *body;
	size_t body_len, body_capacity;

	bool counted; /* in context->unanswered */
	struct auth_identity identity;
	struct agent_caller caller; /* borrows from identity and connection */
	struct reply reply;
	struct pool_task task;
	void *handler_state; /* owned by the protocol or handler; freed with free() at the end */
};

/** request_new() - @target: raw, as sent. Return: NULL out of memory */
struct request *request_new(struct request_context *context, struct connection *connection,
			    struct MHD_Connection *mhd, const char *target);
void request_free(struct request *request);

/** request_header() - the value of a header, without white space around it; NULL: absent */
const char *request_header(const struct request *request, const char *name);

/** request_ignores_unknown() - does it ask for fields that this agent does not know to be skipped?
 */
bool request_ignores_unknown(const struct request *request);

/** request_host() - which host the request names: in its target, else in Host; NULL: none */
const char *request_host(const struct request *request);

/** request_drop_body() - it has been read, or refused: free it, and count it no longer */
void request_drop_body(struct request *request);

/** request_error() - answer with an error as the protocol says it, with the status that it gives
 * the code */
void request_error(struct request *request, const struct error *error);

/** request_refuse() - the same, with a status of its own (405, 413, 415, …) */
void request_refuse(struct request *request, unsigned int status, enum error_code code,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/**
 * request_suspend() - take the request off its HTTP thread
 *
 * From here on nothing of the connection moves until request_resume(), which must come. HTTP
 * thread; also for a body source that has nothing to write.
 */
void request_suspend(struct request *request);
/** request_resume() - .reply is complete, or its source has more: hand the request back. Any thread
 */
void request_resume(struct request *request);
