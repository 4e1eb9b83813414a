/* rest_jobs: see rest_jobs.h. */
#include "api/rest/rest_jobs.h"

#include "api/codec/pcap.h"
#include "api/http/limits.h"
#include "api/rest/rest_answer.h"
#include "api/rest/rest_bind.h"
#include "api/rest/rest_call.h"

#include <string.h>

static void render_submitted(struct request *request, const struct method_result *result)
{
	const Pagecast__V1__Job *job = (const Pagecast__V1__Job *)result->response;
	reply_message(&request->reply, result->created ? MHD_HTTP_CREATED : MHD_HTTP_OK,
		      result->response);
	reply_header(&request->reply, "Location", "jobs/%s", job->id);
	rest_answer_tag(request, result, request->reply.packed);
}

static void render_nothing(struct request *request, const struct method_result *result)
{
	(void)result;
	reply_empty(&request->reply, MHD_HTTP_NO_CONTENT);
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
			return error_set(
				ret_error, ERROR_CODE_INVALID_ARGUMENT,
				"Idempotency-Key may contain only printable ASCII characters "
				"other than space");
	return rest_bind_string(message, "request_id", key, ret_error);
}

/* A capture has no place for what keeps a job from being sent: without packets that is the answer.
 */
static const char *why_empty(const Pagecast__V1__PreviewJobResponse *preview)
{
	for (size_t i = 0; i < preview->n_problems && !preview->n_packets; i++)
		if (preview->problems[i]->severity == PAGECAST__V1__SEVERITY__SEVERITY_ERROR)
			return preview->problems[i]->message;
	return NULL;
}

static void render_preview(struct request *request, const struct method_result *result)
{
	const Pagecast__V1__PreviewJobResponse *preview =
		(const Pagecast__V1__PreviewJobResponse *)result->response;
	const char *why = why_empty(preview);
	if (request->reply.form.media == MEDIA_PCAP && why) {
		_cleanup_error_ struct error error = ERROR_NULL;
		error_set(&error, ERROR_CODE_FAILED_PRECONDITION, "%s", why);
		request_error(request, &error);
		return;
	}
	if (request->reply.form.media != MEDIA_PCAP) {
		reply_message(&request->reply, MHD_HTTP_OK, result->response);
		return;
	}
	size_t len = 0;
	uint8_t *file = pcap_write(preview, &len);
	reply_take(&request->reply, MHD_HTTP_OK, "application/vnd.tcpdump.pcap", (char *)file, len);
	reply_pack(&request->reply);
}

/* ---- routes ---- */

static const struct route ROUTES[] = {
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_SUBMIT_JOB],
	 .body = "spec",
	 .body_required = true,
	 .misplaced = "request_id",
	 .misplaced_where = "send it as the header Idempotency-Key",
	 .body_max_bytes = LIMIT_BODY_SPEC_BYTES,
	 .statuses = {MHD_HTTP_CREATED, MHD_HTTP_OK},
	 .adjust = take_idempotency_key,
	 .render = render_submitted},
	{.verb = ROUTE_GET,
	 .path = "/v1/jobs",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_LIST_JOBS]},
	{.verb = ROUTE_PATCH,
	 .path = "/v1/jobs/{id}",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_UPDATE_JOB],
	 .body = "*",
	 .body_required = true,
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES,
	 .render = rest_answer_job},
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
	 .render = rest_answer_job},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs/{id}:pause",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_PAUSE_JOB],
	 .body = "*",
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES,
	 .render = rest_answer_job},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs/{id}:resume",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_RESUME_JOB],
	 .body = "*",
	 .body_max_bytes = LIMIT_BODY_SMALL_BYTES,
	 .render = rest_answer_job},
	{.verb = ROUTE_POST,
	 .path = "/v1/jobs:preview",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_PREVIEW_JOB],
	 .body = "*",
	 .bare = "spec",
	 .bare_mark = "streams",
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

const struct route_list REST_JOBS_ROUTES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
