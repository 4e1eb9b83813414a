/* engine_splice_handover: see engine_splice_handover.h. */
#include "engine/engine_splice_handover.h"

#include "base/sys.h"
#include "engine/engine_cut.h"
#include "engine/engine_fault.h"

#include <errno.h>
#include <fcntl.h>

static ssize_t hand_over_once(struct flow *flow, const struct engine_pipe *pipe,
			      const struct train *piece, size_t len,
			      struct engine_counters *counters)
{
	ssize_t r = flow_segment(flow, piece, counters);
	if (r < 0)
		return r;
	counters->syscalls++;
	if (len == 0) {
		const void *bytes = "";
		if (piece->segment_bytes)
			bytes = flow->trains->pages.memory + piece->offset;
		return sys_send(flow->fd, bytes, piece->segment_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	r = sys_splice(pipe->out, flow->fd, len, SPLICE_F_NONBLOCK);
	return r < 0 || r == (ssize_t)len ? r : -EIO; /* short: a lost step */
}

bool splice_hand_over(struct flow *flow, const struct engine_pipe *pipe, const struct train *piece,
		      size_t piped_bytes, struct engine_counters *counters,
		      enum flow_fault *ret_fault, int *ret_error)
{
	for (unsigned int tries = 0;; tries++) {
		ssize_t r = hand_over_once(flow, pipe, piece, piped_bytes, counters);
		if (__builtin_expect(r >= 0, 1))
			return true;
		enum flow_fault fault = flow_fault(flow, piece, (int)-r, tries, counters);
		if (fault == FLOW_RETRY)
			continue;
		*ret_fault = fault;
		*ret_error = (int)-r;
		return false;
	}
}

void splice_not_loaded(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
		       int error, struct engine_result *result)
{
	bool room = error == EAGAIN || error == ENOMEM || error == ENOBUFS || error == EINTR;
	flow_stopped(flow, cursor, piece, room ? FLOW_ROOM : FLOW_REFUSED, error, result);
}
