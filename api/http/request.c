/* request: see request.h. */
#include "api/http/request.h"

#include "api/http/head.h"
#include "api/http/limits.h"
#include "api/http/thread.h"
#include "api/rest/rest.h"
#include "api/rpc/rpc.h"
#include "pagecast/audit.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct request *request_new(struct request_context *context, struct connection *connection,
			    struct MHD_Connection *mhd, const char *target)
{
	struct request *request = calloc(1, sizeof *request);
	if (!request)
		return NULL;
	request->target = strdup(target);
	if (!request->target) {
		free(request);
		return NULL;
	}
	request->context = context;
	request->connection = connection;
	request->mhd = mhd;
	request->started_ns = thread_now_ns();
	request->started_ms = request->started_ns / 1000000;
	request->answer_media = MEDIA_JSON;
	request->face = &REST_FACE;
	request->deadline_ms = INT64_MAX;
	char *query = strchr(request->target, '?');
	if (query) {
		*query = '\0';
		request->query = query + 1;
	}
	return request;
}

/* It has been answered: what it came with is not held for as long as the answer takes to leave, and
 * no longer counts among the bodies. */
static void drop_body(struct request *request)
{
	atomic_fetch_sub(&request->context->bodies_bytes, request->body_capacity);
	free(request->body);
	request->body = NULL;
	request->body_len = request->body_capacity = 0;
}

void request_free(struct request *request)
{
	struct request_context *context = request->context;
	drop_body(request);
	reply_deinit(&request->reply);
	free(request->handler_state);
	free(request->target);
	if (request->counted)
		atomic_fetch_sub(&context->unanswered, 1);
	free(request);
}

const char *request_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

void request_suspend(struct request *request)
{
	request->stage = REQUEST_WORKING;
	connection_due(request->connection, INT64_MAX);
	MHD_suspend_connection(request->mhd);
}

void request_resume(struct request *request)
{
	struct MHD_Connection *mhd = request->mhd;
	request->stage = REQUEST_ANSWERED;
	MHD_resume_connection(mhd); /* the request may be gone from here on */
}

/* ---- what the head is judged by, in this order; false: .reply holds the refusal ---- */

static bool judge_page(struct request *request)
{
	const struct guard *guard = &request->context->guard;
	const struct connection *connection = request->connection;
	const char *host = request_header(request, "Host");
	const char *origin = request_header(request, "Origin");
	if (!connection->is_unix && !guard_host(guard, host, &connection->local)) {
		reply_refuse(request, MHD_HTTP_FORBIDDEN, ERROR_CODE_PERMISSION_DENIED,
			     "Host is not an address or a name of this agent; "
			     "pagecastd --allow-host adds one");
		return false;
	}
	if (origin && !guard_origin(guard, origin, host, connection->tls)) {
		reply_refuse(request, MHD_HTTP_FORBIDDEN, ERROR_CODE_PERMISSION_DENIED,
			     "a page of another origin may not command this agent; "
			     "pagecastd --allow-origin adds one");
		return false;
	}
	return true;
}

static void answer_options(struct request *request, const char *allow)
{
	reply_empty(request, MHD_HTTP_NO_CONTENT);
	reply_header(request, "Allow", "%s", allow);
	if (!request_header(request, "Access-Control-Request-Method"))
		return;
	reply_header(request, "Access-Control-Allow-Methods", "%s", allow);
	reply_header(request, "Access-Control-Allow-Headers",
		     "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, "
		     "Last-Event-ID, " RPC_REQUEST_HEADERS);
	reply_header(request, "Access-Control-Max-Age", "600");
}

static bool judge_path(struct request *request)
{
	char allow[ROUTE_ALLOW_BYTES];
	bool known;
	bool all = request->verb == ROUTE_OPTIONS && strcmp(request->target, "*") == 0;
	const char *fault = all ? NULL : route_path_fault(request->target);
	if (fault) {
		reply_refuse(request, MHD_HTTP_BAD_REQUEST, ERROR_CODE_INVALID_ARGUMENT, "%s",
			     fault);
		request->reply.close = true;
		return false;
	}
	request->route = route_find(request->verb, request->target, &request->match, &known);
	if (request->route) {
		if (request->route->face)
			request->face = request->route->face(request);
		return true;
	}
	if (!known && !all) {
		/* To an RPC client "not found" speaks of what was asked for, not of the method. */
		reply_refuse(request, MHD_HTTP_NOT_FOUND,
			     rpc_is_path(request->target) ? ERROR_CODE_UNIMPLEMENTED
							  : ERROR_CODE_NOT_FOUND,
			     "there is nothing at %.256s", request->target);
		return false;
	}
	route_allow(all ? NULL : request->target, allow);
	if (request->verb == ROUTE_OPTIONS) {
		answer_options(request, allow);
		return false;
	}
	reply_refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, ERROR_CODE_UNIMPLEMENTED,
		     "%.256s takes %s", request->target, allow);
	reply_header(request, "Allow", "%s", allow);
	return false;
}

