/* pause and resume. */
#include "command.h"
#include "jobs.h"

static const struct option OPTIONS[] = {OPTION_END};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static int steer(const struct client *client, const struct options *options, const char *verb)
{
	const struct call call = {.method = "POST", .answer = &pagecast__v1__job__descriptor};
	return jobs_each(client, options, &call, verb, jobs_print_state);
}

static int run_pause(struct client *client, const struct options *options)
{
	return steer(client, options, ":pause");
}

static int run_resume(struct client *client, const struct options *options)
{
	return steer(client, options, ":resume");
}

const struct command COMMAND_PAUSE = {
	.name = "pause",
	.arguments = "ID…",
	.summary = "pause running jobs",
	.details = "A job's --duration does not count pauses; its --max-duration does.",
	.examples = "  pagecast pause 01K6ZCP4Q7Y5T0R8W2M3N9B1XD",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_pause,
};

const struct command COMMAND_RESUME = {
	.name = "resume",
	.arguments = "ID…",
	.summary = "resume paused jobs",
	.examples = "  pagecast resume 01K6ZCP4Q7Y5T0R8W2M3N9B1XD",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_resume,
};
