/*
 * sender_report: what a job and its streams requested and what they achieved; see sender.h.
 *
 * Read after sender_settle() has returned, by the thread that ran it.
 */
#include "sender/sender_private.h"

#include "base/util.h"
#include "engine/engine_words.h"
#include "sender/sender_share.h"
#include "sender/sender_stream.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Shorter holds move a packet or two within their gaps: counted, but not worth words. */
#define HOLD_TOLD_NS CLOCK_NS_PER_MS

/* Packets whose gaps lie between the first hand-over and @ret_span_ns later. A paced go stands for
 * the time until the next, so the last one has none of its own; a burst for the time until the next
 * may begin; a stream that was never made to wait took its time inside the hand-overs, the last
 * one's too. */
static uint64_t intervals(const struct sender_stream *stream, int64_t *ret_span_ns)
{
	uint64_t sent = stream->account.packets_sent;
	*ret_span_ns = 0;
	if (!sent)
		return 0;
	struct pacer_report pace;
	pacer_report(stream->pacer, &pace);
	if (pace.bursts_until_ns > stream->first_ns && sent > pace.burst_rest) {
		*ret_span_ns = pace.bursts_until_ns - stream->first_ns;
		return sent - pace.burst_rest;
	}
	if (!pacer_unlimited(stream->pacer) && stream->last_ns > stream->first_ns) {
		*ret_span_ns = stream->last_ns - stream->first_ns;
		return sent - MIN(stream->last_packets, sent);
	}
	*ret_span_ns = stream->last_done_ns - stream->first_ns;
	return sent - 1;
}

/* Add a clause; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void note(char *text, size_t size, const char *format,
						       ...)
{
	size_t used = strlen(text);
	if (used && used < size - 2)
		used += (size_t)snprintf(text + used, size - used, "; ");
	va_list args;
	va_start(args, format);
	if (used < size)
		vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

/* What a maximum of the policy held back, at the hand-over. */
static void note_holds(struct sender_report *report)
{
	for (size_t i = 0; i < LIMITER_RULES; i++)
		if (report->held_ns[i] >= HOLD_TOLD_NS)
			note(report->why, sizeof report->why,
			     "held back for %.3f s by the policy's %s",
			     (double)report->held_ns[i] / CLOCK_NS_PER_S,
			     limiter_rule_name((enum limiter_rule)i));
}

static void note_pacing(struct sender_report *report, const struct sender_stream *stream,
			const struct pacer_report *pace)
{
	char *why = report->why;
	size_t size = sizeof report->why;
	if (stream->was_shared)
		note(why, size, "held to %.6g pps by the policy's %s",
		     sender_share_mean_pps(stream), limiter_rule_name(stream->share_rule));
	note_holds(report);
	if (stream->rate_changes)
		note(why, size, "rate changed while sending: %u; requested is the last",
		     stream->rate_changes);
	if (pace->group_raised)
		note(why, size, "%u packets back to back: fewer did not hold the rate",
		     pace->max_back_to_back);
	else if (pace->max_back_to_back > 1 && !stream->asked.max_back_to_back)
		note(why, size, "%u packets back to back: the fewest that hold the rate",
		     pace->max_back_to_back);
	else if (pace->max_back_to_back == 1)
		note(why, size, "single packets hold the rate");
	if (pace->forgiven_packets)
		note(why, size,
		     "%llu packets that were late after stalls were rescheduled, not sent in a "
		     "burst",
		     (unsigned long long)pace->forgiven_packets);
}

/* Before it has run: how packets would leave. Afterwards: how they did; NONE where nothing did. */
static struct engine_path path_of(const struct sender *sender, const struct sender_stream *stream)
{
	if (sender->end != SENDER_RUNNING && !stream->account.packets_sent)
		return (struct engine_path){.method = ENGINE_METHOD_NONE};
	struct pacer_report pace;
	pacer_report(stream->pacer, &pace);
	struct engine_path path = *flow_path(stream->flow);
	path.unrated = pacer_unlimited(stream->pacer);
	engine_path_pace(&path,
			 stream->longest_burst ? stream->longest_burst : pace.max_back_to_back);
	return path;
}

