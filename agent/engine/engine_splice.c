/*
 * engine_splice: pages go from the arena through a pipe into the socket; the kernel takes
 * references, not bytes (UDP; a raw socket copies once).
 *
 * PACKED: one vmsplice() (or, for a template that fits, one tee() from a master pipe) brings many
 * trains into the pipe, then each splice() takes exactly one train or one datagram. Exactly: asking
 * for more than the pipe holds corks the socket and glues datagrams, more than 17 fragments lose
 * one (tests/kernel: traps A and B). So every call is counted in whole pieces, and after any
 * surprise the pipe is settled before the next. Thread: one worker; the pipe is shared by its
 * flows, since it is empty between two calls.
 */
#include "engine/engine_splice.h"

#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_cut.h"
#include "engine/engine_pipe.h"
#include "engine/engine_probe.h"
#include "engine/engine_socket.h"
#include "engine/engine_splice_batch.h"
#include "engine/engine_splice_handover.h"
#include "engine/engine_splice_page.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
	RECUTS_MAX = 4, /* each makes the limits tighter: shorter, 64, 1 */
	MASTERS_MAX =
		16, /* of one job: descriptors and pipe pages are scarce, vmsplice() does too */
	MASTER_ROUNDS_MIN = 4, /* fewer rounds than this are not worth a pipe of their own */
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

static struct splice_engine *splice_engine(struct flow *flow)
{
	return container_of(flow->engine, struct splice_engine, engine);
}

static struct splice_flow *splice_flow(struct flow *flow)
{
	return container_of(flow, struct splice_flow, flow);
}

/* ---- into the pipe ---- */

/* Return: bytes now in @pipe, maybe fewer than the batch has; negative errno */
static ssize_t load_by_vmsplice(const struct engine_pipe *pipe, const struct splice_batch *batch,
				struct engine_counters *counters)
{
	counters->syscalls++;
	ssize_t r = sys_vmsplice(pipe->in, batch->ranges, batch->range_count, SPLICE_F_NONBLOCK);
	if (r == (ssize_t)batch->bytes)
		counters->pages += batch->slots;
	else if (r > 0)
		counters->pages += pages_covered(0, (size_t)r);
	return r;
}

static void drop_master(struct splice_flow *own)
{
	if (own->master.out < 0)
		return;
	engine_pipe_close(&own->master);
	splice_engine(&own->flow)->master_count--;
	own->master_bytes = 0;
	own->master_packets = 0;
}

/* How often the kernel copies although pages are spliced. What is teed from the master was copied
 * when that was loaded, if at all. */
static void note_copies(struct flow *flow)
{
	const struct engine_probed *probed = engine_probed();
	bool raw = flow->stream->destination.kind == PLAN_RAW_IP;
	bool into_pipe = !probed->pipe_by_reference && !splice_flow(flow)->master_bytes;
	enum engine_reason_kind kind = ENGINE_REASON_NONE;
	if (raw && into_pipe)
		kind = ENGINE_REASON_PIPE_AND_RAW_SOCKET;
	else if (raw)
		kind = ENGINE_REASON_RAW_SOCKET;
	else if (into_pipe ||
		 (probed->pipe_by_reference && probed->udp_tried && !probed->udp_by_reference))
		kind = ENGINE_REASON_SPLICE_COPIES;
	else if (probed->sum_copies && flow->sums_in_kernel)
		kind = ENGINE_REASON_CHECKSUM_COPIES;
	else if (probed->sum_copies && flow->stream->len_max > flow->limits.segment_bytes_max)
		kind = ENGINE_REASON_FRAGMENTS_COPIED;
	if (!kind)
		return;
	flow->path.copies = kind == ENGINE_REASON_PIPE_AND_RAW_SOCKET
				    ? PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_TWO
				    : PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE;
	flow->path.reason = (struct engine_reason){.kind = kind};
}

/* From here on without. */
static void lose_master(struct splice_flow *own)
{
	if (own->master.out >= 0)
		own->flow.path.tee = own->teed ? ENGINE_TEE_AT_FIRST : ENGINE_TEE_NONE;
	drop_master(own);
	if (!engine_probed()->pipe_by_reference)
		note_copies(&own->flow); /* each packet is from here on */
}

/* A tee always begins at the front of the master, so only what starts a template can use it. */
static bool load_by_tee(struct flow *flow, struct engine_pipe *pipe,
			const struct splice_batch *batch, struct engine_counters *counters)
{
	struct splice_flow *own = splice_flow(flow);
	counters->syscalls++;
	ssize_t r = sys_tee(own->master.out, pipe->in, batch->bytes, SPLICE_F_NONBLOCK);
	if (r == (ssize_t)batch->bytes) {
		own->teed = true;
		return true;
	}
	if (r != -EINTR)
		lose_master(own);
	engine_pipe_settle(pipe, counters);
	return false;
}

