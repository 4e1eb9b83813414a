/*
 * engine_uring: UDP by io_uring's zero-copy send from registered memory, with UDP_SEGMENT.
 *
 * A batch of requests is one submission. The kernel carries each of them out before the call
 * returns (MSG_DONTWAIT), so that its result is known then, and reports later, by a notification,
 * when it has let go of the bytes. Requests of a batch are linked: behind one that fails the kernel
 * cancels the rest, and nothing leaves out of turn. Where all packets are the same no turn is lost,
 * and links, which cost some 7 % (bench), are left out. A flow whose packets differ has a few
 * fillings in turn: one is written again when all of its notifications are here.
 *
 * Registered memory is locked (ulimit -l): what cannot be registered is sent by IORING_OP_SEND,
 * which copies, and the path says so. Thread: one worker.
 */
#include "engine/engine_uring.h"

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_uring.h"
#include "base/util.h"
#include "engine/engine_cut.h"
#include "engine/engine_fault.h"
#include "engine/engine_probe.h"
#include "engine/engine_socket.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum {
	/* That were not reported free: each takes a completion. */
	IN_FLIGHT_MAX = ENGINE_URING_COMPLETIONS / 2,
	FILLINGS_PACED = 2,
	LOCKED_TRIES_MAX = 10,
	TRIES_MAX = FLOW_RETRIES_MAX + 8, /* and as often as packets may be cut anew */
};

#define LOCKED_PAUSE_NS	 (10 * CLOCK_NS_PER_MS)
#define LOCKED_FOR_RINGS (UINT64_C(1) << 20)

static _Atomic int64_t locked_fillings; /* of all flows; any worker; relaxed */

struct request {
	uint32_t generation;	    /* of this entry: another after each use */
	uint32_t flow, slot, place; /* whose, of which filling, where in the batch */
	bool done, notified;
};

struct uring_engine {
	struct engine engine;
	struct sys_uring ring;
	struct uring_flow **flows; /* [flow_max] by their registered file; NULL: closed */
	uint32_t flow_max, flow_count;
	struct request requests[IN_FLIGHT_MAX];
	uint32_t idle[IN_FLIGHT_MAX], idle_count; /* those not in use */
	/* the batch */
	struct train pieces[FLOW_SEND_LONE_MAX];
	uint32_t ids[FLOW_SEND_LONE_MAX]; /* of their requests */
	int results[FLOW_SEND_LONE_MAX];
	uint32_t count, known; /* made; whose result is here */
	int hook_error;	       /* of the piece behind the last one, by a test; 0: none */
};

struct uring_flow {
	struct flow flow;
	uint32_t index;
	uint32_t in_flight[FLOW_FILLINGS_MAX];
	uint64_t buffer_id[FLOW_FILLINGS_MAX]; /* pages.id that is registered; 0: none */
	size_t buffer_bytes[FLOW_FILLINGS_MAX];
	uint32_t fillings; /* that take turns */
	uint32_t reserved; /* of locked_fillings */
	bool no_room;	   /* for more in what may be locked */
};

static struct uring_engine *uring_engine(const struct flow *flow)
{
	return container_of(flow->engine, struct uring_engine, engine);
}

static struct uring_flow *uring_flow(const struct flow *flow)
{
	return container_of((struct flow *)flow, struct uring_flow, flow);
}

static void note_copying(struct flow *flow, enum engine_reason_kind kind)
{
	flow->path.copies = PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE;
	flow->path.reason = (struct engine_reason){.kind = kind};
}

/* ---- locked memory ---- */

/* Up to @wanted fillings. Return: how many there is room for */
static uint32_t locked_reserve(uint32_t wanted)
{
	uint64_t lockable = engine_probed()->lockable_bytes; /* rings take some of it */
	uint64_t room = (lockable - MIN(lockable, LOCKED_FOR_RINGS)) / TRAIN_FRESH_BYTES;
	for (uint32_t n = wanted; n; n--) {
		int64_t now = atomic_fetch_add_explicit(&locked_fillings, n, memory_order_relaxed);
		if ((uint64_t)now + n <= room)
			return n;
		atomic_fetch_sub_explicit(&locked_fillings, n, memory_order_relaxed);
	}
	return 0;
}

