/* pause and resume: jobs, or some of their streams; resume also lets held jobs start. */
#include "command.h"
#include "jobs.h"
#include "message.h"
#include "spec.h"
#include "util.h"

#include "pagecast/v1/transmit_service.pb-c.h"

static const struct option PAUSE_OPTIONS[] = {
	{"stream", "NAME", "only this stream of the job, the others go on; repeatable", true},
	OPTION_END,
};
static const struct option RESUME_OPTIONS[] = {
	{"stream", "NAME", "this stream, paused by its name or held from the start; repeatable",
	 true},
	{"start-at", "TIME", "a held job: start it then: +5s or 2026-03-01T12:00:00Z", false},
	OPTION_END,
};
static const struct option *const PAUSE_TABLES[] = {PAUSE_OPTIONS, NULL};
static const struct option *const RESUME_TABLES[] = {RESUME_OPTIONS, NULL};

static int run_pause(struct client *client, const struct options *options)
{
	Pagecast__V1__PauseJobRequest request = PAGECAST__V1__PAUSE_JOB_REQUEST__INIT;
	const struct call call = {
		.method = "POST", .body = &request.base, .answer = &pagecast__v1__job__descriptor};
	int r = jobs_streams(options, &request.streams, &request.n_streams);
	r = r ? r : jobs_each(client, options, &call, ":pause", jobs_print_state);
	free(request.streams);
	return r;
}

static int start_at(const struct client *client, const struct options *options,
		    Google__Protobuf__Timestamp *time)
{
	Pagecast__V1__UpdateJobRequest request = PAGECAST__V1__UPDATE_JOB_REQUEST__INIT;
	const struct call call = {
		.method = "PATCH", .body = &request.base, .answer = &pagecast__v1__job__descriptor};
	request.start_time = time;
	return jobs_each(client, options, &call, "", jobs_print_state);
}

static int run_resume(struct client *client, const struct options *options)
{
	Pagecast__V1__ResumeJobRequest request = PAGECAST__V1__RESUME_JOB_REQUEST__INIT;
	const struct call call = {
		.method = "POST", .body = &request.base, .answer = &pagecast__v1__job__descriptor};
	Google__Protobuf__Timestamp *time = NULL;
	int r = jobs_streams(options, &request.streams, &request.n_streams);
	r = r ? r : spec_start_at(options, &time);
	if (!r && time && request.n_streams)
		r = options_usage("resume", "--start-at is for a whole held job, --stream for a "
					    "stream of one that runs: give one of the two");
	if (!r)
		r = time ? start_at(client, options, time)
			 : jobs_each(client, options, &call, ":resume", jobs_print_state);
	if (time)
		message_free(&time->base);
	free(request.streams);
	return r;
}

const struct command COMMAND_PAUSE = {
	.name = "pause",
	.arguments = "ID…",
	.summary = "pause running jobs, or streams of them",
	.details = "A job's --duration does not count pauses; its --max-duration does.",
	.examples = "  pagecast pause 01K6ZCP4Q7Y5T0R8W2M3N9B1XD\n"
		    "  pagecast pause 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --stream voice",
	.options = PAUSE_TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_pause,
};

const struct command COMMAND_RESUME = {
	.name = "resume",
	.arguments = "ID…",
	.summary = "resume paused jobs, or streams of them; let held jobs start",
	.details = "A stream sends only while neither it nor its job is paused: what was paused by "
		   "its\nname, or started held, is resumed by its name.",
	.examples = "  pagecast resume 01K6ZCP4Q7Y5T0R8W2M3N9B1XD\n"
		    "  pagecast resume 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --stream voice\n"
		    "  pagecast resume 01K6ZCP4Q7Y5T0R8W2M3N9B1XD --start-at +2s",
	.options = RESUME_TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_resume,
};
