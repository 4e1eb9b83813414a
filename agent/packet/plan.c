/* plan: see plan.h. */
#include "packet/plan.h"

#include <assert.h>

#include "base/util.h"

const char *plan_kind_field(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_UDP: return "udp";
	case PLAN_RAW_IP: return "rawIp";
	case PLAN_ETHERNET: return "ethernet";
	}
	return "";
}

void plan_peek_run(const struct plan_stream *stream, const struct plan_cursor *cursor,
		   const struct plan_item **ret_item, uint64_t *ret_count)
{
	assert(cursor->item < stream->item_count);
	const struct plan_item *item = &stream->items[cursor->item];
	assert(cursor->repeat_done < item->repeat);
	*ret_item = item;
	*ret_count = item->repeat - cursor->repeat_done;
}

void plan_advance(const struct plan_stream *stream, struct plan_cursor *cursor, uint64_t count)
{
	const struct plan_item *item = &stream->items[cursor->item];
	assert(count <= item->repeat - cursor->repeat_done);
	cursor->repeat_done += (uint32_t)count;
	cursor->number += count;
	if (cursor->repeat_done < item->repeat)
		return;
	cursor->repeat_done = 0;
	cursor->item = cursor->item + 1 < stream->item_count ? cursor->item + 1 : 0;
}

void plan_skip(const struct plan_stream *stream, struct plan_cursor *cursor, uint64_t count)
{
	uint64_t passes = count / stream->pass_packets;
	cursor->number += passes * stream->pass_packets;
	for (count -= passes * stream->pass_packets; count;) {
		const struct plan_item *item;
		uint64_t run;
		plan_peek_run(stream, cursor, &item, &run);
		run = MIN(run, count);
		plan_advance(stream, cursor, run);
		count -= run;
	}
}
