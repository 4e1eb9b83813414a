/*
 * preview: PreviewJob: what would be sent, without sending. See pagecast/agent.h.
 *
 * The job is prepared as a worker would (sockets, pages, path), then its pacers run on a clock of
 * their own to say which packet would leave when. A spec that is wrong or forbidden is refused as
 * SubmitJob refuses it; what only the host is to blame for (no route, an engine that cannot) is a
 * problem of the preview.
 */
#include "base/util.h"
#include "core/calls/preview_order.h"
#include "core/calls/submission.h"
#include "core/job/record.h"
#include "core/run/preparation.h"
#include "core/state/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

enum {
	PREVIEW_PACKETS_DEFAULT = 10,
	PREVIEW_PACKETS_MAX = 1000,
	/* Of all packets shown: as JSON an answer stays below 768 KiB, and making it below 1 MiB.
	 */
	PREVIEW_BYTES_MAX = 384 << 10,
	PREVIEW_FROM_MAX = 1000000,
};

struct preview {
	struct preparation prepared;
	struct preview_order *order;
	Pagecast__V1__PreviewJobResponse response; /* points into what follows */
	Pagecast__V1__PreviewPacket *packets;	   /* [packet_max] */
	Pagecast__V1__PreviewPacket **packet_list;
	Google__Protobuf__Duration *times;
	char (*summaries)[WIRE_IMAGE_SUMMARY_MAX];
	size_t packet_max, packet_bytes;
	struct record_problems problems;
};

static void free_packets(struct preview *preview)
{
	for (size_t i = 0; i < preview->response.n_packets; i++)
		free(preview->packets[i].bytes.data);
	preview->response.n_packets = 0;
}

static void preview_deinit(struct preview *preview)
{
	free_packets(preview);
	preview_order_free(preview->order);
	free(preview->packets);
	free(preview->packet_list);
	free(preview->times);
	free(preview->summaries);
	preparation_deinit(&preview->prepared);
}

static int no_memory(struct error *ret_error)
{
	return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
}

/* ---- the packets ---- */

static int add_packet(struct preview *preview, const struct preview_next *next, size_t len,
		      struct error *ret_error)
{
	size_t index = preview->response.n_packets;
	Pagecast__V1__PreviewPacket *packet = &preview->packets[index];
	pagecast__v1__preview_packet__init(packet);
	packet->bytes.data = malloc(len ? len : 1);
	if (!packet->bytes.data)
		return no_memory(ret_error);
	packet->bytes.len = len;
	wire_image_write(next->image, next->stream, next->item, next->number, packet->bytes.data);
	wire_image_summary(next->image, next->stream, next->item, preview->summaries[index]);
	google__protobuf__duration__init(&preview->times[index]);
	preview->times[index].seconds = next->due_ns / CLOCK_NS_PER_S;
	preview->times[index].nanos = (int32_t)(next->due_ns % CLOCK_NS_PER_S);
	packet->at = &preview->times[index];
	packet->frame = next->stream->destination.kind == PLAN_ETHERNET;
	packet->summary = preview->summaries[index];
	packet->stream = (char *)next->stream->name;
	preview->packet_list[index] = packet;
	preview->response.n_packets++;
	preview->packet_bytes += len;
	return 0;
}

static int allocate_packets(struct preview *preview, uint32_t asked)
{
	preview->packet_max = asked ? asked : PREVIEW_PACKETS_DEFAULT;
	preview->packets = calloc(preview->packet_max, sizeof *preview->packets);
	preview->packet_list = calloc(preview->packet_max, sizeof(Pagecast__V1__PreviewPacket *));
	preview->times = calloc(preview->packet_max, sizeof *preview->times);
	preview->summaries = calloc(preview->packet_max, sizeof *preview->summaries);
	preview->response.packets = preview->packet_list;
	return preview->packets && preview->packet_list && preview->times && preview->summaries
		       ? 0
		       : -ENOMEM;
}

static int add_packets(struct preview *preview, uint64_t from, uint32_t asked,
		       struct error *ret_error)
{
	struct preview_next next;
	if (preview_order_new(&preview->order, preview->prepared.plan, preview->prepared.sender) ||
	    allocate_packets(preview, asked))
		return no_memory(ret_error);
	uint64_t skipped = preview_order_skip(preview->order, from);
	bool more = preview_order_peek(preview->order, &next);
	if (skipped < from && more) {
		error_violate(ret_error, "from",
			      "%" PRIu64 " is too far into a job of this many streams side by "
			      "side: at most %" PRIu64,
			      from, skipped);
		return (int)ret_error->code;
	}
	while (more && preview->response.n_packets < preview->packet_max) {
		size_t len = wire_image_len(next.stream, next.item);
		if (preview->packet_bytes && preview->packet_bytes + len > PREVIEW_BYTES_MAX)
			break;
		int r = add_packet(preview, &next, len, ret_error);
		if (r)
			return r;
		preview_order_advance(preview->order);
		more = preview_order_peek(preview->order, &next);
	}
	if (more)
		preview->response.next_from = from + preview->response.n_packets;
	return 0;
}

/* ---- how much, how long ---- */

/* A sum that no counter holds becomes the largest one. */
static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t both;
	return __builtin_add_overflow(a, b, &both) ? UINT64_MAX : both;
}

