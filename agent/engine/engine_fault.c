/*
 * engine_fault: what the errno of a send means, and what the error queue says afterwards.
 *
 * Linux mixes three things in the errno of a send: the verdict on this datagram (EMSGSIZE, EPERM),
 * the state of a queue (EAGAIN, ENOBUFS) and a soft error that an earlier datagram caused
 * (ECONNREFUSED after an ICMP). The last consumes nothing (tests/kernel) and is recognised by the
 * error queue: IP_RECVERR keeps an entry for each, and reading the queue clears the pending errno.
 * ENOBUFS is reported at all only because IP_RECVERR is on. Thread: the flow's worker.
 */
#include "engine/engine_fault.h"

#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_cut.h"
#include "engine/engine_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>

enum {
	ERRORS_READ_MAX =
		1024, /* entries read in one go: the queue itself is bounded by SO_RCVBUF */
	OFFENDER_BYTES = sizeof(struct sockaddr_in6),
};
/* A qdisc of 1,000 packets drains in this at 10 Gbit/s. */
#define FULL_SLEEP_MIN_NS (50 * CLOCK_NS_PER_US)
/* Well below the 10 ms in which control takes effect. */
#define FULL_SLEEP_MAX_NS (2 * CLOCK_NS_PER_MS)

static bool is_address(const struct sockaddr *a, const struct sockaddr *b)
{
	size_t len_a, len_b;
	const void *bytes_a = net_ip_bytes(a, &len_a), *bytes_b = net_ip_bytes(b, &len_b);
	return bytes_a && bytes_b && len_a == len_b && memcmp(bytes_a, bytes_b, len_a) == 0;
}

static enum icmp_sender sender_of(const struct flow *flow, const struct sockaddr *offender)
{
	if (is_address(offender, &flow->stream->destination.to.any))
		return ICMP_FROM_DESTINATION;
	return is_address(offender, &flow->local.any) ? ICMP_FROM_HERE : ICMP_FROM_OTHER;
}

static void count(struct flow *flow, const struct sock_extended_err *error)
{
	const struct sockaddr *offender = SO_EE_OFFENDER(error);
	bool v6 = error->ee_origin == SO_EE_ORIGIN_ICMP6;
	enum icmp_cause cause =
		icmp_cause_of(v6, error->ee_type, error->ee_code, sender_of(flow, offender));
	struct flow_async_errors *pending = &flow->pending;
	size_t len;
	const void *bytes = net_ip_bytes(offender, &len);
	pending->causes[cause]++;
	pending->last_error = (int)error->ee_errno;
	if (bytes)
		net_ip_set(&pending->senders[cause], offender->sa_family, bytes, len);
}

/* An entry stands for the sends ee_info .. ee_data. */
static void count_completions(struct flow_completions *completions,
			      const struct sock_extended_err *entry)
{
	completions->done += entry->ee_data - entry->ee_info + 1;
	completions->copied |= entry->ee_code & SO_EE_CODE_ZEROCOPY_COPIED;
}

/* An entry of the queue counts if the network said it: what this host's stack refused at once was
 * the errno of that call. Return: 1 counted, 0 not */
static int count_entry(struct flow *flow, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
		if ((!v4 && !v6) ||
		    c->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err) + OFFENDER_BYTES / 2))
			continue;
		const struct sock_extended_err *error = (const void *)CMSG_DATA(c);
		if (error->ee_origin == SO_EE_ORIGIN_ZEROCOPY)
			count_completions(&flow->completions, error);
		if (error->ee_origin != SO_EE_ORIGIN_ICMP && error->ee_origin != SO_EE_ORIGIN_ICMP6)
			continue;
		count(flow, error);
		return 1;
	}
	return 0;
}

