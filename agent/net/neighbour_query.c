/*
 * neighbour_query: see neighbour_query.h.
 *
 * ARP uses a packet socket bound to its EtherType; the kernel writes the Ethernet header with the
 * MAC of the interface. ICMPv6 uses a raw socket that receives only advertisements; the kernel
 * writes checksum and source address. RFC 826; RFC 4861, 4.3, 4.4 and 7.2.
 */
#include "net/neighbour_query.h"

#include "base/util.h"
#include "net/link.h"
#include "net/route.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <string.h>
#include <sys/socket.h>

enum {
	HOPS = 255, /* a router would have decremented it */
	ANSWER_BYTES_MAX = 512,
	/* Read a call; what is left on a busy link is read by the next call. */
	ANSWERS_MAX = 256,
	OPTION_UNIT_BYTES = 8,
};

struct neighbour_query {
	int fd;
	uint32_t ifindex;
	union net_ip target;
	union net_ip own; /* ARP: the source of the request; unset: this host has no address */
	uint8_t own_mac[ETH_ALEN];
};

static int send_to(const struct neighbour_query *query, const void *data, size_t len,
		   const void *to, size_t to_len)
{
	return sendto(query->fd, data, len, 0, to, (socklen_t)to_len) < 0 ? -errno : 0;
}

/* ---- ARP ---- */

static int open_arp(struct neighbour_query *query)
{
	struct sockaddr_ll link = {.sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ARP),
				   .sll_ifindex = (int)query->ifindex};
	query->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (query->fd < 0 || bind(query->fd, (struct sockaddr *)&link, sizeof link) < 0)
		return -errno;
	return 0;
}

static int ask_arp(struct neighbour_query *query)
{
	struct ether_arp request = {
		.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
			   .ar_pro = htons(ETH_P_IP),
			   .ar_hln = ETH_ALEN,
			   .ar_pln = sizeof(struct in_addr),
			   .ar_op = htons(ARPOP_REQUEST)},
	};
	memcpy(request.arp_sha, query->own_mac, sizeof request.arp_sha);
	memcpy(request.arp_spa, &query->own.v4.sin_addr, sizeof request.arp_spa);
	memcpy(request.arp_tpa, &query->target.v4.sin_addr, sizeof request.arp_tpa);
	struct sockaddr_ll everybody = {.sll_family = AF_PACKET,
					.sll_protocol = htons(ETH_P_ARP),
					.sll_ifindex = (int)query->ifindex,
					.sll_halen = ETH_ALEN};
	memset(everybody.sll_addr, 0xff, ETH_ALEN);
	return send_to(query, &request, sizeof request, &everybody, sizeof everybody);
}

static bool take_arp(const struct neighbour_query *query, const void *data, size_t len,
		     uint8_t ret_mac[static ETH_ALEN])
{
	struct ether_arp answer;
	if (len < sizeof answer)
		return false;
	memcpy(&answer, data, sizeof answer);
	if (answer.ea_hdr.ar_op != htons(ARPOP_REPLY) ||
	    answer.ea_hdr.ar_hrd != htons(ARPHRD_ETHER) ||
	    answer.ea_hdr.ar_pro != htons(ETH_P_IP) || answer.ea_hdr.ar_hln != ETH_ALEN ||
	    answer.ea_hdr.ar_pln != sizeof answer.arp_spa ||
	    memcmp(answer.arp_spa, &query->target.v4.sin_addr, sizeof answer.arp_spa) != 0)
		return false;
	memcpy(ret_mac, answer.arp_sha, ETH_ALEN);
	return true;
}

/* ---- ICMPv6 ---- */

static int open_icmp6(struct neighbour_query *query)
{
	struct icmp6_filter filter;
	int hops = HOPS, on = 1, ifindex = (int)query->ifindex;
	char name[IF_NAMESIZE] = "";
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
	if (!if_indextoname(query->ifindex, name))
		return -ENODEV;
	int fd = query->fd =
		socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)sizeof name) < 0 ||
	    setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex, sizeof ifindex) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) < 0)
		return -errno;
	return 0;
}

struct solicitation {
	struct nd_neighbor_solicit ask;
	struct nd_opt_hdr option;
	uint8_t mac[ETH_ALEN];
};
_Static_assert(sizeof(struct solicitation) ==
		       sizeof(struct nd_neighbor_solicit) + OPTION_UNIT_BYTES,
	       "no holes");

