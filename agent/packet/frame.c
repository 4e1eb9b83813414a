/* frame: see frame.h. */
#include "packet/frame.h"

#include "base/util.h"

#include "net/neighbour.h"
#include "net/route.h"
#include "packet/checksum.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "packet/address.h"

enum {
	TTL_DEFAULT = 64,
	VLAN_ID_MAX = 4094, /* 4095 is reserved */
	VLAN_PRIORITY_MAX = 7,
	ETHERTYPE_MIN = 0x600, /* below it is a length */
	ETHERTYPE_MAX = 0xffff,
	IP_DONT_FRAGMENT = 0x4000,
	DSCP_MAX = 63,
};

/* One FrameHeader being compiled: where it leaves, and the addresses found so far. */
struct build {
	struct check *check;
	const Pagecast__V1__FrameHeader *header;
	const struct link *link; /* NULL: the interface was a fault already */
	struct plan_destination *destination;
	union net_ip from, to; /* AF_UNSPEC: no IP header */
	struct frame *frame;
};

static void append(struct frame *frame, const void *data, size_t len)
{
	memcpy(frame->header + frame->header_bytes, data, len);
	frame->header_bytes = (uint8_t)(frame->header_bytes + len);
}

static void append_u16(struct frame *frame, uint32_t value)
{
	uint16_t wire = htons((uint16_t)value);
	append(frame, &wire, sizeof wire);
}

/* Without addresses nothing above the ethertype is built: these fields would have no effect. */
static void check_bare(struct build *build)
{
	const Pagecast__V1__FrameHeader *header = build->header;
	const struct {
		const char *field;
		uint32_t value;
	} lost[] = {{"sourcePort", header->source_port},
		    {"destinationPort", header->destination_port},
		    {"ttl", header->ttl},
		    {"dscp", header->dscp},
		    {"ipProtocol", header->ip_protocol}};
	for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
		if (lost[i].value)
			check_fault(build->check, lost[i].field,
				    "%u, but without destinationAddress no IP header is built",
				    lost[i].value);
	if (*header->source_address)
		check_fault(build->check, "destinationAddress",
			    "missing, with sourceAddress %s given", header->source_address);
	if (!header->ethertype)
		check_fault(build->check, "ethertype",
			    "missing: give it, or a destinationAddress that implies it");
}

/* The source the route to the destination would take. */
static void resolve_source(struct build *build)
{
	struct route route;
	if (!build->link)
		return;
	int error = route_get(&build->to.any, NULL, build->link->name, &route);
	if (!error && route.source.any.sa_family)
		build->from = route.source;
	else
		check_fault(build->check, "sourceAddress",
			    "missing, and %s has no address that reaches %s", build->link->name,
			    build->header->destination_address);
}

static void compile_addresses(struct build *build)
{
	const Pagecast__V1__FrameHeader *header = build->header;
	struct check *check = build->check;
	char zone[IF_NAMESIZE];
	if (!*header->destination_address) {
		check_bare(build);
		return;
	}
	bool to = address_parse(check, "destinationAddress", header->destination_address,
				&build->to, zone);
	if (*header->source_address) {
		bool from = address_parse(check, "sourceAddress", header->source_address,
					  &build->from, zone);
		if (from && to && build->from.any.sa_family != build->to.any.sa_family)
			check_fault(check, "sourceAddress", "%s is of another family than %s",
				    header->source_address, header->destination_address);
	} else if (to) {
		resolve_source(build);
	}
	if (header->destination_port && header->ip_protocol && header->ip_protocol != IPPROTO_UDP)
		check_fault(check, "ipProtocol", "%u, but destinationPort makes it UDP, 17",
			    header->ip_protocol);
	if (header->source_port && !header->destination_port)
		check_fault(check, "destinationPort", "missing, with sourcePort %u given",
			    header->source_port);
	uint32_t natural = build->to.any.sa_family == AF_INET ? ETH_P_IP : ETH_P_IPV6;
	if (to && header->ethertype && header->ethertype != natural)
		check_fault(check, "ethertype", "0x%04x, but the addresses make it 0x%04x",
			    header->ethertype, natural);
}

static void check_numbers(struct build *build)
{
	const Pagecast__V1__FrameHeader *header = build->header;
	struct check *check = build->check;
	check_range(check, "sourcePort", header->source_port, 0, UINT16_MAX);
	check_range(check, "destinationPort", header->destination_port, 0, UINT16_MAX);
	check_range(check, "ttl", header->ttl, 0, UINT8_MAX);
	check_range(check, "dscp", header->dscp, 0, DSCP_MAX);
	check_range(check, "ipProtocol", header->ip_protocol, 0, UINT8_MAX);
	if (header->ethertype)
		check_range(check, "ethertype", header->ethertype, ETHERTYPE_MIN, ETHERTYPE_MAX);
	if (header->n_vlans > PLAN_VLANS_MAX)
		check_fault(check, "vlans", "%zu tags are more than %d", header->n_vlans,
			    PLAN_VLANS_MAX);
	for (size_t i = 0; i < header->n_vlans && i < PLAN_VLANS_MAX; i++) {
		const Pagecast__V1__VlanTag *tag = header->vlans[i];
		size_t mark = check_enter(check, "vlans[%zu]", i);
		check_range(check, "id", tag->id, 0, VLAN_ID_MAX);
		check_range(check, "priority", tag->priority, 0, VLAN_PRIORITY_MAX);
		if (tag->ethertype)
			check_range(check, "ethertype", tag->ethertype, ETHERTYPE_MIN,
				    ETHERTYPE_MAX);
		check_leave(check, mark);
	}
}