static void locked_release(uint32_t count)
{
	atomic_fetch_sub_explicit(&locked_fillings, count, memory_order_relaxed);
}

/* What closed rings held comes back a moment later. Return: true: try again */
static bool wait_for_locked(int result, unsigned int *tries)
{
	const struct timespec pause = {.tv_nsec = LOCKED_PAUSE_NS};
	if (result != -ENOMEM || ++*tries > LOCKED_TRIES_MAX)
		return false;
	sys_poll(NULL, 0, &pause);
	return true;
}

/* ---- completions ---- */

/* The kernel has nothing more to do with it. */
static void end_request(struct uring_engine *engine, uint32_t id)
{
	struct request *request = &engine->requests[id];
	struct uring_flow *own = engine->flows[request->flow];
	if (own)
		own->in_flight[request->slot]--;
	request->generation++;
	engine->idle[engine->idle_count++] = id;
}

static void note_notification(struct uring_engine *engine, const struct request *request,
			      bool copied)
{
	struct uring_flow *own = engine->flows[request->flow];
	if (own && copied &&
	    own->flow.path.copies != PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE)
		note_copying(&own->flow, ENGINE_REASON_ZEROCOPY_COPIES);
}

/*
 * A result says whether a notification follows, which ends the request. One that was cancelled says
 * that none does, and the kernel sends one all the same: by its generation it is known to be late.
 */
static void take_completion(struct uring_engine *engine, const struct io_uring_cqe *cqe)
{
	uint32_t id = (uint32_t)(cqe->user_data & 0xffff);
	struct request *request = &engine->requests[id];
	if (request->generation != cqe->user_data >> 16)
		return;
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		note_notification(engine, request, (uint32_t)cqe->res & SYS_URING_COPIED);
		request->notified = true;
	} else {
		engine->results[request->place] = cqe->res;
		engine->known++;
		request->done = true;
		request->notified |= !(cqe->flags & IORING_CQE_F_MORE);
	}
	if (request->done && request->notified)
		end_request(engine, id);
}

static void take_completions(struct uring_engine *engine)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	io_uring_for_each_cqe(&engine->ring.ring, head, cqe)
	{
		seen++;
		take_completion(engine, cqe);
	}
	io_uring_cq_advance(&engine->ring.ring, seen);
}

/* ---- a batch ---- */

/* Is the place of a packet among the others of no account? */
static bool all_alike(const struct flow *flow)
{
	return flow->trains->uniform;
}

