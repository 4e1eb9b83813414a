/*
 * engine_copy: sendmmsg(), with UDP_SEGMENT for trains: the kernel copies once.
 *
 * The fallback where splice does not work, and what the others are measured against. Consecutive
 * messages that one UDP_SEGMENT serves share a call; a raw socket takes one packet a message.
 * sendmmsg() reports how many it took: an error shows up when its message is the first.
 * Thread: one worker.
 */
#include "engine/engine_copy.h"

#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_cut.h"
#include "engine/engine_fault.h"
#include "engine/engine_socket.h"

#include <errno.h>
#include <string.h>

enum { COPY_MESSAGES_MAX = 64 };

struct copy_engine {
	struct engine engine;
	struct train pieces[COPY_MESSAGES_MAX];
	struct mmsghdr messages[COPY_MESSAGES_MAX];
	struct iovec ranges[COPY_MESSAGES_MAX];
};

static size_t gather(struct copy_engine *engine, const struct flow *flow,
		     struct train_cursor cursor, uint64_t packets_max)
{
	size_t count = 0, trains = 0;
	for (uint64_t left = packets_max;
	     left && count < COPY_MESSAGES_MAX && trains < FLOW_SEND_TRAINS_MAX &&
	     !trains_at_end(flow->trains, &cursor);
	     count++) {
		struct train *piece = &engine->pieces[count];
		*piece = flow_next_piece(flow, &cursor, left);
		engine->ranges[count].iov_len = train_bytes(piece);
		if (piece->segment_bytes)
			engine->ranges[count].iov_base = flow->trains->pages.memory + piece->offset;
		trains += piece->segments > 1;
		left -= piece->segments;
		trains_advance(flow->trains, &cursor, piece->segments);
	}
	return count;
}

/* How many of the pieces from @first on may share a call. */
static size_t alike(const struct copy_engine *engine, const struct flow *flow, size_t first,
		    size_t count)
{
	size_t n = 1;
	while (first + n < count && flow_segment_fits(flow, &engine->pieces[first + n]))
		n++;
	return n;
}

/* Return: messages taken; negative errno about the piece at @first */
static int send_some(struct copy_engine *engine, struct flow *flow, size_t first, size_t count,
		     struct engine_counters *counters)
{
	int r = flow_segment(flow, &engine->pieces[first], counters);
	if (r < 0)
		return r;
	counters->syscalls++;
	r = sys_sendmmsg(flow->fd, engine->messages + first,
			 (unsigned int)alike(engine, flow, first, count),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	return r == 0 ? -EIO : r;
}

static void account_for(struct copy_engine *engine, struct flow *flow, size_t first, int taken,
			struct train_cursor *cursor, struct engine_result *result)
{
	uint64_t burst = 0;
	for (size_t i = first; i < first + (size_t)taken; i++) {
		burst += engine->pieces[i].segments;
		flow_sent(flow, cursor, &engine->pieces[i], result);
	}
	result->longest_burst = MAX(result->longest_burst, burst);
}

static void copy_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
		      struct engine_result *result, struct engine_counters *counters)
{
	struct copy_engine *engine = container_of(flow->engine, struct copy_engine, engine);
	size_t count = gather(engine, flow, *cursor, packets_max);
	unsigned int tries = 0;
	for (size_t first = 0; first < count;) {
		const struct train *piece = &engine->pieces[first];
		int r = send_some(engine, flow, first, count, counters);
		if (r > 0) {
			account_for(engine, flow, first, r, cursor, result);
			first += (size_t)r;
			tries = 0;
			continue;
		}
		enum flow_fault fault = flow_fault(flow, piece, -r, tries++, counters);
		if (fault == FLOW_RETRY)
			continue;
		if (fault != FLOW_RECUT) {
			flow_stopped(flow, cursor, piece, fault, -r, result);
			return;
		}
		count = gather(engine, flow, *cursor, packets_max - result->sent);
		first = 0;
		tries = 0;
	}
}

static bool copy_let_go(struct flow *flow, uint32_t slot)
{
	(void)flow; /* each call copied what it took */
	(void)slot;
	return true;
}

static int copy_load(struct flow *flow)
{
	if (!flow->trains || flow->path.method)
		return 0;
	flow->path.method = ENGINE_METHOD_SENDMMSG;
	flow->path.train_packets = trains_longest(flow->trains);
	flow->path.call_packets = COPY_MESSAGES_MAX;
	return 0;
}

static const char *copy_serves(const struct plan_destination *destination)
{
	return destination->kind == PLAN_ETHERNET ? "Ethernet frames do not leave by a UDP or raw "
						    "IP socket"
						  : NULL;
}

static int copy_init(struct engine *engine, const struct plan *plan)
{
	(void)plan;
	struct copy_engine *own = container_of(engine, struct copy_engine, engine);
	for (size_t i = 0; i < COPY_MESSAGES_MAX; i++) {
		own->messages[i].msg_hdr.msg_iov = &own->ranges[i];
		own->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

static void copy_deinit(struct engine *engine)
{
	(void)engine; /* no descriptor of its own */
}

static int copy_flow_init(struct flow *flow, const char *field, struct problem_set *problems)
{
	int r = flow_open_socket(flow, field, problems);
	if (r < 0)
		return r;
	flow->path.copies = PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE;
	flow->path.reason = (struct engine_reason){.kind = ENGINE_REASON_COPY_ENGINE};
	return 0;
}

static void copy_flow_deinit(struct flow *flow)
{
	(void)flow; /* nothing beside the socket */
}

const struct engine_ops engine_copy_ops = {
	.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY,
	.name = "COPY",
	.engine_bytes = sizeof(struct copy_engine),
	.flow_bytes = sizeof(struct flow),
	.serves = copy_serves,
	.init = copy_init,
	.deinit = copy_deinit,
	.flow_init = copy_flow_init,
	.flow_deinit = copy_flow_deinit,
	.let_go = copy_let_go,
	.load = copy_load,
	.send = copy_send,
};