/* Return: 0 with *ret_bytes in the pipe, at least the first piece; positive errno: nothing is */
static int load_pipe(struct flow *flow, struct engine_pipe *pipe, const struct splice_batch *batch,
		     bool from_start, size_t *ret_bytes, struct engine_counters *counters)
{
	*ret_bytes = batch->bytes;
	if (batch->bytes == 0)
		return 0;
	if (from_start && batch->bytes <= splice_flow(flow)->master_bytes &&
	    load_by_tee(flow, pipe, batch, counters))
		return 0;
	int error = EIO;
	for (int i = 0; i < SPLICE_LOADS_MAX; i++) {
		if (engine_pipe_ready(pipe) < 0)
			return ENOBUFS;
		ssize_t r = load_by_vmsplice(pipe, batch, counters);
		if (r > 0 && r >= (ssize_t)splice_piped_bytes(flow, &batch->pieces[0])) {
			*ret_bytes = (size_t)r;
			return 0;
		}
		error = r < 0 ? (int)-r : EIO;
		if (engine_pipe_settle(pipe, counters) < 0)
			return ENOBUFS;
	}
	return error;
}

/* ---- out of the pipe ---- */

/* Hand over the pieces that are whole in the pipe. Return: false: stopped, or to be cut again */
static bool hand_over_batch(struct flow *flow, const struct engine_pipe *pipe,
			    const struct splice_batch *batch, size_t *bytes,
			    struct train_cursor *cursor, struct engine_result *result,
			    struct engine_counters *counters)
{
	for (size_t i = 0; i < batch->piece_count; i++) {
		const struct train *piece = &batch->pieces[i];
		enum flow_fault fault;
		int error;
		size_t len = splice_piped_bytes(flow, piece);
		if (len > *bytes)
			return true; /* a short vmsplice(): the rest comes with the next call */
		if (!splice_hand_over(flow, pipe, piece, len, counters, &fault, &error)) {
			if (fault != FLOW_ROOM) /* packets may be cut otherwise from here on */
				lose_master(splice_flow(flow));
			if (fault != FLOW_RECUT)
				flow_stopped(flow, cursor, piece, fault, error, result);
			return fault != FLOW_RECUT;
		}
		*bytes -= len;
		result->longest_burst = MAX(result->longest_burst, (uint64_t)piece->segments);
		flow_sent(flow, cursor, piece, result);
	}
	return true;
}

/* One batch. Return: false: the limits changed before anything left: gather again */
static bool send_batch(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
		       struct engine_result *result, struct engine_counters *counters)
{
	struct splice_engine *engine = splice_engine(flow);
	struct splice_batch *batch = &engine->batch;
	bool from_start = flow->trains->cyclic && cursor->train == 0 && cursor->segment == 0;
	if (from_start && splice_flow(flow)->master_packets)
		packets_max = MIN(packets_max, splice_flow(flow)->master_packets);
	if (engine_pipe_ready(&engine->pipe) < 0) {
		struct train first = flow_next_piece(flow, cursor, packets_max);
		splice_not_loaded(flow, cursor, &first, ENOBUFS, result);
		return true;
	}
	splice_gather(batch, flow, *cursor, packets_max, engine->pipe.slots);
	size_t bytes;
	int error = load_pipe(flow, &engine->pipe, batch, from_start, &bytes, counters);
	if (error) {
		splice_not_loaded(flow, cursor, &batch->pieces[0], error, result);
		return true;
	}
	bool decided =
		hand_over_batch(flow, &engine->pipe, batch, &bytes, cursor, result, counters);
	if (bytes)
		engine_pipe_settle(&engine->pipe, counters);
	return decided || result->sent;
}

static void splice_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
			struct engine_result *result, struct engine_counters *counters)
{
	if (flow->limits.page_per_packet) {
		splice_send_pages(flow, &splice_engine(flow)->pipe, cursor, packets_max, result,
				  counters);
		return;
	}
	for (int i = 0; i < RECUTS_MAX; i++)
		if (send_batch(flow, cursor, packets_max, result, counters))
			return;
	struct train first = flow_next_piece(flow, cursor, 1);
	flow_stopped(flow, cursor, &first, FLOW_REFUSED, EIO, result);
}

