/* net: routes and neighbours; see net.h. */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"
#include "net/net.h"
#include "net/netlink.h"

struct route_answer {
	struct net_route *route;
	int family;
	bool found;
};

struct neighbour_answer {
	struct net_neighbour *neighbour;
	bool found;
};

static bool set_ip(union net_ip *ip, int family, const void *data, size_t len)
{
	if (family == AF_INET && len == sizeof ip->v4.sin_addr) {
		*ip = (union net_ip){.v4.sin_family = AF_INET};
		memcpy(&ip->v4.sin_addr, data, len);
		return true;
	}
	if (family == AF_INET6 && len == sizeof ip->v6.sin6_addr) {
		*ip = (union net_ip){.v6.sin6_family = AF_INET6};
		memcpy(&ip->v6.sin6_addr, data, len);
		return true;
	}
	return false;
}

/* The address bytes of @address. Return: NULL: neither IPv4 nor IPv6 */
static const void *ip_bytes(const struct sockaddr *address, size_t *ret_len)
{
	switch (address->sa_family) {
	case AF_INET:
		*ret_len = sizeof(struct in_addr);
		return &((const struct sockaddr_in *)address)->sin_addr;
	case AF_INET6:
		*ret_len = sizeof(struct in6_addr);
		return &((const struct sockaddr_in6 *)address)->sin6_addr;
	default: return NULL;
	}
}

static enum net_route_type route_type(uint8_t type)
{
	switch (type) {
	case RTN_UNICAST: return NET_ROUTE_UNICAST;
	case RTN_LOCAL: return NET_ROUTE_LOCAL;
	case RTN_BROADCAST: return NET_ROUTE_BROADCAST;
	case RTN_MULTICAST: return NET_ROUTE_MULTICAST;
	case RTN_ANYCAST: return NET_ROUTE_ANYCAST;
	case RTN_UNREACHABLE: return NET_ROUTE_UNREACHABLE;
	case RTN_BLACKHOLE: return NET_ROUTE_BLACKHOLE;
	case RTN_PROHIBIT: return NET_ROUTE_PROHIBIT;
	default: return NET_ROUTE_OTHER;
	}
}

