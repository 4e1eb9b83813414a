/* engine_splice: what the two page layouts of this engine share. Private to engine_splice*.c. */
#pragma once
#include "engine/engine_pipe.h"
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

struct splice_engine {
	struct engine engine;
	struct engine_pipe pipe;
	uint32_t master_count; /* of its flows; see MASTERS_MAX */
	struct splice_batch batch;
};

struct splice_flow {
	struct flow flow;
	struct engine_pipe master; /* whole rounds of a template, to be teed; out -1: none */
	size_t master_bytes;
	uint64_t master_packets;
	bool teed; /* something left that way */
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

/**
 * splice_hand_over() - one piece from the front of the pipe to the socket, with all retries
 *
 * Return: true: sent; false: *ret_fault and *ret_error say why not (never FLOW_RETRY).
 */
bool splice_hand_over(struct flow *flow, const struct engine_pipe *pipe, const struct train *piece,
		      struct engine_counters *counters, enum flow_fault *ret_fault, int *ret_error);

/** splice_send_pages() - the textbook sequence, a page a packet; see engine_splice_page.c */
void splice_send_pages(struct flow *flow, struct engine_pipe *pipe, struct train_cursor *cursor,
		       uint64_t packets_max, struct engine_result *result,
		       struct engine_counters *counters);
