/* rest_events: see rest_events.h. */
#include "api/rest/rest_events.h"

#include "api/http/request.h"
#include "api/live/watch.h"
#include "api/rest/rest_bind.h"
#include "api/rest/sse.h"

#include <stdlib.h>
#include <string.h>

/* A browser that was cut off says what it has seen; that is newer than what its URL says. */
static int take_last_event_id(struct request *request, ProtobufCMessage *message,
			      struct error *ret_error)
{
	const char *id = request_header(request, "Last-Event-ID");
	if (!id || !*id)
		return 0;
	if (strspn(id, "0123456789") != strlen(id) || strlen(id) > 19)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "Last-Event-ID: \"%.40s\" is not a revision", id);
	uint64_t revision = strtoull(id, NULL, 10);
	if (message->descriptor == &pagecast__v1__watch_job_request__descriptor)
		((Pagecast__V1__WatchJobRequest *)message)->after_revision = revision;
	else
		((Pagecast__V1__WatchJobsRequest *)message)->after_revision = revision;
	return 0;
}

static void refuse(struct request *request, const struct error *error)
{
	if (error->code == ERROR_CODE_OUT_OF_RANGE)
		request_refuse(request, MHD_HTTP_GONE, error->code, "%s", error_message(error));
	else
		request_error(request, error);
}

/* Nothing will ever follow: the job has ended, and its last revision has been seen. A browser's
 * EventSource asks again after each end of a stream, unless the answer is 204. A revision that this
 * agent never had is not one that has been seen: it is for watch_open() to refuse. */
static bool is_over(const struct request *request, const ProtobufCMessage *message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const Pagecast__V1__WatchJobRequest *watch = (const Pagecast__V1__WatchJobRequest *)message;
	struct agent_job_position position;
	return message->descriptor == &pagecast__v1__watch_job_request__descriptor &&
	       watch->after_revision &&
	       watch->after_revision <= agent_revision(request->context->agent) &&
	       !agent_job_position(request->context->agent, &request->caller, watch->id, &position,
				   &error) &&
	       position.ended && position.revision <= watch->after_revision;
}

static bool handle_events(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct event_stream_options options = {
		.format = &SSE_FORMAT,
		.content_type = SSE_TYPE,
		.codec = EVENT_JSON_WITH_ZEROS,
	};
	ProtobufCMessage *message = NULL;
	int r = rest_bind(request, &message, &error);
	if (!r && is_over(request, message)) {
		protobuf_c_message_free_unpacked(message, NULL);
		reply_empty(&request->reply, MHD_HTTP_NO_CONTENT);
		return true;
	}
	if (!r)
		r = watch_open(request, &options, message, &error);
	if (r)
		refuse(request, &error);
	return true;
}

static const struct route ROUTES[] = {
	{.verb = ROUTE_GET,
	 .path = "/v1/jobs/{id}/events",
	 .handle = handle_events,
	 .method = &METHODS[METHOD_WATCH_JOB],
	 .adjust = take_last_event_id,
	 .sse = true},
	{.verb = ROUTE_GET,
	 .path = "/v1/events",
	 .handle = handle_events,
	 .method = &METHODS[METHOD_WATCH_JOBS],
	 .adjust = take_last_event_id,
	 .sse = true},
};

const struct route_list REST_EVENTS_ROUTES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