/* A destination MAC that follows from the address alone. */
static bool mac_of_group(const union net_ip *to, uint8_t mac[static ETH_ALEN])
{
	if (address_limited_broadcast(to)) {
		memset(mac, 0xff, ETH_ALEN);
		return true;
	}
	if (!address_multicast(to))
		return false;
	if (to->any.sa_family == AF_INET) {
		const uint8_t *ip = (const uint8_t *)&to->v4.sin_addr;
		memcpy(mac, (uint8_t[]){0x01, 0x00, 0x5e, ip[1] & 0x7f, ip[2], ip[3]}, ETH_ALEN);
		return true;
	}
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, &to->v6.sin6_addr.s6_addr[12], 4);
	return true;
}

static bool mac_of_neighbour(const struct build *build, uint8_t mac[static ETH_ALEN])
{
	struct route route;
	struct neighbour neighbour;
	if (route_get(&build->to.any, NULL, build->link->name, &route))
		return false;
	if (route.type == ROUTE_BROADCAST) {
		memset(mac, 0xff, ETH_ALEN);
		return true;
	}
	if (neighbour_get(build->link->index, &route.next_hop.any, &neighbour))
		return false;
	if (neighbour.has_mac)
		memcpy(mac, neighbour.mac, ETH_ALEN);
	else
		build->destination->next_hop = route.next_hop;
	return true;
}

static void compile_destination_mac(struct build *build, uint8_t mac[static ETH_ALEN])
{
	const Pagecast__V1__FrameHeader *header = build->header;
	if (*header->destination_mac) {
		address_mac(build->check, "destinationMac", header->destination_mac, mac);
		return;
	}
	if (!build->to.any.sa_family) {
		check_fault(build->check, "destinationMac",
			    "missing, and without destinationAddress it cannot be looked up");
		return;
	}
	if (!build->link || mac_of_group(&build->to, mac) || build->link->loopback)
		return; /* loopback: all MACs are zero */
	if (!mac_of_neighbour(build, mac))
		check_fault(build->check, "destinationMac", "missing, and %s has no route to %s",
			    build->link->name, header->destination_address);
}

static void compile_source_mac(struct build *build, uint8_t mac[static ETH_ALEN])
{
	if (*build->header->source_mac)
		address_mac(build->check, "sourceMac", build->header->source_mac, mac);
	else if (build->link && build->link->has_mac)
		memcpy(mac, build->link->mac, ETH_ALEN);
	else if (build->link && !build->link->loopback)
		check_fault(build->check, "sourceMac", "missing, and %s has no MAC address",
			    build->link->name);
}

static void build_l2(struct build *build, const uint8_t *to, const uint8_t *from)
{
	const Pagecast__V1__FrameHeader *header = build->header;
	struct frame *frame = build->frame;
	append(frame, to, ETH_ALEN);
	append(frame, from, ETH_ALEN);
	for (size_t i = 0; i < header->n_vlans && i < PLAN_VLANS_MAX; i++) {
		const Pagecast__V1__VlanTag *tag = header->vlans[i];
		uint32_t type = tag->ethertype ? tag->ethertype : ETH_P_8021Q;
		append_u16(frame, type);
		build->destination->vlan_types[i] = (uint16_t)type;
		append_u16(frame, tag->priority << 13 | tag->id);
		frame->vlan_bytes += 4;
	}
	switch (build->to.any.sa_family) {
	case AF_INET: append_u16(frame, ETH_P_IP); break;
	case AF_INET6: append_u16(frame, ETH_P_IPV6); break;
	default: append_u16(frame, header->ethertype); break;
	}
}

static void build_ip(struct build *build)
{
	const Pagecast__V1__FrameHeader *header = build->header;
	uint8_t protocol = header->ip_protocol ? (uint8_t)header->ip_protocol : IPPROTO_UDP;
	uint8_t ttl = header->ttl ? (uint8_t)header->ttl : TTL_DEFAULT;
	build->frame->ip_at = build->frame->header_bytes;
	build->frame->ipv6 = build->to.any.sa_family == AF_INET6;
	if (build->frame->ipv6) {
		struct ip6_hdr ip = {
			.ip6_flow = htonl(UINT32_C(6) << 28 | header->dscp << 22),
			.ip6_nxt = protocol,
			.ip6_hlim = ttl,
			.ip6_src = build->from.v6.sin6_addr,
			.ip6_dst = build->to.v6.sin6_addr,
		};
		append(build->frame, &ip, sizeof ip);
	} else {
		/* Never fragmented, so the id has no meaning (RFC 6864). */
		struct iphdr ip = {
			.version = 4,
			.ihl = 5,
			.tos = (uint8_t)(header->dscp << 2),
			.frag_off = htons(IP_DONT_FRAGMENT),
			.ttl = ttl,
			.protocol = protocol,
			.saddr = build->from.v4.sin_addr.s_addr,
			.daddr = build->to.v4.sin_addr.s_addr,
		};
		append(build->frame, &ip, sizeof ip);
	}
	if (!header->destination_port)
		return;
	build->frame->udp_at = build->frame->header_bytes;
	append_u16(build->frame, header->source_port);
	append_u16(build->frame, header->destination_port);
	append_u16(build->frame, 0);
	append_u16(build->frame, 0);
}

