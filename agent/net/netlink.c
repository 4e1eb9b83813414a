/*
 * netlink: see netlink.h. Relies on: the kernel answers a request before send() returns, and the
 * rest of a dump while its last part is read, so that the timeout is for a kernel at fault.
 */
#include "net/netlink.h"

#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/util.h"

enum {
	ANY_PORT = 0, /* the socket is connected: libmnl need not compare */
};

struct answer {
	netlink_each *each;
	void *context;
	bool dump;
	bool whole; /* no more of it will come */
};

/* Of a thread that keeps its socket; -1: not open */
static _Thread_local int kept_fd = -1;
static _Thread_local bool keeps;
static _Thread_local uint32_t sequence; /* of the last request */

struct attribute_table {
	struct netlink_attribute *attributes; /* [max + 1] */
	uint16_t max;
};

void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
		    size_t fixed_bytes)
{
	assert(NLMSG_SPACE(fixed_bytes) <= sizeof request->bytes);
	struct nlmsghdr *header = mnl_nlmsg_put_header(request);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = ++sequence;
	return mnl_nlmsg_put_extra_header(header, fixed_bytes);
}

void netlink_add(struct netlink_request *request, uint16_t type, const void *data, size_t len)
{
	bool fits = mnl_attr_put_check(&request->header, sizeof request->bytes, type, len, data);
	assert(fits);
	(void)fits;
}

const void *netlink_fixed(const struct nlmsghdr *message, size_t fixed_bytes)
{
	if (message->nlmsg_len < NLMSG_LENGTH(fixed_bytes))
		return NULL;
	return mnl_nlmsg_get_payload(message);
}

static int collect(const struct nlattr *attribute, void *context)
{
	const struct attribute_table *table = context;
	uint16_t type = mnl_attr_get_type(attribute);
	if (type <= table->max)
		table->attributes[type] = (struct netlink_attribute){
			mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute)};
	return MNL_CB_OK;
}

void netlink_attributes(const struct nlmsghdr *message, size_t fixed_bytes,
			struct netlink_attribute *ret, uint16_t max)
{
	memset(ret, 0, (max + 1u) * sizeof *ret);
	mnl_attr_parse(message, (unsigned int)fixed_bytes, collect,
		       &(struct attribute_table){ret, max});
}

void netlink_nested(struct netlink_attribute outer, struct netlink_attribute *ret, uint16_t max)
{
	memset(ret, 0, (max + 1u) * sizeof *ret);
	mnl_attr_parse_payload(outer.data, outer.len, collect, &(struct attribute_table){ret, max});
}

bool netlink_u32(struct netlink_attribute attribute, uint32_t *ret_value)
{
	if (!attribute.data || attribute.len != sizeof *ret_value)
		return false;
	memcpy(ret_value, attribute.data, sizeof *ret_value);
	return true;
}

static int take_data(const struct nlmsghdr *message, void *context)
{
	struct answer *answer = context;
	answer->whole = !answer->dump;
	errno = -answer->each(message, answer->context);
	if (errno)
		return MNL_CB_ERROR;
	return answer->dump ? MNL_CB_OK : MNL_CB_STOP;
}

/* An acknowledgement, an error, or the end of a dump, which may carry an error as well: libmnl's
 * own function for it does not look. */
static int take_result(const struct nlmsghdr *message, void *context)
{
	struct answer *answer = context;
	answer->whole = true;
	const int *code = netlink_fixed(message, sizeof *code);
	if (!code && message->nlmsg_type == NLMSG_DONE)
		return MNL_CB_STOP;
	errno = !code || *code > 0 ? EBADMSG : -*code;
	return errno ? MNL_CB_ERROR : MNL_CB_STOP;
}

static int connect_kernel(int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct timeval timeout = {.tv_sec = NETLINK_TIMEOUT_MS / 1000,
				  .tv_usec = NETLINK_TIMEOUT_MS % 1000 * 1000};
	if (fd < 0 || connect(fd, (const struct sockaddr *)&kernel, sizeof kernel) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Return: 0; -EINTR: the table changed during the dump; negative errno */
static int ask_on(int fd, const struct netlink_request *request, struct answer *answer,
		  uint8_t *buffer)
{
	static mnl_cb_t control[] = {[NLMSG_ERROR] = take_result, [NLMSG_DONE] = take_result};
	int r;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	for (r = MNL_CB_OK; r == MNL_CB_OK;) {
		ssize_t len = recv(fd, buffer, NETLINK_ANSWER_BYTES, MSG_TRUNC);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (len > NETLINK_ANSWER_BYTES)
			return -EBADMSG;
		r = mnl_cb_run2(buffer, (size_t)len, request->header.nlmsg_seq, ANY_PORT, take_data,
				answer, control, MNL_ARRAY_SIZE(control));
	}
	return r == MNL_CB_ERROR ? -errno : 0;
}

static int ask_once(const struct netlink_request *request, struct answer *answer, uint8_t *buffer)
{
	_cleanup_close_ int fd = TAKE_FD(kept_fd);
	int r = fd < 0 ? connect_kernel(&fd) : 0;
	if (r < 0)
		return r;
	answer->whole = false;
	r = ask_on(fd, request, answer, buffer);
	if (keeps && answer->whole && r != -EINTR) /* nothing of it is left in the socket */
		kept_fd = TAKE_FD(fd);
	return r;
}

void netlink_keep_socket(bool keep)
{
	keeps = keep;
	if (keep || kept_fd < 0)
		return;
	close(kept_fd);
	kept_fd = -1;
}

int netlink_ask(const struct netlink_request *request, netlink_each *each,
		void (*restart)(void *context), void *context)
{
	_cleanup_free_ uint8_t *buffer = malloc(NETLINK_ANSWER_BYTES);
	if (!buffer)
		return -ENOMEM;
	struct answer answer = {.each = each,
				.context = context,
				.dump = (request->header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP};
	for (int attempt = 0; attempt < NETLINK_DUMP_ATTEMPTS_MAX; attempt++) {
		if (attempt && restart)
			restart(context);
		int r = ask_once(request, &answer, buffer);
		if (r != -EINTR)
			return r;
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
