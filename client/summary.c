/* summary: see summary.h. */
#include "summary.h"
#include "names.h"
#include "print.h"
#include "units.h"
#include "util.h"

#include <string.h>
#include <time.h>

/* Of a hold that moved a packet or two within their gaps nothing is said. */
#define HOLD_SHOWN_NS 1e6

#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

bool summary_ended(const Pagecast__V1__Job *job)
{
	switch (job->state) {
	case STATE(SUCCEEDED):
	case STATE(FAILED):
	case STATE(CANCELLED):
	case STATE(INTERRUPTED): return true;
	default: return false;
	}
}

const char *summary_state(const Pagecast__V1__Job *job)
{
	return names_upper(&pagecast__v1__job_state__descriptor, (int)job->state);
}

enum print_colour summary_colour(const Pagecast__V1__Job *job)
{
	switch (job->state) {
	case STATE(SUCCEEDED): return PRINT_GREEN;
	case STATE(FAILED): return PRINT_RED;
	case STATE(CANCELLED):
	case STATE(INTERRUPTED):
	case STATE(PAUSED): return PRINT_YELLOW;
	default: return PRINT_BOLD;
	}
}

static double seconds_of(const Google__Protobuf__Timestamp *time)
{
	return (double)time->seconds + time->nanos / 1e9;
}

double summary_ns_between(const Google__Protobuf__Timestamp *from,
			  const Google__Protobuf__Timestamp *to)
{
	if (!from || !to)
		return 0;
	double ns = (double)(to->seconds - from->seconds) * 1e9 + (to->nanos - from->nanos);
	return ns > 0 ? ns : 0;
}

/* How long it has sent: until its end, otherwise until its latest count. */
static double sending_ns(const Pagecast__V1__Job *job)
{
	const Google__Protobuf__Timestamp *until = job->end_time;
	if (!until && job->progress)
		until = job->progress->as_of;
	if (!until && job->account)
		until = job->account->snapshot_time;
	return summary_ns_between(job->first_packet_time, until);
}

static void put_text(FILE *out, const char *text)
{
	_cleanup_free_ char *escaped = print_escaped(text);
	fputs(escaped, out);
}

static void put_head(const Pagecast__V1__Job *job, FILE *out)
{
	fputs("job ", out);
	put_text(out, job->id);
	fprintf(out, " %s%s%s", print_colour(summary_colour(job)), summary_state(job),
		print_colour(PRINT_PLAIN));
	if (job->first_packet_time)
		fprintf(out, " %s %s", summary_ended(job) ? "in" : "for",
			units_duration(sending_ns(job)).s);
	else if (summary_ended(job))
		fputs(" before its first packet", out);
	fputc('\n', out);
}

/* Does the stream's limit ask for a number of packets? Without one, once over the payloads. */
static bool asks_for_number(const Pagecast__V1__Stream *stream)
{
	return !stream->limit ||
	       (stream->limit->kind_case != PAGECAST__V1__LIMIT__KIND_DURATION &&
		stream->limit->kind_case != PAGECAST__V1__LIMIT__KIND_UNTIL_CANCELLED);
}

/* Do all the job's, as far as they are known? */
static bool all_ask_for_number(const Pagecast__V1__Job *job)
{
	const Pagecast__V1__JobSpec *spec = job->spec;
	for (size_t i = 0; spec && i < spec->n_streams; i++)
		if (!asks_for_number(spec->streams[i]))
			return false;
	return true;
}

/* "3,000 of 4,000" only where 4,000 were asked for: a duration's "requested" is what was tried. */
static void put_account(const Pagecast__V1__Account *account, bool asked, FILE *out)
{
	fputs(units_count(account->packets_sent).s, out);
	if (asked)
		fprintf(out, " of %s", units_count(account->packets_requested).s);
	fprintf(out, " packets, %s bytes; dropped %s, failed %s, cancelled %s\n",
		units_count(account->bytes_sent).s, units_count(account->packets_dropped).s,
		units_count(account->packets_failed).s, units_count(account->packets_cancelled).s);
}

/* Was the rate given in bits? A report has every rate in both units. */
static bool asked_in_bits(const Pagecast__V1__Stream *stream)
{
	return stream->rate && (stream->rate->kind_case == PAGECAST__V1__RATE__KIND_BPS ||
				stream->rate->kind_case == PAGECAST__V1__RATE__KIND_LINE_PERCENT);
}

static bool any_in_bits(const Pagecast__V1__Job *job)
{
	for (size_t i = 0; job->spec && i < job->spec->n_streams; i++)
		if (asked_in_bits(job->spec->streams[i]))
			return true;
	return false;
}

