/*
 * engine_splice_batch: what one flow_send() hands over, gathered from the trains: pieces that leave
 * one call each, and the ranges of memory that hold them, joined where they touch, because every
 * range begins a slot of the pipe (tests/kernel). Thread: one worker.
 */
#include "engine/engine_splice_batch.h"

#include "engine/engine_cut.h"
#include "engine/engine_probe.h"

size_t splice_piped_bytes(const struct flow *flow, const struct train *piece)
{
	if (piece->offset % 2 && piece->segments == 1 &&
	    pages_covered(piece->offset, piece->segment_bytes) > 1 &&
	    engine_probed()->odd_sum_wrong && flow->stream->destination.kind == PLAN_UDP &&
	    (flow->sums_in_kernel || piece->segment_bytes > flow->limits.segment_bytes_max))
		return 0;
	return train_bytes(piece);
}

size_t splice_trains_max(const struct flow *flow)
{
	return flow->segments_in_kernel ? FLOW_SEND_TRAINS_MAX : FLOW_SEND_SHORT_MAX;
}

/* Add @piece if the lists and @slots_max have room for it. */
static bool batch_add(struct splice_batch *batch, const struct flow *flow,
		      const struct train *piece, uint32_t slots_max)
{
	size_t len = splice_piped_bytes(flow, piece);
	bool train = piece->segments > 1;
	if (batch->piece_count == FLOW_SEND_LONE_MAX ||
	    (train && batch->train_count == splice_trains_max(flow)))
		return false;
	if (len) {
		uint8_t *at = flow->trains->pages.memory + piece->offset;
		struct iovec *last =
			batch->range_count ? &batch->ranges[batch->range_count - 1] : NULL;
		bool joined = last && (uint8_t *)last->iov_base + last->iov_len == at;
		size_t slots = pages_covered(piece->offset, len);
		if (joined && piece->offset % PAGES_PAGE_BYTES)
			slots--; /* its first page is in the slot of the piece before */
		if (batch->slots + slots > slots_max)
			return false;
		if (joined)
			last->iov_len += len;
		else
			batch->ranges[batch->range_count++] = (struct iovec){at, len};
		batch->slots += slots;
	}
	batch->pieces[batch->piece_count++] = *piece;
	batch->train_count += train;
	batch->bytes += len;
	batch->packets += piece->segments;
	return true;
}

void splice_gather(struct splice_batch *batch, const struct flow *flow, struct train_cursor cursor,
		   uint64_t packets_max, uint32_t slots_max)
{
	batch->piece_count = batch->range_count = batch->train_count = 0;
	batch->bytes = batch->slots = 0;
	batch->packets = 0;
	while (batch->packets < packets_max && !trains_at_end(flow->trains, &cursor)) {
		struct train piece = flow_next_piece(flow, &cursor, packets_max - batch->packets);
		if (!batch_add(batch, flow, &piece, slots_max))
			return;
		trains_advance(flow->trains, &cursor, piece.segments);
	}
}
