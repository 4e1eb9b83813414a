/* destination: see destination.h. */
#include "packet/destination.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <string.h>

#include "net/link.h"
#include "packet/address.h"

enum {
	IP4_HEADER_BYTES = 20,
	IP6_HEADER_BYTES = 40,
	UDP_HEADER_BYTES = 8,
	TTL_MAX = 255,
	DSCP_MAX = 63,
	PORT_MAX = 65535,
};

struct ip_fields { /* what UdpDestination and RawIpDestination have in common */
	const char *address, *source_address, *interface;
	uint32_t ttl, dscp;
};

static const char *family_name(int family)
{
	return family == AF_INET ? "IPv4" : "IPv6";
}

/* The interface named by a zone, by the field, or by both if they agree. Return: its index */
static uint32_t compile_interface(struct check *check, const char *name, const char *zone,
				  struct plan_destination *ret)
{
	uint32_t index = 0;
	char own[IF_NAMESIZE];
	if (!address_interface(check, "interface", name, &index, own))
		return 0;
	if (*name && *zone && strcmp(own, zone) != 0)
		check_fault(check, "interface", "%s is not the zone of the address, %s",
			    check_quoted(name), check_quoted(zone));
	snprintf(ret->interface, sizeof ret->interface, "%s", *own ? own : zone);
	return index;
}

/* The kernel takes packets to the multicast scopes 0 (reserved) and 1 (interface-local) and lets
 * none leave, without a word; on loopback they arrive. Return: false, and said */
static bool leaves_host(struct check *check, const struct ip_fields *fields,
			const struct plan_destination *to)
{
	struct link link;
	if (to->family != AF_INET6 || !to->multicast)
		return true;
	unsigned int scope = to->to.v6.sin6_addr.s6_addr[1] & 0xf;
	if (scope > 1 || (link_by_name(to->interface, &link) == 0 && link.loopback))
		return true;
	check_fault(
		check, "address",
		"%s has the multicast scope %u (%s): such packets never leave the host; link-local "
		"is ff02::, and %s through the interface lo stays on this host",
		fields->address, scope, scope ? "interface-local" : "reserved", fields->address);
	return false;
}

static void compile_to(struct check *check, const struct ip_fields *fields,
		       struct plan_destination *ret)
{
	char zone[IF_NAMESIZE];
	bool parsed = address_parse(check, "address", fields->address, &ret->to, zone);
	uint32_t index = compile_interface(check, fields->interface, parsed ? zone : "", ret);
	if (!parsed)
		return;
	ret->family = ret->to.any.sa_family;
	ret->multicast = address_multicast(&ret->to);
	if (address_unspecified(&ret->to))
		check_fault(check, "address", "%s is not a destination address", fields->address);
	if (!leaves_host(check, fields, ret))
		return;
	if (!address_needs_interface(&ret->to) || ret->to.v6.sin6_scope_id)
		return;
	ret->to.v6.sin6_scope_id = index;
	if (!*fields->interface)
		check_fault(check, "address",
			    "%s is link-local: name the interface too, as in %s%%eth0",
			    fields->address, fields->address);
}

static void compile_from(struct check *check, const struct ip_fields *fields,
			 struct plan_destination *ret)
{
	char zone[IF_NAMESIZE];
	if (!*fields->source_address ||
	    !address_parse(check, "sourceAddress", fields->source_address, &ret->from, zone))
		return;
	int family = ret->from.any.sa_family;
	if (address_unspecified(&ret->from) || address_multicast(&ret->from) ||
	    address_limited_broadcast(&ret->from))
		check_fault(
			check, "sourceAddress",
			"%s cannot be a source address: give one of this host, or leave it empty",
			fields->source_address);
	if (ret->family && family != ret->family)
		check_fault(check, "sourceAddress", "%s is %s, the destination is %s",
			    fields->source_address, family_name(family), family_name(ret->family));
	else if (address_needs_interface(&ret->from) && !ret->from.v6.sin6_scope_id)
		ret->from.v6.sin6_scope_id = ret->to.v6.sin6_scope_id;
}

static void compile_ip(struct check *check, const struct ip_fields *fields,
		       struct plan_destination *ret)
{
	compile_to(check, fields, ret);
	compile_from(check, fields, ret);
	check_range(check, "ttl", fields->ttl, 0, TTL_MAX);
	check_range(check, "dscp", fields->dscp, 0, DSCP_MAX);
	ret->ttl = (uint8_t)fields->ttl;
	ret->dscp = (uint8_t)fields->dscp;
}

static void compile_ports(struct check *check, const Pagecast__V1__UdpDestination *udp,
			  struct plan_destination *ret)
{
	check_range(check, "port", udp->port, 1, PORT_MAX);
	check_range(check, "sourcePort", udp->source_port, 0, PORT_MAX);
	/* A source port without an address is bound to the unspecified address. */
	if (udp->source_port && !ret->from.any.sa_family)
		ret->from.any.sa_family = ret->to.any.sa_family;
	in_port_t to = htons((uint16_t)udp->port), from = htons((uint16_t)udp->source_port);
	if (ret->to.any.sa_family == AF_INET)
		ret->to.v4.sin_port = to;
	else
		ret->to.v6.sin6_port = to;
	if (ret->from.any.sa_family == AF_INET)
		ret->from.v4.sin_port = from;
	else
		ret->from.v6.sin6_port = from;
}