/* The gateway: RTA_GATEWAY, or RTA_VIA where it is of the other family (IPv4 over an IPv6 hop) */
static void take_gateway(const struct netlink_attribute *attributes, int family,
			 struct net_route *route)
{
	struct netlink_attribute gateway = attributes[RTA_GATEWAY], via = attributes[RTA_VIA];
	if (gateway.data && set_ip(&route->next_hop, family, gateway.data, gateway.len))
		route->via_gateway = true;
	uint16_t via_family;
	if (!via.data || via.len <= sizeof via_family)
		return;
	memcpy(&via_family, via.data, sizeof via_family);
	if (set_ip(&route->next_hop, via_family, (const uint8_t *)via.data + sizeof via_family,
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
		set_ip(&answer->route->source, answer->family, attributes[RTA_PREFSRC].data,
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

static void scope_link_local(union net_ip *ip, uint32_t ifindex)
{
	if (ip->any.sa_family == AF_INET6 && (IN6_IS_ADDR_LINKLOCAL(&ip->v6.sin6_addr) ||
					      IN6_IS_ADDR_MC_LINKLOCAL(&ip->v6.sin6_addr)))
		ip->v6.sin6_scope_id = ifindex;
}

int net_route_get(const struct sockaddr *to, const struct sockaddr *from, const char *interface,
		  struct net_route *ret_route)
{
	size_t to_len, from_len = 0;
	const void *to_bytes = ip_bytes(to, &to_len);
	const void *from_bytes = from && from->sa_family ? ip_bytes(from, &from_len) : NULL;
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
	struct net_route route = {0};
	set_ip(&route.next_hop, to->sa_family, to_bytes, to_len);
	if (from_bytes)
		set_ip(&route.source, to->sa_family, from_bytes, from_len);
	struct route_answer answer = {.route = &route, .family = to->sa_family};
	int error = netlink_ask(&request, take_route, NULL, &answer);
	if (error)
		return error;
	if (!answer.found)
		return -EBADMSG;
	struct net_link link;
	if (!route.mtu && route.ifindex && !net_link_basics(route.ifindex, &link))
		route.mtu = link.mtu;
	scope_link_local(&route.next_hop, route.ifindex);
	scope_link_local(&route.source, route.ifindex);
	*ret_route = route;
	return 0;
}

static enum net_neighbour_state neighbour_state(uint16_t state)
{
	if (state & NUD_PERMANENT)
		return NET_NEIGHBOUR_PERMANENT;
	if (state & NUD_NOARP)
		return NET_NEIGHBOUR_NOARP;
	if (state & NUD_REACHABLE)
		return NET_NEIGHBOUR_REACHABLE;
	if (state & (NUD_STALE | NUD_DELAY | NUD_PROBE))
		return NET_NEIGHBOUR_STALE;
	if (state & NUD_FAILED)
		return NET_NEIGHBOUR_FAILED;
	if (state & NUD_INCOMPLETE)
		return NET_NEIGHBOUR_INCOMPLETE;
	return NET_NEIGHBOUR_NONE;
}

static int take_neighbour(const struct nlmsghdr *message, void *context)
{
	struct neighbour_answer *answer = context;
	const struct ndmsg *info = netlink_fixed(message, sizeof *info);
	if (message->nlmsg_type != RTM_NEWNEIGH || !info)
		return -EBADMSG;
	struct netlink_attribute attributes[NDA_LLADDR + 1];
	netlink_attributes(message, sizeof *info, attributes, NDA_LLADDR);
	answer->neighbour->state = neighbour_state(info->ndm_state);
	bool valid = answer->neighbour->state != NET_NEIGHBOUR_NONE &&
		     answer->neighbour->state != NET_NEIGHBOUR_INCOMPLETE &&
		     answer->neighbour->state != NET_NEIGHBOUR_FAILED;
	if (valid && attributes[NDA_LLADDR].len == NET_MAC_BYTES) {
		memcpy(answer->neighbour->mac, attributes[NDA_LLADDR].data, NET_MAC_BYTES);
		answer->neighbour->has_mac = true;
	}
	answer->found = true;
	return 0;
}

int net_neighbour_get(uint32_t ifindex, const struct sockaddr *next_hop,
		      struct net_neighbour *ret_neighbour)
{
	size_t len;
	const void *bytes = ip_bytes(next_hop, &len);
	if (!bytes || !ifindex || ifindex > INT32_MAX)
		return -EINVAL;
	struct netlink_request request;
	struct ndmsg *info = netlink_begin(&request, RTM_GETNEIGH, 0, sizeof *info);
	info->ndm_family = (uint8_t)next_hop->sa_family;
	info->ndm_ifindex = (int)ifindex;
	netlink_add(&request, NDA_DST, bytes, len);
	struct net_neighbour neighbour = {.state = NET_NEIGHBOUR_NONE};
	struct neighbour_answer answer = {.neighbour = &neighbour};
	int error = netlink_ask(&request, take_neighbour, NULL, &answer);
	if (error == -ENOENT)
		error = 0;
	else if (!error && !answer.found)
		error = -EBADMSG;
	if (error)
		return error;
	*ret_neighbour = neighbour;
	return 0;
}

static int take_nothing(const struct nlmsghdr *message, void *context)
{
	(void)message; /* a plain acknowledgement is all that is expected */
	(void)context;
	return -EBADMSG;
}

int net_neighbour_ask(uint32_t ifindex, const struct sockaddr *next_hop)
{
	size_t len;
	const void *bytes = ip_bytes(next_hop, &len);
	if (!bytes || !ifindex || ifindex > INT32_MAX)
		return -EINVAL;
	struct netlink_request request;
	struct ndmsg *info =
		netlink_begin(&request, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, sizeof *info);
	info->ndm_family = (uint8_t)next_hop->sa_family;
	info->ndm_ifindex = (int)ifindex;
	info->ndm_flags = NTF_USE;
	netlink_add(&request, NDA_DST, bytes, len);
	return netlink_ask(&request, take_nothing, NULL, NULL);
}
