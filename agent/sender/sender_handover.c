/*
 * sender_handover: one hand-over of one stream: how much may leave, flow_send(), the account,
 * the schedule; see sender_handover.h.
 */
#include "sender/sender_handover.h"

#include "base/util.h"
#include "packet/layer.h"
#include "sender/sender_limit.h"
#include "sender/sender_pack.h"
#include "sender/sender_problems.h"
#include "sender/sender_queue.h"
#include "sender/sender_schedule.h"
#include "sender/sender_stream.h"

#include <errno.h>

/* Longest wait in poll(), which orders can't interrupt: far below the 10 ms they may take. */
#define ROOM_WAIT_NS (2 * CLOCK_NS_PER_MS)
/* With other streams to look after, a full one is tried this often. */
#define ROOM_WAIT_SHARED_NS (200 * CLOCK_NS_PER_US)
/* No descriptor reports when a device's queue has room again: try, less and less often. */
#define BACKOFF_FIRST_NS (50 * CLOCK_NS_PER_US)
#define BACKOFF_MOST_NS	 CLOCK_NS_PER_MS

#define REFUSED_BACKOFF_FIRST_NS CLOCK_NS_PER_MS
#define REFUSED_BACKOFF_MOST_NS	 (100 * CLOCK_NS_PER_MS)

enum { FRUITLESS_POLLS = 3 }; /* room reported by poll(), yet none: then wait by time */

static bool paced_by_bits(const struct sender_stream *stream)
{
	return stream->paced.kind == PLAN_RATE_BPS || stream->paced.kind == PLAN_RATE_LINE_PERCENT;
}

/* How many may leave now: what the pacer says, within the limit, the run, and @budget_ns. */
static uint64_t allowance(const struct sender_stream *stream, uint64_t packets, int64_t budget_ns)
{
	uint64_t run;
	uint32_t len = sender_stream_next_len(stream, &run);
	packets = MIN(packets, (uint64_t)FLOW_SEND_PACKETS_MAX);
	if (paced_by_bits(stream))
		packets = MIN(packets, run);
	if (!sender_stream_open_ended(stream))
		packets = MIN(packets,
			      stream->plan->limit.packets - account_attempted(&stream->account));
	else if (stream->end_ns != SENDER_NEVER_NS)
		packets = MIN(packets, pacer_due_before(stream->pacer, stream->end_ns, len));
	if (budget_ns < INT64_MAX && stream->cost_ns > 0)
		packets = MIN(packets, (uint64_t)MAX(budget_ns / stream->cost_ns, INT64_C(1)));
	return packets;
}

/* Move the place in the sequence of sizes, and count what the layers count. */
static void walk(struct sender_stream *stream, uint64_t packets, bool sent)
{
	const struct plan_stream *plan = stream->plan;
	while (packets && !plan->one_len) {
		const struct plan_item *item;
		uint64_t run;
		plan_peek_run(plan, &stream->send_cursor, &item, &run);
		run = MIN(run, packets);
		if (sent) {
			stream->bytes_layer +=
				run * plan_layer_bytes(plan, item->len, stream->asked.layer);
			stream->bytes_l2 += run * plan_layer_bytes(plan, item->len,
								   PAGECAST__V1__LAYER__LAYER_L2);
		}
		plan_advance(plan, &stream->send_cursor, run);
		packets -= run;
	}
}

/* FULL_POLICY_DROP: what was due now and found no room; without a rate, the rest of the train. */
static uint64_t drop(struct sender_stream *stream, uint64_t packets)
{
	const struct trains *filling = stream->filling;
	if (pacer_unlimited(stream->pacer))
		packets = MIN(packets, (uint64_t)(filling->trains[stream->cursor.train].segments -
						  stream->cursor.segment));
	packets = MIN(packets, stream->filling_left);
	trains_advance(filling, &stream->cursor, packets);
	stream->account.packets_dropped += packets;
	return packets;
}

