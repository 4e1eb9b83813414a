/* sender_stream: see sender_stream.h. */
#include "sender/sender_stream.h"

#include "packet/layer.h"

enum { IPV4_HEADER = 20, IPV6_HEADER = 40, IPV6_FRAGMENT = 8, FRAGMENT_UNIT = 8 };

/* How late what was due within a duration may leave behind its end: what the largest debt takes
 * that is made up for, at the rate that it brings (pacer.h). */
#define OVERDUE_NS (PACER_CATCH_UP_NS / 2)

bool sender_stream_open_ended(const struct sender_stream *stream)
{
	return stream->plan->limit.kind == PLAN_LIMIT_DURATION ||
	       stream->plan->limit.kind == PLAN_LIMIT_NONE;
}

struct account sender_stream_account(const struct sender_stream *stream)
{
	struct account account = stream->account;
	account.syscalls = stream->counters.syscalls;
	account.pages = stream->counters.pages;
	if (sender_stream_open_ended(stream))
		account.packets_requested = account_attempted(&account);
	return account;
}

Pagecast__V1__StreamState sender_stream_state(const struct sender *sender,
					      const struct sender_stream *stream, int64_t now_ns)
{
	if (stream->cancelled)
		return PAGECAST__V1__STREAM_STATE__STREAM_STATE_CANCELLED;
	if (stream->state == SENDER_STREAM_ENDED)
		return PAGECAST__V1__STREAM_STATE__STREAM_STATE_ENDED;
	if (sender->end != SENDER_RUNNING && sender->end != SENDER_INTERRUPTED)
		return PAGECAST__V1__STREAM_STATE__STREAM_STATE_CANCELLED;
	if (sender->paused || stream->paused)
		return PAGECAST__V1__STREAM_STATE__STREAM_STATE_PAUSED;
	if (!sender->started || now_ns < stream->start_ns)
		return PAGECAST__V1__STREAM_STATE__STREAM_STATE_WAITING;
	return PAGECAST__V1__STREAM_STATE__STREAM_STATE_RUNNING;
}

int64_t sender_stream_now(const struct sender_stream *stream, int64_t now_ns)
{
	return stream->stopped ? stream->stopped_ns : now_ns;
}

void sender_stream_unblock(struct sender_stream *stream, int64_t now_ns)
{
	if (stream->blocked)
		stream->blocked_ns += now_ns - stream->blocked_since_ns;
	stream->blocked = false;
}

uint64_t sender_stream_bytes(const struct sender_stream *stream, Pagecast__V1__Layer layer)
{
	if (stream->plan->one_len)
		return stream->account.packets_sent *
		       plan_layer_bytes(stream->plan, stream->plan->len_max, layer);
	return layer == PAGECAST__V1__LAYER__LAYER_L2 ? stream->bytes_l2 : stream->bytes_layer;
}

int64_t sender_stream_last_ns(const struct sender_stream *stream)
{
	return stream->end_ns == SENDER_NEVER_NS ? SENDER_NEVER_NS : stream->end_ns + OVERDUE_NS;
}

/* Packets of a duration that were due within it leave a little late rather than never. */
bool sender_stream_overdue(const struct sender_stream *stream, int64_t now_ns)
{
	uint64_t run;
	return !pacer_unlimited(stream->pacer) && now_ns < stream->end_ns + OVERDUE_NS &&
	       pacer_due_before(stream->pacer, stream->end_ns,
				sender_stream_next_len(stream, &run)) > 0;
}

bool sender_stream_done(const struct sender_stream *stream, int64_t now_ns)
{
	if (stream->gave_up)
		return true;
	if (!sender_stream_open_ended(stream))
		return account_attempted(&stream->account) >= stream->plan->limit.packets;
	return now_ns >= stream->end_ns && !sender_stream_overdue(stream, now_ns);
}

uint64_t sender_stream_fragments(const struct sender_stream *stream, uint64_t l3,
				 uint64_t *ret_added)
{
	const struct plan_destination *to = &stream->plan->destination;
	uint64_t mtu = stream->path ? stream->path->mtu : 0;
	*ret_added = 0;
	if (to->kind == PLAN_ETHERNET || to->header_included || l3 <= mtu)
		return 1;
	uint64_t header = to->family == AF_INET6 ? IPV6_HEADER : IPV4_HEADER;
	uint64_t each =
		header + (to->family == AF_INET6 ? IPV6_FRAGMENT : 0); /* in front of each */
	if (mtu < each + FRAGMENT_UNIT)
		return 1;
	uint64_t room = (mtu - each) / FRAGMENT_UNIT * FRAGMENT_UNIT;
	uint64_t count = (l3 - header + room - 1) / room;
	*ret_added = count * each - header;
	return count;
}
