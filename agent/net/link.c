/* link: see link.h. */
#include "net/link.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"
#include "net/ethtool.h"
#include "net/netlink.h"

static bool copy_name(struct netlink_attribute attribute, char name[static IF_NAMESIZE])
{
	size_t len = attribute.data ? strnlen(attribute.data, attribute.len) : 0;
	if (!len || len >= IF_NAMESIZE)
		return false;
	memset(name, 0, IF_NAMESIZE);
	memcpy(name, attribute.data, len);
	return true;
}

static void copy_statistics(struct netlink_attribute attribute, struct link *link)
{
	struct rtnl_link_stats64 statistics = {0};
	if (!attribute.data)
		return;
	memcpy(&statistics, attribute.data, MIN(attribute.len, sizeof statistics));
	link->tx_packets = statistics.tx_packets;
	link->tx_bytes = statistics.tx_bytes;
	link->tx_dropped = statistics.tx_dropped;
	link->rx_packets = statistics.rx_packets;
	link->rx_bytes = statistics.rx_bytes;
	link->rx_dropped = statistics.rx_dropped;
}

bool link_of_message(const struct nlmsghdr *message, struct link *ret_link)
{
	const struct ifinfomsg *info = netlink_fixed(message, sizeof *info);
	if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) || !info ||
	    info->ifi_family != AF_UNSPEC || info->ifi_index <= 0) /* a bridge tells of its ports */
		return false;
	struct netlink_attribute attributes[IFLA_CARRIER_DOWN_COUNT + 1];
	netlink_attributes(message, sizeof *info, attributes, IFLA_CARRIER_DOWN_COUNT);
	struct link link = {
		.index = (uint32_t)info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.loopback = info->ifi_flags & IFF_LOOPBACK,
	};
	if (!copy_name(attributes[IFLA_IFNAME], link.name))
		return false;
	netlink_u32(attributes[IFLA_MTU], &link.mtu);
	if (info->ifi_type == ARPHRD_ETHER && attributes[IFLA_ADDRESS].len == ETH_ALEN) {
		memcpy(link.mac, attributes[IFLA_ADDRESS].data, ETH_ALEN);
		link.has_mac = true;
	}
	if (attributes[IFLA_CARRIER].len == 1)
		link.carrier = *(const uint8_t *)attributes[IFLA_CARRIER].data;
	netlink_u32(attributes[IFLA_CARRIER_DOWN_COUNT], &link.carrier_losses);
	copy_statistics(attributes[IFLA_STATS64], &link);
	*ret_link = link;
	return true;
}

static int add_link(const struct nlmsghdr *message, void *context)
{
	struct link link;
	return link_of_message(message, &link) ? netlink_list_add(context, &link, sizeof link) : 0;
}

static void ask_device(int fd, struct link *link)
{
	struct ethtool device;
	ethtool_read(fd, link->name, &device);
	memcpy(link->driver, device.driver, sizeof link->driver);
	link->speed_bps = device.speed_bps;
	link->scatter_gather = device.scatter_gather;
	link->udp_segmentation = device.udp_segmentation;
	link->checksum4 = device.checksum4;
	link->checksum6 = device.checksum6;
}

static int ask_devices(struct link *links, size_t count)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < count; i++)
		ask_device(fd, &links[i]);
	return 0;
}

int link_list(struct link **ret_links, size_t *ret_count)
{
	struct netlink_request request;
	struct netlink_list list = {0};
	netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	int error = netlink_ask(&request, add_link, netlink_list_restart, &list);
	if (!error)
		error = ask_devices(list.elements, list.count);
	if (error) {
		free(list.elements);
		return error;
	}
	*ret_links = list.elements;
	*ret_count = list.count;
	return 0;
}

static int ask_one_link(const struct netlink_request *request, bool device, struct link *ret_link)
{
	struct netlink_list list = {0};
	int error = netlink_ask(request, add_link, netlink_list_restart, &list);
	if (!error && !list.count)
		error = -ENODEV;
	if (!error && device)
		error = ask_devices(list.elements, list.count);
	if (!error)
		*ret_link = *(const struct link *)list.elements;
	free(list.elements);
	return error;
}

int link_by_name(const char *name, struct link *ret_link)
{
	size_t len = strnlen(name, LINK_NAME_BYTES);
	if (!len || len >= LINK_NAME_BYTES)
		return -ENODEV;
	struct netlink_request request;
	netlink_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	netlink_add(&request, len < IF_NAMESIZE ? IFLA_IFNAME : IFLA_ALT_IFNAME, name, len + 1);
	return ask_one_link(&request, true, ret_link);
}

uint32_t link_index(const char *name)
{
	struct link link;
	if (strlen(name) < IF_NAMESIZE)
		return if_nametoindex(name);
	return link_by_name(name, &link) == 0 ? link.index : 0;
}

static int ask_by_index(uint32_t index, bool device, struct link *ret_link)
{
	if (!index || index > INT32_MAX)
		return -ENODEV;
	struct netlink_request request;
	struct ifinfomsg *info = netlink_begin(&request, RTM_GETLINK, 0, sizeof *info);
	info->ifi_index = (int)index;
	return ask_one_link(&request, device, ret_link);
}

int link_by_index(uint32_t index, struct link *ret_link)
{
	return ask_by_index(index, true, ret_link);
}

int link_basics(uint32_t index, struct link *ret_link)
{
	return ask_by_index(index, false, ret_link);
}