static int ask_icmp6(struct neighbour_query *query)
{
	const struct in6_addr *target = &query->target.v6.sin6_addr;
	struct solicitation request = {
		.ask = {.nd_ns_type = ND_NEIGHBOR_SOLICIT, .nd_ns_target = *target},
		.option = {.nd_opt_type = ND_OPT_SOURCE_LINKADDR, .nd_opt_len = 1},
	};
	memcpy(request.mac, query->own_mac, sizeof request.mac);
	/* ff02::1:ffXX:XXXX, with the last three bytes of the target */
	struct sockaddr_in6 group = {.sin6_family = AF_INET6, .sin6_scope_id = query->ifindex};
	static const uint8_t PREFIX[] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
	memcpy(&group.sin6_addr, PREFIX, sizeof PREFIX);
	memcpy(&group.sin6_addr.s6_addr[sizeof PREFIX], &target->s6_addr[sizeof PREFIX],
	       sizeof *target - sizeof PREFIX);
	return send_to(query, &request, sizeof request, &group, sizeof group);
}

static bool take_icmp6(const struct neighbour_query *query, const void *data, size_t len,
		       uint8_t ret_mac[static ETH_ALEN])
{
	struct nd_neighbor_advert answer;
	if (len < sizeof answer)
		return false;
	memcpy(&answer, data, sizeof answer);
	if (answer.nd_na_type != ND_NEIGHBOR_ADVERT || answer.nd_na_code != 0 ||
	    memcmp(&answer.nd_na_target, &query->target.v6.sin6_addr, sizeof answer.nd_na_target) !=
		    0)
		return false;
	const uint8_t *at = (const uint8_t *)data + sizeof answer;
	const uint8_t *end = (const uint8_t *)data + len;
	while (end - at >= OPTION_UNIT_BYTES && at[1] && end - at >= at[1] * OPTION_UNIT_BYTES) {
		if (at[0] == ND_OPT_TARGET_LINKADDR) {
			memcpy(ret_mac, at + sizeof(struct nd_opt_hdr), ETH_ALEN);
			return true;
		}
		at += at[1] * OPTION_UNIT_BYTES;
	}
	return false;
}

static bool from_the_link(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		int hops;
		if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_HOPLIMIT)
			continue;
		memcpy(&hops, CMSG_DATA(c), sizeof hops);
		return hops == HOPS;
	}
	return false;
}

/* ---- both ---- */

int neighbour_query_again(struct neighbour_query *query)
{
	return query->target.any.sa_family == AF_INET ? ask_arp(query) : ask_icmp6(query);
}

bool neighbour_query_take(struct neighbour_query *query, uint8_t ret_mac[static ETH_ALEN])
{
	bool v4 = query->target.any.sa_family == AF_INET;
	for (int i = 0; i < ANSWERS_MAX; i++) {
		uint8_t data[ANSWER_BYTES_MAX];
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
		struct iovec part = {data, sizeof data};
		struct msghdr message = {.msg_iov = &part,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof control};
		ssize_t len = recvmsg(query->fd, &message, 0);
		if (len < 0 && errno != EINTR)
			return false;
		if (len < 0)
			continue;
		if (v4 ? take_arp(query, data, (size_t)len, ret_mac)
		       : from_the_link(&message) && take_icmp6(query, data, (size_t)len, ret_mac))
			return true;
	}
	return false;
}

static int prepare(struct neighbour_query *query, const struct sockaddr *next_hop)
{
	struct link link;
	struct route route;
	bool v4 = next_hop->sa_family == AF_INET;
	if (!v4 && next_hop->sa_family != AF_INET6)
		return -EINVAL;
	memcpy(&query->target, next_hop,
	       v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	int r = link_basics(query->ifindex, &link);
	if (r < 0)
		return r;
	if (!link.has_mac)
		return -ENODEV;
	memcpy(query->own_mac, link.mac, sizeof query->own_mac);
	if (v4 && route_get(next_hop, NULL, link.name, &route) == 0)
		query->own = route.source;
	return v4 ? open_arp(query) : open_icmp6(query);
}

int neighbour_query_new(struct neighbour_query **ret_query, uint32_t ifindex,
			const struct sockaddr *next_hop)
{
	struct neighbour_query *query = calloc(1, sizeof *query);
	if (!query)
		return -ENOMEM;
	query->fd = -1;
	query->ifindex = ifindex;
	int r = prepare(query, next_hop);
	if (r == 0)
		r = neighbour_query_again(query);
	if (r < 0) {
		neighbour_query_free(query);
		return r;
	}
	*ret_query = query;
	return 0;
}

struct neighbour_query *neighbour_query_free(struct neighbour_query *query)
{
	if (query && query->fd >= 0)
		close(query->fd);
	free(query);
	return NULL;
}
