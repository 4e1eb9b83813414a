/*
 * sender_run: one job from its start to its end, on the worker's thread; see sender.h.
 */
#include "sender/sender_private.h"

#include "sender/sender_orders.h"
#include "sender/sender_path.h"
#include "sender/sender_pause.h"
#include "sender/sender_problems.h"
#include "sender/sender_schedule.h"
#include "sender/sender_share.h"
#include "sender/sender_snapshot.h"
#include "sender/sender_stream.h"
#include "sender/sender_turns.h"

#include <time.h>

/* While CLOCK_REALTIME may still be set, sleep by it; for the last stretch by the other clock. */
#define START_NEAR_NS (20 * CLOCK_NS_PER_MS)
/* A start this late is a warning even where no tolerance was given. */
#define START_LATE_NS (10 * CLOCK_NS_PER_MS)

static int64_t now_of(const struct sender *sender)
{
	return clock_monotonic_ns(sender->clock);
}

/* CLOCK_REALTIME less CLOCK_MONOTONIC, from the tightest of a few readings. */
static int64_t realtime_offset_ns(const struct sender *sender)
{
	int64_t offset_ns = 0, tightest_ns = INT64_MAX;
	for (int i = 0; i < 5; i++) {
		int64_t before_ns = now_of(sender);
		int64_t real_ns = clock_realtime_ns(sender->clock);
		int64_t span_ns = now_of(sender) - before_ns;
		if (span_ns >= tightest_ns)
			continue;
		tightest_ns = span_ns;
		offset_ns = real_ns - before_ns - span_ns / 2;
	}
	return offset_ns;
}

/* Until start_time, pauses and orders seen to. Return: how late it is now; 0 without one. */
static int64_t wait_start(struct sender *sender)
{
	int64_t start_ns = sender->plan->start_time_ns;
	while (sender->end == SENDER_RUNNING) {
		int64_t left_ns = start_ns - clock_realtime_ns(sender->clock);
		if (sender_waiter_seen(&sender->waiter) != sender->seen)
			sender_orders_apply(sender, now_of(sender));
		else if (!sender->active_count)
			sender->end = SENDER_LIMIT_REACHED; /* all of its streams were cancelled */
		else if (now_of(sender) >= sender->deadline_ns)
			sender->end = SENDER_MAX_DURATION;
		else if (sender->paused)
			sender_wait_until(&sender->waiter, sender->deadline_ns, false,
					  sender->seen);
		else if (left_ns <= 0)
			return start_ns ? -left_ns : 0;
		else if (left_ns > START_NEAR_NS)
			sender_wait_realtime(&sender->waiter, start_ns - START_NEAR_NS / 2,
					     sender->seen);
		else
			sender_wait_until(&sender->waiter, now_of(sender) + left_ns, true,
					  sender->seen);
	}
	return 0;
}

static void note_start(struct sender *sender, int64_t late_ns)
{
	int64_t tolerance_ns = sender->plan->start_tolerance_ns;
	double late_s = (double)late_ns / CLOCK_NS_PER_S;
	if (tolerance_ns >= 0 && late_ns > tolerance_ns) {
		sender->end = SENDER_START_MISSED;
		problem_add(&sender->problems, PROBLEM_START_MISSED, PROBLEM_ERROR, "startTime", 0,
			    1, "missed start_time by %.9g s; start_tolerance is %.9g s", late_s,
			    (double)tolerance_ns / CLOCK_NS_PER_S);
	} else if (late_ns >= START_LATE_NS) {
		problem_add(&sender->problems, PROBLEM_START_MISSED, PROBLEM_WARNING, "startTime",
			    0, 1, "started %.3f s after start_time", late_s);
	}
}

static void begin(struct sender *sender, int64_t late_ns)
{
	const struct plan *plan = sender->plan;
	int64_t now_ns = now_of(sender);
	sender->realtime_offset_ns = realtime_offset_ns(sender);
	sender->started = true;
	/* On time, the schedule starts at start_time itself, not when this thread was awake. */
	int64_t base_ns = now_ns;
	if (plan->start_time_ns && late_ns < CLOCK_NS_PER_MS)
		base_ns = plan->start_time_ns - sender->realtime_offset_ns;
	if (!sender->options.elapsed_ns) {
		sender->begun_ns = base_ns;
		sender_orders_set_deadline(sender);
	}
	for (size_t i = 0; i < sender->stream_count; i++) {
		struct sender_stream *stream = &sender->streams[i];
		if (stream->state == SENDER_STREAM_ENDED)
			continue; /* cancelled before */
		stream->start_ns = stream->success_ns = base_ns + stream->plan->start_delay_ns;
		if (stream->plan->limit.kind == PLAN_LIMIT_DURATION)
			stream->end_ns = stream->start_ns + stream->plan->limit.duration_ns;
		stream->paced_since_ns = stream->start_ns;
		pacer_start(stream->pacer, stream->start_ns);
		sender_pause_begin(sender, stream, base_ns);
	}
	sender_schedule_all(sender, now_ns);
	sender->dirty = true;
}

static double thread_cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / CLOCK_NS_PER_S;
}

static void end_streams(struct sender *sender)
{
	int64_t now_ns = now_of(sender);
	bool reached = sender->end == SENDER_LIMIT_REACHED;
	for (size_t i = 0; i < sender->stream_count; i++) {
		struct sender_stream *stream = &sender->streams[i];
		if (stream->gave_up && reached)
			sender->end = SENDER_ERROR;
		if (stream->cancelled && sender->end == SENDER_LIMIT_REACHED)
			sender->end = SENDER_STREAMS_CANCELLED;
		if (sender->started && stream->state != SENDER_STREAM_ENDED)
			sender_share_note(stream, now_ns);
	}
}

enum sender_end sender_run(struct sender *sender)
{
	double cpu_seconds = thread_cpu_seconds();
	sender_wait_prepare();
	sender->realtime_offset_ns = realtime_offset_ns(sender);
	sender_snapshot_publish(sender, now_of(sender));
	if (sender->options.elapsed_ns) { /* its time runs on, also while it is paused */
		sender->begun_ns = now_of(sender);
		sender_orders_set_deadline(sender);
	}
	int64_t late_ns = wait_start(sender);
	if (sender->end == SENDER_RUNNING && sender->plan->start_time_ns)
		note_start(sender, late_ns);
	if (sender->end == SENDER_RUNNING) {
		begin(sender, late_ns);
		sender_turns_run(sender);
	}
	end_streams(sender);
	sender_orders_end(sender);
	sender->cpu_seconds = thread_cpu_seconds() - cpu_seconds;
	sender_snapshot_publish(sender, now_of(sender));
	return sender->end;
}

void sender_settle(struct sender *sender)
{
	double cpu_seconds = thread_cpu_seconds();
	sender_problems_read_async(sender, SIZE_MAX);
	sender_path_linger(sender);
	sender_problems_read_async(sender, SIZE_MAX);
	for (size_t i = 0; i < sender->stream_count; i++) {
		struct sender_stream *stream = &sender->streams[i];
		stream->account = sender_stream_account(stream);
		account_close(&stream->account, sender_stream_open_ended(stream));
	}
	sender_problems_collect(sender);
	sender->cpu_seconds += thread_cpu_seconds() - cpu_seconds;
	sender_snapshot_publish(sender, now_of(sender));
}
