/* engine_cut: see engine_cut.h. */
#include "engine/engine_cut.h"

#include "base/sys.h"
#include "base/util.h"

#include <netinet/udp.h>

struct train flow_next_piece(const struct flow *flow, const struct train_cursor *cursor,
			     uint64_t packets_max)
{
	struct train piece = trains_peek(flow->trains, cursor, packets_max);
	const struct train_limits *limits = &flow->limits;
	if (piece.segment_bytes == 0 || piece.segment_bytes > limits->segment_bytes_max)
		piece.segments = 1;
	else
		piece.segments = MIN(piece.segments, limits->segments_max);
	return piece;
}

/*
 * A train needs its own size. A single datagram leaves as one if UDP_SEGMENT is not smaller than
 * it, so a lone packet among trains rarely costs a call.
 */
bool flow_segment_fits(const struct flow *flow, const struct train *piece)
{
	if (piece->segments > 1)
		return flow->segment_now == piece->segment_bytes;
	return flow->segment_now == 0 || flow->segment_now >= piece->segment_bytes;
}

int flow_segment(struct flow *flow, const struct train *piece, struct engine_counters *counters)
{
	if (flow_segment_fits(flow, piece))
		return 0;
	uint32_t want = piece->segments > 1 ? piece->segment_bytes : 0;
	counters->syscalls++;
	int r = sys_setsockopt_int(flow->fd, IPPROTO_UDP, UDP_SEGMENT, (int)want);
	if (r == 0)
		flow->segment_now = want;
	return r;
}

void flow_sent(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
	       struct engine_result *result)
{
	trains_advance(flow->trains, cursor, piece->segments);
	result->sent += piece->segments;
	result->bytes += train_bytes(piece);
	flow->full_error = 0;
	flow->full_count = 0;
}

void flow_stopped(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
		  enum flow_fault fault, int error, struct engine_result *result)
{
	result->error = error;
	if (fault == FLOW_ROOM) {
		result->outcome = ENGINE_FULL;
		flow->full_error = error;
		flow->full_count++;
		return;
	}
	result->outcome = ENGINE_REFUSED;
	result->refused = piece->segments;
	trains_advance(flow->trains, cursor, piece->segments);
}
