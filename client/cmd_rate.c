/* rate: another rate for a job that runs, or another place in the queue for one that waits. */
#include "command.h"
#include "jobs.h"
#include "spec.h"
#include "util.h"

#include "pagecast/v1/transmit_service.pb-c.h"

enum { STREAM_MAX_BYTES = 128 };

static const struct option OPTIONS[] = {
	{"pps", "RATE", "packets a second: 0.5, 100, 10k, 1.5M", false},
	{"bps", "RATE", "bits a second: 64k, 100M, 2.5G", false},
	{"line-percent", "P", "of the interface's speed", false},
	{"unlimited", NULL, "no limit but the policy's", false},
	{"layer", "LAYER", "what --bps counts: l2 (default), payload, l3, l2-fcs, l1", false},
	{"max-back-to-back", "N", "packets that may leave without a gap", false},
	{"stream", "NAME", "only this stream; otherwise each of the job's gets the rate", false},
	{"priority", "N", "while QUEUED: -100 to 100, higher first", false},
	OPTION_END,
};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static int read_update(const struct options *options, Pagecast__V1__UpdateJobRequest *update)
{
	const char *stream = NULL;
	int r = spec_rate(options, &update->rate);
	r = r ? r : options_text(options, "stream", STREAM_MAX_BYTES, &stream);
	r = r ? r : options_int(options, "priority", -100, 100, &update->priority);
	if (r)
		return r;
	if (options_has(options, "priority"))
		update->new_priority_case = PAGECAST__V1__UPDATE_JOB_REQUEST__NEW_PRIORITY_PRIORITY;
	if (!update->rate && !update->new_priority_case)
		return options_usage("rate", "name a rate: --pps, --bps, --line-percent or "
					     "--unlimited");
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
		call_free(&update.rate->base);
	return r;
}

const struct command COMMAND_RATE = {
	.name = "rate",
	.arguments = "ID…",
	.summary = "change the rate of running jobs",
	.examples = "  pagecast rate 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --pps 10k\n"
		    "  pagecast rate 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --unlimited --stream voice",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_rate,
};
