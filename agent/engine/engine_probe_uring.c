/* engine_probe_uring: see engine_probe_uring.h. */
#include "engine/engine_probe_uring.h"

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_uring.h"
#include "engine/engine_uring.h"
#include "engine/pages.h"

#include <errno.h>

enum { SEND_BYTES = PAGES_PAGE_BYTES / 2, NOTIFIED_WITHIN_MS = 20 };

/* One zero-copy send, and its result. Return: 0; negative errno, the kernel's or of the ring */
static int send_one(struct sys_uring *ring, const uint8_t *page, unsigned int flags,
		    bool *ret_notifies)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
	io_uring_prep_send_zc(sqe, 0, page, SEND_BYTES, MSG_DONTWAIT, 0);
	sqe->ioprio |= (uint16_t)(IORING_RECVSEND_FIXED_BUF | flags);
	sqe->buf_index = 0;
	sqe->flags |= IOSQE_FIXED_FILE;
	int r = sys_uring_submit(ring);
	if (r <= 0)
		return r < 0 ? r : -EAGAIN;
	r = sys_uring_wait(ring, 1);
	if (r < 0 || io_uring_peek_cqe(&ring->ring, &cqe))
		return r < 0 ? r : -EIO;
	r = cqe->res;
	*ret_notifies = cqe->flags & IORING_CQE_F_MORE;
	io_uring_cqe_seen(&ring->ring, cqe);
	return r < 0 ? r : 0;
}

/* The notification of a send that was received, within a moment. */
static void see_notification(struct sys_uring *ring, int receiver, struct engine_probed *ret)
{
	uint8_t byte;
	struct io_uring_cqe *cqe;
	struct pollfd poll = {.fd = receiver, .events = POLLIN};
	const struct timespec within = {.tv_nsec = NOTIFIED_WITHIN_MS * CLOCK_NS_PER_MS};
	if (sys_poll(&poll, 1, &within) == 1)
		recv(receiver, &byte, 1, MSG_DONTWAIT);
	poll = (struct pollfd){.fd = ring->ring.ring_fd, .events = POLLIN};
	if (io_uring_cq_ready(&ring->ring) == 0)
		sys_poll(&poll, 1, &within);
	if (sys_uring_look(ring) < 0 || io_uring_peek_cqe(&ring->ring, &cqe))
		return;
	ret->uring_notified = cqe->flags & IORING_CQE_F_NOTIF;
	ret->uring_copied = (uint32_t)cqe->res & SYS_URING_COPIED;
	io_uring_cqe_seen(&ring->ring, cqe);
}

/* Return: 0; negative errno */
static int try_send(struct sys_uring *ring, uint8_t *page, int sender, int receiver,
		    struct engine_probed *ret)
{
	bool notifies = false;
	int r = sys_uring_set_file(ring, 0, sender);
	if (r == 0)
		r = sys_uring_set_buffer(ring, 0, page, PAGES_PAGE_BYTES);
	if (r < 0)
		return r;
	r = send_one(ring, page, SYS_URING_REPORT_USAGE, &notifies);
	ret->uring_reports = r != -EINVAL;
	if (r == -EINVAL)
		r = send_one(ring, page, 0, &notifies);
	if (r == -ENETUNREACH || r == -ENETDOWN) /* loopback is down; the request is understood */
		return 0;
	if (r == 0 && notifies)
		see_notification(ring, receiver, ret);
	return r;
}

void engine_probe_uring(uint8_t *page, int sender, int receiver, struct engine_probed *ret)
{
	struct sys_uring ring;
	int r = sys_uring_open(&ring, FLOW_SEND_LONE_MAX, ENGINE_URING_COMPLETIONS, 1, 1);
	if (r == 0) {
		r = try_send(&ring, page, sender, receiver, ret);
		sys_uring_close(&ring);
	}
	ret->uring_error = -r;
}
