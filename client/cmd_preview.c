/* preview: what a job written as JSON would send, without sending it. */
#include "call.h"
#include "command.h"
#include "print.h"
#include "submission.h"
#include "units.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#include "pagecast/v1/transmit_service.pb-c.h"

enum { PACKETS_DEFAULT = 10, PACKETS_MAX = 1000 };

static const struct option OPTIONS[] = {
	{"packets", "N", "how many packets to show: 10, at most 1000", false},
	OPTION_END,
};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static void print_packets(const Pagecast__V1__PreviewJobResponse *preview, FILE *out)
{
	_cleanup_table_ struct table table = {
		.titles = {"AT", "BYTES", "STREAM", "PACKET"}, .right = 0x3, .columns = 4};
	for (size_t i = 0; i < preview->n_packets; i++) {
		const Pagecast__V1__PreviewPacket *packet = preview->packets[i];
		double at_ns =
			packet->at ? (double)packet->at->seconds * 1e9 + packet->at->nanos : 0;
		table_add(&table, PRINT_PLAIN, "%s", units_duration(at_ns).s);
		table_add(&table, PRINT_PLAIN, "%s", units_count(packet->bytes.len).s);
		table_add(&table, PRINT_PLAIN, "%s", packet->stream);
		table_add(&table, PRINT_PLAIN, "%s", packet->summary);
	}
	table_print(&table, out);
}

static void print_preview(const ProtobufCMessage *message, FILE *out, void *context)
{
	const Pagecast__V1__PreviewJobResponse *preview =
		(const Pagecast__V1__PreviewJobResponse *)message;
	(void)context;
	if (preview->n_packets)
		print_packets(preview, out);
	if (preview->total_packets)
		fprintf(out, "in all %s packets, %s bytes", units_count(preview->total_packets).s,
			units_count(preview->total_bytes).s);
	else
		fputs("no limit names a number of packets", out);
	if (preview->seconds > 0)
		fprintf(out, ", in %s", units_duration(preview->seconds * 1e9).s);
	fputc('\n', out);
	if (*preview->path) {
		_cleanup_free_ char *path = print_escaped(preview->path);
		fprintf(out, "path   %s\n", path);
	}
	for (size_t i = 0; i < preview->n_problems; i++) {
		const Pagecast__V1__Problem *problem = preview->problems[i];
		_cleanup_free_ char *text = print_escaped(problem->message);
		bool bad = problem->severity == PAGECAST__V1__SEVERITY__SEVERITY_ERROR;
		fprintf(out, "%s  %s\n", bad ? "error" : "note ", text);
	}
}

static int run_preview(struct client *client, const struct options *options)
{
	_cleanup_free_ char *text = NULL, *json = NULL;
	uint32_t packets = PACKETS_DEFAULT;
	size_t len = 0;
	int r = options_u32(options, "packets", 1, PACKETS_MAX, &packets);
	r = r ? r : submission_read("preview", options->arguments[0], &text, &len);
	if (r)
		return r;
	json = util_printf("{\"packets\":%u,\"spec\":%s}", packets, text);
	const struct call call = {
		.method = "POST",
		.path = "/v1/jobs:preview",
		.json = json,
		.json_len = strlen(json),
		.answer = &pagecast__v1__preview_job_response__descriptor,
	};
	return call_each(client, &call, print_preview, NULL);
}

const struct command COMMAND_PREVIEW = {
	.name = "preview",
	.arguments = "FILE|-",
	.summary = "show what a job written as JSON would send",
	.details = "Sends nothing. The JSON is a JobSpec, as `submit` takes it; with --json the "
		   "packets "
		   "come\nbyte for byte, in base64.",
	.examples = "  pagecast preview job.json --packets 3",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_preview,
};