static void report_path(const struct sender *sender, const struct sender_stream *stream,
			struct sender_report *report)
{
	struct engine_path path = path_of(sender, stream);
	char text[sizeof report->why];
	report->engine = sender->choice.kind;
	report->kernel_copies = path.copies;
	if (path.method == ENGINE_METHOD_NONE)
		snprintf(report->path, sizeof report->path, "%s", SENDER_PATH_NONE);
	else
		engine_words_path(&path, report->path, sizeof report->path);
	engine_words_choice(&sender->choice, text, sizeof text);
	note(report->why, sizeof report->why, "%s", text);
	engine_words_reason(flow_path(stream->flow), text, sizeof text);
	if (text[0])
		note(report->why, sizeof report->why, "%s", text);
}

/* @held_ns: [LIMITER_RULES], the stream's own or, in a job's report, the job's. */
static void report_stream(const struct sender *sender, const struct sender_stream *stream,
			  const int64_t *held_ns, struct sender_report *report)
{
	struct pacer_report pace;
	pacer_report(stream->pacer, &pace);
	report->account = stream->account;
	report->state = stream->state == SENDER_STREAM_ENDED && !stream->cancelled
				? PAGECAST__V1__STREAM_STATE__STREAM_STATE_ENDED
				: PAGECAST__V1__STREAM_STATE__STREAM_STATE_CANCELLED;
	report->has_baseline = stream->has_baseline;
	report->baseline = stream->baseline;
	report->layer = stream->asked.layer;
	memcpy(report->held_ns, held_ns, sizeof report->held_ns);
	report_path(sender, stream, report);
	note_pacing(report, stream, &pace);
	report->requested_pps = pace.requested_pps;
	report->requested_bps = pace.requested_bps;
	if (stream->was_shared) { /* the pacer knows what it was held to, not what was asked */
		report->requested_pps = isfinite(stream->demand_pps) ? stream->demand_pps : 0;
		report->requested_bps =
			report->requested_pps * pacer_mean_bits(stream->plan, stream->asked.layer);
	}
	report->late_packets = pace.late_packets;
	report->longest_burst = stream->longest_burst;
	histogram_summary(stream->gap_error, &report->gap_error_ns);
	int64_t span_ns;
	uint64_t gaps = intervals(stream, &span_ns), sent = report->account.packets_sent;
	if (span_ns > 0) {
		double bytes = (double)sender_stream_bytes(stream, report->layer);
		report->achieved_pps = (double)gaps * CLOCK_NS_PER_S / (double)span_ns;
		report->achieved_bps = report->achieved_pps * 8 * bytes / (double)sent;
	}
	if (!stream->first_ns)
		return;
	report->first_packet_ns = stream->first_ns + sender->realtime_offset_ns;
	report->last_packet_ns = stream->last_ns + sender->realtime_offset_ns;
	if (sender->plan->start_time_ns && !stream->start_moved)
		report->start_error_ns =
			(double)(report->first_packet_ns - sender->plan->start_time_ns -
				 stream->plan->start_delay_ns);
}

/* What the streams of a job come to together. */
struct sum {
	struct histogram gap_error;
	uint64_t gaps;
	int64_t first_ns, end_ns, last_ns;
	bool unlimited, paths_differ;
	struct engine_path path; /* that the job's report names */
	double bits;		 /* sent, at the job's layer */
};

static void sum_times(const struct sender_stream *stream, struct sum *sum)
{
	int64_t span_ns;
	sum->gaps += intervals(stream, &span_ns);
	if (!stream->first_ns)
		return;
	if (!sum->first_ns || stream->first_ns < sum->first_ns)
		sum->first_ns = stream->first_ns;
	sum->end_ns = MAX(sum->end_ns, stream->first_ns + span_ns);
	sum->last_ns = MAX(sum->last_ns, stream->last_ns);
}