/* How this flow's packets leave; by the first load, which shows the usual train. */
static void note_path(struct flow *flow)
{
	const struct plan_stream *stream = flow->stream;
	struct engine_path *path = &flow->path;
	for (size_t i = 0; i < stream->item_count; i++)
		path->some_empty |= stream->items[i].len == 0;
	path->train_packets = trains_longest(flow->trains);
	if (stream->len_max == 0)
		path->method = ENGINE_METHOD_SEND_EMPTY;
	else if (flow->limits.page_per_packet)
		path->method = ENGINE_METHOD_SPLICE_PAGE;
	else
		path->method = ENGINE_METHOD_SPLICE;
	if (splice_flow(flow)->master_bytes)
		path->tee = ENGINE_TEE_USED;
	note_copies(flow);
}

/* ---- a template's master pipe ---- */

/*
 * Worth it where whole rounds leave at once, again and again. From a huge page vmsplice() is as
 * quick as tee(), or quicker: it takes its references many pages at a time.
 */
static bool wants_master(const struct flow *flow)
{
	const struct trains *trains = flow->trains;
	bool quicker = !trains->pages.huge || !engine_probed()->pipe_by_reference;
	return trains->cyclic && quicker && !flow->limits.page_per_packet &&
	       flow_at_full_speed(flow, trains->packets * MASTER_ROUNDS_MIN);
}

/* How many rounds like the one in @batch one call can hand over; 0: not even one. */
static size_t rounds_of(const struct flow *flow, const struct splice_batch *batch, size_t slots)
{
	if (batch->bytes == 0 || batch->packets != flow->trains->packets)
		return 0;
	size_t by_slots = slots / batch->slots;
	size_t by_pieces = FLOW_SEND_LONE_MAX / batch->piece_count;
	size_t by_trains = splice_trains_max(flow) / MAX(batch->train_count, (size_t)1);
	by_pieces = MIN(by_pieces, by_trains);
	return MIN(by_slots, by_pieces);
}

/* Fill the master with whole rounds; without one everything works, by vmsplice(). */
static void load_master(struct splice_flow *own)
{
	struct flow *flow = &own->flow;
	const struct trains *trains = flow->trains;
	struct splice_engine *engine = splice_engine(flow);
	if (engine->master_count >= MASTERS_MAX ||
	    engine_pipe_open(&own->master, TRAIN_PIPE_BUFFERS) < 0)
		return;
	engine->master_count++;
	struct splice_batch *batch = &engine->batch;
	splice_gather(batch, flow, (struct train_cursor){0}, trains->packets, own->master.slots);
	size_t rounds = rounds_of(flow, batch, own->master.slots);
	splice_gather(batch, flow, (struct train_cursor){0}, rounds * trains->packets,
		      own->master.slots);
	if (rounds == 0 || batch->packets != rounds * trains->packets ||
	    load_by_vmsplice(&own->master, batch, &flow->owed) != (ssize_t)batch->bytes) {
		drop_master(own);
		return;
	}
	own->master_bytes = batch->bytes;
	own->master_packets = batch->packets;
}

static int splice_load(struct flow *flow)
{
	struct splice_flow *own = splice_flow(flow);
	drop_master(own);
	if (flow->trains && wants_master(flow))
		load_master(own);
	if (flow->trains && !flow->path.method)
		note_path(flow);
	return 0;
}

/* ---- ops ---- */

static const char *splice_serves(const struct plan_destination *destination)
{
	return destination->kind == PLAN_ETHERNET
		       ? "Ethernet frames cannot be spliced without two copies"
		       : NULL;
}

static int splice_init(struct engine *engine, const struct plan *plan)
{
	(void)plan;
	struct splice_engine *own = container_of(engine, struct splice_engine, engine);
	return engine_pipe_open(&own->pipe, TRAIN_PIPE_BUFFERS);
}

static void splice_deinit(struct engine *engine)
{
	engine_pipe_close(&container_of(engine, struct splice_engine, engine)->pipe);
}

static int splice_flow_init(struct flow *flow, const char *field, struct problem_set *problems)
{
	splice_flow(flow)->master = ENGINE_PIPE_NULL;
	int r = flow_open_socket(flow, field, problems);
	return r;
}

static void splice_flow_deinit(struct flow *flow)
{
	drop_master(splice_flow(flow));
}

const struct engine_ops engine_splice_ops = {
	.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE,
	.name = "SPLICE",
	.engine_bytes = sizeof(struct splice_engine),
	.flow_bytes = sizeof(struct splice_flow),
	.page_per_packet = true,
	.serves = splice_serves,
	.init = splice_init,
	.deinit = splice_deinit,
	.flow_init = splice_flow_init,
	.flow_deinit = splice_flow_deinit,
	.load = splice_load,
	.send = splice_send,
};
