/*
 * headers: see headers.h.
 *
 * Whole IP packets (header_included, IP in IP), the ports of raw protocols that have ports, and
 * Ethernet frames. What steers a packet past the address in its header (routing headers, tunnels
 * whose inner packet is not looked at) needs allow_header_included; source routes are always
 * refused. Every length is checked before it is used.
 */
#include "policy/headers.h"

#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEPTH_MAX = 4,	    /* packets in packets; deeper ones are refused */
	EXTENSIONS_MAX = 8, /* IPv6 extension headers of a packet */
	ETHERNET_HEADER_BYTES = 14,
	VLANS_MAX = 4,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_STRICT_ROUTE = 137,
};

struct packet { /* a part of one payload */
	struct verdict *verdict;
	const char *member; /* ".payloads[3]" */
	const uint8_t *bytes;
	size_t len;
	int depth;
};

static void judge_ip(struct packet packet);

static uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static struct packet behind(struct packet packet, size_t header_bytes)
{
	packet.bytes += header_bytes;
	packet.len -= header_bytes;
	return packet;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static bool is_ip_in_ip(uint8_t protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6;
}

bool headers_carrier(uint8_t protocol)
{
	static const uint8_t CARRIERS[] = {
		IPPROTO_HOPOPTS,  IPPROTO_IPIP,	   IPPROTO_IPV6,    IPPROTO_ROUTING,
		IPPROTO_GRE,	  IPPROTO_DSTOPTS, 55 /* MOBILE */, 94 /* IPIP */,
		97 /* EtherIP */, IPPROTO_ENCAP,   115 /* L2TP */,  IPPROTO_MPLS,
	};
	return memchr(CARRIERS, protocol, sizeof CARRIERS) != NULL;
}

static void judge_transport(struct packet packet, uint8_t protocol)
{
	if (is_ip_in_ip(protocol)) {
		packet.depth++;
		judge_ip(packet);
		return;
	}
	if (!has_ports(protocol) || !packet.verdict->policy->message->n_allowed_ports)
		return;
	if (packet.len < 4)
		verdict_forbid(packet.verdict, packet.member,
			       "%zu bytes of protocol %u hold no port that could be compared with "
			       "the policy's allowedPorts",
			       packet.len, protocol);
	else
		verdict_port(packet.verdict, packet.member, read_u16(packet.bytes + 2));
}

static bool has_source_route(const uint8_t *options, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint8_t option = options[i];
		if (option == 0)
			return false;
		if (option == OPTION_LOOSE_ROUTE || option == OPTION_STRICT_ROUTE)
			return true;
		size_t step = option == 1 ? 1 : i + 1 < len ? options[i + 1] : 0;
		if (!step)
			return true; /* cannot be read on: taken for the worst */
		i += step;
	}
	return false;
}

static void judge_addresses(struct packet packet, int family, const uint8_t *source,
			    const uint8_t *target)
{
	struct ip_address from = ip_of_bytes(family, source), to = ip_of_bytes(family, target);
	verdict_target(packet.verdict, packet.member, &to);
	if (!ip_is_zero(&from)) /* the kernel fills that in, or nobody can answer it */
		verdict_source(packet.verdict, packet.member, &from);
}

static void judge_ipv4(struct packet packet)
{
	size_t header_bytes = packet.len ? (size_t)(packet.bytes[0] & 0xf) * 4 : 0;
	if (header_bytes < 20 || packet.len < header_bytes) {
		verdict_forbid(packet.verdict, packet.member,
			       "%zu bytes hold no whole IPv4 header for the policy to look at",
			       packet.len);
		return;
	}
	judge_addresses(packet, AF_INET, packet.bytes + 12, packet.bytes + 16);
	if (has_source_route(packet.bytes + 20, header_bytes - 20))
		verdict_forbid(packet.verdict, packet.member,
			       "the IPv4 header has a source route, which leads past the policy");
	if (!(read_u16(packet.bytes + 6) & 0x1fff)) /* later fragments have no ports */
		judge_transport(behind(packet, header_bytes), packet.bytes[9]);
}

