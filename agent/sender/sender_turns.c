/*
 * sender_turns: the send loop of one job; see sender_turns.h.
 *
 * A turn: apply orders, publish, choose a stream, wait until it is due, let it hand over. Streams
 * with a rate come first, in the order they are due; those without share what is left, one slice
 * each, cut so that it ends before the next deadline. Nothing in a turn blocks longer than 2 ms or
 * a system call on a non-blocking descriptor.
 */
#include "sender/sender_turns.h"

#include "base/util.h"
#include "pagecast/watchdog.h"
#include "sender/sender_handover.h"
#include "sender/sender_limit.h"
#include "sender/sender_orders.h"
#include "sender/sender_problems.h"
#include "sender/sender_queue.h"
#include "sender/sender_snapshot.h"
#include "sender/sender_stream.h"

/* A wait for the policy's maxima that is shorter is not worth sleeping; a longer one need not be
 * met to the microsecond: the buckets are deep enough. */
#define HOLD_AWAKE_NS (10 * CLOCK_NS_PER_US)
/* A publication between two hand-overs must leave this much before the second. */
#define PUBLISH_ROOM_NS (500 * CLOCK_NS_PER_US)

enum {
	PACED_IN_A_ROW_MAX = 32,  /* then a stream without a rate has its turn too */
	ERROR_QUEUES_A_TURN = 16, /* flows whose error queue is read at a publication */
};

static void publish_turn(struct sender *sender, int64_t now_ns)
{
	sender_problems_read_async(sender, ERROR_QUEUES_A_TURN);
	sender_snapshot_publish(sender, now_ns);
}

/* Nothing may leave before @until_ns; what is to be published meanwhile is. Return: now. */
static int64_t wait_until(struct sender *sender, int64_t until_ns, bool precise, int64_t now_ns)
{
	if (sender->dirty && sender->publish_ns < until_ns) {
		if (sender->publish_ns + PUBLISH_ROOM_NS > until_ns) {
			publish_turn(sender, now_ns); /* a little early: nothing is late for it */
			return clock_monotonic_ns(sender->clock);
		}
		return sender_wait_until(&sender->waiter, sender->publish_ns, false, sender->seen);
	}
	return sender_wait_until(&sender->waiter, until_ns, precise, sender->seen);
}

/* Nothing may leave before @first's key. Return: now. */
static int64_t wait_for(struct sender *sender, struct sender_stream *first, int64_t now_ns)
{
	int64_t until_ns = MIN(first->key_ns, sender->deadline_ns);
	if (first->blocked && first->poll_reports) {
		if (flow_wait_room(first->flow, until_ns - now_ns, &first->counters) == 0)
			sender_queue_put(sender, first, INT64_MIN);
		return clock_monotonic_ns(sender->clock);
	}
	return wait_until(sender, until_ns, !first->blocked, now_ns);
}

/* The policy's maxima hold a stream, which keeps its turn. Return: now. */
static int64_t hold_turn(struct sender *sender, int64_t now_ns)
{
	struct sender_stream *stream = sender->hold.stream;
	int64_t until_ns = MIN(sender->hold.until_ns, sender_stream_last_ns(stream));
	if (until_ns <= now_ns)
		return sender_handover(sender, stream, now_ns, INT64_MAX);
	return wait_until(sender, MIN(until_ns, sender->deadline_ns),
			  until_ns - now_ns < HOLD_AWAKE_NS, now_ns);
}

static int64_t take_turn(struct sender *sender, int64_t now_ns)
{
	if (sender->hold.stream)
		return hold_turn(sender, now_ns);
	struct sender_stream *first = sender_queue_first(sender);
	bool due = first && first->key_ns <= now_ns;
	bool ring_starves = sender->ring_count && sender->paced_in_a_row >= PACED_IN_A_ROW_MAX;
	if (due && !ring_starves) {
		sender->paced_in_a_row++;
		return sender_handover(sender, first, now_ns, INT64_MAX);
	}
	sender->paced_in_a_row = 0;
	int64_t budget_ns = first && !due ? first->key_ns - now_ns : INT64_MAX;
	if (sender->ring_count && budget_ns >= sender->ring[sender->ring_head]->cost_ns)
		return sender_handover(sender, sender_queue_take_ready(sender), now_ns, budget_ns);
	return wait_for(sender, first, now_ns);
}

static bool all_paused(const struct sender *sender)
{
	return !sender->heap_count && !sender->ring_count && !sender->hold.stream;
}

void sender_turns_run(struct sender *sender)
{
	int64_t now_ns = clock_monotonic_ns(sender->clock);
	while (sender->end == SENDER_RUNNING) {
		watchdog_busy(now_ns);
		if (sender_waiter_seen(&sender->waiter) != sender->seen)
			sender_orders_apply(sender, now_ns);
		else if (now_ns >= sender->deadline_ns)
			sender->end = SENDER_MAX_DURATION;
		else if (!sender->active_count)
			sender->end = SENDER_LIMIT_REACHED;
		else if (sender->dirty && now_ns >= sender->publish_ns)
			publish_turn(sender, now_ns);
		else if (all_paused(sender))
			now_ns = wait_until(sender, sender->deadline_ns, false, now_ns);
		else
			now_ns = take_turn(sender, now_ns);
	}
	sender_limit_release(sender, now_ns);
	watchdog_rest();
}
