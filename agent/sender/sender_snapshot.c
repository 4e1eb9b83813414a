/*
 * sender_snapshot: what other threads see of a running job; see sender_snapshot.h.
 *
 * The worker writes the snapshot word by word between an odd and an even sequence number; a reader
 * tries again when the number was odd or has changed. All words are atomic: nothing is torn that a
 * reader keeps, and the worker never waits.
 */
#include "sender/sender_snapshot.h"

#include "base/util.h"
#include "sender/sender_stream.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A stream that found no room for this long is what the job waits for. */
#define BLOCKED_SHOW_NS (10 * CLOCK_NS_PER_MS)
/* current_pps looks back this far, or to the sample before... */
#define LOOK_BACK_NS CLOCK_NS_PER_S
/* ...and says nothing before so much time and so many packets: one packet is no rate. Of streams
 * that are too slow for that it looks back to their start. */
#define WINDOW_LEAST_NS (100 * CLOCK_NS_PER_MS)
enum { WINDOW_LEAST_PACKETS = 2 };
#define SLOW_PPS 4

static double fraction_of(const struct sender_stream *stream, int64_t now_ns)
{
	const struct plan_limit *limit = &stream->plan->limit;
	now_ns = sender_stream_now(stream, now_ns);
	if (stream->state == SENDER_STREAM_ENDED ||
	    (limit->kind != PLAN_LIMIT_NONE && !limit->packets && !limit->duration_ns))
		return 1;
	switch (limit->kind) {
	case PLAN_LIMIT_NONE: return 0;
	case PLAN_LIMIT_DURATION:
		if (now_ns <= stream->start_ns)
			return 0;
		return 1 - (double)(stream->end_ns - now_ns) / (double)limit->duration_ns;
	case PLAN_LIMIT_PACKETS:
	case PLAN_LIMIT_BYTES: break;
	}
	return (double)account_attempted(&stream->account) /
	       (double)stream->account.packets_requested;
}

/* Do all streams together ask for less than what a second can tell? */
static bool is_slow(const struct sender *sender)
{
	double pps = 0;
	for (size_t i = 0; i < sender->stream_count; i++) {
		struct pacer_report pace;
		pacer_report(sender->streams[i].pacer, &pace);
		if (pace.requested_pps <= 0)
			return false;
		pps += pace.requested_pps;
	}
	return pps < SLOW_PPS;
}

static void current_rate(struct sender *sender, struct sender_snapshot *snapshot,
			 const struct sender_sample *now, int64_t first_ns)
{
	const struct sender_sample *since = NULL;
	size_t kept = MIN(sender->sample_count, (size_t)SENDER_SAMPLES);
	for (size_t i = 1; i <= kept; i++) { /* newest first; at least one sample back */
		const struct sender_sample *sample =
			&sender->samples[(sender->sample_count - i) % SENDER_SAMPLES];
		if (since && now->at_ns - sample->at_ns > LOOK_BACK_NS)
			break;
		since = sample;
	}
	if (since && is_slow(sender))
		since = &sender->first_sample;
	if (!since || now->at_ns - since->at_ns < WINDOW_LEAST_NS ||
	    now->packets - since->packets < WINDOW_LEAST_PACKETS)
		return;
	/* Where the window begins with the first packet of all, it is a gap shorter than the
	 * packets are many. */
	uint64_t packets = now->packets - since->packets;
	int64_t span_ns = now->at_ns - since->at_ns;
	double counted = (double)packets;
	if (!since->packets && first_ns > since->at_ns) {
		span_ns = now->at_ns - first_ns;
		counted -= 1;
	}
	if (span_ns < WINDOW_LEAST_NS)
		return;
	snapshot->current_pps = counted * CLOCK_NS_PER_S / (double)span_ns;
	snapshot->current_bps_l2 = snapshot->current_pps * 8.0 *
				   (double)(now->bytes_l2 - since->bytes_l2) / (double)packets;
}

/* Return: ns that @stream still takes by its limit and its rate; -1: not known. *@unpaced: packets
 * of a stream without a rate, instead */
