/*
 * sender_stream: what follows from the state of one stream: its account, its end, its next packet.
 * Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/** sender_stream_open_ended() - the limit names no number of packets */
bool sender_stream_open_ended(const struct sender_stream *stream);

/** sender_stream_done() - @stream has nothing more to send at @now_ns */
bool sender_stream_done(const struct sender_stream *stream, int64_t now_ns);

/**
 * sender_stream_overdue() - packets that were due within the duration are not sent yet, and may
 * still leave: a little late rather than never. False without a limit by duration or without a rate
 */
bool sender_stream_overdue(const struct sender_stream *stream, int64_t now_ns);

/** sender_stream_last_ns() - from then on @stream is done, whatever is left; SENDER_NEVER_NS: no
 * limit by duration */
int64_t sender_stream_last_ns(const struct sender_stream *stream);

/** sender_stream_account() - the account as it stands: where the limit names no number, requested
 * follows what was attempted */
struct account sender_stream_account(const struct sender_stream *stream);

/** sender_stream_state() - what it does; of an interrupted job, which may go on elsewhere, what it
 * did */
Pagecast__V1__StreamState sender_stream_state(const struct sender *sender,
					      const struct sender_stream *stream, int64_t now_ns);

/** sender_stream_now() - @now_ns or, while it is stopped, the instant at which its schedule stands
 */
int64_t sender_stream_now(const struct sender_stream *stream, int64_t now_ns);

/** sender_stream_bytes() - what was sent, as @layer (the rate's, or L2) counts it */
uint64_t sender_stream_bytes(const struct sender_stream *stream, Pagecast__V1__Layer layer);

/** sender_stream_fragments() - how many pieces the kernel makes of a packet of @l3 bytes with its
 * IP header; 1: none. *@ret_added: bytes of L3 that they add */
uint64_t sender_stream_fragments(const struct sender_stream *stream, uint64_t l3,
				 uint64_t *ret_added);

/** sender_stream_unblock() - there was room at @now_ns, or nothing is waited for any more */
void sender_stream_unblock(struct sender_stream *stream, int64_t now_ns);

/** sender_stream_next_len() - payload bytes of the next packet; *ret_run: how many packets of this
 * length follow each other, UINT64_MAX where all have it */
static inline uint32_t sender_stream_next_len(const struct sender_stream *stream, uint64_t *ret_run)
{
	*ret_run = UINT64_MAX;
	if (stream->plan->one_len)
		return stream->plan->len_max;
	const struct plan_item *item;
	plan_peek_run(stream->plan, &stream->send_cursor, &item, ret_run);
	return item->len;
}