static void block(struct sender *sender, struct sender_stream *stream, int error, int64_t now_ns)
{
	pacer_blocked(stream->pacer);
	if (!stream->blocked) {
		stream->blocked = true;
		stream->blocked_since_ns = now_ns;
		stream->backoff_ns = BACKOFF_FIRST_NS;
		stream->fruitless = 0;
		sender->dirty = true;
	} else {
		stream->backoff_ns = MIN(stream->backoff_ns * 2, BACKOFF_MOST_NS);
		stream->fruitless++;
	}
	stream->blocked_error = error;
	stream->poll_reports = error == EAGAIN && stream->fruitless < FRUITLESS_POLLS;
	int64_t wait_ns = stream->backoff_ns;
	if (stream->poll_reports)
		wait_ns = sender->active_count == 1 ? ROOM_WAIT_NS : ROOM_WAIT_SHARED_NS;
	sender_queue_put(sender, stream, MIN(now_ns + wait_ns, stream->end_ns));
}

static void note_refused(struct sender_stream *stream, const struct engine_result *result,
			 int64_t now_ns)
{
	stream->account.packets_failed += result->refused;
	stream->refused_in_a_row += result->refused;
	stream->refused_error = result->error;
	sender_problems_refused(stream, result->error, result->refused);
	if (stream->refused_in_a_row >= SENDER_REFUSED_MAX &&
	    now_ns - stream->success_ns >= SENDER_REFUSED_NS)
		stream->gave_up = true;
}

static void note_sent(struct sender_stream *stream, const struct engine_result *result,
		      int64_t at_ns, int64_t done_ns)
{
	stream->account.packets_sent += result->sent;
	stream->account.bytes_sent += result->bytes;
	if (!stream->first_ns)
		stream->first_ns = at_ns;
	stream->last_ns = at_ns;
	stream->last_done_ns = done_ns;
	stream->last_packets = result->sent;
	uint64_t burst = result->longest_burst;
	if (!pacer_unlimited(stream->pacer))
		burst = MAX(burst, result->sent); /* one go, whatever number of calls */
	stream->longest_burst = (uint32_t)MAX((uint64_t)stream->longest_burst, burst);
	stream->refused_in_a_row = 0;
	stream->refused_backoff_ns = 0;
	stream->success_ns = done_ns;
	sender_stream_unblock(stream, done_ns);
}

/* Account for one flow_send(). Return: packets the sequence moved on by. */
static uint64_t account_for(struct sender *sender, struct sender_stream *stream, uint64_t asked,
			    const struct engine_result *result, int64_t at_ns, int64_t done_ns)
{
	if (result->sent)
		note_sent(stream, result, at_ns, done_ns);
	walk(stream, result->sent, true);
	uint64_t moved = result->sent, lost = 0;
	if (stream->filling_left != UINT64_MAX)
		stream->filling_left -= moved;
	if (result->outcome == ENGINE_REFUSED) {
		lost = result->refused;
		note_refused(stream, result, done_ns);
		if (stream->filling_left != UINT64_MAX)
			stream->filling_left -= lost;
	} else if (result->outcome == ENGINE_FULL &&
		   sender->plan->when_full == PAGECAST__V1__FULL_POLICY__FULL_POLICY_DROP) {
		lost = drop(stream, asked - moved);
		if (stream->filling_left != UINT64_MAX)
			stream->filling_left -= lost;
		sender_stream_unblock(stream, done_ns);
	}
	walk(stream, lost, false);
	sender->dirty |= moved + lost > 0;
	return moved + lost;
}

/* So many refusals in a row: each further try costs a core and tells nothing new. */
static void back_off(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	stream->refused_backoff_ns =
		MIN(MAX(2 * stream->refused_backoff_ns, REFUSED_BACKOFF_FIRST_NS),
		    REFUSED_BACKOFF_MOST_NS);
	sender_queue_put(sender, stream, MIN(now_ns + stream->refused_backoff_ns, stream->end_ns));
}

