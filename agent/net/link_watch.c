/* link_watch: see link_watch.h. Relies on: only the kernel may send to these groups (multicast on
 * NETLINK_ROUTE needs CAP_NET_ADMIN of the receiver's namespace otherwise). */
#include "net/link_watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "net/netlink.h"

struct reader {
	void (*each)(void *context, const struct link_change *change);
	void *context;
};

int link_watch_open(int *ret_fd)
{
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
				     .nl_groups =
					     RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	if (fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof groups) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int take(const struct nlmsghdr *message, void *context)
{
	const struct reader *reader = context;
	struct link_change change;
	struct local_address address;
	if (link_of_message(message, &change.link)) {
		if (!change.link.mtu) /* an event of a driver, not a description */
			return MNL_CB_OK;
		change.kind = message->nlmsg_type == RTM_DELLINK ? LINK_GONE : LINK_CHANGED;
		change.ifindex = change.link.index;
	} else if (local_address_of_message(message, &address)) {
		change.kind = message->nlmsg_type == RTM_DELADDR ? ADDRESS_GONE : ADDRESS_ADDED;
		change.ifindex = address.ifindex;
		change.ip = address.ip;
	} else {
		return MNL_CB_OK;
	}
	reader->each(reader->context, &change);
	return MNL_CB_OK;
}

static int look_at_all(const struct reader *reader)
{
	struct link *links;
	size_t count;
	int r = link_list(&links, &count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct link_change change = {
			.kind = LINK_CHANGED, .ifindex = links[i].index, .link = links[i]};
		reader->each(reader->context, &change);
	}
	free(links);
	return 0;
}

int link_watch_read(int fd, void (*each)(void *context, const struct link_change *change),
		    void *context)
{
	_cleanup_free_ uint8_t *buffer = malloc(NETLINK_ANSWER_BYTES);
	struct reader reader = {each, context};
	if (!buffer)
		return -ENOMEM;
	for (;;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof from;
		ssize_t len = recvfrom(fd, buffer, NETLINK_ANSWER_BYTES, 0,
				       (struct sockaddr *)&from, &from_len);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return 0;
		if (len < 0 && errno == ENOBUFS) {
			int r = look_at_all(&reader);
			if (r < 0)
				return r;
			continue;
		}
		if (len < 0)
			return -errno;
		if (!from.nl_pid) /* the kernel's */
			mnl_cb_run(buffer, (size_t)len, 0, 0, take, &reader);
	}
}