int flow_read_error(struct flow *flow, struct engine_counters *counters)
{
	_Alignas(struct cmsghdr) char control[512];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
	counters->syscalls++;
	ssize_t r = sys_recvmsg(flow->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
	return r < 0 ? (int)r : count_entry(flow, &message);
}

uint64_t flow_read_errors(struct flow *flow, struct engine_counters *counters)
{
	uint64_t counted = 0;
	for (int i = 0; i < ERRORS_READ_MAX; i++) {
		int r = flow_read_error(flow, counters);
		if (r < 0)
			break;
		counted += (uint64_t)r;
	}
	return counted;
}

void flow_async_errors(struct flow *flow, struct flow_async_errors *async_errors,
		       struct engine_counters *counters)
{
	if (flow->fd >= 0)
		flow_read_errors(flow, counters);
	if (flow->engine->ops->late)
		flow->engine->ops->late(flow, counters);
	for (size_t i = 0; i < ICMP_CAUSE_COUNT; i++) {
		async_errors->causes[i] += flow->pending.causes[i];
		if (flow->pending.senders[i].any.sa_family != AF_UNSPEC)
			async_errors->senders[i] = flow->pending.senders[i];
	}
	if (flow->pending.last_error)
		async_errors->last_error = flow->pending.last_error;
	flow->pending = (struct flow_async_errors){0};
}

/* Trains of this size no longer fit the path: such packets leave one by one, in fragments if need
 * be. */
static enum flow_fault recut_shorter(struct flow *flow, const struct train *piece)
{
	uint32_t now = flow_path_mtu_payload(flow);
	flow->limits.segment_bytes_max = MIN(now, piece->segment_bytes - 1);
	flow->path.reason = (struct engine_reason){.kind = ENGINE_REASON_PATH_SHORTER,
						   .bytes = flow->limits.segment_bytes_max};
	return FLOW_RECUT;
}

enum flow_fault flow_train_refused(struct flow *flow, int error)
{
	flow->limits.segments_max = 1;
	flow->path.reason =
		(struct engine_reason){.kind = ENGINE_REASON_TRAIN_REFUSED, .error = error};
	return FLOW_RECUT;
}

/* Fewer segments: what older kernels take, then none. */
static enum flow_fault recut_fewer(struct flow *flow, int error)
{
	if (error != EINVAL || flow->limits.segments_max <= TRAIN_SEGMENTS_OLDER_MAX)
		return flow_train_refused(flow, error);
	flow->limits.segments_max = TRAIN_SEGMENTS_OLDER_MAX;
	return FLOW_RECUT;
}

static enum flow_fault too_long(struct flow *flow, const struct train *piece, unsigned int tries,
				struct engine_counters *counters)
{
	uint64_t heard = flow_read_errors(flow, counters);
	if (piece->segments > 1)
		return recut_shorter(flow, piece);
	if (flow->segment_now) { /* a size of another train is in force, and longer than the path */
		const struct train none = {.segment_bytes = UINT32_MAX, .segments = 1};
		return flow_segment(flow, &none, counters) == 0 ? FLOW_RETRY : FLOW_REFUSED;
	}
	return heard && tries < FLOW_RETRIES_MAX ? FLOW_RETRY : FLOW_REFUSED;
}

static enum flow_fault soft(struct flow *flow, int error, unsigned int tries,
			    struct engine_counters *counters)
{
	uint64_t heard = flow_read_errors(flow, counters);
	if (!heard && error == ECONNREFUSED) { /* never a verdict on a send: the queue was full */
		flow->pending.causes[ICMP_CAUSE_PORT]++;
		flow->pending.last_error = error;
		heard = 1;
	}
	if (tries >= FLOW_RETRIES_MAX)
		return FLOW_REFUSED;
	return heard || tries == 0 ? FLOW_RETRY : FLOW_REFUSED;
}

enum flow_fault flow_fault(struct flow *flow, const struct train *piece, int error,
			   unsigned int tries, struct engine_counters *counters)
{
	bool train = piece->segments > 1;
	switch (error) {
	case EINTR: return tries < FLOW_RETRIES_MAX ? FLOW_RETRY : FLOW_ROOM;
	case ENOBUFS:
		if (!train || !flow->segments_in_kernel)
			return FLOW_ROOM;
		/* A device without a queue may have taken some of the segments that the kernel cut
		 * and lost the rest: sending the train again would double them. */
		recut_fewer(flow, error);
		return FLOW_REFUSED;
	case EAGAIN:
	case ENOMEM: return FLOW_ROOM;
	case EMSGSIZE: return too_long(flow, piece, tries, counters);
	case EINVAL:
	case EIO:
	case EOPNOTSUPP: return train ? recut_fewer(flow, error) : FLOW_REFUSED;
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EPROTO: return soft(flow, error, tries, counters);
	default: return FLOW_REFUSED;
	}
}

static int sleep_for_room(struct flow *flow, int64_t timeout_ns, struct engine_counters *counters)
{
	uint32_t doublings = MIN(flow->full_count - 1, 8u);
	int64_t wanted = MIN(FULL_SLEEP_MIN_NS << doublings, FULL_SLEEP_MAX_NS);
	int64_t slept = MIN(wanted, timeout_ns);
	struct timespec t = {slept / CLOCK_NS_PER_S, slept % CLOCK_NS_PER_S};
	counters->syscalls++;
	sys_poll(NULL, 0, &t);
	return slept == wanted ? 0 : 1;
}

int flow_wait_room(struct flow *flow, int64_t timeout_ns, struct engine_counters *counters)
{
	if (timeout_ns < 0)
		timeout_ns = 0;
	if (flow->fd < 0 || flow->full_error != EAGAIN)
		return flow->full_count ? sleep_for_room(flow, timeout_ns, counters) : 0;
	bool own = flow->room_fd < 0;
	struct pollfd poll = {.fd = own ? flow->fd : flow->room_fd,
			      .events = own ? POLLOUT : POLLIN};
	struct timespec t = {timeout_ns / CLOCK_NS_PER_S, timeout_ns % CLOCK_NS_PER_S};
	counters->syscalls++;
	int r = sys_poll(&poll, 1, &t);
	if (r > 0 && !(poll.revents & poll.events))
		flow_read_errors(flow, counters); /* else every further poll returns at once */
	if (r > 0 && flow->full_count > 1)
		/* writable, yet full again: it was not the socket buffer that was full */
		return sleep_for_room(flow, timeout_ns, counters);
	return r > 0 ? 0 : 1;
}