static void sum_stream(const struct sender *sender, const struct sender_stream *stream,
		       struct sum *sum, struct sender_report *job)
{
	struct sender_report one = {0};
	report_stream(sender, stream, stream->held_ns, &one);
	account_add(&job->account, &one.account);
	sum->unlimited |= one.requested_pps == 0;
	struct engine_path path = path_of(sender, stream);
	if (path.method != ENGINE_METHOD_NONE)
		sum->paths_differ |= !engine_path_same(&path, &sum->path);
	job->requested_pps += one.requested_pps;
	job->requested_bps += one.requested_pps * pacer_mean_bits(stream->plan, job->layer);
	job->late_packets += one.late_packets;
	job->longest_burst = MAX(job->longest_burst, one.longest_burst);
	job->kernel_copies = MAX(job->kernel_copies, one.kernel_copies);
	histogram_merge(&sum->gap_error, stream->gap_error);
	sum->bits += 8.0 * (double)sender_stream_bytes(stream, job->layer);
	if (one.first_packet_ns && (!sum->first_ns || stream->first_ns < sum->first_ns))
		job->start_error_ns = one.start_error_ns;
	sum_times(stream, sum);
}

/* One layer for the job: that of its streams, or L2 where they differ. */
static Pagecast__V1__Layer common_layer(const struct sender *sender)
{
	Pagecast__V1__Layer layer = sender->streams[0].asked.layer;
	for (size_t i = 1; i < sender->stream_count; i++)
		if (sender->streams[i].asked.layer != layer)
			return PAGECAST__V1__LAYER__LAYER_L2;
	return layer;
}

/* The stream whose path the job's report names: the first that sent. */
static const struct sender_stream *leading_stream(const struct sender *sender)
{
	for (size_t i = 0; i < sender->stream_count; i++)
		if (sender->streams[i].account.packets_sent)
			return &sender->streams[i];
	return &sender->streams[0];
}

static void report_all(const struct sender *sender, struct sum *sum, struct sender_report *job)
{
	job->layer = common_layer(sender);
	job->account = (struct account){0};
	job->requested_pps = job->requested_bps = job->achieved_pps = job->achieved_bps = 0;
	job->late_packets = 0;
	sum->path = path_of(sender, leading_stream(sender));
	for (size_t i = 0; i < sender->stream_count; i++)
		sum_stream(sender, &sender->streams[i], sum, job);
	histogram_summary(&sum->gap_error, &job->gap_error_ns);
	if (sum->unlimited)
		job->requested_pps = job->requested_bps = 0;
	if (sum->paths_differ)
		note(job->path, sizeof job->path, "other streams by other paths");
	if (!sum->first_ns)
		return;
	job->first_packet_ns = sum->first_ns + sender->realtime_offset_ns;
	job->last_packet_ns = sum->last_ns + sender->realtime_offset_ns;
	int64_t span_ns = sum->end_ns - sum->first_ns;
	if (span_ns <= 0)
		return;
	job->achieved_pps = (double)sum->gaps * CLOCK_NS_PER_S / (double)span_ns;
	job->achieved_bps = job->achieved_pps * sum->bits / (double)job->account.packets_sent;
}

static void report_job(const struct sender *sender, struct sender_report *job)
{
	report_stream(sender, leading_stream(sender), sender->limiter.held_ns, job);
	job->cpu_seconds = sender->cpu_seconds;
	if (sender->stream_count == 1)
		return;
	_cleanup_free_ struct sum *sum = calloc(1, sizeof *sum);
	if (sum) /* else the first stream's lines: a histogram did not fit in memory */
		report_all(sender, sum, job);
}

void sender_report(const struct sender *sender, size_t stream, struct sender_report *ret_report)
{
	*ret_report = (struct sender_report){0};
	if (stream == SIZE_MAX) {
		report_job(sender, ret_report);
		return;
	}
	const struct sender_stream *one = &sender->streams[stream];
	report_stream(sender, one, one->held_ns, ret_report);
	int64_t busy_ns = 0;
	for (size_t i = 0; i < sender->stream_count; i++)
		busy_ns += sender->streams[i].busy_ns;
	if (busy_ns > 0) /* its part of what was spent inside hand-overs */
		ret_report->cpu_seconds =
			sender->cpu_seconds * (double)one->busy_ns / (double)busy_ns;
}

void sender_each_gap_error(const struct sender *sender,
			   void (*see)(void *context, uint64_t error_ns, uint64_t times),
			   void *context)
{
	for (size_t i = 0; i < sender->stream_count; i++)
		histogram_each(sender->streams[i].gap_error, see, context);
}