static struct io_uring_sqe *make_request(struct uring_flow *own, const struct train *piece,
					 bool linked)
{
	struct uring_engine *engine = uring_engine(&own->flow);
	const struct trains *trains = own->flow.trains;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&engine->ring.ring);
	uint32_t len = train_bytes(piece), slot = trains->slot;
	const uint8_t *from = len ? trains->pages.memory + piece->offset : NULL;
	if (len && own->buffer_id[slot]) {
		io_uring_prep_send_zc(sqe, (int)own->index, from, len, MSG_DONTWAIT, 0);
		sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
		if (engine_probed()->uring_reports)
			sqe->ioprio |= SYS_URING_REPORT_USAGE;
		sqe->buf_index = (uint16_t)(own->index * FLOW_FILLINGS_MAX + slot);
	} else {
		io_uring_prep_send(sqe, (int)own->index, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	if (linked)
		sqe->flags |= IOSQE_IO_LINK;
	uint32_t id = engine->idle[--engine->idle_count];
	struct request *request = &engine->requests[id];
	*request = (struct request){.generation = request->generation,
				    .flow = own->index,
				    .slot = slot,
				    .place = engine->count};
	io_uring_sqe_set_data64(sqe, (uint64_t)request->generation << 16 | id);
	own->in_flight[slot]++;
	engine->ids[engine->count] = id;
	engine->pieces[engine->count++] = *piece;
	return sqe;
}

static bool batch_full(const struct uring_engine *engine, unsigned int trains)
{
	return engine->count == FLOW_SEND_LONE_MAX || trains == FLOW_SEND_TRAINS_MAX ||
	       !engine->idle_count;
}

/* The end of a filling is sent when the next one may be written: so it always may. */
static bool waits_for_next(const struct uring_flow *own, const struct train_cursor *cursor)
{
	const struct trains *trains = own->flow.trains;
	uint32_t next = (trains->slot + 1) % own->fillings;
	return !trains->cyclic && cursor->train + 1 == trains->count && next != trains->slot &&
	       own->in_flight[next];
}

/* Make requests from @cursor on, as many as share a UDP_SEGMENT. */
static void make_batch(struct uring_flow *own, struct train_cursor cursor, uint64_t packets_max,
		       struct engine_counters *counters)
{
	struct flow *flow = &own->flow;
	struct uring_engine *engine = uring_engine(flow);
	struct io_uring_sqe *last = NULL;
	unsigned int trains = 0;
	engine->count = engine->known = 0;
	engine->hook_error = 0;
	while (packets_max && !batch_full(engine, trains) &&
	       !trains_at_end(flow->trains, &cursor) && !waits_for_next(own, &cursor)) {
		struct train piece = flow_next_piece(flow, &cursor, packets_max);
		if (engine->count && !flow_segment_fits(flow, &piece))
			break;
		engine->hook_error = -sys_uring_may_send(flow->fd, train_bytes(&piece));
		if (engine->hook_error) {
			engine->pieces[engine->count] = piece;
			break;
		}
		last = make_request(own, &piece, !all_alike(flow));
		if (own->buffer_id[flow->trains->slot])
			counters->pages += pages_covered(piece.offset, train_bytes(&piece));
		trains += piece.segments > 1;
		packets_max -= piece.segments;
		trains_advance(flow->trains, &cursor, piece.segments);
	}
	if (last)
		last->flags &= (uint8_t)~IOSQE_IO_LINK;
}

/* Submit the batch and wait for its results. Return: how many requests the kernel took; fewer than
 * were made: *ret_error says why, a positive errno */
static uint32_t carry_out(struct uring_flow *own, int *ret_error, struct engine_counters *counters)
{
	struct uring_engine *engine = uring_engine(&own->flow);
	int r = 0;
	*ret_error = engine->hook_error;
	if (engine->count) {
		counters->syscalls++;
		r = sys_uring_submit(&engine->ring);
	}
	uint32_t taken = (uint32_t)MAX(r, 0);
	if (taken < engine->count)
		*ret_error = r < 0 ? -r : EAGAIN;
	for (uint32_t i = taken; i < engine->count; i++)
		end_request(engine, engine->ids[i]);
	take_completions(engine);
	while (engine->known < taken) {
		counters->syscalls++;
		r = sys_uring_wait(&engine->ring, taken - engine->known);
		assert(r == 0 || r == -EINTR);
		take_completions(engine);
	}
	return taken;
}

/* Account for the @taken requests of a batch. Return: false: all were carried out, else *ret_failed
 * is the first that was not, and *error why */
static bool settle(struct uring_flow *own, uint32_t taken, struct train_cursor *cursor,
		   struct train *ret_failed, int *error, struct engine_result *result)
{
	struct uring_engine *engine = uring_engine(&own->flow);
	uint64_t before = result->sent;
	uint32_t failed = UINT32_MAX;
	for (uint32_t i = 0; i < taken; i++) {
		if (engine->results[i] >= 0)
			flow_sent(&own->flow, cursor, &engine->pieces[i], result);
		else if (failed == UINT32_MAX)
			failed = i;
	}
	result->longest_burst = MAX(result->longest_burst, result->sent - before);
	if (failed != UINT32_MAX)
		*error = -engine->results[failed];
	else if (*error)
		failed = taken;
	if (failed == UINT32_MAX)
		return false;
	*ret_failed = engine->pieces[failed];
	return true;
}

/* ---- ops ---- */

/* Too many requests under way, or none of the batch may be made yet: their notifications end it. */
static void wait_for_ring(struct uring_flow *own, struct train_cursor *cursor,
			  struct engine_result *result)
{
	struct train first = flow_next_piece(&own->flow, cursor, 1);
	own->flow.room_fd = uring_engine(&own->flow)->ring.ring.ring_fd;
	flow_stopped(&own->flow, cursor, &first, FLOW_ROOM, EAGAIN, result);
}

static bool ring_full(const struct uring_flow *own, const struct train_cursor *cursor)
{
	return !uring_engine(&own->flow)->idle_count || waits_for_next(own, cursor);
}

static void look(struct uring_engine *engine, struct engine_counters *counters)
{
	counters->syscalls++;
	sys_uring_look(&engine->ring);
	take_completions(engine);
}

/* Return: true: decided; false: nothing left, and packets are to be cut or tried again */
static bool send_batch(struct uring_flow *own, struct train_cursor *cursor, uint64_t packets_max,
		       unsigned int tries, struct engine_result *result,
		       struct engine_counters *counters)
{
	struct flow *flow = &own->flow;
	struct train piece = flow_next_piece(flow, cursor, packets_max);
	int error = -flow_segment(flow, &piece, counters);
	bool failed = error != 0;
	if (!failed) {
		make_batch(own, *cursor, packets_max, counters);
		uint32_t taken = carry_out(own, &error, counters);
		failed = settle(own, taken, cursor, &piece, &error, result);
	}
	if (!failed)
		return true;
	enum flow_fault fault = flow_fault(flow, &piece, error, tries, counters);
	if (fault == FLOW_RETRY || fault == FLOW_RECUT)
		return result->sent > 0;
	flow_stopped(flow, cursor, &piece, fault, error, result);
	return true;
}

static void uring_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
		       struct engine_result *result, struct engine_counters *counters)
{
	struct uring_flow *own = uring_flow(flow);
	flow->room_fd = -1;
	if (ring_full(own, cursor))
		look(uring_engine(flow), counters);
	if (ring_full(own, cursor)) {
		wait_for_ring(own, cursor, result);
		return;
	}
	for (unsigned int tries = 0; tries < TRIES_MAX; tries++)
		if (send_batch(own, cursor, packets_max, tries, result, counters))
			return;
	struct train first = flow_next_piece(flow, cursor, 1);
	flow_stopped(flow, cursor, &first, FLOW_REFUSED, EIO, result);
}

