/* send: a job of one stream from flags, submitted, followed to its end, and summed up. */
#include "call.h"
#include "command.h"
#include "follow.h"
#include "message.h"
#include "print.h"
#include "spec.h"
#include "submission.h"
#include "util.h"

static const struct option OPTIONS[] = {
	{"detach", NULL, "do not follow the job: print its id and state, and exit", false},
	OPTION_END,
};
static const struct option *const TABLES[] = {
	OPTIONS, SPEC_PAYLOAD_OPTIONS, SPEC_RATE_OPTIONS, SPEC_JOB_OPTIONS, NULL,
};

static int64_t lease_of(const Pagecast__V1__JobSpec *spec)
{
	return spec->lease ? spec->lease->seconds * 1000000000 + spec->lease->nanos : 0;
}

static int run_send(struct client *client, const struct options *options)
{
	Pagecast__V1__JobSpec *spec = NULL;
	struct submission submission = {0};
	int r = submission_request_id(options, &submission);
	r = r ? r : spec_read(options, options->arguments[0], &spec);
	if (r)
		return r;
	const struct follow_options follow = {
		.cancel = true,
		.forever = options_has(options, "forever"),
		.lease_ns = lease_of(spec),
	};
	submission.spec = &spec->base;
	submission.follow = options_has(options, "detach") ? NULL : &follow;
	r = submission_run(client, &submission);
	message_free(&spec->base);
	return r;
}

const struct command COMMAND_SEND = {
	.name = "send",
	.arguments = "URL",
	.summary = "send packets, follow the job, print its result",
	.details =
		"URL is udp://192.0.2.1:9000, udp://[2001:db8::1]:9000, ip://192.0.2.1?proto=253,\n"
		"eth://eth0 (payloads are whole frames) or eth://eth0/02:00:00:00:00:01. "
		"Addresses\n"
		"are literals: host names are not looked up.\n\n"
		"In the result, \"asked\" is the last rate asked for, \"gap error\" how far gaps "
		"were from\n"
		"their length, and \"late\" how many packets left later than their time by more "
		"than\n"
		"one gap; they were sent.\n\n"
		"Ctrl-C cancels the job, waits, and prints the result; a second one leaves it\n"
		"running. Numbers take k, M, G, Ki, Mi, Gi; times take ns, us, ms, s, m, h.",
	.examples = "  pagecast send udp://127.0.0.1:9000 --text hello --pps 100 --packets 1000\n"
		    "  pagecast send udp://198.18.0.2:9000 --random 1472 --bps 1G --duration 10s\n"
		    "  pagecast send udp://198.18.0.2:9000 --zeros 64 --forever --label test=7",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_send,
};
