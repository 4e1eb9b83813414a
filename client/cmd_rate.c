/* rate: a new rate for a running job, or a new priority for a queued one. */
#include "command.h"
#include "jobs.h"
#include "message.h"
#include "spec.h"
#include "util.h"

#include "pagecast/v1/transmit_service.pb-c.h"

static const struct option OPTIONS[] = {
	{"stream", "NAME", "only this stream; default: each stream of the job gets the rate",
	 false},
	{"priority", "N", "a new priority for a queued job: -100 to 100, higher first", false},
	OPTION_END,
};
static const struct option *const TABLES[] = {SPEC_RATE_OPTIONS, OPTIONS, NULL};

static int read_update(const struct options *options, Pagecast__V1__UpdateJobRequest *update)
{
	const char *stream = NULL;
	int r = spec_rate(options, &update->rate);
	r = r ? r : options_text(options, "stream", SPEC_NAME_MAX_BYTES, &stream);
	r = r ? r : options_int(options, "priority", -100, 100, &update->priority);
	if (r)
		return r;
	if (stream && !*stream) /* to the agent it would be every stream */
		return options_usage("rate", "--stream: the name is empty; without --stream each "
					     "of the job's streams gets the rate");
	if (options_has(options, "priority"))
		update->new_priority_case = PAGECAST__V1__UPDATE_JOB_REQUEST__NEW_PRIORITY_PRIORITY;
	if (!update->rate && !update->new_priority_case)
		return options_usage("rate", "give a rate: --pps, --bps, --line-percent or "
					     "--unlimited, or a --priority");
	if (stream)
		update->stream = (char *)stream;
	return 0;
}

static int run_rate(struct client *client, const struct options *options)
{
	Pagecast__V1__UpdateJobRequest update = PAGECAST__V1__UPDATE_JOB_REQUEST__INIT;
	const struct call call = {
		.method = "PATCH",
		.body = &update.base,
		.answer = &pagecast__v1__job__descriptor,
	};
	int r = read_update(options, &update);
	r = r ? r : jobs_each(client, options, &call, "", jobs_print_state);
	if (update.rate)
		message_free(&update.rate->base);
	return r;
}

const struct command COMMAND_RATE = {
	.name = "rate",
	.arguments = "ID…",
	.summary = "change the rate of running jobs, the priority of queued ones",
	.examples = "  pagecast rate 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --pps 10k\n"
		    "  pagecast rate 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --unlimited --stream voice",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_rate,
};
