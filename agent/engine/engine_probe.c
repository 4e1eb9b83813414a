/*
 * engine_probe: what this machine can do, found out by trying it on a pipe and on loopback.
 *
 * Never by kernel version: vmsplice() may one day copy in silence, a seccomp filter may forbid it,
 * a user may be out of pipe pages. "By reference" is seen by changing a byte after handing its page
 * over. Where loopback is down (a fresh network namespace) UDP is taken to work as newer kernels
 * do; the engines meet every refusal at run time anyway. Runs once, under pthread_once().
 */
#include "engine/engine_probe.h"

#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_pipe.h"
#include "engine/engine_probe_ring.h"
#include "engine/engine_probe_uring.h"
#include "engine/train.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	PROBE_BYTES = 2 * PAGES_PAGE_BYTES,
	TIMED_SENDS = 64,
	RECEIVE_TIMEOUT_MS = 20,
};
#define HANDOVER_GUESS_NS INT64_C(4000)

static struct engine_probed probed; /* written under `once`, read by anyone afterwards */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Return: bytes now in the pipe; negative errno */
static ssize_t push(const struct engine_pipe *pipe, void *memory, size_t len)
{
	struct iovec v = {memory, len};
	return sys_vmsplice(pipe->in, &v, 1, SPLICE_F_NONBLOCK);
}

static void probe_pipe(const struct engine_pipe *pipe, uint8_t *page)
{
	uint8_t seen = 0;
	page[0] = 'a';
	ssize_t r = push(pipe, page, 1);
	if (r != 1) {
		probed.vmsplice_error = r < 0 ? (int)-r : EIO;
		return;
	}
	page[0] = 'b';
	if (read(pipe->out, &seen, 1) != 1)
		probed.vmsplice_error = EIO;
	probed.pipe_by_reference = seen == 'b';
}

/* Two connected sockets on loopback. Return: 0; negative errno */
static int open_pair(int *ret_sender, int *ret_receiver)
{
	_cleanup_close_ int receiver = sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int sender =
		sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof to;
	if (receiver < 0 || sender < 0)
		return -EMFILE;
	int r = sys_bind(receiver, (struct sockaddr *)&to, sizeof to);
	if (r < 0)
		return r;
	if (getsockname(receiver, (struct sockaddr *)&to, &len) < 0)
		return -errno;
	r = sys_connect(sender, (struct sockaddr *)&to, sizeof to);
	if (r < 0)
		return r;
	*ret_sender = TAKE_FD(sender);
	*ret_receiver = TAKE_FD(receiver);
	return 0;
}

/* Wait for one datagram. Return: its length; -1: none came in time */
static ssize_t receive(int fd, uint8_t *buffer, size_t size)
{
	struct pollfd poll = {.fd = fd, .events = POLLIN};
	struct timespec t = {.tv_nsec = RECEIVE_TIMEOUT_MS * CLOCK_NS_PER_MS};
	if (ppoll(&poll, 1, &t, NULL) <= 0)
		return -1;
	return recv(fd, buffer, size, MSG_DONTWAIT | MSG_TRUNC);
}

static void probe_udp(const struct engine_pipe *pipe, uint8_t *page, int sender, int receiver)
{
	uint8_t seen = 0;
	page[0] = 'c';
	ssize_t r = push(pipe, page, 1);
	r = r == 1 ? sys_splice(pipe->out, sender, 1, SPLICE_F_NONBLOCK) : -EIO;
	if (r == -ENETUNREACH || r == -ENETDOWN)
		return; /* loopback is down */
	probed.udp_tried = true;
	page[0] = 'd';
	probed.udp_error = r < 0 ? (int)-r : receive(receiver, &seen, 1) == 1 ? 0 : EIO;
	probed.udp_by_reference = seen == 'd';
}

/* Return: 0: a train of @segments one-byte datagrams left and arrived; positive errno */
static int try_train(const struct engine_pipe *pipe, uint8_t *page, int sender, int receiver,
		     uint32_t segments)
{
	struct engine_counters ignored = {0};
	ssize_t r = push(pipe, page, segments);
	r = r == (ssize_t)segments ? sys_splice(pipe->out, sender, segments, SPLICE_F_NONBLOCK)
				   : -EIO;
	if (r != (ssize_t)segments) {
		engine_pipe_settle((struct engine_pipe *)pipe, &ignored);
		return r < 0 ? (int)-r : EIO;
	}
	for (uint32_t i = 0; i < segments; i++) {
		uint8_t byte;
		if (receive(receiver, &byte, 1) != 1)
			return EIO;
	}
	return 0;
}

static void probe_segments(const struct engine_pipe *pipe, uint8_t *page, int sender, int receiver)
{
	int r = sys_setsockopt_int(sender, IPPROTO_UDP, UDP_SEGMENT, 1);
	probed.segment_error = -r;
	if (r < 0)
		return;
	static const uint32_t sizes[] = {TRAIN_SEGMENTS_MAX, TRAIN_SEGMENTS_OLDER_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		probed.segment_error = try_train(pipe, page, sender, receiver, sizes[i]);
		if (probed.segment_error == 0) {
			probed.segments_max = sizes[i];
			break;
		}
	}
	sys_setsockopt_int(sender, IPPROTO_UDP, UDP_SEGMENT, 0);
}

