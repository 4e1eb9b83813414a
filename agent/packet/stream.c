/* stream: see stream.h. */
#include "packet/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"
#include "packet/destination.h"
#include "packet/layer.h"
#include "packet/limit.h"
#include "packet/payload.h"
#include "packet/rate.h"
#include "packet/size.h"
#include "packet/spread.h"

/* One stream being compiled: what stream_compile() passes to its parts. */
struct work {
	struct check *check;
	const Pagecast__V1__Stream *spec;
	struct plan_stream *stream;
	struct stream_build *build;
	struct stream_totals *totals;
	struct size_bounds bounds;
	uint32_t header; /* bytes that are built in front of each payload */
	struct sizes sizes;
	bool placed;  /* the destination's family is known: bounds are */
	bool counted; /* every item has a right length */
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
	work->bounds.max = destination_payload_max(destination);
	if (destination->kind != PLAN_ETHERNET)
		return;
	work->header = frame->header_bytes;
	work->bounds.min = MAX((uint32_t)PLAN_FRAME_BYTES_MIN, work->header);
	work->bounds.max = frame_bytes_max(frame);
}

/* Whether a packet of @len may be; @from is where its length comes from, for the fault. */
static bool check_len(struct work *work, uint64_t len, const char *from)
{
	struct size_bounds bounds = work->bounds;
	if (!work->placed) {
		bounds.min = 0;
		bounds.max = UINT32_MAX;
	}
	return size_fits(work->check, work->stream, &bounds, len, from);
}

static bool is_paced(const Pagecast__V1__Rate *rate)
{
	return rate && rate->kind_case != PAGECAST__V1__RATE__KIND__NOT_SET &&
	       rate->kind_case != PAGECAST__V1__RATE__KIND_UNLIMITED;
}

/* Return: 0, faults or not; -ENOMEM */
static int compile_size(struct work *work)
{
	const Pagecast__V1__Size *size = work->spec->size;
	if (!size)
		return 0;
	size_t mark = check_enter(work->check, "size");
	bool layer_known =
		check_enum(work->check, "layer", &pagecast__v1__layer__descriptor, size->layer);
	int r = 0;
	if (work->placed && layer_known)
		r = sizes_compile(work->check, size, work->stream, &work->bounds,
				  is_paced(work->spec->rate), &work->sizes);
	work->counted &= work->sizes.count > 0;
	check_leave(work->check, mark);
	return r;
}

/* The IP header a packet brings along: its first bytes are enough to judge it. */
static void check_included(struct work *work, const Pagecast__V1__Payload *payload, uint32_t len)
{
	uint8_t head[DESTINATION_HEAD_BYTES];
	const struct plan_destination *destination = &work->stream->destination;
	if (!destination->header_included)
		return;
	if (payload->content_case == PAGECAST__V1__PAYLOAD__CONTENT_RANDOM &&
	    payload->random->each) {
		check_fault(work->check, "random.each",
			    "true, but with headerIncluded a payload begins with its IP header, "
			    "which must not differ from packet to packet");
		return;
	}
	if (destination->family != AF_INET)
		return;
	payload_write(payload, head, sizeof head);
	destination_check_header(work->check, destination, head, len);
}

static void count_item(struct work *work, const struct plan_item *item)
{
	struct plan_stream *stream = work->stream;
	/* No overflow: 2^16 items of 2^32 repeats whose lengths are 2^28 together, or a fault;
	 * where sizes make items of few bytes, of 2^26 repeats. */
	stream->pass_packets += item->repeat;
	stream->pass_bytes += (uint64_t)item->len * item->repeat;
	stream->len_max = MAX(stream->len_max, item->len);
	stream->one_len &= item->len == stream->items[0].len;
}

/* A payload by itself: its own length, unless sizes say another. Return: false: faults */
static bool compile_payload(struct work *work, size_t i)
{
	struct plan_item *item = &work->stream->items[i];
	const Pagecast__V1__Payload *payload = work->spec->payloads[i];
	size_t before = check_count(work->check),
	       mark = check_enter(work->check, "payloads[%zu]", i);
	uint64_t len = 0;
	item->repeat = payload->repeat ? payload->repeat : 1;
	bool valid = payload_check(work->check, payload, &len);
	len = work->sizes.count ? work->sizes.len_min : len + work->header;
	/* If the size has a fault, whether the payload's own length applies is unknown. */
	if (valid && (work->sizes.count || (!work->spec->size && check_len(work, len, "")))) {
		item->len = (uint32_t)len;
		check_included(work, payload, item->len);
	}
	check_leave(work->check, mark);
	return check_count(work->check) == before;
}

