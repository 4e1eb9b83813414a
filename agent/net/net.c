/* net: interfaces and own addresses; see net.h. Routes and neighbours are in net_route.c. */
#include "net/net.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"
#include "net/ethtool.h"
#include "net/netlink.h"

struct link_list {
	struct net_link *links;
	size_t count, room;
};

struct address_list {
	struct net_address *addresses;
	size_t count, room;
};

/* Return: 0 with room for one more in *array; -ENOMEM; -EOVERFLOW */
static int grow(void *array, size_t count, size_t *room, size_t element_bytes)
{
	if (count < *room)
		return 0;
	if (count >= NET_LIST_MAX)
		return -EOVERFLOW;
	size_t wanted = *room ? *room * 2 : 16;
	void *grown = reallocarray(*(void **)array, wanted, element_bytes);
	if (!grown)
		return -ENOMEM;
	*(void **)array = grown;
	*room = wanted;
	return 0;
}

static bool copy_name(struct netlink_attribute attribute, char name[static IF_NAMESIZE])
{
	size_t len = attribute.data ? strnlen(attribute.data, attribute.len) : 0;
	if (!len || len >= IF_NAMESIZE)
		return false;
	memset(name, 0, IF_NAMESIZE);
	memcpy(name, attribute.data, len);
	return true;
}

static void copy_statistics(struct netlink_attribute attribute, struct net_link *link)
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

/* Return: false for a message that is no link, or one without a name */
static bool parse_link(const struct nlmsghdr *message, struct net_link *ret_link)
{
	const struct ifinfomsg *info = netlink_fixed(message, sizeof *info);
	if (message->nlmsg_type != RTM_NEWLINK || !info || info->ifi_index <= 0)
		return false;
	struct netlink_attribute attributes[IFLA_CARRIER + 1];
	netlink_attributes(message, sizeof *info, attributes, IFLA_CARRIER);
	struct net_link link = {
		.index = (uint32_t)info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.loopback = info->ifi_flags & IFF_LOOPBACK,
	};
	if (!copy_name(attributes[IFLA_IFNAME], link.name))
		return false;
	netlink_u32(attributes[IFLA_MTU], &link.mtu);
	if (info->ifi_type == ARPHRD_ETHER && attributes[IFLA_ADDRESS].len == NET_MAC_BYTES) {
		memcpy(link.mac, attributes[IFLA_ADDRESS].data, NET_MAC_BYTES);
		link.has_mac = true;
	}
	if (attributes[IFLA_CARRIER].len == 1)
		link.carrier = *(const uint8_t *)attributes[IFLA_CARRIER].data;
	copy_statistics(attributes[IFLA_STATS64], &link);
	*ret_link = link;
	return true;
}

static int add_link(const struct nlmsghdr *message, void *context)
{
	struct link_list *list = context;
	struct net_link link;
	if (!parse_link(message, &link))
		return 0;
	int error = grow(&list->links, list->count, &list->room, sizeof *list->links);
	if (!error)
		list->links[list->count++] = link;
	return error;
}

static void restart_links(void *context)
{
	((struct link_list *)context)->count = 0;
}

static int ask_devices(const struct link_list *list)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < list->count; i++)
		ethtool_fill(fd, &list->links[i]);
	return 0;
}

int net_link_list(struct net_link **ret_links, size_t *ret_count)
{
	struct netlink_request request;
	struct link_list list = {0};
	netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	int error = netlink_ask(&request, add_link, restart_links, &list);
	if (!error)
		error = ask_devices(&list);
	if (error) {
		free(list.links);
		return error;
	}
	*ret_links = list.links;
	*ret_count = list.count;
	return 0;
}

static int ask_one_link(const struct netlink_request *request, bool device,
			struct net_link *ret_link)
{
	struct link_list list = {0};
	int error = netlink_ask(request, add_link, restart_links, &list);
	if (!error && !list.count)
		error = -ENODEV;
	if (!error && device)
		error = ask_devices(&list);
	if (!error)
		*ret_link = list.links[0];
	free(list.links);
	return error;
}

int net_link_by_name(const char *name, struct net_link *ret_link)
{
	size_t len = strnlen(name, IF_NAMESIZE);
	if (!len || len >= IF_NAMESIZE)
		return -ENODEV;
	struct netlink_request request;
	netlink_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	netlink_add(&request, IFLA_IFNAME, name, len + 1);
	return ask_one_link(&request, true, ret_link);
}

static int link_by_index(uint32_t index, bool device, struct net_link *ret_link)
{
	if (!index || index > INT32_MAX)
		return -ENODEV;
	struct netlink_request request;
	struct ifinfomsg *info = netlink_begin(&request, RTM_GETLINK, 0, sizeof *info);
	info->ifi_index = (int)index;
	return ask_one_link(&request, device, ret_link);
}

int net_link_by_index(uint32_t index, struct net_link *ret_link)
{
	return link_by_index(index, true, ret_link);
}

int net_link_basics(uint32_t index, struct net_link *ret_link)
{
	return link_by_index(index, false, ret_link);
}

static bool copy_ip(struct netlink_attribute attribute, int family, uint32_t ifindex,
		    union net_ip *ret_ip)
{
	union net_ip ip = {0};
	if (family == AF_INET && attribute.len == sizeof ip.v4.sin_addr) {
		ip.v4.sin_family = AF_INET;
		memcpy(&ip.v4.sin_addr, attribute.data, attribute.len);
	} else if (family == AF_INET6 && attribute.len == sizeof ip.v6.sin6_addr) {
		ip.v6.sin6_family = AF_INET6;
		memcpy(&ip.v6.sin6_addr, attribute.data, attribute.len);
		if (IN6_IS_ADDR_LINKLOCAL(&ip.v6.sin6_addr))
			ip.v6.sin6_scope_id = ifindex;
	} else {
		return false;
	}
	*ret_ip = ip;
	return true;
}

static int add_address(const struct nlmsghdr *message, void *context)
{
	struct address_list *list = context;
	const struct ifaddrmsg *info = netlink_fixed(message, sizeof *info);
	if (message->nlmsg_type != RTM_NEWADDR || !info)
		return 0;
	struct netlink_attribute attributes[IFA_BROADCAST + 1];
	netlink_attributes(message, sizeof *info, attributes, IFA_BROADCAST);
	/* On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is ours where it is
	 * given. */
	struct netlink_attribute own =
		attributes[IFA_LOCAL].data ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
	struct net_address address = {.ifindex = info->ifa_index,
				      .prefix_bits = info->ifa_prefixlen};
	if (!own.data || !copy_ip(own, info->ifa_family, info->ifa_index, &address.ip))
		return 0;
	if (info->ifa_family == AF_INET && attributes[IFA_BROADCAST].data)
		copy_ip(attributes[IFA_BROADCAST], AF_INET, 0, &address.broadcast);
	int error = grow(&list->addresses, list->count, &list->room, sizeof *list->addresses);
	if (!error)
		list->addresses[list->count++] = address;
	return error;
}

static void restart_addresses(void *context)
{
	((struct address_list *)context)->count = 0;
}

int net_address_list(struct net_address **ret_addresses, size_t *ret_count)
{
	struct netlink_request request;
	struct address_list list = {0};
	netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	int error = netlink_ask(&request, add_address, restart_addresses, &list);
	if (error) {
		free(list.addresses);
		return error;
	}
	*ret_addresses = list.addresses;
	*ret_count = list.count;
	return 0;
}
