/*
 * rest_jobs: jobs over REST, and the held GET.
 *
 * GET …?wait=S answers at once when there is something to tell: a revision newer than the one that
 * If-None-Match names (without it: than the one at arrival), or, with until=end, the end of the
 * job. Otherwise the request is held by api/live/wait, asked about after each change, and answered
 * in the pool.
 */
#include "api/codec/pcap.h"
#include "api/http/limits.h"
#include "api/http/query.h"
#include "api/http/request.h"
#include "api/http/thread.h"
#include "api/rest/rest.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers ---- */

static const Pagecast__V1__Job *job_of(const struct method_result *result)
{
	return (const Pagecast__V1__Job *)result->response;
}

/* Compressed bytes are not those that a strong tag stands for (RFC 9110, 8.8.1). What is not sent
 * again would have been compressed, as like as not. */
static void put_tag(struct request *request, const Pagecast__V1__Job *job, bool packed)
{
	reply_header(request, "ETag", "%s\"%" PRIu64 "\"", packed ? "W/" : "", job->revision);
}

static void render_job(struct request *request, const struct method_result *result)
{
	reply_message(request, MHD_HTTP_OK, result->response);
	put_tag(request, job_of(result), request->reply.packed);
}

static void render_submitted(struct request *request, const struct method_result *result)
{
	const Pagecast__V1__Job *job = job_of(result);
	reply_message(request, result->created ? MHD_HTTP_CREATED : MHD_HTTP_OK, result->response);
	reply_header(request, "Location", "/v1/jobs/%s", job->id);
	put_tag(request, job, request->reply.packed);
}

static void render_nothing(struct request *request, const struct method_result *result)
{
	(void)result;
	reply_empty(request, MHD_HTTP_NO_CONTENT);
}

static int take_idempotency_key(struct request *request, ProtobufCMessage *message,
				struct error *ret_error)
{
	const char *key = request_header(request, "Idempotency-Key");
	if (!key)
		return 0;
	if (!*key || strlen(key) > 128)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "Idempotency-Key must have 1 to 128 characters");
	for (const char *c = key; *c; c++)
		if (*c < 0x21 || *c > 0x7e)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "Idempotency-Key has a character that is not printable "
					 "ASCII without spaces");
	return rest_set_string(message, "request_id", key, ret_error);
}

/* ---- GET of one job ---- */

struct get_options {
	int64_t wait_ms;
	bool until_end;
	uint64_t base_revision; /* wait for a newer one */
	bool has_base;
};

/* Seconds as a decimal number. */
static int parse_wait(const char *text, int64_t *ret_ms, struct error *ret_error)
{
	size_t digits = strspn(text, "0123456789.");
	char *end = NULL;
	double seconds = strtod(text, &end);
	if (!digits || text[digits] || *end || !(seconds * 1000 <= LIMIT_WAIT_MS)) {
		error_violate(ret_error, "wait",
			      "\"%.40s\" is not a number of seconds from 0 to %d", text,
			      LIMIT_WAIT_MS / 1000);
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	*ret_ms = (int64_t)(seconds * 1000);
	return 0;
}

static int parse_get_options(const struct request *request, struct get_options *ret_options,
			     struct error *ret_error)
{
	struct get_options options = {0};
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
		error_violate(ret_error, "until", "\"%.40s\" is not \"end\"", until);
		r = ERROR_CODE_INVALID_ARGUMENT;
	} else if (!r && until && !wait) {
		error_violate(ret_error, "until", "goes with wait=SECONDS");
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

static bool has_ended(Pagecast__V1__JobState state)
{
	return state == PAGECAST__V1__JOB_STATE__JOB_STATE_SUCCEEDED ||
	       state == PAGECAST__V1__JOB_STATE__JOB_STATE_FAILED ||
	       state == PAGECAST__V1__JOB_STATE__JOB_STATE_CANCELLED ||
	       state == PAGECAST__V1__JOB_STATE__JOB_STATE_INTERRUPTED;
}

static bool is_ready(const struct get_options *options, const Pagecast__V1__Job *job)
{
	return has_ended(job->state) ||
	       (!options->until_end && job->revision > options->base_revision);
}

static bool waiter_ready(struct waiter *waiter)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct request *request =
		(struct request *)((char *)waiter - offsetof(struct request, waiter));
	Pagecast__V1__GetJobRequest get = PAGECAST__V1__GET_JOB_REQUEST__INIT;
	Pagecast__V1__Job *job = NULL;
	char id[ROUTE_VAR_BYTES_MAX + 1];
	strcpy(id, route_var(&request->match, "id"));
	get.id = id;
	get.view = PAGECAST__V1__JOB_VIEW__JOB_VIEW_BASIC;
	if (agent_get_job(request->context->agent, &request->caller, &get, &job, &error))
		return true; /* deleted, as like as not: that is an answer */
	bool ready = is_ready(request->handler_state, job);
	protobuf_c_message_free_unpacked(&job->base, NULL);
	return ready;
}

static void answer_job(struct request *request, const struct method_result *result)
{
	uint64_t newest;
	bool any;
	if (!none_match(request, job_of(result)->revision, &newest, &any)) {
		render_job(request, result);
		return;
	}
	reply_empty(request, MHD_HTTP_NOT_MODIFIED);
	put_tag(request, job_of(result), request->accept_gzip);
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
	struct request *request =
		(struct request *)((char *)waiter - offsetof(struct request, waiter));
	(void)expired; /* the job as it is now answers both */
	request->task.run = answer_held;
	if (!pool_push(request->context->pool, &request->task))
		answer_held(&request->task);
}

/* Returns false when the request is held. */
static bool hold(struct request *request, const struct get_options *options)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct get_options *kept = malloc(sizeof *kept);
	if (!kept) {
		reply_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, ERROR_CODE_INTERNAL,
			     "out of memory");
		return true;
	}
	*kept = *options;
	request->handler_state = kept;
	request->waiter = (struct waiter){
		.until_ms = thread_now_ms() + options->wait_ms,
		.ready = waiter_ready,
		.wake = waiter_wake,
	};
	request_suspend(request);
	if (!waits_add(request->context->waits, &request->waiter, &error))
		return false;
	reply_error(request, &error);
	request_resume(request);
	return false;
}