/* No payloads: a single empty one; sizes and headers may still make it longer. */
static bool compile_no_payload(struct work *work)
{
	struct plan_item *item = &work->stream->items[0];
	size_t before = check_count(work->check);
	item->repeat = 1;
	item->len = work->header;
	if (work->stream->destination.header_included)
		check_fault(work->check, "payloads",
			    "missing: with headerIncluded each is a whole IP packet");
	else if (!work->spec->size)
		check_len(work, work->header, "payloads");
	return check_count(work->check) == before;
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

/* Each payload's bytes at its own length. Return: 0; -ENOMEM */
static int keep_lengths(struct work *work)
{
	struct plan_stream *stream = work->stream;
	struct stream_build *build = work->build;
	build->sources = calloc(stream->item_count, sizeof *build->sources);
	if (!build->sources)
		return -ENOMEM;
	build->source_count = stream->item_count;
	for (size_t i = 0; i < stream->item_count; i++) {
		stream->items[i].source = (uint32_t)i;
		build->sources[i] = (struct stream_source){(uint32_t)i, stream->items[i].len, NULL};
	}
	return 0;
}

/* Payloads and sizes side by side: the items that they come to. Return: 0, faults or not; -ENOMEM
 */
static int spread_over_sizes(struct work *work)
{
	struct plan_stream *stream = work->stream;
	struct spread spread;
	int r = spread_items(&spread, stream->items, stream->item_count, &work->sizes,
			     !work->header);
	if (r == -E2BIG) {
		check_fault(work->check, "size",
			    "%zu payloads and these sizes come to more than %d different packets "
			    "until both are at their start again: give fewer, or payloads that "
			    "repeat as often as sizes do",
			    stream->item_count, PLAN_PAYLOADS_MAX);
		work->counted = false;
		return 0;
	}
	if (r < 0)
		return r;
	work->totals->payloads += spread.count - stream->item_count;
	free(stream->items);
	stream->items = spread.items;
	stream->item_count = spread.count;
	work->build->sources = spread.sources;
	work->build->source_count = spread.source_count;
	return 0;
}

static void count_items(struct work *work)
{
	struct plan_stream *stream = work->stream;
	stream->one_len = true;
	for (size_t i = 0; i < stream->item_count; i++)
		count_item(work, &stream->items[i]);
	for (size_t i = 0; i < work->build->source_count; i++)
		work->totals->bytes += work->build->sources[i].len;
}

/* Return: 0, faults or not; -ENOMEM */
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
	for (size_t i = 0; i < count; i++) {
		const Pagecast__V1__Payload *payload = work->spec->payloads[i];
		work->counted &= compile_payload(work, i);
		stream->random_each |=
			payload->content_case == PAGECAST__V1__PAYLOAD__CONTENT_RANDOM &&
			payload->random->each;
	}
	if (!count)
		work->counted &= compile_no_payload(work);
	int r = work->counted && work->sizes.count ? spread_over_sizes(work) : keep_lengths(work);
	if (r < 0)
		return r;
	count_items(work);
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

/* The longest IP header that payloads bring along, as far as they say. */
static uint32_t included_bytes(const struct work *work)
{
	uint32_t longest = 0;
	if (!work->stream->destination.header_included)
		return 0;
	for (size_t i = 0; i < work->spec->n_payloads; i++) {
		uint8_t first;
		payload_write(work->spec->payloads[i], &first, 1);
		longest = MAX(longest, (uint32_t)(first & 15) * 4);
	}
	return longest;
}

static uint32_t shortest(const struct plan_stream *stream)
{
	uint32_t len = UINT32_MAX;
	for (size_t i = 0; i < stream->item_count; i++)
		len = MIN(len, stream->items[i].len);
	return len;
}

/* What makes packets differ. Return: 0, faults or not; -ENOMEM */
static int compile_variation(struct work *work)
{
	const Pagecast__V1__Stream *spec = work->spec;
	struct plan_stream *stream = work->stream;
	if (!work->counted || !work->placed || (!spec->n_modifiers && !spec->stamp))
		return 0; /* whether they fit is not known */
	uint32_t len = shortest(stream), included = included_bytes(work);
	uint32_t head = MAX(work->header, included);
	if (spec->stamp) {
		size_t mark = check_enter(work->check, "stamp");
		stamp_compile(work->check, spec->stamp, len - MIN(head, len), &stream->stamp);
		check_leave(work->check, mark);
	}
	struct modify_bounds bounds = {
		.from = head,
		.from_what = included ? "the IP header" : "the header that is built",
		.to = len - MIN((uint32_t)stream->stamp.bytes, len),
		.to_what = spec->stamp ? "the stamp begins" : "the shortest packet ends",
	};
	if (spec->n_modifiers) {
		work->build->modifiers = calloc(MODIFIERS_MAX, sizeof *work->build->modifiers);
		if (!work->build->modifiers)
			return -ENOMEM;
	}
	modify_compile(work->check, spec->modifiers, spec->n_modifiers, &bounds,
		       work->build->modifiers, &stream->modifier_count);
	stream->modifiers = work->build->modifiers;
	return 0;
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
	stream->hold = spec->hold;
	if (spec->hold && !spec->name[0])
		check_fault(work->check, "hold",
			    "true, but the stream has no name to resume it by: give it one");
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
		.bounds.page_room = page_room,
		.counted = true,
	};
	ret_build->spec = spec;
	if (check_text(check, "name", spec->name, PLAN_NAME_BYTES_MAX))
		snprintf(ret->name, sizeof ret->name, "%s", spec->name);
	compile_destination(&work);
	int error = compile_size(&work);
	if (!error)
		error = compile_payloads(&work);
	sizes_deinit(&work.sizes);
	if (error)
		return error;
	compile_rest(&work);
	return compile_variation(&work);
}
