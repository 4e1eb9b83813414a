/* netlink: see netlink.h. Relies on: the kernel's port id is 0, and it answers a socket in order.
 */
#include "net/netlink.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"

enum { SEQUENCE = 1 /* one question a socket */ };

void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
		    size_t fixed_bytes)
{
	assert(NLMSG_SPACE(fixed_bytes) <= sizeof request->bytes);
	*request = (struct netlink_request){0};
	request->header.nlmsg_len = NLMSG_LENGTH(fixed_bytes);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | flags;
	request->header.nlmsg_seq = SEQUENCE;
	return request->bytes + NLMSG_HDRLEN;
}

void netlink_add(struct netlink_request *request, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
	assert(at + RTA_SPACE(len) <= sizeof request->bytes);
	struct rtattr attribute = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
	memcpy(request->bytes + at, &attribute, sizeof attribute);
	memcpy(request->bytes + at + RTA_LENGTH(0), data, len);
	request->header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

const void *netlink_fixed(const struct nlmsghdr *message, size_t fixed_bytes)
{
	if (message->nlmsg_len < NLMSG_LENGTH(fixed_bytes))
		return NULL;
	return (const uint8_t *)message + NLMSG_HDRLEN;
}

static void collect(const uint8_t *at, size_t left, struct netlink_attribute *ret, uint16_t max)
{
	for (size_t i = 0; i <= max; i++)
		ret[i] = (struct netlink_attribute){0};
	struct rtattr attribute;
	while (left >= sizeof attribute) {
		memcpy(&attribute, at, sizeof attribute);
		if (attribute.rta_len < sizeof attribute || attribute.rta_len > left)
			return;
		uint16_t type = attribute.rta_type & NLA_TYPE_MASK;
		if (type <= max)
			ret[type] = (struct netlink_attribute){at + RTA_LENGTH(0),
							       attribute.rta_len - RTA_LENGTH(0)};
		size_t step = MIN((size_t)RTA_ALIGN(attribute.rta_len), left);
		at += step;
		left -= step;
	}
}

void netlink_attributes(const struct nlmsghdr *message, size_t fixed_bytes,
			struct netlink_attribute *ret, uint16_t max)
{
	size_t skip = NLMSG_SPACE(fixed_bytes);
	size_t len = message->nlmsg_len;
	collect((const uint8_t *)message + MIN(skip, len), len > skip ? len - skip : 0, ret, max);
}

void netlink_nested(struct netlink_attribute outer, struct netlink_attribute *ret, uint16_t max)
{
	collect(outer.data, outer.data ? outer.len : 0, ret, max);
}

bool netlink_u32(struct netlink_attribute attribute, uint32_t *ret_value)
{
	if (!attribute.data || attribute.len != sizeof *ret_value)
		return false;
	memcpy(ret_value, attribute.data, sizeof *ret_value);
	return true;
}

/* Return: 0 there may be something to read; -ETIMEDOUT; negative errno */
static int wait_readable(int fd, int64_t deadline_ns)
{
	int64_t left_ns = deadline_ns - clock_monotonic_ns(clock_real());
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int left_ms = left_ns <= 0 ? 0 : (int)(left_ns / CLOCK_NS_PER_MS) + 1;
	int n = poll(&ready, 1, left_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* Return: bytes of one datagram from the kernel; 0: nothing of the kernel's; negative errno */
static ssize_t receive(int fd, uint8_t *buffer, int64_t deadline_ns)
{
	struct sockaddr_nl sender = {0};
	struct iovec iov = {buffer, NETLINK_ANSWER_BYTES};
	struct msghdr message = {
		.msg_name = &sender,
		.msg_namelen = sizeof sender,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	/* The kernel mostly answers before send() returns: there is rarely anything to wait for. */
	ssize_t len = recvmsg(fd, &message, MSG_DONTWAIT);
	if (len < 0 && errno == EAGAIN)
		return wait_readable(fd, deadline_ns);
	if (len < 0)
		return errno == EINTR ? 0 : -errno;
	if (message.msg_namelen != sizeof sender || sender.nl_pid != 0)
		return 0;
	if (message.msg_flags & MSG_TRUNC)
		return -EBADMSG;
	return len;
}

static int kernel_error(const struct nlmsghdr *message)
{
	const int *code = netlink_fixed(message, sizeof *code);
	if (!code || *code > 0)
		return -EBADMSG;
	return *code;
}

/* Return: 1 the answer is complete; 0 more is to come; negative errno */
static int read_datagram(const uint8_t *buffer, size_t len, bool dump, netlink_each *each,
			 void *context, bool *interrupted)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)buffer;
		if (message->nlmsg_len < sizeof *message || message->nlmsg_len > len)
			return -EBADMSG;
		size_t step = MIN((size_t)NLMSG_ALIGN(message->nlmsg_len), len);
		buffer += step;
		len -= step;
		if (message->nlmsg_seq != SEQUENCE)
			continue;
		*interrupted |= message->nlmsg_flags & NLM_F_DUMP_INTR;
		int error;
		switch (message->nlmsg_type) {
		case NLMSG_NOOP: continue;
		case NLMSG_ERROR: error = kernel_error(message); return error ? error : 1;
		case NLMSG_DONE:
			error = message->nlmsg_len > NLMSG_HDRLEN ? kernel_error(message) : 0;
			return error ? error : 1;
		case NLMSG_OVERRUN: return -EBADMSG;
		default: break;
		}
		error = each(message, context);
		if (error)
			return error;
		if (!dump)
			return 1;
	}
	return 0;
}

static int ask_once(const struct netlink_request *request, netlink_each *each, void *context,
		    uint8_t *buffer, int64_t deadline_ns, bool *interrupted)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
		return -errno;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	bool dump = (request->header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	*interrupted = false;
	for (;;) {
		ssize_t len = receive(fd, buffer, deadline_ns);
		if (len < 0)
			return (int)len;
		int done =
			len ? read_datagram(buffer, (size_t)len, dump, each, context, interrupted)
			    : 0;
		if (done)
			return done < 0 ? done : 0;
		if (clock_monotonic_ns(clock_real()) > deadline_ns)
			return -ETIMEDOUT;
	}
}

int netlink_ask(const struct netlink_request *request, netlink_each *each,
		void (*restart)(void *context), void *context)
{
	_cleanup_free_ uint8_t *buffer = malloc(NETLINK_ANSWER_BYTES);
	if (!buffer)
		return -ENOMEM;
	int64_t deadline_ns =
		clock_monotonic_ns(clock_real()) + NETLINK_TIMEOUT_MS * CLOCK_NS_PER_MS;
	for (int attempt = 0; attempt < NETLINK_DUMP_ATTEMPTS_MAX; attempt++) {
		bool interrupted = false;
		if (attempt && restart)
			restart(context);
		int error = ask_once(request, each, context, buffer, deadline_ns, &interrupted);
		if (error || !interrupted)
			return error;
	}
	return -EAGAIN;
}

int netlink_list_add(struct netlink_list *list, const void *element, size_t element_bytes)
{
	if (list->count >= NETLINK_LIST_MAX)
		return -EOVERFLOW;
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		void *grown = reallocarray(list->elements, room, element_bytes);
		if (!grown)
			return -ENOMEM;
		list->elements = grown;
		list->room = room;
	}
	memcpy((uint8_t *)list->elements + list->count++ * element_bytes, element, element_bytes);
	return 0;
}

void netlink_list_restart(void *list)
{
	((struct netlink_list *)list)->count = 0;
}