void destination_udp(struct check *check, const Pagecast__V1__UdpDestination *udp,
		     struct plan_destination *ret)
{
	size_t mark = check_enter(check, "udp");
	const struct ip_fields fields = {udp->address, udp->source_address, udp->interface,
					 udp->ttl, udp->dscp};
	ret->kind = PLAN_UDP;
	ret->protocol = IPPROTO_UDP;
	ret->broadcast = udp->broadcast;
	ret->dont_fragment = udp->dont_fragment;
	compile_ip(check, &fields, ret);
	compile_ports(check, udp, ret);
	if (udp->broadcast && ret->family == AF_INET6)
		check_fault(check, "broadcast", "true, but IPv6 has no broadcast");
	if (!udp->broadcast && address_limited_broadcast(&ret->to))
		check_fault(check, "broadcast",
			    "false, but %s is the broadcast address: set it to true", udp->address);
	if (ret->family) {
		char literal[ADDRESS_TEXT_BYTES];
		address_format(&ret->to, ret->interface, literal);
		snprintf(ret->text, sizeof ret->text, ret->family == AF_INET ? "%s:%u" : "[%s]:%u",
			 literal, (uint16_t)udp->port);
	}
	check_leave(check, mark);
}

static void compile_protocol(struct check *check, const Pagecast__V1__RawIpDestination *raw,
			     struct plan_destination *ret)
{
	/* There are no raw sockets of protocol 0; those of 255 take whole packets. */
	if (!raw->header_included)
		check_range(check, "protocol", raw->protocol, 1, IPPROTO_RAW - 1);
	else
		check_range(check, "protocol", raw->protocol, 0, IPPROTO_RAW);
	ret->protocol = (uint8_t)raw->protocol;
	if (raw->header_included && !raw->protocol)
		ret->protocol = IPPROTO_RAW;
}

void destination_raw_ip(struct check *check, const Pagecast__V1__RawIpDestination *raw,
			struct plan_destination *ret)
{
	size_t mark = check_enter(check, "rawIp");
	const struct ip_fields fields = {raw->address, raw->source_address, raw->interface,
					 raw->ttl, raw->dscp};
	ret->kind = PLAN_RAW_IP;
	ret->header_included = raw->header_included;
	compile_ip(check, &fields, ret);
	compile_protocol(check, raw, ret);
	if (address_limited_broadcast(&ret->to))
		check_fault(check, "address",
			    "%s is a broadcast address: only udp offers broadcast", raw->address);
	if (raw->header_included && ret->family == AF_INET6)
		check_fault(
			check, "headerIncluded",
			"true, but %s is IPv6: only IPv4 packets can have a header of their own",
			raw->address);
	if (raw->header_included && raw->ttl)
		check_fault(check, "ttl", "%u, but the packets have a header of their own",
			    raw->ttl);
	if (raw->header_included && raw->dscp)
		check_fault(check, "dscp", "%u, but the packets have a header of their own",
			    raw->dscp);
	if (ret->family) {
		char literal[ADDRESS_TEXT_BYTES];
		address_format(&ret->to, ret->interface, literal);
		snprintf(ret->text, sizeof ret->text, "%s protocol %u", literal, ret->protocol);
	}
	check_leave(check, mark);
}

uint16_t destination_overhead_l3(const struct plan_destination *destination)
{
	if (destination->kind == PLAN_ETHERNET || destination->header_included)
		return 0;
	uint16_t ip = destination->family == AF_INET6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES;
	return destination->kind == PLAN_UDP ? ip + UDP_HEADER_BYTES : ip;
}

uint32_t destination_payload_max(const struct plan_destination *destination)
{
	bool v6 = destination->family == AF_INET6;
	switch (destination->kind) {
	case PLAN_UDP: return v6 ? PLAN_UDP6_PAYLOAD_MAX : PLAN_UDP4_PAYLOAD_MAX;
	case PLAN_RAW_IP:
		if (destination->header_included)
			return PLAN_PACKET_BYTES_MAX;
		return v6 ? PLAN_RAW6_PAYLOAD_MAX : PLAN_RAW4_PAYLOAD_MAX;
	case PLAN_ETHERNET: break;
	}
	return PLAN_FRAME_BYTES_MAX;
}

void destination_check_header(struct check *check, const struct plan_destination *destination,
			      const uint8_t *head, uint64_t len)
{
	struct iphdr header;
	_Static_assert(sizeof header == DESTINATION_HEAD_BYTES, "an IPv4 header without options");
	if (len < sizeof header) {
		check_fault(check, "", "%llu bytes are shorter than an IPv4 header of 20",
			    (unsigned long long)len);
		return;
	}
	memcpy(&header, head, sizeof header);
	uint16_t total = ntohs(header.tot_len);
	if (header.version != 4) {
		check_fault(check, "", "the IP header has version %u, not 4", header.version);
		return;
	}
	if (header.ihl < 5 || header.ihl * 4u > len)
		check_fault(check, "",
			    "the IP header has a length of %u bytes: it must be at least 20 and at "
			    "most the packet's %llu",
			    header.ihl * 4u, (unsigned long long)len);
	if (total && total != len)
		check_fault(check, "",
			    "the IP header has total length %u, the packet has %llu bytes; a 0 is "
			    "filled in",
			    total, (unsigned long long)len);
	if (header.daddr != destination->to.v4.sin_addr.s_addr) {
		char there[INET_ADDRSTRLEN], asked[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &header.daddr, there, sizeof there);
		inet_ntop(AF_INET, &destination->to.v4.sin_addr, asked, sizeof asked);
		check_fault(check, "", "the IP header has destination %s, not rawIp.address %s",
			    there, asked);
	}
	if (!header.ttl && address_multicast(&destination->to))
		check_fault(
			check, "",
			"the IP header has TTL 0 and a multicast destination: such packets never "
			"leave the host");
	if (destination->protocol != IPPROTO_RAW && header.protocol != destination->protocol)
		check_fault(check, "", "the IP header has protocol %u, not rawIp.protocol %u",
			    header.protocol, destination->protocol);
}
