/*
 * engine_zerocopy: UDP by send(MSG_ZEROCOPY), with UDP_SEGMENT for trains.
 *
 * The kernel references the pages of the sealed arena, a huge one as one fragment, and reports
 * by the error queue when it let go of them. Arenas are written once and replaced, so no page waits
 * for that: completions are read because they hold locked memory and option memory of the socket,
 * and because they say whether the kernel copied after all. ENOBUFS means that one of those limits,
 * or a queue of the device, is full; which one follows from the completions, since a send that the
 * device dropped completes and one that never began does not. Where the limit stays
 * full although nothing is under way, or nothing of it completes, the flow copies and says so.
 * Thread: one worker.
 */
#include "engine/engine_zerocopy.h"

#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_cut.h"
#include "engine/engine_fault.h"
#include "engine/engine_socket.h"

#include <errno.h>
#include <string.h>

enum {
	/* Completions behind: read them all. Option memory of older kernels holds some 25. */
	BEHIND_MAX = 16,
	/* Refusals in a row without one completion, some 50 ms: whoever holds the references does
	 * not let go of them, so waiting may have no end. */
	FRUITLESS_MAX = 64,
};

struct zerocopy_flow {
	struct flow flow;
	bool on;		/* MSG_ZEROCOPY is in use */
	unsigned int fruitless; /* ENOBUFS since the last completion or send */
};

static void note_copying(struct flow *flow, enum engine_reason_kind kind, int error)
{
	flow->path.copies = PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE;
	flow->path.reason = (struct engine_reason){.kind = kind, .error = error};
}

/* Once, when the kernel first reported it. */
static void note_copies(struct flow *flow)
{
	if (flow->completions.copied &&
	    flow->path.copies != PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE)
		note_copying(flow, ENGINE_REASON_ZEROCOPY_COPIES, 0);
}

/* Completions that are due, at the least the one entry that most of them are merged into. */
static void read_completions(struct flow *flow, struct engine_counters *counters)
{
	struct flow_completions *completions = &flow->completions;
	if (completions->begun - completions->done > BEHIND_MAX)
		flow_read_errors(flow, counters);
	else if (completions->begun != completions->done)
		flow_read_error(flow, counters);
	if ((int32_t)(completions->done - completions->begun) > 0)
		completions->begun = completions->done;
	note_copies(flow);
}

static void stop_zerocopy(struct zerocopy_flow *own)
{
	own->on = false;
	note_copying(&own->flow, ENGINE_REASON_ZEROCOPY_NO_MEMORY, 0);
}

/* See the head of this file. */
static enum flow_fault no_buffers(struct zerocopy_flow *own, const struct train *piece,
				  unsigned int tries, struct engine_counters *counters)
{
	struct flow *flow = &own->flow;
	struct flow_completions *completions = &flow->completions;
	uint32_t done_before = completions->done;
	flow_read_errors(flow, counters);
	note_copies(flow);
	if ((int32_t)(completions->done - completions->begun) > 0) { /* this send, dropped */
		completions->begun = completions->done;
		return flow_fault(flow, piece, ENOBUFS, tries, counters);
	}
	own->fruitless = completions->done == done_before ? own->fruitless + 1 : 0;
	if (completions->done == completions->begun || own->fruitless >= FRUITLESS_MAX) {
		stop_zerocopy(own);
		return FLOW_RETRY;
	}
	bool may_double = piece->segments > 1 && flow->segments_in_kernel;
	if (completions->done != done_before && !may_double && tries < FLOW_RETRIES_MAX)
		return FLOW_RETRY;
	return flow_fault(flow, piece, ENOBUFS, tries, counters);
}

