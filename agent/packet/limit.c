/* limit: see limit.h. */
#include "packet/limit.h"

#include <inttypes.h>

static bool take_packets(struct check *check, const char *field, bool overflow, uint64_t packets,
			 struct plan_limit *limit)
{
	if (overflow || packets > PLAN_PACKETS_MAX) {
		check_fault(check, field, "more than %" PRIu64 " packets, the maximum of a stream",
			    PLAN_PACKETS_MAX);
		return false;
	}
	limit->packets = packets;
	return true;
}

static void compile_loops(struct check *check, uint32_t loops, bool counted,
			  struct plan_stream *stream)
{
	uint64_t packets = 0;
	stream->limit.kind = PLAN_LIMIT_PACKETS;
	if (!check_range(check, "loops", loops, 1, UINT32_MAX) || !counted)
		return;
	bool overflow = __builtin_mul_overflow(stream->pass_packets, loops, &packets);
	take_packets(check, "loops", overflow, packets, &stream->limit);
}

/* Packets of a pass until @bytes (1 .. pass_bytes) are reached: the one that reaches it counts. */
static uint64_t packets_until(const struct plan_stream *stream, uint64_t bytes)
{
	uint64_t packets = 0;
	for (size_t i = 0; i < stream->item_count; i++) {
		const struct plan_item *item = &stream->items[i];
		uint64_t all = (uint64_t)item->len * item->repeat;
		if (all >= bytes)
			return packets + (bytes + item->len - 1) / item->len;
		bytes -= all;
		packets += item->repeat;
	}
	return packets;
}

static void compile_bytes(struct check *check, uint64_t bytes, bool counted,
			  struct plan_stream *stream)
{
	stream->limit.kind = PLAN_LIMIT_BYTES;
	stream->limit.bytes = bytes;
	if (!check_range(check, "bytes", bytes, 1, INT64_MAX) || !counted)
		return;
	if (!stream->pass_bytes) {
		check_fault(check, "bytes",
			    "%" PRIu64 " is never reached: every packet of the stream is empty",
			    bytes);
		return;
	}
	uint64_t passes = (bytes - 1) / stream->pass_bytes, packets = 0;
	bool overflow = __builtin_mul_overflow(passes, stream->pass_packets, &packets);
	uint64_t rest = packets_until(stream, bytes - passes * stream->pass_bytes);
	overflow |= __builtin_add_overflow(packets, rest, &packets);
	take_packets(check, "bytes", overflow, packets, &stream->limit);
}

void limit_compile(struct check *check, const Pagecast__V1__Limit *limit, bool counted,
		   struct plan_stream *stream)
{
	if (!limit) {
		stream->limit = (struct plan_limit){.kind = PLAN_LIMIT_PACKETS,
						    .packets = stream->pass_packets};
		return;
	}
	size_t mark = check_enter(check, "limit");
	switch (limit->kind_case) {
	case PAGECAST__V1__LIMIT__KIND_PACKETS:
		stream->limit.kind = PLAN_LIMIT_PACKETS;
		stream->limit.packets = limit->packets;
		check_range(check, "packets", limit->packets, 1, PLAN_PACKETS_MAX);
		break;
	case PAGECAST__V1__LIMIT__KIND_BYTES:
		compile_bytes(check, limit->bytes, counted, stream);
		break;
	case PAGECAST__V1__LIMIT__KIND_DURATION:
		stream->limit.kind = PLAN_LIMIT_DURATION;
		check_duration(check, "duration", limit->duration, 1, &stream->limit.duration_ns);
		break;
	case PAGECAST__V1__LIMIT__KIND_LOOPS:
		compile_loops(check, limit->loops, counted, stream);
		break;
	case PAGECAST__V1__LIMIT__KIND_UNTIL_CANCELLED:
		stream->limit.kind = PLAN_LIMIT_NONE;
		if (!limit->until_cancelled)
			check_fault(check, "untilCancelled",
				    "false: must be true if set; give another limit instead");
		break;
	default:
		check_fault(check, "",
			    "empty: give one of packets, bytes, duration, loops, untilCancelled, "
			    "or leave it out for one pass over the payloads");
	}
	check_leave(check, mark);
}
