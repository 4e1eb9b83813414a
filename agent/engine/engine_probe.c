/*
 * engine_probe: what this machine can do, found out by trying it on a pipe and on loopback.
 *
 * Never by kernel version: vmsplice() may one day copy in silence, a seccomp filter may forbid it,
 * a user may be out of pipe pages. "By reference" is seen by changing a byte after handing its page
 * over. Where loopback is down (a fresh network namespace) UDP is taken to work as newer kernels
 * do; the engines meet every refusal at run time anyway. Runs once, under pthread_once().
 */
#include "engine/engine_private.h"

#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_pipe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	OLDER_SEGMENTS_MAX = 64, /* UDP_MAX_SEGMENTS before 6.9 */
	PROBE_BYTES = 2 * PAGES_PAGE_BYTES,
	TIMED_SENDS = 64,
	RECEIVE_TIMEOUT_MS = 20,
};
#define HANDOVER_GUESS_NS INT64_C(4000)

static struct engine_probed probed; /* written under `once`, read by anyone afterwards */
static struct engine_fact facts[ENGINE_KINDS];
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
	static const uint32_t sizes[] = {TRAIN_SEGMENTS_MAX, OLDER_SEGMENTS_MAX};
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

/* One send whose pages are told free by the error queue. */
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
	const struct sock_extended_err *told = (const void *)CMSG_DATA(c);
	probed.zerocopy_completed = told->ee_origin == SO_EE_ORIGIN_ZEROCOPY;
	probed.zerocopy_copied = told->ee_code & SO_EE_CODE_ZEROCOPY_COPIED;
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

static void probe_raw(void)
{
	struct rlimit locked;
	probed.locked_bytes_max = getrlimit(RLIMIT_MEMLOCK, &locked) < 0 ? 0 : locked.rlim_cur;
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
					.handover_ns = HANDOVER_GUESS_NS};
	probe_raw();
	if (sys_map(&page, PROBE_BYTES, false) < 0) {
		probed.vmsplice_error = ENOMEM;
		return;
	}
	memset(page, 'z', PROBE_BYTES); /* or the zero page would be handed over */
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

/* ---- in words ---- */

static void add_fact(struct engine_fact *fact, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add_fact(struct engine_fact *fact, const char *format, ...)
{
	if (fact->fact_count == ARRAY_SIZE(fact->facts))
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(fact->facts[fact->fact_count++], sizeof fact->facts[0], format, args);
	va_end(args);
}

static void add_common_facts(struct engine_fact *fact)
{
	if (!probed.udp_tried)
		add_fact(fact, "loopback is down: trains were not tried");
	else if (probed.segments_max > 1)
		add_fact(fact, "UDP_SEGMENT: trains of up to %u datagrams", probed.segments_max);
	else
		add_fact(fact, "UDP_SEGMENT: no trains (%s)", errno_name(probed.segment_error));
	add_fact(fact, probed.net_raw ? "CAP_NET_RAW: raw IP can be sent"
				      : "no CAP_NET_RAW: raw IP cannot be sent");
}

static void tell_splice(struct engine_fact *fact)
{
	fact->kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE;
	fact->available = !probed.vmsplice_error && !probed.udp_error;
	if (probed.vmsplice_error == ENOBUFS)
		snprintf(fact->why, sizeof fact->why,
			 "pipes are too small: this user has too many large ones");
	else if (!fact->available)
		snprintf(fact->why, sizeof fact->why, "%s: %s",
			 probed.vmsplice_error ? "vmsplice fails" : "splice to a UDP socket fails",
			 errno_name(probed.vmsplice_error ? probed.vmsplice_error
							  : probed.udp_error));
	else
		snprintf(fact->why, sizeof fact->why, "vmsplice and splice work here");
	if (fact->available)
		add_fact(fact, probed.pipe_by_reference ? "vmsplice references pages"
							: "vmsplice copies on this kernel");
	if (probed.udp_tried && fact->available)
		add_fact(fact, probed.udp_by_reference ? "splice to UDP references pages"
						       : "splice to UDP copies on this kernel");
	if (probed.udp_tried && fact->available && probed.odd_sum_wrong)
		add_fact(fact, "this kernel sums odd pieces wrong: packets are placed around it");
	if (probed.pipe_slots)
		add_fact(fact, "pipes of %u slots", probed.pipe_slots);
	if (probed.udp_tried && fact->available)
		add_fact(fact, "one datagram by vmsplice and splice on loopback: %lld ns",
			 (long long)probed.handover_ns);
	add_common_facts(fact);
}

static void tell_zerocopy(struct engine_fact *fact)
{
	fact->kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY;
	fact->available = !probed.zerocopy_error;
	if (!fact->available) {
		snprintf(fact->why, sizeof fact->why, "MSG_ZEROCOPY fails: %s",
			 errno_name(probed.zerocopy_error));
		return;
	}
	snprintf(fact->why, sizeof fact->why, "MSG_ZEROCOPY works here, for UDP");
	if (probed.zerocopy_completed)
		add_fact(fact, probed.zerocopy_copied
				       ? "to a receiver on this host the kernel copies"
				       : "to a receiver on this host the kernel does not copy");
	if (probed.locked_bytes_max != RLIM_INFINITY)
		add_fact(fact,
			 "memory limit (ulimit -l) of %llu KiB: holds for it without "
			 "CAP_IPC_LOCK",
			 (unsigned long long)probed.locked_bytes_max >> 10);
	if (probed.segments_max > 1)
		add_fact(fact, "UDP_SEGMENT: trains of up to %u datagrams", probed.segments_max);
	else
		add_fact(fact, "UDP_SEGMENT: no trains (%s)", errno_name(probed.segment_error));
}

static void tell_ring(struct engine_fact *fact)
{
	*fact = (struct engine_fact){.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING,
				     .available = !probed.ring_error};
	if (probed.ring_error == EPERM || probed.ring_error == EACCES)
		snprintf(fact->why, sizeof fact->why,
			 "the agent does not have CAP_NET_RAW, which packet rings need");
	else if (probed.ring_error)
		snprintf(fact->why, sizeof fact->why, "a packet ring fails: %s",
			 errno_name(probed.ring_error));
	else
		snprintf(fact->why, sizeof fact->why,
			 "packet rings work here, for Ethernet frames");
	if (!fact->available)
		return;
	if (probed.ring_train_error == ENETDOWN)
		add_fact(fact, "loopback is down: trains were not tried");
	else if (probed.ring_train_error)
		add_fact(fact, "PACKET_VNET_HDR: no trains (%s)",
			 errno_name(probed.ring_train_error));
	else
		add_fact(fact, "PACKET_VNET_HDR: trains of UDP frames");
}

static void tell_others(void)
{
	facts[2] = (struct engine_fact){.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY,
					.available = true,
					.why = "sendmmsg works everywhere"};
	add_common_facts(&facts[2]);
	tell_zerocopy(&facts[3]);
	tell_ring(&facts[1]);
}

static void probe_once(void)
{
	probe_all();
	tell_splice(&facts[0]);
	tell_others();
}

void engine_probe(void)
{
	pthread_once(&once, probe_once);
}

const struct engine_probed *engine_probed(void)
{
	engine_probe();
	return &probed;
}

const struct engine_fact *engine_facts(void)
{
	engine_probe();
	return facts;
}

int64_t engine_handover_ns(void)
{
	engine_probe();
	return probed.handover_ns;
}
