/* stream: see stream.h. */
#include "packet/stream.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "packet/destination.h"
#include "packet/layer.h"
#include "packet/limit.h"
#include "packet/payload.h"
#include "packet/rate.h"

struct lengths { /* bounds of a packet's own bytes, with the headers that are built here */
	uint32_t min, max, header;
};

/* One stream being compiled: what stream_compile() passes to its parts. */
struct work {
	struct check *check;
	const Pagecast__V1__Stream *spec;
	struct plan_stream *stream;
	struct stream_build *build;
	struct stream_totals *totals;
	struct lengths lengths;
	uint32_t page_room;
	bool placed;  /* the destination's family is known: lengths are known */
	bool sized;   /* size.fixed is given and right: fixed_len */
	bool counted; /* every item has a right length */
	uint32_t fixed_len;
};

static void compile_destination(struct work *work)
{
	const Pagecast__V1__Stream *spec = work->spec;
	struct plan_destination *destination = &work->stream->destination;
	switch (spec->destination_case) {
	case PAGECAST__V1__STREAM__DESTINATION_UDP:
		destination_udp(work->check, spec->udp, destination);
		break;
	case PAGECAST__V1__STREAM__DESTINATION_RAW_IP:
		destination_raw_ip(work->check, spec->raw_ip, destination);
		break;
	case PAGECAST__V1__STREAM__DESTINATION_ETHERNET:
		frame_compile(work->check, spec->ethernet, &work->totals->link, destination,
			      &work->build->frame);
		break;
	default:
		check_fault(work->check, "", "no destination: give one of udp, rawIp, ethernet");
		return;
	}
	const struct frame *frame = &work->build->frame;
	work->placed = destination->family != AF_UNSPEC;
	work->stream->overhead_l3 = destination_overhead_l3(destination);
	work->stream->vlan_bytes = frame->vlan_bytes;
	work->lengths.max = destination_payload_max(destination);
	if (destination->kind != PLAN_ETHERNET)
		return;
	work->lengths.header = frame->header_bytes;
	work->lengths.min = MAX((uint32_t)PLAN_FRAME_BYTES_MIN, work->lengths.header);
	work->lengths.max = frame_bytes_max(frame);
}

/* Whether a packet of @len may be; @from is where its length comes from, for the fault. */
static bool check_len(struct work *work, uint64_t len, const char *from)
{
	const char *to = work->stream->destination.kind == PLAN_ETHERNET ? "frame" : "packet";
	if (work->placed && len < work->lengths.min)
		check_fault(work->check, from,
			    "%" PRIu64 " bytes are too few for a frame: its headers alone have %u",
			    len, work->lengths.min);
	else if (work->placed && len > work->lengths.max)
		check_fault(work->check, from,
			    "%" PRIu64 " bytes are more than the %u that a %s to this destination "
			    "carries",
			    len, work->lengths.max, to);
	else if (work->page_room && len > work->page_room)
		check_fault(work->check, from,
			    "%" PRIu64 " bytes do not fit a page: PAGE_PER_PACKET leaves %u behind "
			    "pageOffset",
			    len, work->page_room);
	else
		return true;
	return false;
}

/* Bytes that @layer counts beside a packet's own; negative where it counts fewer. */
static int32_t layer_overhead(const struct plan_stream *stream, Pagecast__V1__Layer layer)
{
	uint32_t longest = PLAN_FRAME_BYTES_MAX; /* past the padding of short frames */
	return (int32_t)plan_layer_bytes(stream, longest, layer) - (int32_t)longest;
}

static void compile_fixed(struct work *work, uint32_t fixed, Pagecast__V1__Layer layer)
{
	const struct plan_stream *stream = work->stream;
	if (!layer)
		layer = stream->destination.kind == PLAN_ETHERNET
				? PAGECAST__V1__LAYER__LAYER_L2
				: PAGECAST__V1__LAYER__LAYER_PAYLOAD;
	int32_t overhead = layer_overhead(stream, layer);
	/* A frame shorter than Ethernet's shortest counts as that: there is no such size. */
	uint64_t least = MAX(plan_layer_bytes(stream, work->lengths.min, layer),
			     (uint64_t)((int32_t)work->lengths.min + overhead));
	uint64_t most = (uint64_t)((int32_t)work->lengths.max + overhead);
	if (!check_range(work->check, "fixed", fixed, least, most))
		return;
	work->fixed_len = (uint32_t)((int32_t)fixed - overhead);
	work->sized = check_len(work, work->fixed_len, "fixed");
}

