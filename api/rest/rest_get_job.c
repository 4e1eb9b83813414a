/* rest_get_job: see rest_get_job.h. */
#include "api/rest/rest_get_job.h"

#include "api/http/limits.h"
#include "api/http/query.h"
#include "api/http/request.h"
#include "api/http/thread.h"
#include "api/live/live.h"
#include "api/live/wait.h"
#include "api/rest/rest_answer.h"
#include "api/rest/rest_bind.h"
#include "api/rest/rest_call.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is asked for ---- */

struct options {
	int64_t wait_ms;
	bool until_end;
	uint64_t base_revision; /* wait for a newer one */
	bool has_base;
};

static int parse_wait(const char *text, int64_t *ret_ms, struct error *ret_error)
{
	int64_t ns;
	if (!query_duration(text, &ns) || ns > LIMIT_WAIT_MS * INT64_C(1000000)) {
		error_violate(ret_error, "wait",
			      "\"%.40s\" is not a time from 0 to %d s: write 30, 30s or 500ms",
			      text, LIMIT_WAIT_MS / 1000);
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	*ret_ms = ns / 1000000;
	return 0;
}

static int parse_options(const struct request *request, struct options *ret_options,
			 struct error *ret_error)
{
	struct options options = {0};
	struct query query;
	const char *wait = NULL, *until = NULL;
	int r = query_parse(&query, request->query, ret_error);
	if (r)
		return r;
	r = query_one(&query, "wait", &wait, ret_error);
	if (!r)
		r = query_one(&query, "until", &until, ret_error);
	if (!r && wait)
		r = parse_wait(wait, &options.wait_ms, ret_error);
	if (!r && until && strcmp(until, "end") != 0) {
		error_violate(ret_error, "until",
			      "\"%.40s\" is not a known value; the only one is end", until);
		r = ERROR_CODE_INVALID_ARGUMENT;
	} else if (!r && until && !wait) {
		error_violate(ret_error, "until", "is only allowed together with wait=SECONDS");
		r = ERROR_CODE_INVALID_ARGUMENT;
	}
	options.until_end = until;
	query_deinit(&query);
	*ret_options = options;
	return r;
}

/* One entity tag of ours, "123" or W/"123". Return: whether it is one */
static bool parse_tag(const char *text, size_t len, uint64_t *ret_revision)
{
	uint64_t revision = 0;
	if (len > 2 && text[0] == 'W' && text[1] == '/') {
		text += 2;
		len -= 2;
	}
	if (len < 3 || len > 21 || text[0] != '"' || text[len - 1] != '"')
		return false;
	for (size_t i = 1; i < len - 1; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		revision = revision * 10 + (uint64_t)(text[i] - '0');
	}
	*ret_revision = revision;
	return true;
}

/* Does If-None-Match name @revision? *ret_newest is the newest revision it names, if any. */
static bool none_match(const struct request *request, uint64_t revision, uint64_t *ret_newest,
		       bool *ret_any)
{
	const char *list = request_header(request, "If-None-Match");
	bool matches = false;
	*ret_newest = 0;
	*ret_any = false;
	while (list && *list) {
		list += strspn(list, " \t,");
		size_t len = strcspn(list, " \t,");
		uint64_t named = 0;
		if (len == 1 && *list == '*') {
			matches = true;
		} else if (parse_tag(list, len, &named)) {
			matches |= named == revision;
			*ret_newest = named > *ret_newest ? named : *ret_newest;
			*ret_any = true;
		}
		list += len;
	}
	return matches;
}

/* ---- the answer ---- */

static void answer_job(struct request *request, const struct method_result *result)
{
	uint64_t newest;
	bool any;
	if (!none_match(request, ((const Pagecast__V1__Job *)result->response)->revision, &newest,
			&any)) {
		rest_answer_job(request, result);
		return;
	}
	reply_empty(&request->reply, MHD_HTTP_NOT_MODIFIED);
	rest_answer_tag(request, result, request->reply.form.gzip);
}

/* ---- holding ---- */

struct held { /* a request's .handler_state */
	struct request *request;
	struct options options;
	struct waiter waiter;
};

static bool is_ready(const struct options *options, const struct agent_job_position *position)
{
	return position->ended ||
	       (!options->until_end && position->revision > options->base_revision);
}

static struct held *held_of(struct waiter *waiter)
{
	return (struct held *)((char *)waiter - offsetof(struct held, waiter));
}

static bool waiter_ready(struct waiter *waiter)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const struct held *held = held_of(waiter);
	const struct request *request = held->request;
	struct agent_job_position position;
	if (agent_job_position(request->context->agent, &request->caller,
			       route_var(&request->match, "id"), &position, &error))
		return true; /* probably deleted: that is an answer */
	return is_ready(&held->options, &position);
}

/* The held request's turn: as if it had come now, without a wait. */
static void answer_held(struct pool_task *task)
{
	struct request *request = (struct request *)((char *)task - offsetof(struct request, task));
	rest_call(request);
	request_resume(request);
}

static void waiter_wake(struct waiter *waiter, bool expired)
{
	struct request *request = held_of(waiter)->request;
	(void)expired; /* the job as it is now answers both */
	request->task.run = answer_held;
	if (!pool_push(request->context->pool, &request->task))
		answer_held(&request->task);
}

static void hold(struct request *request, const struct options *options)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct held *held = malloc(sizeof *held);
	request_suspend(request);
	if (held) {
		*held = (struct held){
			.request = request,
			.options = *options,
			.waiter = {.until_ms = thread_now_ms() + options->wait_ms,
				   .ready = waiter_ready,
				   .wake = waiter_wake},
		};
		request->handler_state = held;
		if (!waits_add(live_of(request)->waits, &held->waiter, &error))
			return;
	} else {
		error_set(&error, ERROR_CODE_INTERNAL, "out of memory");
	}
	request_error(request, &error);
	request_resume(request);
}

/* Is there no news yet? What is wrong with the rest of the query, or that there is no such
 * job, is for the call itself to say. */
static bool must_wait(struct request *request, struct options *options)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct agent_job_position position;
	ProtobufCMessage *message = NULL;
	if (!options->wait_ms || rest_bind(request, &message, &error))
		return false;
	protobuf_c_message_free_unpacked(message, NULL);
	if (agent_job_position(request->context->agent, &request->caller,
			       route_var(&request->match, "id"), &position, &error))
		return false;
	if (!options->has_base)
		options->base_revision = position.revision;
	return !is_ready(options, &position);
}

static bool handle_get_job(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct options options;
	if (parse_options(request, &options, &error)) {
		request_error(request, &error);
		return true;
	}
	none_match(request, 0, &options.base_revision, &options.has_base);
	if (!must_wait(request, &options))
		return rest_call(request);
	hold(request, &options);
	return false;
}

static const char *const PARAMS[] = {"wait", "until", NULL};

static const struct route ROUTES[] = {
	{.verb = ROUTE_GET,
	 .path = "/v1/jobs/{id}",
	 .handle = handle_get_job,
	 .method = &METHODS[METHOD_GET_JOB],
	 .params = PARAMS,
	 .holds = true,
	 .statuses = {MHD_HTTP_OK, MHD_HTTP_NOT_MODIFIED},
	 .render = answer_job},
};

const struct route_list REST_GET_JOB_ROUTES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
