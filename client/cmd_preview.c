/*
 * preview: what a job written as JSON would send, without sending it: as a table, and as a capture
 * file.
 */
#include "call.h"
#include "command.h"
#include "message.h"
#include "print.h"
#include "submission.h"
#include "units.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pagecast/v1/transmit_service.pb-c.h"

enum { PACKETS_DEFAULT = 10, PACKETS_MAX = 1000, FROM_MAX = 1000000 };

static const struct option OPTIONS[] = {
	{"packets", "N", "how many packets to show, at most 1000; default 10", false},
	{"from", "N", "how many packets to skip before them", false},
	{"pcap", "FILE|-", "also write the packets to a capture file; -: only that, to stdout",
	 false},
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

struct shown {
	uint32_t packets; /* asked for */
	bool unfit;	  /* an agent could not run the job */
};

/* Why nothing would be sent, as far as it is an error. */
static bool is_unfit(const Pagecast__V1__PreviewJobResponse *preview)
{
	for (size_t i = 0; i < preview->n_problems; i++)
		if (preview->problems[i]->severity == PAGECAST__V1__SEVERITY__SEVERITY_ERROR)
			return true;
	return false;
}

/* An answer is short: large packets do not all fit. */
static void print_rest(const ProtobufCMessage *message, FILE *out, void *context)
{
	const Pagecast__V1__PreviewJobResponse *preview =
		(const Pagecast__V1__PreviewJobResponse *)message;
	const struct shown *shown = context;
	if (preview->next_from && preview->n_packets < shown->packets)
		fprintf(out,
			"note   only %zu packets fit into one answer; --from %llu shows the next\n",
			preview->n_packets, (unsigned long long)preview->next_from);
}

static void print_preview(const ProtobufCMessage *message, FILE *out, void *context)
{
	const Pagecast__V1__PreviewJobResponse *preview =
		(const Pagecast__V1__PreviewJobResponse *)message;
	if (preview->n_packets)
		print_packets(preview, out);
	print_rest(message, out, context);
	((struct shown *)context)->unfit |= is_unfit(preview);
	if (!preview->n_packets && is_unfit(preview))
		fputs("nothing would be sent", out);
	else if (preview->total_packets)
		fprintf(out, "in all %s packets, %s bytes", units_count(preview->total_packets).s,
			units_count(preview->total_bytes).s);
	else
		fputs("unlimited number of packets", out);
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

static bool is_stdout(const char *path)
{
	return strcmp(path, "-") == 0;
}

static int check_pcap(const struct client *client, const char *path)
{
	if (client->peer_count > 1)
		return options_usage("preview", "--pcap writes one file: give one agent");
	if (is_stdout(path) && isatty(STDOUT_FILENO))
		return options_usage(
			"preview",
			"--pcap -: standard output is a terminal; pipe it, as in | tshark -r -");
	return EXIT_DONE;
}

static int write_file(const char *path, const struct http_response *response)
{
	_cleanup_free_ char *name = print_escaped(path);
	FILE *file = fopen(path, "we");
	bool written = file && fwrite(response->body, 1, response->len, file) == response->len;
	int fault = errno;
	if (file && fclose(file) != 0 && written) {
		written = false;
		fault = errno;
	}
	if (written)
		return EXIT_DONE;
	print_error("%s: %s", name, strerror(fault));
	return EXIT_FAILED;
}

/* To standard output goes the capture alone: what it lacks is said on standard error. */
static void warn_of_rest(const struct client *client, const struct call *call, struct shown *shown)
{
	ProtobufCMessage *message = NULL;
	if (call_message(client, &client->peers[0], call, &message) == EXIT_DONE)
		print_rest(message, stderr, shown);
	message_free(message);
}

/* As JSON the answer is printed as it is: its problems decide the exit code all the same. */
static int look_at_json(const struct client *client, const struct call *call, struct shown *shown)
{
	int r = EXIT_DONE;
	for (size_t i = 0; client->json && i < client->peer_count && r == EXIT_DONE; i++) {
		ProtobufCMessage *message = NULL;
		r = call_message(client, &client->peers[i], call, &message);
		if (message)
			shown->unfit |= is_unfit((const Pagecast__V1__PreviewJobResponse *)message);
		message_free(message);
	}
	return r;
}

static int write_pcap(const struct client *client, const struct call *shown, const char *path)
{
	_cleanup_response_ struct http_response response = {0};
	struct call call = *shown;
	call.accept = "application/vnd.tcpdump.pcap";
	call_perform(client, &client->peers[0], &call, false, &response);
	int r = call_check(client, &client->peers[0], &call, &response);
	if (r)
		return r;
	if (!is_stdout(path))
		return write_file(path, &response);
	fwrite(response.body, 1, response.len, stdout);
	return print_flush() ? EXIT_DONE : EXIT_FAILED;
}

static int run_preview(struct client *client, const struct options *options)
{
	_cleanup_free_ char *text = NULL, *json = NULL;
	struct shown shown = {.packets = PACKETS_DEFAULT};
	uint32_t from = 0;
	const char *pcap = options_value(options, "pcap");
	size_t len = 0;
	int r = options_u32(options, "packets", 1, PACKETS_MAX, &shown.packets);
	if (!r)
		r = options_u32(options, "from", 0, FROM_MAX, &from);
	if (!r && pcap)
		r = check_pcap(client, pcap);
	r = r ? r : submission_read("preview", options->arguments[0], &text, &len);
	if (r)
		return r;
	/* an agent of an earlier version does not know "from" */
	json = from ? util_printf("{\"packets\":%u,\"from\":%u,\"spec\":%s}", shown.packets, from,
				  text)
		    : util_printf("{\"packets\":%u,\"spec\":%s}", shown.packets, text);
	const struct call call = {
		.method = "POST",
		.path = "/v1/jobs:preview",
		.json = json,
		.json_len = strlen(json),
		.origin = {.field = "spec", .offset = strlen(json) - len - 1},
		.answer = &pagecast__v1__preview_job_response__descriptor,
	};
	if (pcap) {
		r = write_pcap(client, &call, pcap);
		if (!r && is_stdout(pcap))
			warn_of_rest(client, &call, &shown);
		if (r || is_stdout(pcap))
			return r;
	}
	r = call_each(client, &call, print_preview, &shown);
	if (r == EXIT_DONE)
		r = look_at_json(client, &call, &shown);
	return r == EXIT_DONE && shown.unfit ? EXIT_FAILED : r;
}

const struct command COMMAND_PREVIEW = {
	.name = "preview",
	.arguments = "FILE|-",
	.summary = "show what a job written as JSON would send",
	.details = "Sends nothing. The JSON is a JobSpec, as `submit` takes it; with --json the "
		   "packets "
		   "come\nbyte for byte, in base64; with --pcap as a capture file.",
	.examples = "  pagecast preview job.json --packets 3\n"
		    "  pagecast preview job.json --pcap - | tshark -r -",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_preview,
};