static void put_rate(const Pagecast__V1__TransmitReport *report, bool in_bits, FILE *out)
{
	/* Without an engine there is no measurement: the agent ended meanwhile. */
	const char *unmeasured = report->engine ? "too few packets to measure it" : "not measured";
	if (in_bits && report->requested_bps > 0 && report->achieved_pps > 0) {
		fprintf(out, "%s asked", units_bps(report->requested_bps).s);
		if (report->layer)
			fprintf(out, " at %s",
				names_text(&pagecast__v1__layer__descriptor, (int)report->layer));
		fprintf(out, ", %s achieved, %s pps", units_bps(report->achieved_bps).s,
			units_pps(report->achieved_pps).s);
	} else if (report->requested_pps > 0 && report->achieved_pps > 0) {
		fprintf(out, "%s pps asked, %s achieved", units_pps(report->requested_pps).s,
			units_pps(report->achieved_pps).s);
	} else if (report->requested_pps > 0) {
		fprintf(out, "%s pps asked; %s", units_pps(report->requested_pps).s, unmeasured);
	} else if (report->achieved_pps <= 0) { /* a rate needs two packets */
		fprintf(out, "unlimited; %s\n", unmeasured);
		return;
	} else {
		fprintf(out, "unlimited, %s pps achieved", units_pps(report->achieved_pps).s);
		if (report->achieved_bps > 0)
			fprintf(out, ", %s", units_bps(report->achieved_bps).s);
		fputc('\n', out);
		return;
	}
	if (report->gap_error_ns && report->gap_error_ns->count)
		fprintf(out, "; gap error p99 %s", units_duration(report->gap_error_ns->p99).s);
	fprintf(out, "; late %s\n", units_count(report->late_packets).s);
}

/* "held  1.2 s by the policy's maxPps": why the rate is below what was asked for. */
static void put_holds(const Pagecast__V1__TransmitReport *report, FILE *out)
{
	for (size_t i = 0; i < report->n_policy_holds; i++) {
		const Pagecast__V1__PolicyHold *hold = report->policy_holds[i];
		double held_ns =
			!hold->held ? 0 : 1e9 * (double)hold->held->seconds + hold->held->nanos;
		if (held_ns < HOLD_SHOWN_NS)
			continue;
		fprintf(out, "  held  %s by the policy's ", units_duration(held_ns).s);
		put_text(out, hold->maximum);
		fputc('\n', out);
	}
}

/* "udp: vmsplice, splice" without its first part, which the reader knows. */
static const char *without_target(const char *path)
{
	size_t len = strcspn(path, ":,;");
	return path[len] == ':' && path[len + 1] == ' ' ? path + len + 2 : path;
}

static void put_path(const Pagecast__V1__TransmitReport *report, FILE *out)
{
	fputs("  path  ", out);
	if (report->engine)
		fprintf(out, "%s: ",
			names_text(&pagecast__v1__engine_kind__descriptor, (int)report->engine));
	put_text(out, without_target(report->path));
	if (report->kernel_copies == PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE)
		fputs("; no copy in the kernel", out);
	else if (report->kernel_copies == PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_TWO)
		fputs("; two copies in the kernel", out);
	else if (report->kernel_copies == PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE)
		fputs("; one copy in the kernel", out);
	fputc('\n', out);
}

static void put_problem(const Pagecast__V1__Problem *problem, bool one_stream, FILE *out)
{
	bool show_field = !(one_stream && strcmp(problem->field, "streams[0]") == 0);
	bool error = problem->severity == PAGECAST__V1__SEVERITY__SEVERITY_ERROR;
	fprintf(out, "  %s%s%s ", print_colour(error ? PRINT_RED : PRINT_YELLOW),
		error ? "error" : "note ", print_colour(PRINT_PLAIN));
	if (*problem->field && show_field) {
		put_text(out, problem->field);
		fputs(": ", out);
	}
	put_text(out, *problem->message ? problem->message : problem->code);
	fputc('\n', out);
}

static void put_time(const char *title, const Google__Protobuf__Timestamp *time, FILE *out)
{
	if (time)
		fprintf(out, "  %-5s %s\n", title, units_time(time->seconds, time->nanos).s);
}

static void put_spec(const Pagecast__V1__Job *job, FILE *out)
{
	const Pagecast__V1__JobSpec *spec = job->spec;
	if (spec && *spec->name) {
		fputs("  name  ", out);
		put_text(out, spec->name);
		fputc('\n', out);
	}
	for (size_t i = 0; spec && i < spec->n_labels; i++) {
		fputs("  label ", out);
		put_text(out, spec->labels[i]->key);
		fputc('=', out);
		put_text(out, spec->labels[i]->value);
		fputc('\n', out);
	}
	if (*job->owner) {
		fputs("  owner ", out);
		put_text(out, job->owner);
		fputc('\n', out);
	}
	put_time("made", job->create_time, out);
	put_time("first", job->first_packet_time, out);
	put_time("end", job->end_time, out);
	if (*job->cancelled_by) {
		fputs("  cancelled by ", out);
		put_text(out, job->cancelled_by);
		fputs(*job->cancel_reason ? ": " : "", out);
		put_text(out, job->cancel_reason);
		fputc('\n', out);
	}
}

static const char *stream_state(const Pagecast__V1__StreamResult *stream)
{
	return names_upper(&pagecast__v1__stream_state__descriptor, (int)stream->state);
}

