/*
 * engine: choosing, making and driving engines; see engine.h. The table of ops is the whole list of
 * what this version offers. Here also lives what cuts a train into the pieces single calls take.
 */
#include "engine/engine_private.h"

#include "base/sys.h"
#include "base/util.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static const struct engine_ops *const offered[] = {&engine_splice_ops, &engine_copy_ops,
						   &engine_zerocopy_ops, &engine_txring_ops, NULL};

static const struct engine_ops *ops_of(Pagecast__V1__EngineKind kind)
{
	const struct engine_ops *const *ops = offered;
	while (*ops && (*ops)->kind != kind)
		ops++;
	return *ops;
}

static const struct engine_fact *fact_of(Pagecast__V1__EngineKind kind)
{
	const struct engine_fact *facts = engine_facts();
	for (size_t i = 0; i < ENGINE_KINDS; i++)
		if (facts[i].kind == kind)
			return &facts[i];
	return NULL;
}

/* NULL: the engine can run this plan; else the first reason why not, in @buffer. */
static const char *objection(const struct engine_ops *ops, const struct plan *plan, char *buffer,
			     size_t size)
{
	if (plan->layout == PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET &&
	    !ops->page_per_packet)
		return "it packs its pages its own way: page_layout PAGE_PER_PACKET is for engine "
		       "SPLICE";
	for (size_t i = 0; i < plan->stream_count; i++) {
		const char *why = ops->serves(&plan->streams[i].destination);
		if (!why)
			continue;
		snprintf(buffer, size, "streams[%zu]: %s", i, why);
		return buffer;
	}
	return NULL;
}

static int choose_named(const struct plan *plan, const char **ret_why, struct error *ret_error)
{
	const struct engine_ops *ops = ops_of(plan->engine);
	const struct engine_fact *fact = fact_of(plan->engine);
	char buffer[160];
	if (!ops)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "engine: %s",
				 fact ? fact->why
				      : "no such engine; SPLICE, TXRING, COPY "
					"and ZEROCOPY are offered");
	if (!fact->available)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "engine: %s is not available here: %s", ops->name, fact->why);
	const char *why = objection(ops, plan, buffer, sizeof buffer);
	if (why)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "engine: %s cannot send this job: %s", ops->name, why);
	*ret_why = "asked for by the job";
	return 0;
}

static bool any_of_kind(const struct plan *plan, enum plan_kind kind)
{
	for (size_t i = 0; i < plan->stream_count; i++)
		if (plan->streams[i].destination.kind == kind)
			return true;
	return false;
}

static int choose_ring(const struct plan *plan, Pagecast__V1__EngineKind *ret_kind,
		       const char **ret_why, struct error *ret_error)
{
	const struct engine_fact *ring = fact_of(PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING);
	char buffer[160];
	const char *why = ring->available
				  ? objection(&engine_txring_ops, plan, buffer, sizeof buffer)
				  : ring->why;
	if (why)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "engine: Ethernet frames need engine TXRING: %s", why);
	*ret_kind = ring->kind;
	*ret_why = "auto: Ethernet frames leave by a packet ring";
	return 0;
}

int engine_choose(const struct plan *plan, Pagecast__V1__EngineKind *ret_kind, const char **ret_why,
		  struct error *ret_error)
{
	if (plan->engine != PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED) {
		int r = choose_named(plan, ret_why, ret_error);
		if (r == 0)
			*ret_kind = plan->engine;
		return r;
	}
	if (any_of_kind(plan, PLAN_ETHERNET))
		return choose_ring(plan, ret_kind, ret_why, ret_error);
	const struct engine_fact *splice = fact_of(PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE);
	if (splice->available) {
		*ret_kind = splice->kind;
		*ret_why = any_of_kind(plan, PLAN_RAW_IP)
				   ? "auto: pages are handed over"
				   : "auto: pages are handed over, not copied";
		return 0;
	}
	if (plan->layout == PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "page_layout: PAGE_PER_PACKET needs engine SPLICE, which is not "
				 "available here: %s",
				 splice->why);
	*ret_kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY;
	*ret_why = splice->why;
	return 0;
}

int engine_new(struct engine **ret_engine, Pagecast__V1__EngineKind kind, const struct plan *plan)
{
	const struct engine_ops *ops = ops_of(kind);
	if (!ops)
		return -EOPNOTSUPP;
	struct engine *engine = calloc(1, ops->engine_bytes);
	if (!engine)
		return -ENOMEM;
	engine->ops = ops;
	engine->layout = plan->layout;
	engine->page_offset = plan->page_offset;
	int r = ops->init(engine, plan);
	if (r < 0) {
		free(engine);
		return r;
	}
	*ret_engine = engine;
	return 0;
}

struct engine *engine_free(struct engine *engine)
{
	if (engine) {
		engine->ops->deinit(engine);
		free(engine);
	}
	return NULL;
}

int flow_open(struct flow **ret_flow, struct engine *engine, const struct plan_stream *stream,
	      const char *field, struct problem_set *problems)
{
	struct flow *flow = calloc(1, engine->ops->flow_bytes);
	if (!flow)
		return -ENOMEM;
	flow->engine = engine;
	flow->stream = stream;
	flow->fd = -1;
	int r = engine->ops->flow_init(flow, field, problems);
	if (r < 0) {
		flow_close(flow);
		return r;
	}
	*ret_flow = flow;
	return 0;
}

struct flow *flow_close(struct flow *flow)
{
	if (flow) {
		flow->engine->ops->flow_deinit(flow);
		util_close_fd(&flow->fd);
		free(flow);
	}
	return NULL;
}

struct train_limits flow_limits(const struct flow *flow)
{
	return flow->limits;
}

const char *flow_path(const struct flow *flow)
{
	return flow->path;
}

Pagecast__V1__KernelCopies flow_kernel_copies(const struct flow *flow)
{
	return flow->copies;
}

const char *flow_why(const struct flow *flow)
{
	return flow->why;
}

int flow_load(struct flow *flow, const struct trains *trains)
{
	assert(!trains || trains->count > 0);
	flow->trains = trains;
	return flow->engine->ops->load(flow);
}

void flow_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
	       struct engine_result *ret_result, struct engine_counters *counters)
{
	assert(packets_max > 0 && !trains_at_end(flow->trains, cursor));
	*ret_result = (struct engine_result){.outcome = ENGINE_DONE};
	counters->syscalls += flow->owed.syscalls;
	counters->pages += flow->owed.pages;
	flow->owed = (struct engine_counters){0};
	flow->engine->ops->send(flow, cursor, MIN(packets_max, (uint64_t)FLOW_SEND_PACKETS_MAX),
				ret_result, counters);
}

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