/* Steps over extension headers. Return: the protocol behind them, or -1: forbidden */
static int skip_extensions(struct packet *packet, uint8_t next)
{
	for (int i = 0; i <= EXTENSIONS_MAX; i++) {
		bool fragment = next == IPPROTO_FRAGMENT;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && !fragment &&
		    next != IPPROTO_ROUTING)
			return next;
		if (next == IPPROTO_ROUTING || packet->len < 8)
			break;
		if (fragment && read_u16(packet->bytes + 2) >> 3)
			return IPPROTO_NONE; /* a later fragment has no ports */
		size_t bytes = fragment ? 8 : ((size_t)packet->bytes[1] + 1) * 8;
		if (packet->len < bytes)
			break;
		next = packet->bytes[0];
		*packet = behind(*packet, bytes);
	}
	verdict_forbid(packet->verdict, packet->member,
		       "the IPv6 header is followed by a routing header, or by what cannot be "
		       "read: it may lead past the policy");
	return -1;
}

static void judge_ipv6(struct packet packet)
{
	enum { HEADER_BYTES = 40 };
	if (packet.len < HEADER_BYTES) {
		verdict_forbid(packet.verdict, packet.member,
			       "%zu bytes hold no whole IPv6 header for the policy to look at",
			       packet.len);
		return;
	}
	judge_addresses(packet, AF_INET6, packet.bytes + 8, packet.bytes + 24);
	struct packet rest = behind(packet, HEADER_BYTES);
	int protocol = skip_extensions(&rest, packet.bytes[6]);
	if (protocol >= 0)
		judge_transport(rest, (uint8_t)protocol);
}

static void judge_ip(struct packet packet)
{
	int version = packet.len ? packet.bytes[0] >> 4 : 0;
	if (packet.depth > DEPTH_MAX)
		verdict_forbid(packet.verdict, packet.member,
			       "more than %d packets inside each other: the policy looks no deeper",
			       DEPTH_MAX);
	else if (version == 4)
		judge_ipv4(packet);
	else if (version == 6)
		judge_ipv6(packet);
	else
		verdict_forbid(packet.verdict, packet.member,
			       "does not begin with an IP header for the policy to look at");
}

static void judge_frame(struct packet packet)
{
	const Pagecast__V1__Policy *message = packet.verdict->policy->message;
	size_t type_at = ETHERNET_HEADER_BYTES - 2;
	static const uint8_t EVERYBODY[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	if (packet.len < ETHERNET_HEADER_BYTES)
		return; /* no frame: refused when the plan was made */
	bool everybody = memcmp(packet.bytes, EVERYBODY, sizeof EVERYBODY) == 0;
	if (everybody && !message->allow_broadcast)
		verdict_forbid(packet.verdict, packet.member,
			       "the frame goes to everybody, which the policy forbids "
			       "(allowBroadcast)");
	else if (!everybody && packet.bytes[0] & 1 && !message->allow_multicast)
		verdict_forbid(packet.verdict, packet.member,
			       "the frame goes to a group, which the policy forbids "
			       "(allowMulticast)");
	uint16_t type = read_u16(packet.bytes + type_at);
	for (int i = 0; i < VLANS_MAX && (type == 0x8100 || type == 0x88a8 || type == 0x9100);
	     i++) {
		type_at += 4;
		if (packet.len < type_at + 2)
			return;
		type = read_u16(packet.bytes + type_at);
	}
	if (type == 0x0800 || type == 0x86dd)
		judge_ip(behind(packet, type_at + 2));
}

static bool headers_present(const struct policy *policy, const struct plan_stream *stream)
{
	const struct plan_destination *destination = &stream->destination;
	switch (destination->kind) {
	case PLAN_UDP: return false;
	case PLAN_RAW_IP:
		return destination->header_included || is_ip_in_ip(destination->protocol) ||
		       (has_ports(destination->protocol) && policy->message->n_allowed_ports);
	case PLAN_ETHERNET: return true;
	}
	return true;
}

void headers_judge(struct verdict *verdict, const struct plan_stream *stream)
{
	const struct plan_destination *destination = &stream->destination;
	if (!headers_present(verdict->policy, stream))
		return;
	_cleanup_free_ uint8_t *bytes = malloc(stream->len_max + 1);
	if (!bytes) {
		verdict->no_memory = true;
		return;
	}
	verdict->field[strcspn(verdict->field, ".")] = '\0'; /* the payloads stand beside ".udp" */
	for (size_t i = 0; i < stream->item_count; i++) {
		char member[32];
		snprintf(member, sizeof member, ".payloads[%zu]", i);
		size_t len = plan_item_head(stream, &stream->items[i], bytes, stream->len_max);
		struct packet packet = {verdict, member, bytes, len, 0};
		if (destination->kind == PLAN_ETHERNET)
			judge_frame(packet);
		else if (destination->header_included)
			judge_ip(packet);
		else
			judge_transport(packet, destination->protocol);
	}
}