static void put_stream(const Pagecast__V1__Job *job, size_t index, FILE *out)
{
	const Pagecast__V1__StreamResult *stream = job->stream_results[index];
	const Pagecast__V1__JobSpec *spec = job->spec;
	bool in_bits = spec && index < spec->n_streams && asked_in_bits(spec->streams[index]);
	fprintf(out, "  stream %zu", index);
	if (*stream->name) {
		fputs(" ", out);
		put_text(out, stream->name);
	}
	if (stream->state)
		fprintf(out, " %s%s", stream_state(stream), stream->held ? ", held" : "");
	fputc('\n', out);
	if (stream->account) {
		fputs("    sent  ", out);
		put_account(stream->account,
			    spec && index < spec->n_streams &&
				    asks_for_number(spec->streams[index]),
			    out);
	}
	if (stream->account && stream->baseline)
		fprintf(out, "    since it was resumed  %s packets\n",
			units_count(stream->account->packets_sent - stream->baseline->packets_sent)
				.s);
	if (stream->report && stream->account && stream->account->packets_sent) {
		fputs("    rate  ", out);
		put_rate(stream->report, in_bits, out);
	}
}

static void put_details(const Pagecast__V1__Job *job, FILE *out)
{
	const Pagecast__V1__TransmitReport *report = job->report;
	if (report && *report->why) {
		fputs("  why   ", out);
		put_text(out, report->why);
		fputc('\n', out);
	}
	if (report && report->cpu_seconds > 0)
		fprintf(out, "  cpu   %s", units_duration(report->cpu_seconds * 1e9).s);
	if (report && report->cpu_seconds > 0 && job->account)
		fprintf(out, "; %s system calls, %s pages\n", units_count(job->account->syscalls).s,
			units_count(job->account->pages).s);
	else if (report && report->cpu_seconds > 0)
		fputc('\n', out);
	for (size_t i = 0; job->n_stream_results > 1 && i < job->n_stream_results; i++)
		put_stream(job, i, out);
}

void summary_print(const Pagecast__V1__Job *job, bool in_full, FILE *out)
{
	put_head(job, out);
	if (in_full)
		put_spec(job, out);
	if (!summary_ended(job)) {
		_cleanup_free_ char *line = summary_line(job);
		fprintf(out, "  now   %s\n", line);
	}
	if (job->account) {
		fputs("  sent  ", out);
		put_account(job->account, all_ask_for_number(job), out);
	}
	if (job->report && job->first_packet_time) {
		fputs("  rate  ", out);
		put_rate(job->report, any_in_bits(job), out);
	}
	if (job->report)
		put_holds(job->report, out);
	if (job->report && *job->report->path)
		put_path(job->report, out);
	if (in_full)
		put_details(job, out);
	for (size_t i = 0; i < job->n_problems; i++)
		put_problem(job->problems[i], job->n_stream_results <= 1, out);
	if (job->account && summary_ended(job) && !job->account->balanced)
		fprintf(out,
			"  %serror%s the counts do not add up: please report this fault of the "
			"agent\n",
			print_colour(PRINT_RED), print_colour(PRINT_PLAIN));
}

static void put_waiting(const Pagecast__V1__Job *job, FILE *out)
{
	const Google__Protobuf__Timestamp *start = job->spec ? job->spec->start_time : NULL;
	if (job->state == STATE(SCHEDULED) && start) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		double left_s =
			seconds_of(start) - ((double)now.tv_sec + (double)now.tv_nsec / 1e9);
		fprintf(out, ", starts in %s", units_duration(left_s * 1e9).s);
		return;
	}
	if (job->state == STATE(QUEUED) && job->queue_position)
		fprintf(out, ", number %u in the queue", job->queue_position);
	if (job->progress && *job->progress->waiting_for) {
		fputs(", waiting for ", out);
		put_text(out, job->progress->waiting_for);
	}
}

static void put_running(const Pagecast__V1__Job *job, FILE *out)
{
	const Pagecast__V1__Progress *progress = job->progress;
	const Pagecast__V1__Account *account = job->account;
	double fraction = progress ? progress->fraction : 0;
	if (fraction > 0)
		fprintf(out, " %s", units_percent(fraction).s);
	if (account && account->packets_requested > account->packets_sent && fraction > 0)
		fprintf(out, ", %s of %s packets", units_count(account->packets_sent).s,
			units_count(account->packets_requested).s);
	else if (account)
		fprintf(out, ", %s packets", units_count(account->packets_sent).s);
	if (progress && job->state == STATE(RUNNING) && progress->current_pps > 0)
		fprintf(out, ", %s pps, %s", units_pps(progress->current_pps).s,
			units_bps(progress->current_bps_l2).s);
	if (account && account->packets_dropped + account->packets_failed)
		fprintf(out, ", %s lost",
			units_count(account->packets_dropped + account->packets_failed).s);
	if (progress && progress->remaining)
		fprintf(out, ", %s left",
			units_duration(1e9 * (double)progress->remaining->seconds +
				       progress->remaining->nanos)
				.s);
}

char *summary_line(const Pagecast__V1__Job *job)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return util_strdup("");
	fputs(summary_state(job), out);
	if (job->state == STATE(RUNNING) || job->state == STATE(PAUSED))
		put_running(job, out);
	put_waiting(job, out);
	fclose(out);
	return text;
}
