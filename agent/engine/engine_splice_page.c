/*
 * engine_splice_page: the textbook sequence, one packet a page.
 *
 * vmsplice() of the whole page, its head to /dev/null, the packet to the socket, its tail to
 * /dev/null: four system calls a packet (three where a packet begins or ends with its page). It is
 * the reference that packing is measured against, so nothing is saved here. After each packet the
 * pipe is empty. Thread: one worker.
 */
#include "engine/engine_splice_page.h"

#include "base/sys.h"
#include "engine/engine_cut.h"
#include "engine/engine_splice_batch.h"
#include "engine/engine_splice_handover.h"

#include <errno.h>
#include <fcntl.h>

static bool discard(const struct engine_pipe *pipe, size_t len, struct engine_counters *counters)
{
	if (len == 0)
		return true;
	counters->syscalls++;
	return sys_splice(pipe->out, pipe->null, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK) ==
	       (ssize_t)len;
}

/* The page into the pipe and its head away. Return: 0; positive errno: the pipe is empty */
static int bring_page(const struct flow *flow, struct engine_pipe *pipe, const struct train *piece,
		      struct engine_counters *counters)
{
	size_t head = piece->offset % PAGES_PAGE_BYTES;
	struct iovec page = {flow->trains->pages.memory + piece->offset - head, PAGES_PAGE_BYTES};
	int error = EIO;
	for (int i = 0; i < SPLICE_LOADS_MAX; i++) {
		if (engine_pipe_ready(pipe) < 0)
			return ENOBUFS;
		counters->syscalls++;
		ssize_t r = sys_vmsplice(pipe->in, &page, 1, SPLICE_F_GIFT | SPLICE_F_NONBLOCK);
		counters->pages += r > 0;
		if (r == PAGES_PAGE_BYTES && discard(pipe, head, counters))
			return 0;
		error = r < 0 ? (int)-r : EIO;
		if (engine_pipe_settle(pipe, counters) < 0)
			return ENOBUFS;
	}
	return error;
}

/* Return: true: the packet at @cursor left */
static bool send_page(struct flow *flow, struct engine_pipe *pipe, struct train_cursor *cursor,
		      struct engine_result *result, struct engine_counters *counters)
{
	struct train piece = flow_next_piece(flow, cursor, 1);
	size_t end = piece.offset % PAGES_PAGE_BYTES + piece.segment_bytes;
	enum flow_fault fault;
	int error = piece.segment_bytes ? bring_page(flow, pipe, &piece, counters) : 0;
	if (error) {
		splice_not_loaded(flow, cursor, &piece, error, result);
		return false;
	}
	if (!splice_hand_over(flow, pipe, &piece, splice_piped_bytes(flow, &piece), counters,
			      &fault, &error)) {
		engine_pipe_settle(pipe, counters);
		flow_stopped(flow, cursor, &piece, fault, error, result);
		return false;
	}
	if (piece.segment_bytes && !discard(pipe, PAGES_PAGE_BYTES - end, counters))
		engine_pipe_settle(pipe, counters);
	flow_sent(flow, cursor, &piece, result);
	return true;
}

void splice_send_pages(struct flow *flow, struct engine_pipe *pipe, struct train_cursor *cursor,
		       uint64_t packets_max, struct engine_result *result,
		       struct engine_counters *counters)
{
	for (int i = 0; i < FLOW_SEND_LONE_MAX && result->sent < packets_max; i++) {
		if (trains_at_end(flow->trains, cursor) ||
		    !send_page(flow, pipe, cursor, result, counters))
			return;
		result->longest_burst = 1;
	}
}