static void compile_header(struct check *check, const Pagecast__V1__FrameHeader *header,
			   const struct link *link, struct plan_destination *destination,
			   struct frame *ret_frame)
{
	size_t mark = check_enter(check, "header");
	struct build build = {.check = check,
			      .header = header,
			      .link = link,
			      .destination = destination,
			      .frame = ret_frame};
	uint8_t to[ETH_ALEN] = {0}, from[ETH_ALEN] = {0};
	check_numbers(&build);
	compile_addresses(&build);
	compile_destination_mac(&build, to);
	compile_source_mac(&build, from);
	build_l2(&build, to, from);
	if (build.to.any.sa_family)
		build_ip(&build);
	check_leave(check, mark);
}

void frame_compile(struct check *check, const Pagecast__V1__EthernetDestination *ethernet,
		   struct link *link, struct plan_destination *ret, struct frame *ret_frame)
{
	size_t mark = check_enter(check, "ethernet");
	uint32_t index = 0;
	char own[IF_NAMESIZE] = "";
	ret->kind = PLAN_ETHERNET;
	ret->family = AF_PACKET;
	if (!*ethernet->interface)
		check_fault(check, "interface", "missing: the interface that frames leave by");
	else
		address_interface(check, "interface", ethernet->interface, &index, own);
	snprintf(ret->interface, sizeof ret->interface, "%s", *own ? own : ethernet->interface);
	snprintf(ret->text, sizeof ret->text, "%s", ret->interface);
	if (ethernet->header) {
		bool known = index && (index == link->index || !link_basics(index, link));
		compile_header(check, ethernet->header, known ? link : NULL, ret, ret_frame);
	}
	check_leave(check, mark);
}

uint32_t frame_bytes_max(const struct frame *frame)
{
	if (!frame->ip_at)
		return PLAN_FRAME_BYTES_MAX;
	uint32_t ip_max = frame->ipv6 ? sizeof(struct ip6_hdr) + UINT16_MAX : UINT16_MAX;
	uint32_t longest = frame->ip_at + ip_max;
	return longest < PLAN_FRAME_BYTES_MAX ? longest : PLAN_FRAME_BYTES_MAX;
}

/* The header of a frame of @len, everything but the UDP checksum. */
static void write_header(const struct frame *frame, uint8_t *header, uint32_t len)
{
	memcpy(header, frame->header, frame->header_bytes);
	if (!frame->ip_at)
		return;
	uint8_t *ip = header + frame->ip_at;
	uint32_t ip_len = len - frame->ip_at;
	if (frame->ipv6) {
		checksum_put(ip + offsetof(struct ip6_hdr, ip6_plen),
			     htons((uint16_t)(ip_len - sizeof(struct ip6_hdr))));
	} else {
		checksum_put(ip + offsetof(struct iphdr, tot_len), htons((uint16_t)ip_len));
		checksum_put(ip + offsetof(struct iphdr, check),
			     checksum_fold(checksum_add(ip, sizeof(struct iphdr))));
	}
	if (frame->udp_at)
		checksum_put(header + frame->udp_at + offsetof(struct udphdr, len),
			     htons((uint16_t)(len - frame->udp_at)));
}

void frame_head(const struct frame *frame, uint8_t *bytes, size_t have, uint32_t len)
{
	uint8_t header[FRAME_HEADER_BYTES_MAX];
	if (!frame->header_bytes)
		return;
	write_header(frame, header, len);
	memcpy(bytes, header, MIN(have, (size_t)frame->header_bytes));
}

static void finish_udp(const struct frame *frame, uint8_t *bytes, uint32_t len)
{
	uint8_t *udp = bytes + frame->udp_at;
	const uint8_t *addresses =
		bytes + frame->ip_at +
		(frame->ipv6 ? offsetof(struct ip6_hdr, ip6_src) : offsetof(struct iphdr, saddr));
	uint32_t udp_len = len - frame->udp_at;
	uint64_t sum = checksum_pseudo(addresses, frame->ipv6 ? 32 : 8, IPPROTO_UDP, udp_len) +
		       checksum_add(udp, udp_len);
	uint16_t check = checksum_fold(sum);
	checksum_put(udp + offsetof(struct udphdr, check), check ? check : 0xffff);
}

void frame_finish(const struct frame *frame, uint8_t *bytes, uint32_t len)
{
	write_header(frame, bytes, len);
	if (frame->udp_at)
		finish_udp(frame, bytes, len);
}