/* Nobody's request reaches no method; that it was made is worth a line. */
static void audit_stranger(const struct request *request, const struct error *error)
{
	const struct method *method = request->route->method;
	audit_write(&(struct audit_entry){
		.peer = request->connection->peer,
		.action = method ? method->name : request->route->path,
		.verdict = error->code,
		.reason = error_message(error),
	});
}

static bool judge_caller(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (atomic_load(&request->context->stopping)) {
		reply_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, ERROR_CODE_UNAVAILABLE,
			     "the agent is stopping");
		request->reply.close = true;
		return false;
	}
	if (request->route->open)
		return true;
	const char *authorization = request_header(request, "Authorization");
	if (auth_identify(request->context->auth, request->connection, authorization,
			  &request->identity, &error)) {
		audit_stranger(request, &error);
		reply_error(request, &error);
		return false;
	}
	request->caller = (struct agent_caller){
		.principal = request->identity.principal,
		.accessor = request->identity.accessor,
		.role = request->identity.role,
		.peer = request->connection->peer,
	};
	return true;
}

static void refuse_size(struct request *request)
{
	reply_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, ERROR_CODE_RESOURCE_EXHAUSTED,
		     "the body is longer than the %zu bytes taken here",
		     request->route->body_max_bytes);
}

/* An empty body is none. */
static bool judge_body(struct request *request)
{
	if (request->route->body || (!request->content_length && !request->chunked))
		return true;
	reply_refuse(request, MHD_HTTP_BAD_REQUEST, ERROR_CODE_INVALID_ARGUMENT,
		     "no body is taken here");
	return false;
}

static bool judge_size(struct request *request)
{
	if (!request->route->body || request->content_length <= request->route->body_max_bytes)
		return true;
	refuse_size(request);
	return false;
}

/* ---- steps ---- */

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
	bool body = request->content_length || request->chunked;
	owe_answer(request);
	bool large = request->chunked || request->content_length > LIMIT_DRAIN_BYTES || expect;
	if (!request->reply.close && !(body && large)) {
		request->stage = REQUEST_REFUSED;
		return MHD_YES;
	}
	connection_linger(request->connection);
	return reply_queue(request);
}

static enum MHD_Result step_head(struct request *request, const char *method, const char *version)
{
	connection_due(request->connection,
		       request->started_ms + LIMIT_REQUEST_MS - thread_now_ms());
	if (!head_check(request, method, version) || !judge_page(request) || !judge_path(request) ||
	    !judge_caller(request) || !judge_body(request) || !request->face->judge(request) ||
	    !judge_size(request))
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
		reply_refuse(request, MHD_HTTP_TOO_MANY_REQUESTS, ERROR_CODE_RESOURCE_EXHAUSTED,
			     "too many request bodies at one time; try again");
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
		refuse_size(request);
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
	drop_body(request);
	request_resume(request);
}

/* The request is whole: have it handled, here or in the pool. */
static enum MHD_Result work(struct request *request)
{
	const struct route *route = request->route;
	owe_answer(request);
	request->stage = REQUEST_WORKING;
	if (!route->blocks && !(route->method && route->method->blocks)) { /* may hold it */
		if (!route->handle(request))
			return MHD_YES;
		drop_body(request);
		return reply_queue(request);
	}
	request->task.run = run_task;
	request_suspend(request);
	if (!pool_push(request->context->pool, &request->task)) {
		reply_refuse(request, MHD_HTTP_TOO_MANY_REQUESTS, ERROR_CODE_RESOURCE_EXHAUSTED,
			     "too many requests in line; try again");
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
		return reply_queue(request);
	request->body_len += *len;
	*len = 0;
	/* The answer cannot leave before the end of the body: past this there will be none. */
	return request->body_len > LIMIT_BODY_SPEC_BYTES ? MHD_NO : MHD_YES;
}

enum MHD_Result request_step(struct request *request, const char *method, const char *version,
			     const char *data, size_t *len)
{
	switch (request->stage) {
	case REQUEST_HEAD: return step_head(request, method, version);
	case REQUEST_BODY: return step_body(request, data, len);
	case REQUEST_WHOLE: return work(request);
	case REQUEST_REFUSED: return step_refused(request, len);
	case REQUEST_WORKING: return MHD_YES;
	case REQUEST_ANSWERED: return reply_queue(request);
	}
	return MHD_NO;
}