static void probe_handover(const struct engine_pipe *pipe, uint8_t *page, int sender)
{
	const struct clock *clock = clock_real();
	int64_t begin = clock_monotonic_ns(clock);
	for (int i = 0; i < TIMED_SENDS; i++)
		if (push(pipe, page, 1) != 1 ||
		    sys_splice(pipe->out, sender, 1, SPLICE_F_NONBLOCK) != 1)
			return;
	probed.handover_ns = (clock_monotonic_ns(clock) - begin) / TIMED_SENDS;
}

/* A datagram in two parts is summed in software, as fragments are. Return: its length where it
 * arrived, -1 where it did not: a wrong checksum */
static ssize_t send_summed(const struct engine_pipe *pipe, uint8_t *at, size_t len, int sender,
			   int receiver, uint8_t changed, uint8_t *ret_first)
{
	if (push(pipe, at, len) != (ssize_t)len ||
	    sys_splice(pipe->out, sender, len, SPLICE_F_NONBLOCK | SPLICE_F_MORE) != (ssize_t)len)
		return -1;
	at[0] = changed;
	uint8_t end = 'e';
	if (sys_send(sender, &end, 1, MSG_NOSIGNAL) != 1)
		return -1;
	uint8_t got[16];
	ssize_t r = receive(receiver, got, sizeof got);
	*ret_first = r > 0 ? got[0] : 0;
	return r;
}

static void probe_checksums(const struct engine_pipe *pipe, uint8_t *page, int sender, int receiver)
{
	uint8_t first, *odd = page + PAGES_PAGE_BYTES - 1;
	odd[0] = 'o';
	odd[2] = 'a'; /* 'z' and 'a' swapped give another sum */
	probed.odd_sum_wrong = send_summed(pipe, odd, 3, sender, receiver, 'o', &first) != 4;
	page[0] = 'f';
	probed.sum_copies =
		send_summed(pipe, page, 2, sender, receiver, 'g', &first) == 3 && first == 'f';
}

/* One send whose pages the error queue reports as free. */
static void probe_zerocopy(uint8_t *page, int sender, int receiver)
{
	uint8_t got;
	probed.zerocopy_error = -sys_setsockopt_int(sender, SOL_SOCKET, SO_ZEROCOPY, 1);
	if (probed.zerocopy_error)
		return;
	ssize_t r = sys_send(sender, page, PAGES_PAGE_BYTES / 2, MSG_ZEROCOPY | MSG_NOSIGNAL);
	if (r < 0) {
		probed.zerocopy_error = (int)-r;
		return;
	}
	receive(receiver, &got, 1);
	_Alignas(struct cmsghdr) char control[256];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
	if (sys_recvmsg(sender, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return;
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err)))
		return;
	const struct sock_extended_err *entry = (const void *)CMSG_DATA(c);
	probed.zerocopy_completed = entry->ee_origin == SO_EE_ORIGIN_ZEROCOPY;
	probed.zerocopy_copied = entry->ee_code & SO_EE_CODE_ZEROCOPY_COPIED;
}

static void probe_loopback(const struct engine_pipe *pipe, uint8_t *page)
{
	_cleanup_close_ int sender = -1, receiver = -1;
	if (open_pair(&sender, &receiver) < 0)
		return;
	probe_udp(pipe, page, sender, receiver);
	if (!probed.udp_tried || probed.udp_error)
		return;
	probed.segments_max = 1;
	probe_segments(pipe, page, sender, receiver);
	probe_checksums(pipe, page, sender, receiver);
	probe_handover(pipe, page, sender);
	probe_zerocopy(page, sender, receiver);
}

static void probe_uring(uint8_t *page)
{
	_cleanup_close_ int sender = -1, receiver = -1;
	if (open_pair(&sender, &receiver) == 0)
		engine_probe_uring(page, sender, receiver, &probed);
}

/* Does this thread have CAP_IPC_LOCK? */
static bool may_lock_any(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	return syscall(SYS_capget, &head, data) == 0 &&
	       data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK);
}

static void probe_raw(void)
{
	struct rlimit locked;
	probed.lockable_bytes = getrlimit(RLIMIT_MEMLOCK, &locked) < 0 ? 0 : locked.rlim_cur;
	if (may_lock_any())
		probed.lockable_bytes = RLIM_INFINITY;
	_cleanup_close_ int fd = sys_socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	probed.net_raw = fd >= 0;
	probed.ring_error = -engine_probe_ring(&probed.ring_train_error);
}

static void probe_all(void)
{
	struct engine_pipe pipe;
	void *page;
	probed = (struct engine_probed){.segments_max = TRAIN_SEGMENTS_MAX,
					.odd_sum_wrong = true, /* until seen otherwise */
					.uring_error = EIO,    /* the same */
					.handover_ns = HANDOVER_GUESS_NS};
	probe_raw();
	if (sys_map(&page, PROBE_BYTES, false) < 0) {
		probed.vmsplice_error = ENOMEM;
		return;
	}
	memset(page, 'z', PROBE_BYTES); /* or the zero page would be handed over */
	probe_uring(page);
	int r = engine_pipe_open(&pipe, TRAIN_PIPE_BUFFERS);
	probed.vmsplice_error = -r;
	if (r == 0) {
		probed.pipe_slots = pipe.slots;
		probe_pipe(&pipe, page);
		if (!probed.vmsplice_error)
			probe_loopback(&pipe, page);
		engine_pipe_close(&pipe);
	}
	sys_unmap(page, PROBE_BYTES);
}

void engine_probe(void)
{
	pthread_once(&once, probe_all);
}

const struct engine_probed *engine_probed(void)
{
	engine_probe();
	return &probed;
}

int64_t engine_handover_ns(void)
{
	engine_probe();
	return probed.handover_ns;
}