/* Return: 0; negative errno */
static int send_piece(struct zerocopy_flow *own, const struct train *piece,
		      struct engine_counters *counters)
{
	struct flow *flow = &own->flow;
	uint32_t len = train_bytes(piece);
	const uint8_t *from = len ? flow->trains->pages.memory + piece->offset : NULL;
	bool reference = own->on && len;
	int r = flow_segment(flow, piece, counters);
	if (r < 0)
		return r;
	counters->syscalls++;
	ssize_t taken = sys_send(flow->fd, from, len,
				 MSG_DONTWAIT | MSG_NOSIGNAL | (reference ? MSG_ZEROCOPY : 0));
	if (taken < 0)
		return (int)taken;
	own->fruitless = 0;
	if (reference) {
		flow->completions.begun++;
		counters->pages += pages_covered(piece->offset, len);
	}
	return 0;
}

static enum flow_fault fault_of(struct zerocopy_flow *own, const struct train *piece, int error,
				unsigned int tries, struct engine_counters *counters)
{
	if (error == ENOBUFS && own->on && piece->segment_bytes)
		return no_buffers(own, piece, tries, counters);
	return flow_fault(&own->flow, piece, error, tries, counters);
}

static void zerocopy_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
			  struct engine_result *result, struct engine_counters *counters)
{
	struct zerocopy_flow *own = container_of(flow, struct zerocopy_flow, flow);
	unsigned int trains = 0, lone = 0, tries = 0;
	while (result->sent < packets_max && trains < FLOW_SEND_TRAINS_MAX &&
	       lone < FLOW_SEND_LONE_MAX && !trains_at_end(flow->trains, cursor)) {
		struct train piece = flow_next_piece(flow, cursor, packets_max - result->sent);
		int r = send_piece(own, &piece, counters);
		if (r < 0) {
			enum flow_fault fault = fault_of(own, &piece, -r, tries++, counters);
			if (fault == FLOW_RECUT)
				tries = 0;
			if (fault == FLOW_RETRY || fault == FLOW_RECUT)
				continue;
			flow_stopped(flow, cursor, &piece, fault, -r, result);
			break;
		}
		tries = 0;
		trains += piece.segments > 1;
		lone += piece.segments == 1;
		result->longest_burst = MAX(result->longest_burst, (uint64_t)piece.segments);
		flow_sent(flow, cursor, &piece, result);
		if (flow->completions.begun - flow->completions.done > BEHIND_MAX)
			read_completions(flow, counters);
	}
	read_completions(flow, counters);
}

static int zerocopy_load(struct flow *flow)
{
	if (!flow->trains || flow->path.method)
		return 0;
	flow->path.method = ENGINE_METHOD_ZEROCOPY;
	flow->path.train_packets = trains_longest(flow->trains);
	return 0;
}

static const char *zerocopy_serves(const struct plan_destination *destination)
{
	return destination->kind == PLAN_UDP ? NULL : "MSG_ZEROCOPY is for UDP";
}

static int zerocopy_init(struct engine *engine, const struct plan *plan)
{
	(void)engine; /* all that is needed belongs to the flows */
	(void)plan;
	return 0;
}

static void zerocopy_deinit(struct engine *engine)
{
	(void)engine;
}

static int zerocopy_flow_init(struct flow *flow, const char *field, struct problem_set *problems)
{
	struct zerocopy_flow *own = container_of(flow, struct zerocopy_flow, flow);
	int r = flow_open_socket(flow, field, problems);
	if (r < 0)
		return r;
	r = sys_setsockopt_int(flow->fd, SOL_SOCKET, SO_ZEROCOPY, 1);
	own->on = r == 0;
	if (!own->on)
		note_copying(flow, ENGINE_REASON_ZEROCOPY_REFUSED, -r);
	return 0;
}

static void zerocopy_flow_deinit(struct flow *flow)
{
	(void)flow; /* what is under way keeps its pages; nothing of it is this flow's any more */
}

const struct engine_ops engine_zerocopy_ops = {
	.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY,
	.name = "ZEROCOPY",
	.engine_bytes = sizeof(struct engine),
	.flow_bytes = sizeof(struct zerocopy_flow),
	.serves = zerocopy_serves,
	.init = zerocopy_init,
	.deinit = zerocopy_deinit,
	.flow_init = zerocopy_flow_init,
	.flow_deinit = zerocopy_flow_deinit,
	.load = zerocopy_load,
	.send = zerocopy_send,
};