static void refill(struct sender *sender, struct sender_stream *stream)
{
	int result = sender_pack(stream);
	if (result == 0)
		return;
	problem_add(&sender->problems, sender_problems_code(-result), PROBLEM_ERROR, stream->field,
		    -result, 1, "cannot pack the next packets: %s", errno_name(-result));
	stream->gave_up = true;
}

/* What one flow_send() takes gets its time: a stamp that is written for nothing costs as much as a
 * packet. Return: how many of @packets that are */
static uint64_t stamp(const struct sender *sender, struct sender_stream *stream, uint64_t packets)
{
	struct trains *filling = stream->filling;
	struct train next = trains_peek(filling, &stream->cursor, packets);
	uint64_t number = filling->first.number + filling->packets - stream->filling_left;
	size_t trains_max = next.segments > 1 ? FLOW_SEND_TRAINS_MAX : FLOW_SEND_LONE_MAX;
	return trains_stamp(filling, stream->plan, &stream->cursor, number, packets, trains_max,
			    clock_realtime_ns(sender->clock));
}

/* Hand over up to @packets of @stream, due at @now_ns. Return: now. */
static int64_t hand_over(struct sender *sender, struct sender_stream *stream, uint64_t packets,
			 int64_t now_ns)
{
	uint64_t run;
	uint32_t len = sender_stream_next_len(stream, &run);
	struct engine_result result = {0};
	if (stream->plan->stamp.bytes)
		packets = stamp(sender, stream, packets);
	flow_send(stream->flow, &stream->cursor, packets, &result, &stream->counters);
	int64_t done_ns = clock_monotonic_ns(sender->clock);
	if (sender->limiter.active)
		sender_limit_settle(sender, stream, &result, done_ns);
	stream->busy_ns += done_ns - now_ns;
	uint64_t moved = account_for(sender, stream, packets, &result, now_ns, done_ns);
	if (moved) {
		int64_t cost_ns = (done_ns - now_ns) / (int64_t)moved;
		stream->cost_ns += (cost_ns - stream->cost_ns) / 8;
		int64_t error_ns = pacer_handed_over(stream->pacer, moved, len, now_ns, done_ns);
		if (error_ns >= 0)
			histogram_add(stream->gap_error, (uint64_t)error_ns, 1);
	}
	if (sender_stream_done(stream, done_ns)) {
		sender_schedule_end(sender, stream, done_ns);
		return done_ns;
	}
	const struct trains *filling = stream->filling;
	if (!filling->cyclic && trains_at_end(filling, &stream->cursor))
		refill(sender, stream); /* now, not when the next packet is due */
	if (result.outcome == ENGINE_FULL && moved < packets)
		block(sender, stream, result.error, done_ns);
	else if (stream->refused_in_a_row >= SENDER_REFUSED_MAX)
		back_off(sender, stream, done_ns);
	else
		sender_schedule(sender, stream, done_ns);
	return done_ns;
}

/* A stream's turn. Return: now. */
int64_t sender_handover(struct sender *sender, struct sender_stream *stream, int64_t now_ns,
			int64_t budget_ns)
{
	if (sender_stream_done(stream, now_ns)) {
		if (sender->hold.stream)
			sender_limit_release(sender, now_ns);
		sender_schedule_end(sender, stream, now_ns);
		return now_ns;
	}
	uint64_t packets;
	if (sender->limiter.active)
		sender_limit_postpone(sender, stream, now_ns);
	int64_t due_ns = pacer_next(stream->pacer, now_ns, &packets);
	if (due_ns <= now_ns)
		packets = allowance(stream, packets, budget_ns);
	if (due_ns > now_ns || !packets) {
		if (sender->hold.stream)
			sender_limit_release(sender, now_ns);
		sender_schedule(sender, stream, now_ns);
	} else if (!sender->limiter.active || sender_limit_take(sender, stream, &packets, now_ns)) {
		return hand_over(sender, stream, packets, now_ns);
	}
	return now_ns;
}
