/* plan_bytes: see plan_bytes.h. */
#include "packet/plan_bytes.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"
#include "packet/payload.h"
#include "packet/prng.h"
#include "packet/stream_build.h"

/* The first @len bytes of item @index, which may be all of them; the header is the caller's. */
static void write_payload(const struct stream_build *build, size_t index, uint8_t *out, size_t len)
{
	size_t header = MIN((size_t)build->frame.header_bytes, len);
	if (index < build->spec->n_payloads)
		payload_write(build->spec->payloads[index], out + header, len - header);
	else
		memset(out + header, 0, len - header);
}

size_t plan_item_payload(const struct plan_stream *stream, const struct plan_item *item)
{
	return stream->build ? stream->build->sources[item->source].payload
			     : (size_t)(item - stream->items);
}

/* Written for whichever item asks first. */
static const uint8_t *source_bytes(const struct stream_build *build, struct stream_source *source)
{
	struct plan *plan = build->plan;
	uint8_t *out = plan->memory + plan->memory_used;
	if (source->bytes)
		return source->bytes;
	assert(source->len <= plan->bytes - plan->memory_used);
	plan->memory_used += source->len;
	write_payload(build, source->payload, out, source->len);
	if (build->frame.header_bytes)
		frame_finish(&build->frame, out, source->len);
	return source->bytes = out;
}

const uint8_t *plan_item_bytes(const struct plan_stream *stream, const struct plan_item *item)
{
	const struct stream_build *build = stream->build;
	if (item->bytes || !build || !build->plan->memory)
		return item->bytes;
	size_t index = (size_t)(item - stream->items);
	return stream->items[index].bytes = source_bytes(build, &build->sources[item->source]);
}

size_t plan_item_head(const struct plan_stream *stream, const struct plan_item *item, uint8_t *out,
		      size_t size)
{
	const struct stream_build *build = stream->build;
	size_t len = MIN((size_t)item->len, size);
	if (item->bytes) {
		memcpy(out, item->bytes, len);
		return len;
	}
	if (!build)
		return 0;
	write_payload(build, plan_item_payload(stream, item), out, len);
	frame_head(&build->frame, out, len, item->len);
	return len;
}

/* Is there a header that the plan builds? */
static bool has_header(const struct plan_stream *stream)
{
	return stream->build && stream->build->frame.header_bytes;
}

/* Random bytes that are each packet's own; NULL: none. */
static const Pagecast__V1__RandomBytes *drawn_each(const struct plan_stream *stream,
						   const struct plan_item *item)
{
	if (!stream->random_each)
		return NULL;
	const Pagecast__V1__Payload *payload =
		stream->build->spec->payloads[plan_item_payload(stream, item)];
	return payload->content_case == PAGECAST__V1__PAYLOAD__CONTENT_RANDOM &&
			       payload->random->each
		       ? payload->random
		       : NULL;
}

uint32_t plan_item_drawn_from(const struct plan_stream *stream, const struct plan_item *item)
{
	const Pagecast__V1__RandomBytes *random = drawn_each(stream, item);
	return random && random->length ? MIN(stream->build->frame.header_bytes, item->len)
					: item->len;
}

/* Of the seed and the packet's number. */
static void draw_again(const struct plan_stream *stream, const struct plan_item *item,
		       uint64_t number, uint8_t *out)
{
	const Pagecast__V1__RandomBytes *random = drawn_each(stream, item);
	uint32_t header = stream->build->frame.header_bytes;
	if (random)
		prng_fill(random->seed + number, out + header,
			  MIN(random->length, item->len - header));
}

void plan_packets_draft(const struct plan_stream *stream, const struct plan_item *item,
			uint64_t number, uint64_t count, uint8_t *out)
{
	uint32_t len = item->len;
	if (!len)
		return;
	for (uint64_t i = 0; stream->random_each && i < count; i++)
		draw_again(stream, item, number + i, out + i * len);
	modify_packets(stream->modifiers, stream->modifier_count, number, count, out, len);
	if (stream->stamp.bytes || !plan_varies(stream) || !has_header(stream))
		return;
	for (uint64_t i = 0; i < count; i++)
		frame_finish(&stream->build->frame, out + i * len, len);
}

void plan_packets_stamp(const struct plan_stream *stream, uint64_t number, uint64_t count,
			int64_t time_ns, uint8_t *packets, uint32_t len)
{
	stamp_write(&stream->stamp, number, count, time_ns, packets, len);
	for (uint64_t i = 0; has_header(stream) && i < count; i++)
		frame_finish(&stream->build->frame, packets + i * len, len);
}

void plan_packet_write(const struct plan_stream *stream, const struct plan_item *item,
		       uint64_t number, uint8_t *out)
{
	if (!item->len)
		return;
	memcpy(out, plan_item_bytes(stream, item), item->len);
	plan_packets_draft(stream, item, number, 1, out);
	if (stream->stamp.bytes)
		plan_packets_stamp(stream, number, 1, 0, out, item->len);
}
