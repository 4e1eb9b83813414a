/* sender_limit: see sender_limit.h. */
#include "sender/sender_limit.h"

#include "base/util.h"
#include "packet/layer.h"
#include "sender/sender_stream.h"

#include <errno.h>

/* One packet of @len as it leaves. */
static struct limiter_cost cost_of(const struct sender_stream *stream, uint32_t len)
{
	uint64_t l2 = plan_layer_bytes(stream->plan, len, PAGECAST__V1__LAYER__LAYER_L2);
	uint64_t l3 = plan_layer_bytes(stream->plan, len, PAGECAST__V1__LAYER__LAYER_L3), added;
	uint64_t count = sender_stream_fragments(stream, l3, &added);
	return (struct limiter_cost){count, 8 * (l2 + added + (count - 1) * (l2 - l3))};
}

/* How many of @one fit what is left of @lot. */
static uint64_t fitting(const struct limiter_cost *lot, const struct limiter_cost *sum,
			const struct limiter_cost *one)
{
	uint64_t packets = (lot->packets - sum->packets) / one->packets;
	if (!one->bits_l2)
		return packets;
	return MIN(packets, (lot->bits_l2 - sum->bits_l2) / one->bits_l2);
}

/* The next packets that fit @lot, @most at most, one at least. *@ret_cost: of them all. */
static uint64_t fill_lot(const struct sender_stream *stream, const struct limiter_cost *lot,
			 uint64_t most, struct limiter_cost *ret_cost)
{
	struct plan_cursor cursor = stream->send_cursor;
	struct limiter_cost sum = {0, 0};
	uint64_t packets = 0;
	while (packets < most) {
		uint32_t len = stream->plan->len_max;
		uint64_t run = UINT64_MAX;
		if (!stream->plan->one_len) {
			const struct plan_item *item;
			plan_peek_run(stream->plan, &cursor, &item, &run);
			len = item->len;
		}
		struct limiter_cost one = cost_of(stream, len);
		uint64_t fit = MIN(run, most - packets);
		fit = MIN(fit, fitting(lot, &sum, &one));
		if (!fit && packets)
			break;
		fit = MAX(fit, UINT64_C(1));
		sum.packets += fit * one.packets;
		sum.bits_l2 += fit * one.bits_l2;
		packets += fit;
		if (sum.packets >= lot->packets || sum.bits_l2 >= lot->bits_l2)
			break;
		if (!stream->plan->one_len)
			plan_advance(stream->plan, &cursor, fit);
	}
	*ret_cost = sum;
	return packets;
}

bool sender_limit_take(struct sender *sender, struct sender_stream *stream, uint64_t *packets,
		       int64_t now_ns)
{
	struct sender_hold *hold = &sender->hold;
	if (!hold->stream) {
		struct limiter_cost lot = limiter_lot(&sender->limiter);
		hold->packets = fill_lot(stream, &lot, *packets, &hold->cost);
	}
	*packets = MIN(*packets, hold->packets);
	hold->until_ns = limiter_take(&sender->limiter, &hold->cost, now_ns);
	hold->stream = hold->until_ns > now_ns ? stream : NULL;
	sender->dirty |= hold->stream != NULL;
	return !hold->stream;
}

void sender_limit_settle(struct sender *sender, struct sender_stream *stream,
			 const struct engine_result *result, int64_t done_ns)
{
	static const struct limiter_cost no_bound = {UINT64_MAX, UINT64_MAX};
	struct limiter_cost used = {0, 0};
	uint64_t left = result->sent;
	if (result->outcome == ENGINE_REFUSED && result->error == ENOBUFS)
		left += result->refused; /* some of a train may have left: engine_fault.c */
	if (left == sender->hold.packets)
		used = sender->hold.cost;
	else if (left)
		fill_lot(stream, &no_bound, left, &used);
	limiter_settle(&sender->limiter, &used, done_ns);
}

void sender_limit_release(struct sender *sender, int64_t now_ns)
{
	limiter_release(&sender->limiter, now_ns);
	sender->hold.stream = NULL;
}

void sender_limit_postpone(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	const struct limiter *limiter = &sender->limiter;
	int64_t until_ns = limiter_held_until_ns(limiter, now_ns);
	int64_t held_ns = limiter_held_ns(limiter, now_ns);
	int64_t waited_ns = held_ns - stream->held_seen_ns;
	if (!pacer_unlimited(stream->pacer))
		waited_ns = MIN(waited_ns, pacer_postpone(stream->pacer, until_ns));
	stream->held_ns[limiter->rule] += waited_ns;
	stream->held_seen_ns = held_ns;
}
