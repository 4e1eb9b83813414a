/* agent and version: the agent's identity and status. */
#include "call.h"
#include "command.h"
#include "print.h"
#include "summary.h"
#include "units.h"
#include "util.h"

#include "pagecast/v1/agent_service.pb-c.h"

static const struct option OPTIONS[] = {OPTION_END};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static void put_row(FILE *out, const char *title, const char *text)
{
	_cleanup_free_ char *escaped = print_escaped(text);
	fprintf(out, "%-9s %s\n", title, escaped);
}

static void print_agent(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__Agent *agent = (const Pagecast__V1__Agent *)message;
	put_row(out, "name", agent->name);
	put_row(out, "version", agent->version);
	put_row(out, "kernel", agent->kernel);
	if (agent->start_time && agent->now)
		fprintf(out, "%-9s %s, since %s\n", "up",
			units_duration(summary_ns_between(agent->start_time, agent->now)).s,
			units_time(agent->start_time->seconds, agent->start_time->nanos).s);
	if (agent->clock_synchronised)
		fprintf(out, "%-9s synchronised, within %s\n", "clock",
			units_duration(agent->clock_max_error_us * 1e3).s);
	else
		fprintf(out, "%-9s not synchronised\n", "clock");
	fprintf(out, "%-9s %u\n", "workers", agent->workers);
	fprintf(out, "%-9s %u running, %u queued\n", "jobs", agent->jobs_running,
		agent->jobs_queued);
	if (agent->totals)
		fprintf(out, "%-9s %s packets, %s bytes; dropped %s, failed %s, cancelled %s\n",
			"sent", units_count(agent->totals->packets_sent).s,
			units_count(agent->totals->bytes_sent).s,
			units_count(agent->totals->packets_dropped).s,
			units_count(agent->totals->packets_failed).s,
			units_count(agent->totals->packets_cancelled).s);
}

static void print_version(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__Agent *agent = (const Pagecast__V1__Agent *)message;
	_cleanup_free_ char *version = print_escaped(agent->version);
	_cleanup_free_ char *name = print_escaped(agent->name);
	fprintf(out, "pagecastd %s on %s\n", version, name);
}

static const struct call GET_AGENT = {
	.method = "GET",
	.path = "/v1/agent",
	.answer = &pagecast__v1__agent__descriptor,
};

static int run_agent(struct client *client, const struct options *options)
{
	(void)options;
	return call_each(client, &GET_AGENT, print_agent, NULL);
}

static int run_version(struct client *client, const struct options *options)
{
	(void)options;
	if (!client->json) {
		puts("pagecast " PAGECAST_VERSION);
		fflush(stdout);
	}
	return call_each(client, &GET_AGENT, print_version, NULL);
}

const struct command COMMAND_AGENT = {
	.name = "agent",
	.arguments = "",
	.summary = "show the agent's identity and status",
	.examples = "  pagecast agent\n  pagecast --agent http://lab3:8470 agent",
	.options = TABLES,
	.run = run_agent,
};

const struct command COMMAND_VERSION = {
	.name = "version",
	.arguments = "",
	.summary = "show the versions of client and agent",
	.details = "`pagecast --version` prints only the client's and needs no agent.",
	.examples = "  pagecast version",
	.options = TABLES,
	.run = run_version,
};