static uint32_t uring_fillings(const struct flow *flow)
{
	return uring_flow(flow)->fillings;
}

static bool uring_let_go(struct flow *flow, uint32_t slot)
{
	struct uring_flow *own = uring_flow(flow);
	if (own->in_flight[slot])
		look(uring_engine(flow), &flow->owed);
	return !own->in_flight[slot];
}

/* Notifications that say whether the kernel copied. */
static void uring_late(struct flow *flow, struct engine_counters *counters)
{
	struct uring_engine *engine = uring_engine(flow);
	if (engine->idle_count < IN_FLIGHT_MAX)
		look(engine, counters);
}

/* Register the pages of the filling, unless they are. */
static void register_pages(struct uring_flow *own, const struct trains *trains)
{
	const struct pages *pages = &trains->pages;
	uint32_t slot = trains->slot;
	size_t len = pages_round_up(pages->used_bytes);
	if (own->buffer_id[slot] == pages->id && own->buffer_bytes[slot] >= len)
		return;
	own->buffer_id[slot] = 0;
	if (own->no_room)
		return;
	own->flow.owed.syscalls++;
	unsigned int tries = 0;
	int r;
	do
		r = sys_uring_set_buffer(&uring_engine(&own->flow)->ring,
					 own->index * FLOW_FILLINGS_MAX + slot, pages->memory, len);
	while (wait_for_locked(r, &tries));
	if (r < 0) {
		own->no_room = true; /* a worker that waits at each filling hears no orders */
		note_copying(&own->flow, ENGINE_REASON_URING_NO_MEMORY);
		return;
	}
	own->buffer_id[slot] = pages->id;
	own->buffer_bytes[slot] = len;
}

static int uring_load(struct flow *flow)
{
	if (!flow->trains)
		return 0;
	if (flow->trains->pages.used_bytes)
		register_pages(uring_flow(flow), flow->trains);
	if (flow->path.method)
		return 0;
	flow->path.method = ENGINE_METHOD_URING;
	flow->path.train_packets = trains_longest(flow->trains);
	flow->path.call_packets = FLOW_SEND_LONE_MAX;
	return 0;
}

