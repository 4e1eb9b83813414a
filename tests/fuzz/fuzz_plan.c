/*
 * The compiler of specs over any JobSpec that JSON can carry: refused in words, or a plan whose
 * outline, check and bytes agree, and whose packets can be walked.
 */
#include "fuzz/codec.h"
#include "packet/layer.h"
#include "packet/plan_bytes.h"
#include "packet/plan_compile.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20, STEPS = 200 };

/* A packet follows from its number alone: written twice it is the same, with a time or without. */
static void write_twice(const struct plan_stream *stream, const struct plan_item *item,
			uint64_t number)
{
	uint8_t *first = malloc(item->len + 1UL), *again = malloc(item->len + 1UL);
	if (first && again && item->len) {
		plan_packet_write(stream, item, number, first);
		plan_packet_write(stream, item, number, again);
		FUZZ_CHECK(memcmp(first, again, item->len) == 0);
		plan_packet_write(stream, item, number + 1, again);
		plan_packets_draft(stream, item, number, 1, again);
		if (stream->stamp.bytes)
			plan_packets_stamp(stream, number, 1, 0, again, item->len);
		FUZZ_CHECK(memcmp(first, again, item->len) == 0);
		if (stream->stamp.bytes) {
			plan_packets_stamp(stream, number, 1, 1, again, item->len);
			plan_packets_stamp(stream, number, 1, 0, again, item->len);
			FUZZ_CHECK(memcmp(first, again, item->len) == 0);
		}
	}
	free(first);
	free(again);
}

static void walk(const struct plan_stream *stream)
{
	struct plan_cursor cursor = {0};
	uint64_t packets = 0, bytes = 0;
	for (int i = 0; i < STEPS && packets < stream->pass_packets; i++) {
		const struct plan_item *item = NULL;
		uint64_t count = 0;
		plan_peek_run(stream, &cursor, &item, &count);
		FUZZ_CHECK(count > 0 && item->len <= stream->len_max);
		FUZZ_CHECK(!stream->one_len || item->len == stream->len_max);
		for (uint32_t at = 0; at < item->len; at += 512) /* reachable, a sanitizer sees */
			bytes += plan_item_bytes(stream, item)[at] & 1U;
		FUZZ_CHECK(plan_layer_bytes(stream, item->len, PAGECAST__V1__LAYER__LAYER_L1) >=
			   item->len);
		FUZZ_CHECK(cursor.number == packets);
		write_twice(stream, item, packets + count - 1);
		packets += count;
		plan_advance(stream, &cursor, count);
	}
	FUZZ_CHECK(bytes <= stream->pass_bytes);
	FUZZ_CHECK(packets <= stream->pass_packets);
}

static void check_plan(const Pagecast__V1__JobSpec *spec)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct plan *outline = NULL, *plan = NULL;
	int r = plan_outline(spec, &outline, &error);
	error_deinit(&error);
	FUZZ_CHECK(plan_compile(spec, NULL, &error) == r);
	FUZZ_CHECK((r == 0) == (outline != NULL));
	FUZZ_CHECK(r == 0 || error.violation_count > 0);
	if (r)
		return;
	if (outline->bytes <= BYTES_MAX) {
		FUZZ_CHECK(plan_compile(spec, &plan, &error) == 0);
		FUZZ_CHECK(plan->stream_count == outline->stream_count);
		for (size_t i = 0; i < plan->stream_count; i++) {
			FUZZ_CHECK(plan->streams[i].pass_bytes == outline->streams[i].pass_bytes);
			FUZZ_CHECK(plan->streams[i].limit.packets ==
				   outline->streams[i].limit.packets);
			walk(&plan->streams[i]);
		}
		plan_free(plan);
	}
	plan_free(outline);
}

/* What could be read of a faulty spec is compiled too, as the API does to tell all faults at once.
 */
static void judge(void *context, const ProtobufCMessage *message, struct error *error)
{
	_cleanup_error_ struct error more = ERROR_NULL;
	(void)context;
	plan_compile((const Pagecast__V1__JobSpec *)message, NULL, &more);
	error_violate_new(error, &more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *spec = NULL;
	struct json_read_options options = {.judge = judge};
	if (json_read(&pagecast__v1__job_spec__descriptor, (const char *)data, size, &options,
		      &spec, &error))
		return 0;
	check_plan((const Pagecast__V1__JobSpec *)spec);
	protobuf_c_message_free_unpacked(spec, NULL);
	return 0;
}