/* Payload bytes of the first @packets: whole passes, then the rest of one. */
static uint64_t bytes_of(const struct plan_stream *stream, uint64_t packets)
{
	uint64_t bytes, passes = packets / stream->pass_packets;
	if (__builtin_mul_overflow(passes, stream->pass_bytes, &bytes))
		return UINT64_MAX;
	struct plan_cursor cursor = {0};
	for (uint64_t left = packets % stream->pass_packets; left;) {
		const struct plan_item *item;
		uint64_t run;
		plan_peek_run(stream, &cursor, &item, &run);
		run = MIN(run, left);
		bytes = sum(bytes, run * item->len);
		plan_advance(stream, &cursor, run);
		left -= run;
	}
	return bytes;
}

/* What the schedule says of a whole stream: the mean over bursts and gaps. Unlimited: no time is
 * expected. */
static void add_totals(struct preview *preview, size_t index)
{
	const struct plan_stream *stream = &preview->prepared.plan->streams[index];
	const struct plan_limit *limit = &stream->limit;
	struct sender_report report;
	double seconds = 0;
	uint64_t packets = limit->packets;
	sender_report(preview->prepared.sender, index, &report);
	if (limit->kind == PLAN_LIMIT_DURATION) {
		seconds = (double)limit->duration_ns / CLOCK_NS_PER_S;
		/* the first leaves at once, the last ahead of the end: whatever part of a gap is
		 * left over holds one more */
		packets = (uint64_t)MIN(ceil(seconds * report.requested_pps - 1e-6),
					(double)INT64_MAX);
	} else if (limit->kind == PLAN_LIMIT_NONE) {
		packets = 0;
	} else if (report.requested_pps > 0 && packets) {
		seconds = (double)(packets - 1) / report.requested_pps;
	}
	seconds += (double)stream->start_delay_ns / CLOCK_NS_PER_S;
	preview->response.total_packets = sum(preview->response.total_packets, packets);
	preview->response.total_bytes =
		sum(preview->response.total_bytes, bytes_of(stream, packets));
	preview->response.seconds = MAX(preview->response.seconds, seconds);
}

static void describe(struct preview *preview, struct sender_report *report)
{
	for (size_t i = 0; i < preview->prepared.plan->stream_count; i++)
		add_totals(preview, i);
	sender_report(preview->prepared.sender, SIZE_MAX, report);
	preview->response.path = report->path;
	preview->response.kernel_copies = report->kernel_copies;
}

static int check_request(const Pagecast__V1__PreviewJobRequest *request, struct error *ret_error)
{
	if (!request->spec)
		error_violate(ret_error, "spec", "missing: the job to be previewed");
	if (request->packets > PREVIEW_PACKETS_MAX)
		error_violate(ret_error, "packets", "%u is more than %d", request->packets,
			      PREVIEW_PACKETS_MAX);
	if (request->from > PREVIEW_FROM_MAX)
		error_violate(ret_error, "from", "%" PRIu64 " is more than %d", request->from,
			      PREVIEW_FROM_MAX);
	return (int)ret_error->code;
}

/* The response as a message of its own. */
static int copy_response(struct preview *preview, Pagecast__V1__PreviewJobResponse **ret_response,
			 struct error *ret_error)
{
	record_fill_problems(&preview->problems, &preview->prepared.problems);
	preview->response.problems = preview->problems.list;
	preview->response.n_problems = preview->prepared.problems.count;
	_cleanup_blob_ struct blob *packed = blob_pack(&preview->response.base);
	free_packets(preview); /* never three times in memory */
	if (packed)
		*ret_response =
			pagecast__v1__preview_job_response__unpack(NULL, packed->len, packed->data);
	return packed && *ret_response ? 0 : no_memory(ret_error);
}

static int preview_job(struct agent *agent, const Pagecast__V1__PreviewJobRequest *request,
		       struct preview *preview, Pagecast__V1__PreviewJobResponse **ret_response,
		       struct error *ret_error)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct sender_report report;
	int r = preparation_make(agent, request->spec, NULL, &preview->prepared, &error);
	if (!r)
		r = submission_check_start(preview->prepared.plan->start_time_ns,
					   preview->prepared.plan->start_tolerance_ns,
					   clock_realtime_ns(agent->clock), &error);
	if (r && r != ERROR_CODE_FAILED_PRECONDITION) {
		error_nest(&error, "spec");
		error_move(ret_error, &error);
		return r;
	}
	if (r && !problem_set_has_error(&preview->prepared.problems))
		preparation_add_problems(&preview->prepared, &error);
	r = preview->prepared.sender
		    ? add_packets(preview, request->from, request->packets, ret_error)
		    : 0;
	if (!r && preview->prepared.sender) {
		sender_look_ahead(preview->prepared.sender);
		preview->prepared.problems = *sender_problems(preview->prepared.sender);
		describe(preview, &report);
	}
	return r ? r : copy_response(preview, ret_response, ret_error);
}

int agent_preview_job(struct agent *agent, const struct agent_caller *caller,
		      const Pagecast__V1__PreviewJobRequest *request,
		      Pagecast__V1__PreviewJobResponse **ret_response, struct error *ret_error)
{
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (!r)
		r = check_request(request, ret_error);
	if (r)
		return r;
	r = preview_places_enter(&agent->previews, ret_error);
	if (r)
		return r;
	struct preview *preview = calloc(1, sizeof *preview);
	if (preview) {
		pagecast__v1__preview_job_response__init(&preview->response);
		r = preview_job(agent, request, preview, ret_response, ret_error);
		preview_deinit(preview);
		free(preview);
	} else {
		r = no_memory(ret_error);
	}
	preview_places_leave(&agent->previews);
	return r;
}
