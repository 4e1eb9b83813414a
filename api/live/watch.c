/* watch: see watch.h. */
#include "api/live/watch.h"

#include "api/http/request.h"

#include <string.h>

/* With an hour between two looks a stream is not live any more. */
enum { WATCH_INTERVAL_S_MAX = 3600, WATCH_LABELS_MAX = 64 };

static int check_interval(const Google__Protobuf__Duration *interval, int64_t *ret_ms,
			  struct error *ret_error)
{
	*ret_ms = 0;
	if (!interval)
		return 0;
	if (interval->seconds < 0 || interval->nanos < 0 ||
	    interval->seconds > WATCH_INTERVAL_S_MAX) {
		error_violate(ret_error, "interval", "must be 0s to %ds", WATCH_INTERVAL_S_MAX);
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	*ret_ms = interval->seconds * 1000 + interval->nanos / 1000000;
	return 0;
}

static int read_one(const Pagecast__V1__WatchJobRequest *message, struct agent_watch *watch,
		    struct event_stream_options *options, struct error *ret_error)
{
	if (!message->id[0]) {
		error_violate(ret_error, "id", "missing: which job");
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	watch->job_id = message->id;
	watch->cursor = message->after_revision;
	options->full = message->view == PAGECAST__V1__JOB_VIEW__JOB_VIEW_FULL;
	return check_interval(message->interval, &options->interval_ms, ret_error);
}

static int read_all(const Pagecast__V1__WatchJobsRequest *message, struct agent_watch *watch,
		    struct event_stream_options *options, struct error *ret_error)
{
	for (size_t i = 0; i < message->n_states; i++) {
		int state = (int)message->states[i];
		if (state <= 0 || state > PAGECAST__V1__JOB_STATE__JOB_STATE_INTERRUPTED)
			error_violate(ret_error, "states", "%d is not a state of a job", state);
		else
			watch->states |= 1U << state;
	}
	for (size_t i = 0; i < message->n_labels; i++)
		if (!message->labels[i]->key[0])
			error_violate(ret_error, "labels",
				      "missing key of a label; labels are key=value");
	if (message->n_labels > WATCH_LABELS_MAX)
		error_violate(ret_error, "labels", "%zu labels; the maximum is %d",
			      message->n_labels, WATCH_LABELS_MAX);
	watch->labels = message->labels;
	watch->label_count = message->n_labels;
	watch->cursor = message->after_revision;
	options->full = message->view == PAGECAST__V1__JOB_VIEW__JOB_VIEW_FULL;
	check_interval(message->interval, &options->interval_ms, ret_error);
	return (int)ret_error->code;
}

int watch_open(struct request *request, struct event_stream_options *options,
	       ProtobufCMessage *message, struct error *ret_error)
{
	struct agent_watch watch = {0};
	int r = message->descriptor == &pagecast__v1__watch_job_request__descriptor
			? read_one((const Pagecast__V1__WatchJobRequest *)message, &watch, options,
				   ret_error)
			: read_all((const Pagecast__V1__WatchJobsRequest *)message, &watch, options,
				   ret_error);
	if (!r)
		return event_stream_open(request, options, &watch, message, ret_error);
	protobuf_c_message_free_unpacked(message, NULL);
	return r;
}