static int64_t stream_remaining_ns(const struct sender *sender, const struct sender_stream *stream,
				   int64_t now_ns, uint64_t *unpaced)
{
	struct pacer_report pace;
	if (stream->state == SENDER_STREAM_ENDED)
		return 0;
	now_ns = sender_stream_now(stream, now_ns);
	if (stream->plan->limit.kind == PLAN_LIMIT_DURATION)
		return sender->started ? MAX(stream->end_ns - now_ns, INT64_C(0))
				       : stream->plan->limit.duration_ns;
	if (stream->plan->limit.kind == PLAN_LIMIT_NONE)
		return -1;
	uint64_t left = stream->account.packets_requested - account_attempted(&stream->account);
	pacer_report(stream->pacer, &pace);
	if (pace.requested_pps <= 0) {
		*unpaced += left;
		return 0;
	}
	int64_t delay_ns = sender->started ? MAX(stream->start_ns - now_ns, INT64_C(0)) : 0;
	double ns = (double)left * CLOCK_NS_PER_S / pace.requested_pps + (double)delay_ns;
	return ns < (double)SENDER_NEVER_NS ? (int64_t)ns : -1;
}

static int64_t remaining_ns(const struct sender *sender, double current_pps, int64_t now_ns)
{
	uint64_t unpaced = 0;
	int64_t most_ns = 0;
	for (size_t i = 0; i < sender->stream_count; i++) {
		int64_t ns = stream_remaining_ns(sender, &sender->streams[i], now_ns, &unpaced);
		if (ns < 0)
			return -1;
		most_ns = MAX(most_ns, ns);
	}
	if (!unpaced)
		return most_ns;
	double ns = current_pps > 0 ? (double)unpaced * CLOCK_NS_PER_S / current_pps : INFINITY;
	return ns < (double)SENDER_NEVER_NS ? MAX(most_ns, (int64_t)ns) : -1;
}

static void take_sample(struct sender *sender, const struct sender_sample *now)
{
	if (sender->sample_count) {
		size_t last = (sender->sample_count - 1) % SENDER_SAMPLES;
		if (now->at_ns - sender->samples[last].at_ns < LOOK_BACK_NS / (SENDER_SAMPLES - 1))
			return;
	}
	if (!sender->sample_count)
		sender->first_sample = *now;
	sender->samples[sender->sample_count++ % SENDER_SAMPLES] = *now;
}

/* Of all its streams, has each ended, or is paused by its name? */
static bool silent(const struct sender *sender)
{
	for (size_t i = 0; i < sender->stream_count; i++)
		if (sender->streams[i].state != SENDER_STREAM_ENDED && !sender->streams[i].paused)
			return false;
	return true;
}

/* Return: @text, or static */
static const char *waiting_for(const struct sender *sender, int64_t now_ns, char *text, size_t size)
{
	if (sender->end != SENDER_RUNNING)
		return "";
	if (sender->paused)
		return "resume";
	if (!sender->started)
		return sender->plan->start_time_ns ? "start_time" : "";
	const struct sender_hold *hold = &sender->hold;
	if (hold->stream && hold->until_ns - now_ns >= BLOCKED_SHOW_NS) {
		snprintf(text, size, "the policy's %s", limiter_rule_name(sender->limiter.rule));
		return text;
	}
	bool all_delayed = true;
	for (size_t i = 0; i < sender->stream_count; i++) {
		const struct sender_stream *stream = &sender->streams[i];
		if (stream->blocked && now_ns - stream->blocked_since_ns >= BLOCKED_SHOW_NS)
			return stream->blocked_error == EAGAIN ? "room in the socket buffer"
							       : "room in the device's queue";
		all_delayed &= stream->state == SENDER_STREAM_ENDED || stream->paused ||
			       now_ns < stream->start_ns;
	}
	if (!sender->active_count)
		return "";
	return silent(sender) ? "resume of its streams" : all_delayed ? "start_delay" : "";
}

/* A stream found no room, but too recently to be shown: look again. */
static bool soon_to_show(const struct sender *sender, int64_t now_ns)
{
	for (size_t i = 0; i < sender->stream_count; i++)
		if (sender->streams[i].blocked &&
		    now_ns - sender->streams[i].blocked_since_ns < BLOCKED_SHOW_NS)
			return true;
	return false;
}

