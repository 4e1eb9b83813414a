/*
 * engine_splice_batch: what one flow_send() of the splice engine hands over, gathered from the
 * trains. Thread: one worker.
 */
#pragma once
#include "engine/engine_private.h"

/* What one flow_send() hands over: pieces that leave one call each, and the memory they lie in. */
struct splice_batch {
	struct train pieces[FLOW_SEND_LONE_MAX];
	struct iovec
		ranges[FLOW_SEND_LONE_MAX]; /* contiguous pieces share one: each begins a slot */
	size_t piece_count, range_count;
	size_t train_count; /* pieces of several packets */
	size_t bytes, slots;
	uint64_t packets;
};

/**
 * splice_piped_bytes() - what @piece takes in the pipe
 *
 * 0: it leaves by send(), because there is nothing to splice, or because this kernel would write a
 * wrong checksum: a single packet cut out of a train of odd size, across a page, that is summed in
 * software (fragments, or a device without checksums).
 */
size_t splice_piped_bytes(const struct flow *flow, const struct train *piece);

/**
 * splice_trains_max() - how many trains one call may hand over
 *
 * Long ones are bounded by what the pipe holds. Of short ones one load should bring many, because
 * it costs as much as a train or more; not where the kernel cuts them, for then they take long.
 */
size_t splice_trains_max(const struct flow *flow);

/** splice_gather() - from @cursor on, as much as one call may hand over and @slots_max slots hold
 */
void splice_gather(struct splice_batch *batch, const struct flow *flow, struct train_cursor cursor,
		   uint64_t packets_max, uint32_t slots_max);
