/*
 * request: one HTTP request from its first line to its answer.
 *
 * Stages: HEAD (the target is known, the head is being read), BODY (accepted, the body comes in),
 * WHOLE (the body is there; one turn of the library's loop before it may be suspended),
 * REFUSED (the answer is known, a small body is read away first), WORKING (a handler has it, on the
 * HTTP thread, in the pool or held as a waiter; suspended in the latter two), ANSWERED (the answer
 * waits to be queued). Exactly one thread owns a request at any time: the HTTP thread, except from
 * request_suspend() to request_resume().
 */
#pragma once
#include "api/auth/auth.h"
#include "api/http/connection.h"
#include "api/http/guard.h"
#include "api/http/media.h"
#include "api/http/pool.h"
#include "api/http/protocol.h"
#include "api/http/reply.h"
#include "api/http/route.h"
#include "api/live/wait.h"
#include "api/rpc/rpc_head.h"
#include "pagecast/agent.h"

#include <microhttpd.h>
#include <stdatomic.h>

struct request_context { /* what all requests of a server share */
	struct agent *agent;
	struct guard guard;
	struct auth *auth;
	struct pool *pool;
	struct waits *waits;
	struct stream_cache *stream_cache;
	struct metrics_requests *metrics;
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

	char *target;	   /* owned; raw, as sent; its path ends where the query begins */
	const char *query; /* raw, behind the '?'; NULL: none */
	enum route_verb verb;
	const struct route *route;
	struct route_match match;
	const struct face *face; /* REST's until the path says otherwise */
	struct rpc_head rpc;	 /* of an RPC face */
	int64_t deadline_ms; /* thread_now_ms(): what the caller will wait; INT64_MAX: nothing said
			      */

	enum media body_media;
	bool body_gzip; /* REST: the body is compressed, until it is read */
	struct media_accept accept;
	bool accept_gzip; /* the answer may be compressed */
	enum media answer_media;
	const char *answer_protobuf; /* the spelling of its type that was asked for; NULL: none */
	bool chunked;
	uint64_t content_length;
	uint8_t *body;
	size_t body_len, body_capacity;

	bool counted; /* in context->unanswered */
	struct auth_identity identity;
	struct agent_caller caller; /* borrows from identity and connection */
	struct reply reply;
	struct pool_task task;
	struct waiter waiter;
	void *handler_state; /* owned by the handler; freed with free() at the end */
};

/** request_new() - @target: raw, as sent. Return: NULL out of memory */
struct request *request_new(struct request_context *context, struct connection *connection,
			    struct MHD_Connection *mhd, const char *target);
void request_free(struct request *request);

/** request_step() - the library's access handler: head, pieces of the body, the end, the answer */
enum MHD_Result request_step(struct request *request, const char *method, const char *version,
			     const char *data, size_t *len);

/** request_header() - the value of a header, trimmed at its front; NULL: absent */
const char *request_header(const struct request *request, const char *name);

/**
 * request_suspend() - take the request off its HTTP thread
 *
 * From here on nothing of the connection moves until request_resume(), which must come. HTTP
 * thread.
 */
void request_suspend(struct request *request);
/** request_resume() - .reply is complete: hand the request back to be answered. Any thread */
void request_resume(struct request *request);
