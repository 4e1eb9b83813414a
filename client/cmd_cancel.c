/* cancel: one job, or the stop button for all of them. */
#include "command.h"
#include "jobs.h"
#include "message.h"
#include "spec.h"
#include "util.h"

#include "pagecast/v1/transmit_service.pb-c.h"

enum { REASON_MAX_BYTES = 256 };

static const struct option OPTIONS[] = {
	{"all", NULL, "every job that has not ended", false},
	{"label", "KEY=VALUE", "with --all: only jobs with this label; repeatable", true},
	{"stream", "NAME", "only this stream of the job, the others go on; repeatable", true},
	{"reason", "TEXT", "why, for the log", false},
	OPTION_END,
};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static void print_count(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	uint32_t count = ((const Pagecast__V1__CancelJobsResponse *)message)->cancelled;
	fprintf(out, "cancelled %u job%s\n", count, count == 1 ? "" : "s");
}

static int cancel_all(const struct client *client, const struct options *options,
		      const char *reason)
{
	Pagecast__V1__CancelJobsRequest request = PAGECAST__V1__CANCEL_JOBS_REQUEST__INIT;
	const struct call call = {
		.method = "POST",
		.path = "/v1/jobs:cancel",
		.body = &request.base,
		.answer = &pagecast__v1__cancel_jobs_response__descriptor,
	};
	if (reason)
		request.reason = (char *)reason;
	int r = spec_labels(options, &request.labels, &request.n_labels);
	request.all = !request.n_labels; /* the agent takes one of the two */
	r = r ? r : call_each(client, &call, print_count, NULL);
	for (size_t i = 0; i < request.n_labels; i++)
		message_free(&request.labels[i]->base);
	free(request.labels);
	return r;
}

static int run_cancel(struct client *client, const struct options *options)
{
	Pagecast__V1__CancelJobRequest request = PAGECAST__V1__CANCEL_JOB_REQUEST__INIT;
	const struct call call = {
		.method = "POST", .body = &request.base, .answer = &pagecast__v1__job__descriptor};
	const char *reason = NULL;
	bool all = options_has(options, "all");
	int r = options_text(options, "reason", REASON_MAX_BYTES, &reason);
	if (r)
		return r;
	if (all && options->argument_count)
		return options_usage("cancel", "--all and ids exclude each other");
	if (!all && options_has(options, "label"))
		return options_usage("cancel", "--label goes with --all");
	if (!all && !options->argument_count)
		return options_usage("cancel", "give the id of a job, or --all");
	if (all && options_has(options, "stream"))
		return options_usage("cancel",
				     "--stream goes with the id of a job, not with --all");
	if (all)
		return cancel_all(client, options, reason);
	if (reason)
		request.reason = (char *)reason;
	r = jobs_streams(options, &request.streams, &request.n_streams);
	r = r ? r : jobs_each(client, options, &call, ":cancel", jobs_print_summary);
	free(request.streams);
	return r;
}

const struct command COMMAND_CANCEL = {
	.name = "cancel",
	.arguments = "ID…",
	.summary = "cancel jobs, or streams of them, and show their results",
	.details = "Answers when sending has stopped. A job that has already ended is unchanged.",
	.examples = "  pagecast cancel 01K6ZCP4Q7Y5T0R8W2M3N9B1XD\n"
		    "  pagecast cancel 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --stream voice\n"
		    "  pagecast cancel --all --label test=7",
	.options = TABLES,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_cancel,
};
