/* get: everything about a job. */
#include "command.h"
#include "jobs.h"
#include "summary.h"

static const struct option OPTIONS[] = {OPTION_END};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static void print_job(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	summary_print((const Pagecast__V1__Job *)message, true, out);
}

static int run_get(struct client *client, const struct options *options)
{
	const struct call call = {.method = "GET", .answer = &pagecast__v1__job__descriptor};
	return jobs_each(client, options, &call, "", print_job);
}

const struct command COMMAND_GET = {
	.name = "get",
	.arguments = "ID…",
	.summary = "show a job: state, counts, rate, path, problems",
	.examples = "  pagecast get 01K6ZCP4Q7Y5T0R8W2M3N9B1XD\n"
		    "  pagecast --json get 01K6ZCP4Q7Y5T0R8W2M3N9B1XD | jq .account",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_get,
};
