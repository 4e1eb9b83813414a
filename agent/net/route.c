/* route: see route.h. */
#include "net/route.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"
#include "net/link.h"
#include "net/netlink.h"

struct route_answer {
	struct route *route;
	int family;
	bool found;
};

static enum route_type route_type(uint8_t type)
{
	switch (type) {
	case RTN_UNICAST: return ROUTE_UNICAST;
	case RTN_LOCAL: return ROUTE_LOCAL;
	case RTN_BROADCAST: return ROUTE_BROADCAST;
	case RTN_MULTICAST: return ROUTE_MULTICAST;
	case RTN_ANYCAST: return ROUTE_ANYCAST;
	case RTN_UNREACHABLE: return ROUTE_UNREACHABLE;
	case RTN_BLACKHOLE: return ROUTE_BLACKHOLE;
	case RTN_PROHIBIT: return ROUTE_PROHIBIT;
	default: return ROUTE_UNKNOWN_TYPE;
	}
}

/* The gateway: RTA_GATEWAY, or RTA_VIA where it is of the other family (IPv4 over an IPv6 hop) */
static void take_gateway(const struct netlink_attribute *attributes, int family,
			 struct route *route)
{
	struct netlink_attribute gateway = attributes[RTA_GATEWAY], via = attributes[RTA_VIA];
	if (gateway.data && net_ip_set(&route->next_hop, family, gateway.data, gateway.len))
		route->via_gateway = true;
	uint16_t via_family;
	if (!via.data || via.len <= sizeof via_family)
		return;
	memcpy(&via_family, via.data, sizeof via_family);
	if (net_ip_set(&route->next_hop, via_family, (const uint8_t *)via.data + sizeof via_family,
		       via.len - sizeof via_family))
		route->via_gateway = true;
}

static int take_route(const struct nlmsghdr *message, void *context)
{
	struct route_answer *answer = context;
	const struct rtmsg *info = netlink_fixed(message, sizeof *info);
	if (message->nlmsg_type != RTM_NEWROUTE || !info || info->rtm_family != answer->family)
		return -EBADMSG;
	struct netlink_attribute attributes[RTA_VIA + 1], metrics[RTAX_MTU + 1];
	netlink_attributes(message, sizeof *info, attributes, RTA_VIA);
	netlink_nested(attributes[RTA_METRICS], metrics, RTAX_MTU);
	struct rta_cacheinfo cache = {0};
	if (attributes[RTA_CACHEINFO].data)
		memcpy(&cache, attributes[RTA_CACHEINFO].data,
		       MIN(attributes[RTA_CACHEINFO].len, sizeof cache));
	int32_t error = (int32_t)cache.rta_error;
	if (error > 0 && error < 4096)
		return -error;
	answer->route->type = route_type(info->rtm_type);
	netlink_u32(attributes[RTA_OIF], &answer->route->ifindex);
	netlink_u32(metrics[RTAX_MTU], &answer->route->mtu);
	take_gateway(attributes, answer->family, answer->route);
	if (attributes[RTA_PREFSRC].data)
		net_ip_set(&answer->route->source, answer->family, attributes[RTA_PREFSRC].data,
			   attributes[RTA_PREFSRC].len);
	answer->found = true;
	return 0;
}

/* Return: index of the interface that @to or @interface demands, 0: any; -ENODEV */
static int64_t wanted_interface(const struct sockaddr *to, const char *interface)
{
	if (interface && *interface) {
		unsigned int index = if_nametoindex(interface);
		return index ? (int64_t)index : -ENODEV;
	}
	return to->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)to)->sin6_scope_id : 0;
}

int route_get(const struct sockaddr *to, const struct sockaddr *from, const char *interface,
	      struct route *ret_route)
{
	size_t to_len, from_len = 0;
	const void *to_bytes = net_ip_bytes(to, &to_len);
	const void *from_bytes = from && from->sa_family ? net_ip_bytes(from, &from_len) : NULL;
	if (!to_bytes || (from && from->sa_family && from->sa_family != to->sa_family))
		return -EAFNOSUPPORT;
	int64_t out = wanted_interface(to, interface);
	if (out < 0)
		return (int)out;
	struct netlink_request request;
	struct rtmsg *info = netlink_begin(&request, RTM_GETROUTE, 0, sizeof *info);
	info->rtm_family = (uint8_t)to->sa_family;
	info->rtm_dst_len = (uint8_t)(to_len * 8);
	info->rtm_src_len = (uint8_t)(from_len * 8);
	netlink_add(&request, RTA_DST, to_bytes, to_len);
	if (from_bytes)
		netlink_add(&request, RTA_SRC, from_bytes, from_len);
	uint32_t out_index = (uint32_t)out;
	if (out_index)
		netlink_add(&request, RTA_OIF, &out_index, sizeof out_index);
	struct route route = {0};
	net_ip_set(&route.next_hop, to->sa_family, to_bytes, to_len);
	if (from_bytes)
		net_ip_set(&route.source, to->sa_family, from_bytes, from_len);
	struct route_answer answer = {.route = &route, .family = to->sa_family};
	int error = netlink_ask(&request, take_route, NULL, &answer);
	if (error)
		return error;
	if (!answer.found)
		return -EBADMSG;
	struct link link;
	if (!route.mtu && route.ifindex && !link_basics(route.ifindex, &link))
		route.mtu = link.mtu;
	net_ip_scope(&route.next_hop, route.ifindex);
	net_ip_scope(&route.source, route.ifindex);
	*ret_route = route;
	return 0;
}