static void compile_size(struct work *work)
{
	const Pagecast__V1__Size *size = work->spec->size;
	if (!size)
		return;
	size_t mark = check_enter(work->check, "size");
	bool layer_known =
		check_enum(work->check, "layer", &pagecast__v1__layer__descriptor, size->layer);
	switch (size->kind_case) {
	case PAGECAST__V1__SIZE__KIND_FIXED:
		if (work->placed && layer_known)
			compile_fixed(work, size->fixed, size->layer);
		break;
	case PAGECAST__V1__SIZE__KIND_RANGE: check_not_offered(work->check, "range", true); break;
	case PAGECAST__V1__SIZE__KIND_MIX: check_not_offered(work->check, "mix", true); break;
	default:
		check_fault(work->check, "",
			    "empty: give fixed, or leave it out to send payloads as they are");
	}
	work->counted &= work->sized;
	check_leave(work->check, mark);
}

/* The IP header a packet brings along: its first bytes are enough to judge it. */
static void check_included(struct work *work, const Pagecast__V1__Payload *payload, uint32_t len)
{
	uint8_t head[DESTINATION_HEAD_BYTES];
	const struct plan_destination *destination = &work->stream->destination;
	if (!destination->header_included || destination->family != AF_INET)
		return;
	payload_write(payload, head, sizeof head);
	destination_check_header(work->check, destination, head, len);
}

static void count_item(struct work *work, const struct plan_item *item)
{
	struct plan_stream *stream = work->stream;
	/* No overflow: 2^16 items of 2^32 repeats, and all their lengths together 2^28 or a fault.
	 */
	stream->pass_packets += item->repeat;
	stream->pass_bytes += (uint64_t)item->len * item->repeat;
	stream->len_max = MAX(stream->len_max, item->len);
	stream->one_len &= item->len == stream->items[0].len;
	work->totals->bytes += item->len;
}

static void compile_payload(struct work *work, size_t i)
{
	struct plan_item *item = &work->stream->items[i];
	const Pagecast__V1__Payload *payload = work->spec->payloads[i];
	size_t before = check_count(work->check),
	       mark = check_enter(work->check, "payloads[%zu]", i);
	uint64_t len = 0;
	item->repeat = payload->repeat ? payload->repeat : 1;
	bool valid = payload_check(work->check, payload, &len);
	if (work->sized)
		len = work->fixed_len;
	else
		len += work->lengths.header;
	/* If the size has a fault, whether the payload's own length applies is unknown. */
	if (valid && (work->sized || (!work->spec->size && check_len(work, len, "")))) {
		item->len = (uint32_t)len;
		check_included(work, payload, item->len);
	}
	check_leave(work->check, mark);
	if (check_count(work->check) != before)
		work->counted = false;
	else
		count_item(work, item);
}

/* No payloads: a single empty one; size and headers may still make it longer. */
static void compile_no_payload(struct work *work)
{
	struct plan_item *item = &work->stream->items[0];
	uint64_t len = work->sized ? work->fixed_len : work->lengths.header;
	item->repeat = 1;
	if (work->stream->destination.header_included)
		check_fault(work->check, "payloads",
			    "missing: with headerIncluded each is a whole IP packet");
	else if (work->sized || (!work->spec->size && check_len(work, len, "payloads")))
		item->len = (uint32_t)len;
	count_item(work, item);
}

static void check_totals(struct work *work)
{
	struct stream_totals *totals = work->totals;
	if (totals->reported)
		return;
	if (totals->payloads > PLAN_PAYLOADS_MAX)
		check_fault(work->check, "payloads",
			    "%zu payloads up to this stream, more than the maximum of %d",
			    totals->payloads, PLAN_PAYLOADS_MAX);
	else if (totals->bytes > PLAN_BYTES_MAX)
		check_fault(
			work->check, "payloads",
			"%" PRIu64
			" bytes of payload up to this stream, more than the maximum of %" PRIu64,
			totals->bytes, PLAN_BYTES_MAX);
	else
		return;
	totals->reported = true;
	work->counted = false;
}

static int compile_payloads(struct work *work)
{
	struct plan_stream *stream = work->stream;
	size_t count = work->spec->n_payloads;
	work->totals->payloads += count;
	if (work->totals->payloads > PLAN_PAYLOADS_MAX) {
		work->counted = false;
		check_totals(work);
		return 0;
	}
	stream->item_count = MAX(count, (size_t)1);
	stream->items = calloc(stream->item_count, sizeof *stream->items);
	if (!stream->items)
		return -ENOMEM;
	stream->one_len = true;
	for (size_t i = 0; i < count; i++)
		compile_payload(work, i);
	if (!count)
		compile_no_payload(work);
	check_totals(work);
	return 0;
}

