/* exchange: see exchange.h. */
#include "api/http/exchange.h"

#include "api/http/admit.h"
#include "api/http/cors.h"
#include "api/http/limits.h"
#include "api/http/thread.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void add_cors(struct request *request)
{
	const char *origin = request_header(request, "Origin");
	if (origin && guard_origin(&request->context->guard, origin, request_host(request),
				   request->connection->tls))
		cors_answer(&request->reply, &request->context->routes, origin);
}

/* Hand the answer to the library. Return: MHD_NO: the connection must end */
static enum MHD_Result queue_reply(struct request *request)
{
	struct reply *reply = &request->reply;
	add_cors(request);
	connection_reading(request->connection, false);
	if (atomic_load(&request->context->stopping))
		reply->close = true;
	request_counts_add(request->context->counts, request->route, reply->status,
			   thread_now_ns() - request->started_ns);
	int64_t due_ms = LIMIT_REPLY_MS + (int64_t)(reply->len / LIMIT_REPLY_BYTES_PER_MS);
	struct MHD_Response *response = reply_response(reply);
	if (!response)
		return MHD_NO;
	connection_due(request->connection, due_ms);
	enum MHD_Result r = MHD_queue_response(request->mhd, reply->status, response);
	MHD_destroy_response(response);
	return r;
}

static void owe_answer(struct request *request)
{
	if (!request->counted)
		atomic_fetch_add(&request->context->unanswered, 1);
	request->counted = true;
}

/* A refused body: a small one is read away and the connection kept; a large one ends it at once. */
static enum MHD_Result refuse_head(struct request *request)
{
	const char *expect = request_header(request, "Expect");
	bool body = request->head.content_length || request->head.chunked;
	owe_answer(request);
	bool large =
		request->head.chunked || request->head.content_length > LIMIT_DRAIN_BYTES || expect;
	if (!request->reply.close && !(body && large)) {
		request->stage = REQUEST_REFUSED;
		return MHD_YES;
	}
	connection_linger(request->connection);
	return queue_reply(request);
}

static enum MHD_Result step_head(struct request *request, const char *method, const char *version)
{
	connection_due(request->connection,
		       request->started_ms + LIMIT_REQUEST_MS - thread_now_ms());
	if (!admit_head(request, method, version))
		return refuse_head(request);
	request->stage = REQUEST_BODY;
	return MHD_YES;
}

static bool grow_body(struct request *request, size_t need)
{
	atomic_size_t *total = &request->context->bodies_bytes;
	size_t capacity = request->body_capacity ? request->body_capacity : 1024;
	while (capacity < need)
		capacity *= 2;
	if (capacity > request->route->body_max_bytes)
		capacity = request->route->body_max_bytes;
	size_t more = capacity - request->body_capacity;
	bool room = atomic_fetch_add(total, more) + more <= LIMIT_BODIES_BYTES;
	uint8_t *body = room ? realloc(request->body, capacity) : NULL;
	if (!body) {
		atomic_fetch_sub(total, more);
		request_refuse(request, MHD_HTTP_TOO_MANY_REQUESTS, ERROR_CODE_RESOURCE_EXHAUSTED,
			       "too many request bodies in memory; try again");
		return false;
	}
	request->body = body;
	request->body_capacity = capacity;
	return true;
}

static void take_body(struct request *request, const char *data, size_t len)
{
	size_t need = request->body_len + len;
	bool fits = need <= request->route->body_max_bytes;
	if (!fits)
		admit_refuse_size(request);
	if (!fits || (need > request->body_capacity && !grow_body(request, need))) {
		request->stage = REQUEST_REFUSED;
		request->reply.close = true;
		request->body_len = 0; /* from here on counts what is read away */
		return;
	}
	memcpy(request->body + request->body_len, data, len);
	request->body_len = need;
}

static void run_task(struct pool_task *task)
{
	struct request *request = (struct request *)((char *)task - offsetof(struct request, task));
	if (!request->route->handle(request))
		return;
	request_drop_body(request);
	request_resume(request);
}

/* The request is whole: have it handled, here or in the pool. */
static enum MHD_Result work(struct request *request)
{
	const struct route *route = request->route;
	owe_answer(request);
	connection_reading(request->connection, false);
	request->stage = REQUEST_WORKING;
	if (!route->blocks && !(route->method && route->method->blocks)) { /* may hold it */
		if (!route->handle(request))
			return MHD_YES;
		request_drop_body(request); /* not held for as long as the answer takes to leave */
		return queue_reply(request);
	}
	request->task.run = run_task;
	request_suspend(request);
	if (!pool_push(request->context->pool, &request->task)) {
		request_refuse(request, MHD_HTTP_TOO_MANY_REQUESTS, ERROR_CODE_RESOURCE_EXHAUSTED,
			       "too many requests waiting; try again");
		request_resume(request);
	}
	return MHD_YES;
}

static bool may_suspend(const struct request *request)
{
	const struct route *route = request->route;
	return route->blocks || (route->method && route->method->blocks) ||
	       (route->holds && request->query);
}

/* The library (0.9.75) remembers that it was about to read when a connection is suspended in the
 * first call after the last byte. It then reads first on resuming, and a client that has shut down
 * its sending side (nc -N) is taken for gone and gets no answer. One more turn of its loop, and it
 * remembers that it waits for us. */
static enum MHD_Result step_body(struct request *request, const char *data, size_t *len)
{
	if (*len) {
		take_body(request, data, *len);
		*len = 0;
		return MHD_YES;
	}
	if (!may_suspend(request))
		return work(request);
	request->stage = REQUEST_WHOLE;
	return MHD_YES;
}

static enum MHD_Result step_refused(struct request *request, size_t *len)
{
	if (!*len)
		return queue_reply(request);
	request->body_len += *len;
	*len = 0;
	/* The answer cannot leave before the end of the body: past this there will be none. */
	return request->body_len > LIMIT_BODY_SPEC_BYTES ? MHD_NO : MHD_YES;
}

enum MHD_Result exchange_step(struct request *request, const char *method, const char *version,
			      const char *data, size_t *len)
{
	switch (request->stage) {
	case REQUEST_HEAD: return step_head(request, method, version);
	case REQUEST_BODY: return step_body(request, data, len);
	case REQUEST_WHOLE: return work(request);
	case REQUEST_REFUSED: return step_refused(request, len);
	case REQUEST_WORKING: return MHD_YES;
	case REQUEST_ANSWERED: return queue_reply(request);
	}
	return MHD_NO;
}