/* Between the odd and the even number. */
static void show_stream(const struct sender *sender, const struct sender_stream *stream,
			int64_t now_ns)
{
	struct sender_progress_words *shown = &sender->progress[stream->index];
	const struct account account = sender_stream_account(stream), *base = &stream->baseline;
	double fraction = stream->plan->limit.kind == PLAN_LIMIT_NONE
				  ? 0
				  : MIN(MAX(fraction_of(stream, now_ns), 0.0), 1.0);
	uint64_t words[PROGRESS_WORDS] = {
		[PROGRESS_REQUESTED] = account.packets_requested,
		[PROGRESS_SENT] = account.packets_sent,
		[PROGRESS_DROPPED] = account.packets_dropped,
		[PROGRESS_FAILED] = account.packets_failed,
		[PROGRESS_BYTES] = account.bytes_sent,
		[PROGRESS_CANCELLED] = account.packets_cancelled,
		[PROGRESS_SYSCALLS] = account.syscalls,
		[PROGRESS_PAGES] = account.pages,
		[PROGRESS_BASE_SENT] = base->packets_sent,
		[PROGRESS_BASE_DROPPED] = base->packets_dropped,
		[PROGRESS_BASE_FAILED] = base->packets_failed,
		[PROGRESS_BASE_BYTES] = base->bytes_sent,
		[PROGRESS_BASE_SYSCALLS] = base->syscalls,
		[PROGRESS_BASE_PAGES] = base->pages,
		[PROGRESS_FLAGS] = (stream->paused ? PROGRESS_PAUSED : 0) |
				   (stream->has_baseline ? PROGRESS_HAS_BASELINE : 0),
		[PROGRESS_STATE] = (uint64_t)sender_stream_state(sender, stream, now_ns),
	};
	memcpy(&words[PROGRESS_FRACTION], &fraction, sizeof fraction);
	for (size_t i = 0; i < PROGRESS_WORDS; i++)
		atomic_store_explicit(&shown->words[i], words[i], memory_order_release);
}

static void show(struct sender *sender, const struct sender_snapshot *snapshot, int64_t now_ns)
{
	struct sender_board *board = &sender->board;
	uint64_t words[SENDER_SNAPSHOT_WORDS];
	memcpy(words, snapshot, sizeof words);
	uint32_t sequence = atomic_load_explicit(&board->sequence, memory_order_relaxed);
	/* Each word is released, so a reader that got one of them also sees the odd number. */
	atomic_store_explicit(&board->sequence, sequence + 1, memory_order_relaxed);
	for (size_t i = 0; i < SENDER_SNAPSHOT_WORDS; i++)
		atomic_store_explicit(&board->words[i], words[i], memory_order_release);
	for (size_t i = 0; i < sender->stream_count; i++)
		show_stream(sender, &sender->streams[i], now_ns);
	atomic_store_explicit(&board->sequence, sequence + 2, memory_order_release);
}

/* Streams of which nothing leaves, and nothing is waited for. */
static void show_refused(const struct sender *sender, struct sender_snapshot *snapshot)
{
	snapshot->refused = 0;
	snapshot->refused_error = 0;
	for (size_t i = 0; i < sender->stream_count; i++) {
		const struct sender_stream *stream = &sender->streams[i];
		if (!stream->refused_in_a_row)
			continue;
		if (!snapshot->refused) {
			snapshot->refused_error = stream->refused_error;
			snapshot->refused_stream = i;
		}
		snapshot->refused += stream->refused_in_a_row;
	}
}

