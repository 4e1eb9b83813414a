/*
 * sender_pack: one filling after the other for a stream; see sender_pack.h.
 *
 * A template is packed once and stands for all passes. What does not fit one goes through fresh
 * arenas: each is filled from where the one before ended. Where the engine is told when the kernel
 * is done with one, a few take turns, and only what differs is written again. Else the one before
 * is retired first (replaced: pages.h): what the kernel still refers to it keeps, and the pages it
 * is done with come back at once, still in the cache. Two arenas in turn were a sixth slower there;
 * a new mapping each time made two workers wait for each other, and cost them a third.
 */
#include "sender/sender_pack.h"

#include "base/util.h"
#include "sender/sender_stream.h"

/* Packets of a numeric limit that were not packed yet. */
static uint64_t packets_left(const struct sender_stream *stream)
{
	if (sender_stream_open_ended(stream))
		return UINT64_MAX;
	/* a job that goes on may have a stream that is done: it is packed and never sent */
	return MAX(stream->plan->limit.packets - account_attempted(&stream->account), UINT64_C(1));
}

int sender_pack(struct sender_stream *stream)
{
	int result = flow_load(stream->flow, NULL);
	if (result < 0)
		return result;
	uint32_t slot =
		stream->filling ? (stream->filling->slot + 1) % flow_fillings(stream->flow) : 0;
	struct trains *filling = stream->filling = &stream->fillings[slot];
	filling->slot = slot;
	result = trains_refill(filling, stream->plan, &stream->limits, &stream->pack_cursor,
			       packets_left(stream), flow_let_go(stream->flow, slot));
	if (result < 0)
		return result;
	result = flow_load(stream->flow, filling);
	if (result < 0) {
		trains_retire(filling);
		return result;
	}
	stream->cursor = (struct train_cursor){0};
	stream->filling_left = filling->cyclic ? UINT64_MAX : filling->packets;
	return 0;
}