static const char *uring_serves(const struct plan_destination *destination)
{
	return destination->kind == PLAN_UDP ? NULL
					     : "io_uring sends UDP without a copy, nothing else";
}

static int uring_init(struct engine *engine, const struct plan *plan)
{
	struct uring_engine *own = container_of(engine, struct uring_engine, engine);
	own->flow_max = (uint32_t)plan->stream_count;
	while (own->idle_count < IN_FLIGHT_MAX) {
		own->idle[own->idle_count] = own->idle_count;
		own->idle_count++;
	}
	own->flows = calloc(own->flow_max, sizeof *own->flows);
	if (!own->flows)
		return -ENOMEM;
	unsigned int tries = 0;
	int r;
	do
		r = sys_uring_open(&own->ring, FLOW_SEND_LONE_MAX, ENGINE_URING_COMPLETIONS,
				   own->flow_max, own->flow_max * FLOW_FILLINGS_MAX);
	while (wait_for_locked(r, &tries));
	if (r < 0)
		free(own->flows);
	return r;
}

static void uring_deinit(struct engine *engine)
{
	struct uring_engine *own = container_of(engine, struct uring_engine, engine);
	sys_uring_close(&own->ring); /* what is under way keeps its pages */
	free(own->flows);
}

/* How many fillings take turns, of those that the user's locked memory has room for. */
static void reserve_fillings(struct uring_flow *own)
{
	const struct plan_stream *stream = own->flow.stream;
	own->fillings = 1;
	if (!plan_varies(stream) && stream->pass_bytes <= TRAIN_TEMPLATE_BYTES_MAX)
		return;
	uint32_t wanted = own->flow.limits.huge ? FLOW_FILLINGS_MAX : FILLINGS_PACED;
	own->fillings = locked_reserve(wanted);
	own->reserved = own->fillings;
	if (own->fillings >= 2)
		return;
	own->fillings = 1;
	own->no_room = true;
	note_copying(&own->flow, ENGINE_REASON_URING_NO_MEMORY);
}

static int uring_flow_init(struct flow *flow, const char *field, struct problem_set *problems)
{
	struct uring_flow *own = uring_flow(flow);
	struct uring_engine *engine = uring_engine(flow);
	int r = flow_open_socket(flow, field, problems);
	if (r < 0)
		return r;
	assert(engine->flow_count < engine->flow_max);
	r = sys_uring_set_file(&engine->ring, engine->flow_count, flow->fd);
	if (r < 0) {
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "io_uring does not take the socket for %s: %s",
			    flow->stream->destination.text, strerror(-r));
		return r;
	}
	own->index = engine->flow_count++;
	engine->flows[own->index] = own;
	reserve_fillings(own);
	return 0;
}

static void uring_flow_deinit(struct flow *flow)
{
	struct uring_flow *own = uring_flow(flow);
	struct uring_engine *engine = uring_engine(flow);
	locked_release(own->reserved);
	if (engine->flows[own->index] != own)
		return;
	engine->flows[own->index] = NULL; /* notifications may still come */
	sys_uring_set_file(&engine->ring, own->index, -1);
	for (uint32_t slot = 0; slot < FLOW_FILLINGS_MAX; slot++)
		if (own->buffer_id[slot])
			sys_uring_set_buffer(&engine->ring, own->index * FLOW_FILLINGS_MAX + slot,
					     NULL, 0);
}

const struct engine_ops engine_uring_ops = {
	.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING,
	.name = "URING",
	.engine_bytes = sizeof(struct uring_engine),
	.flow_bytes = sizeof(struct uring_flow),
	.serves = uring_serves,
	.init = uring_init,
	.deinit = uring_deinit,
	.flow_init = uring_flow_init,
	.flow_deinit = uring_flow_deinit,
	.fillings = uring_fillings,
	.let_go = uring_let_go,
	.late = uring_late,
	.load = uring_load,
	.send = uring_send,
};