void sender_snapshot_publish(struct sender *sender, int64_t now_ns)
{
	struct sender_snapshot *snapshot = &sender->snapshot;
	struct sender_sample now = {.at_ns = now_ns};
	char limit[sizeof snapshot->waiting_for];
	int64_t first_ns = 0;
	double fraction = 0;
	bool endless = false;
	snapshot->account = (struct account){0};
	for (size_t i = 0; i < sender->stream_count; i++) {
		const struct sender_stream *stream = &sender->streams[i];
		struct account account = sender_stream_account(stream);
		account_add(&snapshot->account, &account);
		now.packets += account.packets_sent;
		now.bytes_l2 += sender_stream_bytes(stream, PAGECAST__V1__LAYER__LAYER_L2);
		if (stream->first_ns && (!first_ns || stream->first_ns < first_ns))
			first_ns = stream->first_ns;
		fraction += fraction_of(stream, now_ns);
		endless |= stream->plan->limit.kind == PLAN_LIMIT_NONE;
	}
	snapshot->version++;
	snapshot->taken_ns = now_ns + sender->realtime_offset_ns;
	snapshot->first_packet_ns = first_ns ? first_ns + sender->realtime_offset_ns : 0;
	snapshot->current_pps = snapshot->current_bps_l2 = 0;
	snapshot->paused = sender->paused;
	show_refused(sender, snapshot);
	snapshot->fraction =
		endless ? 0 : MIN(MAX(fraction / (double)sender->stream_count, 0.0), 1.0);
	if (!sender->paused && sender->end == SENDER_RUNNING && !silent(sender))
		current_rate(sender, snapshot, &now, first_ns);
	snapshot->remaining_ns = remaining_ns(sender, snapshot->current_pps, now_ns);
	take_sample(sender, &now);
	snprintf(snapshot->waiting_for, sizeof snapshot->waiting_for, "%s",
		 waiting_for(sender, now_ns, limit, sizeof limit));
	show(sender, snapshot, now_ns);
	sender->dirty = soon_to_show(sender, now_ns);
	sender->publish_ns = now_ns + SENDER_PUBLISH_NS;
	if (sender->options.published && snapshot->version > 1) /* the first: nobody has it yet */
		sender->options.published(sender->options.context);
}

size_t sender_stream_count(const struct sender *sender)
{
	return sender->stream_count;
}

static void read_shown(const struct sender_progress_words *shown, struct sender_progress *progress)
{
	uint64_t words[PROGRESS_WORDS];
	for (size_t i = 0; i < PROGRESS_WORDS; i++)
		words[i] = atomic_load_explicit(&shown->words[i], memory_order_acquire);
	progress->account = (struct account){
		.packets_requested = words[PROGRESS_REQUESTED],
		.packets_sent = words[PROGRESS_SENT],
		.packets_dropped = words[PROGRESS_DROPPED],
		.packets_failed = words[PROGRESS_FAILED],
		.packets_cancelled = words[PROGRESS_CANCELLED],
		.bytes_sent = words[PROGRESS_BYTES],
		.syscalls = words[PROGRESS_SYSCALLS],
		.pages = words[PROGRESS_PAGES],
	};
	progress->baseline = (struct account){
		.packets_sent = words[PROGRESS_BASE_SENT],
		.packets_dropped = words[PROGRESS_BASE_DROPPED],
		.packets_failed = words[PROGRESS_BASE_FAILED],
		.bytes_sent = words[PROGRESS_BASE_BYTES],
		.syscalls = words[PROGRESS_BASE_SYSCALLS],
		.pages = words[PROGRESS_BASE_PAGES],
	};
	progress->baseline.packets_requested = account_attempted(&progress->baseline);
	progress->paused = words[PROGRESS_FLAGS] & PROGRESS_PAUSED;
	progress->has_baseline = words[PROGRESS_FLAGS] & PROGRESS_HAS_BASELINE;
	progress->state = (Pagecast__V1__StreamState)words[PROGRESS_STATE];
	memcpy(&progress->fraction, &words[PROGRESS_FRACTION], sizeof progress->fraction);
}

static void read_streams(const struct sender *sender, struct sender_progress *streams)
{
	for (size_t i = 0; i < sender->stream_count; i++) {
		streams[i].name = sender->plan->streams[i].name;
		streams[i].stream_id = sender->plan->streams[i].stamp.stream_id;
		read_shown(&sender->progress[i], &streams[i]);
	}
}

void sender_snapshot_streams(const struct sender *sender, struct sender_snapshot *ret_snapshot,
			     struct sender_progress *ret_streams)
{
	const struct sender_board *board = &sender->board;
	uint64_t words[SENDER_SNAPSHOT_WORDS];
	uint32_t before, after;
	do {
		before = atomic_load_explicit(&board->sequence, memory_order_acquire);
		for (size_t i = 0; i < SENDER_SNAPSHOT_WORDS; i++)
			words[i] = atomic_load_explicit(&board->words[i], memory_order_acquire);
		if (ret_streams)
			read_streams(sender, ret_streams);
		after = atomic_load_explicit(&board->sequence, memory_order_relaxed);
	} while (before != after || before & 1);
	memcpy(ret_snapshot, words, sizeof words);
}

void sender_snapshot(const struct sender *sender, struct sender_snapshot *ret_snapshot)
{
	sender_snapshot_streams(sender, ret_snapshot, NULL);
}
