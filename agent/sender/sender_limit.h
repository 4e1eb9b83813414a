/*
 * sender_limit: the policy's maxima, held at the hand-over, packet by packet as they leave the
 * machine; see limiter.h. To be called only while limiter.active. Thread: worker.
 *
 * Counted are packets and bits at layer 2 of what the kernel makes of a payload: a datagram that
 * leaves in fragments counts as each of them.
 */
#pragma once
#include "engine/engine.h"
#include "sender/sender_private.h"

/**
 * sender_limit_take() - may the next *@packets of @stream leave now?
 * @packets: >= 1; may come back as fewer
 *
 * Return: yes: hand them over, then sender_limit_settle(). No: @stream is in sender->hold, and this
 * is to be called again at hold.until_ns; or sender_limit_release().
 */
bool sender_limit_take(struct sender *sender, struct sender_stream *stream, uint64_t *packets,
		       int64_t now_ns);

/** sender_limit_settle() - what became of it; before the place in the sequence moves on */
void sender_limit_settle(struct sender *sender, struct sender_stream *stream,
			 const struct engine_result *result, int64_t done_ns);

/** sender_limit_release() - the hold is off: orders came, or the stream is done */
void sender_limit_release(struct sender *sender, int64_t now_ns);

/** sender_limit_postpone() - while the job waited nothing of it could leave: what @stream had due
 * then is not late for it */
void sender_limit_postpone(struct sender *sender, struct sender_stream *stream, int64_t now_ns);