/* A rate that counts payload bits passes empty packets at no cost, without end. */
static void check_rate_costs(struct work *work)
{
	const struct plan_rate *rate = &work->stream->rate;
	bool bits = rate->kind == PLAN_RATE_BPS || rate->kind == PLAN_RATE_LINE_PERCENT;
	if (bits && work->counted && rate->layer == PAGECAST__V1__LAYER__LAYER_PAYLOAD &&
	    !work->stream->pass_bytes)
		check_fault(work->check, "rate.layer",
			    "LAYER_PAYLOAD, but every packet is empty: a rate in bits is never "
			    "reached");
}

/* One lower bound for all rates: in bits it is that of the packets that they come to. */
static void check_rate_least(struct work *work)
{
	const struct plan_stream *stream = work->stream;
	double bytes = 0, packets = 0;
	if (stream->rate.kind != PLAN_RATE_BPS || !work->counted)
		return;
	for (size_t i = 0; i < stream->item_count; i++) {
		const struct plan_item *item = &stream->items[i];
		packets += item->repeat;
		bytes += item->repeat *
			 (double)plan_layer_bytes(stream, item->len, stream->rate.layer);
	}
	double pps = bytes > 0 ? stream->rate.value * packets / (8 * bytes) : PLAN_PPS_MIN;
	if (pps < PLAN_PPS_MIN)
		check_fault(
			work->check, "rate.bps",
			"%.15g is %.3g packets a second of these lengths, below the least of %.3g",
			stream->rate.value, pps, PLAN_PPS_MIN);
}

static void compile_rest(struct work *work)
{
	const Pagecast__V1__Stream *spec = work->spec;
	struct plan_stream *stream = work->stream;
	size_t mark = check_enter(work->check, "rate");
	bool rated = rate_compile(work->check, spec->rate, &stream->rate);
	check_leave(work->check, mark);
	if (rated) {
		check_rate_costs(work);
		check_rate_least(work);
	}
	limit_compile(work->check, spec->limit, work->counted, stream);
	burst_compile(work->check, spec->burst, &stream->burst);
	check_duration(work->check, "startDelay", spec->start_delay, 0, &stream->start_delay_ns);
	check_not_offered(work->check, "modifiers", spec->n_modifiers);
	check_not_offered(work->check, "stamp", spec->stamp);
}

int stream_compile(struct check *check, const Pagecast__V1__Stream *spec, uint32_t page_room,
		   struct stream_totals *totals, struct stream_build *ret_build,
		   struct plan_stream *ret)
{
	struct work work = {
		.check = check,
		.spec = spec,
		.stream = ret,
		.build = ret_build,
		.totals = totals,
		.page_room = page_room,
		.counted = true,
	};
	ret_build->spec = spec;
	if (check_text(check, "name", spec->name, PLAN_NAME_BYTES_MAX))
		snprintf(ret->name, sizeof ret->name, "%s", spec->name);
	compile_destination(&work);
	compile_size(&work);
	int error = compile_payloads(&work);
	if (error)
		return error;
	compile_rest(&work);
	return 0;
}

/* The first @len bytes of item @index, which may be all of them; the header is the caller's. */
static void write_payload(const struct stream_build *build, size_t index, uint8_t *out, size_t len)
{
	size_t header = MIN((size_t)build->frame.header_bytes, len);
	if (index < build->spec->n_payloads)
		payload_write(build->spec->payloads[index], out + header, len - header);
	else
		memset(out + header, 0, len - header);
}

const uint8_t *plan_item_bytes(const struct plan_stream *stream, const struct plan_item *item)
{
	const struct stream_build *build = stream->build;
	if (item->bytes || !build || !build->plan->memory)
		return item->bytes;
	size_t index = (size_t)(item - stream->items);
	struct plan *plan = build->plan;
	uint8_t *out = plan->memory + plan->memory_used;
	assert(item->len <= plan->bytes - plan->memory_used);
	plan->memory_used += item->len;
	write_payload(build, index, out, item->len);
	if (build->frame.header_bytes)
		frame_finish(&build->frame, out, item->len);
	stream->items[index].bytes = out;
	return out;
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
	write_payload(build, (size_t)(item - stream->items), out, len);
	frame_head(&build->frame, out, len, item->len);
	return len;
}