static bool handle_get_job(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct get_options options;
	struct method_result result = {0};
	ProtobufCMessage *message = NULL;
	bool answered = true;
	int r = parse_get_options(request, &options, &error);
	if (!r)
		r = rest_bind(request, &message, &error);
	if (!r) {
		r = method_call(request->route->method, request->context->agent, &request->caller,
				message, &result, &error);
		protobuf_c_message_free_unpacked(message, NULL);
	}
	if (r) {
		reply_error(request, &error);
		return true;
	}
	none_match(request, 0, &options.base_revision, &options.has_base);
	if (!options.has_base)
		options.base_revision = job_of(&result)->revision;
	if (options.wait_ms && !is_ready(&options, job_of(&result)))
		answered = hold(request, &options);
	else
		answer_job(request, &result);
	method_result_deinit(&result);
	return answered;
}

static void render_preview(struct request *request, const struct method_result *result)
{
	if (request->answer_media != MEDIA_PCAP) {
		reply_message(request, MHD_HTTP_OK, result->response);
		return;
	}
	size_t len = 0;
	uint8_t *file =
		pcap_write((const Pagecast__V1__PreviewJobResponse *)result->response, &len);
	reply_take(request, MHD_HTTP_OK, "application/vnd.tcpdump.pcap", (char *)file, len);
	reply_pack(request);
}

/* ---- routes ---- */

static const char *const GET_PARAMS[] = {"wait", "until", NULL};

static const struct route ROUTES[] = {
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_SUBMIT_JOB],
	 .body = "spec",
	 .body_required = true,
	 .misplaced = "request_id",
	 .misplaced_where = "it goes into the header Idempotency-Key",
	 .body_max_bytes = LIMIT_BODY_SPEC_BYTES,
	 .statuses = {MHD_HTTP_CREATED, MHD_HTTP_OK},
	 .adjust = take_idempotency_key,
	 .render = render_submitted},
	{.verb = ROUTE_GET,
	 .path = "/v1/jobs",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_LIST_JOBS]},
	{.verb = ROUTE_GET,
	 .path = "/v1/jobs/{id}",
	 .handle = handle_get_job,
	 .method = &METHODS[METHOD_GET_JOB],
	 .params = GET_PARAMS,
	 .holds = true,
	 .statuses = {MHD_HTTP_OK, MHD_HTTP_NOT_MODIFIED},
	 .render = answer_job},
	{.verb = ROUTE_PATCH,
	 .path = "/v1/jobs/{id}",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_UPDATE_JOB],
	 .body = "*",
	 .body_required = true,
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES,
	 .render = render_job},
	{.verb = ROUTE_DELETE,
	 .path = "/v1/jobs/{id}",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_DELETE_JOB],
	 .statuses = {MHD_HTTP_NO_CONTENT},
	 .render = render_nothing},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs/{id}:cancel",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_CANCEL_JOB],
	 .body = "*",
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES,
	 .render = render_job},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs/{id}:pause",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_PAUSE_JOB],
	 .body = "*",
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES,
	 .render = render_job},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs/{id}:resume",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_RESUME_JOB],
	 .body = "*",
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES,
	 .render = render_job},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs:preview",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_PREVIEW_JOB],
	 .body = "*",
	 .body_required = true,
	 .body_max_bytes = LIMIT_BODY_SPEC_BYTES,
	 .pcap = true,
	 .render = render_preview},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs:cancel",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_CANCEL_JOBS],
	 .body = "*",
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES},
};

const struct route_table REST_JOBS_ROUTES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
