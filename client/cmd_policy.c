/* policy: what the agent allows, as text. */
#include "call.h"
#include "command.h"
#include "names.h"
#include "print.h"
#include "units.h"
#include "util.h"

#include "pagecast/v1/agent_service.pb-c.h"

static const struct option OPTIONS[] = {OPTION_END};
static const struct option *const TABLES[] = {OPTIONS, NULL};

enum { TITLE_WIDTH = 14 };

static void put_list(FILE *out, const char *title, char *const *items, size_t count,
		     const char *when_empty)
{
	fprintf(out, "%-*s ", TITLE_WIDTH, title);
	if (!count)
		fputs(when_empty, out);
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *item = print_escaped(items[i]);
		fprintf(out, "%s%s", i ? ", " : "", item);
	}
	fputc('\n', out);
}

static void put_ports(FILE *out, const Pagecast__V1__Policy *policy)
{
	fprintf(out, "%-*s ", TITLE_WIDTH, "ports");
	if (!policy->n_allowed_ports)
		fputs("all", out);
	for (size_t i = 0; i < policy->n_allowed_ports; i++) {
		const Pagecast__V1__PortRange *range = policy->allowed_ports[i];
		fprintf(out, "%s%u", i ? ", " : "", range->first);
		if (range->last > range->first)
			fprintf(out, "-%u", range->last);
	}
	fputc('\n', out);
}

static void put_engines(FILE *out, const Pagecast__V1__Policy *policy)
{
	fprintf(out, "%-*s ", TITLE_WIDTH, "engines");
	if (!policy->n_allowed_engines)
		fputs("all", out);
	for (size_t i = 0; i < policy->n_allowed_engines; i++)
		fprintf(out, "%s%s", i ? ", " : "",
			names_text(&pagecast__v1__engine_kind__descriptor,
				   (int)policy->allowed_engines[i]));
	fputc('\n', out);
}

static void put_allowed(FILE *out, const char *title, bool allowed)
{
	fprintf(out, "%-*s %s\n", TITLE_WIDTH, title, allowed ? "allowed" : "refused");
}

/* 0: the policy sets no bound. */
static void put_rates(FILE *out, const char *title, double pps, double bps)
{
	fprintf(out, "%-*s ", TITLE_WIDTH, title);
	if (pps > 0)
		fprintf(out, "%s pps", units_pps(pps).s);
	if (bps > 0)
		fprintf(out, "%s%s at l2", pps > 0 ? ", " : "", units_bps(bps).s);
	fputs(pps > 0 || bps > 0 ? "\n" : "no limit\n", out);
}

static void put_number(FILE *out, const char *title, uint64_t number, const char *unit)
{
	if (number)
		fprintf(out, "%-*s %s %s\n", TITLE_WIDTH, title, units_count(number).s, unit);
	else
		fprintf(out, "%-*s the agent's limit\n", TITLE_WIDTH, title);
}

static void print_policy(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__Policy *policy = (const Pagecast__V1__Policy *)message;
	put_list(out, "networks", policy->allowed_networks, policy->n_allowed_networks, "none");
	put_ports(out, policy);
	put_list(out, "interfaces", policy->allowed_interfaces, policy->n_allowed_interfaces,
		 "all");
	put_engines(out, policy);
	put_list(out, "sources", policy->allowed_sources, policy->n_allowed_sources,
		 "the agent's own addresses");
	put_allowed(out, "multicast", policy->allow_multicast);
	put_allowed(out, "broadcast", policy->allow_broadcast);
	put_allowed(out, "own IP headers", policy->allow_header_included);
	put_allowed(out, "Ethernet", policy->allow_ethernet);
	put_allowed(out, "unjudged", policy->allow_unjudged);
	put_rates(out, "a job's rate", policy->max_pps, policy->max_bps_l2);
	put_rates(out, "rate in all", policy->max_total_pps, policy->max_total_bps_l2);
	if (policy->max_duration)
		fprintf(out, "%-*s %s\n", TITLE_WIDTH, "a job's time",
			units_duration((double)policy->max_duration->seconds * 1e9 +
				       policy->max_duration->nanos)
				.s);
	else
		fprintf(out, "%-*s no limit\n", TITLE_WIDTH, "a job's time");
	put_number(out, "queue", policy->max_jobs_queued, "jobs");
	put_number(out, "a job", policy->max_streams, "streams");
	put_number(out, "payloads", policy->max_payload_bytes, "bytes");
}

static int run_policy(struct client *client, const struct options *options)
{
	(void)options;
	const struct call call = {
		.method = "GET", .path = "/v1/policy", .answer = &pagecast__v1__policy__descriptor};
	return call_each(client, &call, print_policy, NULL);
}

const struct command COMMAND_POLICY = {
	.name = "policy",
	.arguments = "",
	.summary = "show what the agent allows",
	.details = "`pagecast --json policy` prints it in the form that pagecastd --policy takes.",
	.examples = "  pagecast policy",
	.options = TABLES,
	.run = run_policy,
};
