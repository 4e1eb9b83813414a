/* sys_uring: see sys_uring.h. */
#include "base/sys_uring.h"

#include "base/sys.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool answered(enum sys_call call, int fd, size_t len, int *ret_result)
{
	ssize_t result;
	if (!sys_intercepted(call, fd, len, &result))
		return false;
	*ret_result = (int)result;
	return true;
}

/* A thread must enable the ring before it submits, and is then the only one that may. */
static int set_up(struct sys_uring *ring, unsigned int entries, unsigned int completions)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
		.cq_entries = completions,
	};
	return io_uring_queue_init_params(entries, &ring->ring, &params);
}

int sys_uring_open(struct sys_uring *ring, unsigned int entries, unsigned int completions,
		   unsigned int files, unsigned int buffers)
{
	int r;
	*ring = (struct sys_uring){0};
	if (answered(SYS_CALL_URING_SETUP, -1, entries, &r))
		return r;
	r = set_up(ring, entries, completions);
	if (r < 0)
		return r;
	r = io_uring_register_files_sparse(&ring->ring, files);
	if (r >= 0)
		r = io_uring_register_buffers_sparse(&ring->ring, buffers);
	if (r < 0)
		io_uring_queue_exit(&ring->ring);
	return r < 0 ? r : 0;
}

void sys_uring_close(struct sys_uring *ring)
{
	io_uring_queue_exit(&ring->ring);
}

int sys_uring_set_file(struct sys_uring *ring, unsigned int index, int fd)
{
	int r;
	if (answered(SYS_CALL_URING_REGISTER, fd, 0, &r))
		return r;
	r = io_uring_register_files_update(&ring->ring, index, &fd, 1);
	return r < 0 ? r : 0;
}

int sys_uring_set_buffer(struct sys_uring *ring, unsigned int index, void *memory, size_t len)
{
	int r;
	struct iovec range = {memory, memory ? len : 0};
	__u64 tag = 0;
	if (answered(SYS_CALL_URING_REGISTER, -1, len, &r))
		return r;
	r = io_uring_register_buffers_update_tag(&ring->ring, index, &range, &tag, 1);
	return r < 0 ? r : 0;
}

int sys_uring_may_send(int fd, size_t len)
{
	int r;
	return answered(SYS_CALL_URING_SEND, fd, len, &r) && r < 0 ? r : 0;
}

/* io_uring_enable_rings(), which liburing 2.3 names in its header and leaves out. */
static int enable(struct io_uring *ring)
{
	long r = syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
			 0);
	return r < 0 ? -errno : 0;
}

/* Requests that the kernel did not take: without a thread of its own that polls for them, it reads
 * them only when it is called. */
static void throw_away(struct io_uring *ring)
{
	unsigned int head = io_uring_smp_load_acquire(ring->sq.khead);
	ring->sq.sqe_head = ring->sq.sqe_tail = head;
	io_uring_smp_store_release(ring->sq.ktail, head);
}

int sys_uring_submit(struct sys_uring *ring)
{
	int r;
	if (answered(SYS_CALL_URING_ENTER, ring->ring.ring_fd, io_uring_sq_ready(&ring->ring),
		     &r)) {
		throw_away(&ring->ring);
		return r;
	}
	if (!ring->enabled) {
		r = enable(&ring->ring);
		if (r < 0) {
			throw_away(&ring->ring);
			return r;
		}
		ring->enabled = true;
	}
	r = io_uring_submit_and_wait(&ring->ring, io_uring_sq_ready(&ring->ring));
	if (io_uring_sq_ready(&ring->ring))
		throw_away(&ring->ring);
	return r;
}

int sys_uring_wait(struct sys_uring *ring, unsigned int count)
{
	struct io_uring_cqe *cqe;
	return io_uring_wait_cqe_nr(&ring->ring, &cqe, count);
}

int sys_uring_look(struct sys_uring *ring)
{
	return ring->enabled ? io_uring_get_events(&ring->ring) : 0;
}
