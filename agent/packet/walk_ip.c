/*
 * walk_ip: see walk_ip.h.
 *
 * Destinations are the one in the header and all that source routes and routing headers name,
 * visited ones too. Lengths of packets are not used: a receiver may see fewer bytes than there are,
 * never more, so that every header that it can reach is walked. A later fragment of an
 * encapsulation is WALK_PIECE, because its bytes may be any part of the inner header; of a
 * transport protocol it is a leaf, because ports are in the first fragment.
 */
#include "packet/walk_ip.h"

#include "base/util.h"

#include <netinet/in.h>
#include <string.h>

enum { IPV4_BYTES = 20, IPV6_BYTES = 40, IPV6_ADDRESS_BYTES = 16, UNIT = 8 };

static const struct {
	uint8_t protocol;
	enum walk_kind kind;
} PROTOCOLS[] = {
	{IPPROTO_UDP, WALK_UDP},
	{IPPROTO_TCP, WALK_TCP},
	{IPPROTO_SCTP, WALK_PORTS},
	{IPPROTO_DCCP, WALK_PORTS},
	{IPPROTO_UDPLITE, WALK_UDP},
	{IPPROTO_ICMPV6, WALK_ICMPV6},
	{IPPROTO_IPIP, WALK_IP},
	{IPPROTO_IPV6, WALK_IP},
	{94 /* IP within IP of KA9Q */, WALK_IP},
	{IPPROTO_ENCAP, WALK_IP},
	{IPPROTO_GRE, WALK_GRE},
	{97 /* EtherIP */, WALK_ETHERIP},
	{IPPROTO_MPLS, WALK_MPLS},
	{143 /* Ethernet (RFC 8986) */, WALK_ETHERNET},
	{55 /* minimal encapsulation */, WALK_MINIMAL},
	{IPPROTO_HOPOPTS, WALK_IPV6_OPTIONS},
	{IPPROTO_DSTOPTS, WALK_IPV6_OPTIONS},
	{IPPROTO_ROUTING, WALK_IPV6_ROUTING},
	{IPPROTO_FRAGMENT, WALK_IPV6_FRAGMENT},
	{IPPROTO_AH, WALK_AH},
	{IPPROTO_MH, WALK_IPV6_EXTENSION},
	{139 /* HIP */, WALK_IPV6_EXTENSION},
	{140 /* shim6 */, WALK_IPV6_EXTENSION},
	{IPPROTO_ESP, WALK_ESP},
	{IPPROTO_COMP, WALK_IPCOMP},
};

enum walk_kind walk_ip_protocol(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(PROTOCOLS); i++)
		if (PROTOCOLS[i].protocol == protocol)
			return PROTOCOLS[i].kind;
	return WALK_NOTHING;
}

static bool is_transport(enum walk_kind kind)
{
	return kind == WALK_UDP || kind == WALK_TCP || kind == WALK_PORTS || kind == WALK_ICMPV6 ||
	       kind == WALK_NOTHING;
}

static void go_on(struct walk *walk, uint8_t protocol, bool later_fragment, bool more_fragments)
{
	enum walk_kind next = walk_ip_protocol(protocol);
	walk->first_fragment |= more_fragments;
	if (!later_fragment)
		walk->next = next;
	else if (!is_transport(next))
		walk_stop(walk, WALK_PIECE);
}

/* Options that name destinations, and where the list of them begins. */
static size_t ipv4_route_at(uint8_t option)
{
	switch (option) {
	case 131: /* loose source route */
	case 137: /* strict source route */ return 3;
	case 149: /* selective directed broadcast (RFC 1770) */ return 2;
	default: return 0;
	}
}

static void ipv4_options(struct walk *walk, const uint8_t *options, size_t len)
{
	enum { END = 0, NO_OPERATION = 1 };
	for (size_t i = 0; i < len && options[i] != END;) {
		if (options[i] == NO_OPERATION) {
			i++;
			continue;
		}
		size_t bytes = i + 1 < len ? options[i + 1] : 0, from = ipv4_route_at(options[i]);
		if (bytes < 2 || i + bytes > len ||
		    (from && (bytes < from || (bytes - from) % 4))) {
			walk_stop(walk, WALK_MALFORMED);
			return;
		}
		for (; from && from < bytes; from += 4)
			walk_add_address(walk, AF_INET, true, options + i + from);
		i += bytes;
	}
}

static void walk_ipv4(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { MORE = 0x2000, OFFSET = 0x1fff };
	size_t len = (at[0] & 0xf) * 4u;
	walk->header.kind = WALK_IPV4;
	if (!walk_take(walk, MAX(len, (size_t)IPV4_BYTES), room))
		len = MIN(len, room);
	if (room < IPV4_BYTES)
		return;
	walk_add_address(walk, AF_INET, false, at + 12);
	walk_add_address(walk, AF_INET, true, at + 16);
	if (len < IPV4_BYTES) {
		walk_stop(walk, WALK_MALFORMED);
		return;
	}
	ipv4_options(walk, at + IPV4_BYTES, len - IPV4_BYTES);
	uint16_t fragment = walk_u16(at + 6);
	if (walk->end == WALK_LEAF)
		go_on(walk, at[9], fragment & OFFSET, fragment & MORE);
}

static void walk_ipv6(struct walk *walk, const uint8_t *at, size_t room)
{
	walk->header.kind = WALK_IPV6;
	if (!walk_take(walk, IPV6_BYTES, room))
		return;
	walk->ipv6_from = at + 8;
	walk->ipv6_target = at + 24;
	walk_add_address(walk, AF_INET6, false, at + 8);
	walk_add_address(walk, AF_INET6, true, at + 24);
	go_on(walk, at[6], false, false);
}

void walk_ip_header(struct walk *walk, const uint8_t *at, size_t room)
{
	switch (at[0] >> 4) {
	case 4: walk_ipv4(walk, at, room); break;
	case 6: walk_ipv6(walk, at, room); break;
	default: walk_stop(walk, WALK_MALFORMED);
	}
}

void walk_ipv6_options(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { PAD_1 = 0, HOME_ADDRESS = 0xc9 };
	size_t len = (at[1] + 1u) * UNIT;
	if (!walk_take(walk, len, room))
		return;
	for (size_t i = 2; i + 1 < len;) {
		if (at[i] == PAD_1) {
			i++;
			continue;
		}
		size_t bytes = 2u + at[i + 1];
		if (i + bytes > len) {
			walk_stop(walk, WALK_MALFORMED);
			return;
		}
		if (at[i] == HOME_ADDRESS && bytes == 2 + IPV6_ADDRESS_BYTES)
			walk_add_address(walk, AF_INET6, false, at + i + 2);
		i += bytes;
	}
	go_on(walk, at[0], false, false);
}

/* RFC 6554: the addresses lack the bytes that they share with the destination. */
static void compressed_route(struct walk *walk, const uint8_t *at, size_t len)
{
	size_t shared = at[4] >> 4, shared_last = at[4] & 0xf, padding = at[5] >> 4;
	size_t bytes = IPV6_ADDRESS_BYTES - shared, last = IPV6_ADDRESS_BYTES - shared_last;
	uint8_t address[IPV6_ADDRESS_BYTES];
	if (len == UNIT)
		return;
	if (!walk->ipv6_target || len < UNIT + padding + last ||
	    (len - UNIT - padding - last) % bytes) {
		walk_stop(walk, WALK_MALFORMED);
		return;
	}
	size_t count = (len - UNIT - padding - last) / bytes;
	for (size_t i = 0; i <= count && walk->end == WALK_LEAF; i++) {
		size_t keep = i < count ? shared : shared_last;
		memcpy(address, walk->ipv6_target, sizeof address);
		memcpy(address + keep, at + UNIT + i * bytes, sizeof address - keep);
		walk_add_address(walk, AF_INET6, true, address);
	}
}

static void plain_route(struct walk *walk, const uint8_t *at, size_t len, size_t count)
{
	if (UNIT + count * IPV6_ADDRESS_BYTES > len) {
		walk_stop(walk, WALK_MALFORMED);
		return;
	}
	for (size_t i = 0; i < count; i++)
		walk_add_address(walk, AF_INET6, true, at + UNIT + i * IPV6_ADDRESS_BYTES);
}

void walk_ipv6_routing(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { SOURCE_ROUTE = 0, HOME_ADDRESS = 2, RPL = 3, SEGMENTS = 4 };
	size_t len = (at[1] + 1u) * UNIT, whole = (len - UNIT) / IPV6_ADDRESS_BYTES;
	if (!walk_take(walk, len, room))
		return;
	switch (at[2]) {
	case SOURCE_ROUTE:
	case HOME_ADDRESS: plain_route(walk, at, len, whole); break;
	case RPL: compressed_route(walk, at, len); break;
	case SEGMENTS: plain_route(walk, at, len, whole ? at[4] + 1u : 0); break;
	default:
		if (at[3]) /* segments left: RFC 8200, 4.4 */
			walk_stop(walk, WALK_AMBIGUOUS);
	}
	if (walk->end == WALK_LEAF)
		go_on(walk, at[0], false, false);
}

void walk_ipv6_fragment(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)room;
	uint16_t fragment = walk_u16(at + 2);
	go_on(walk, at[0], fragment >> 3, fragment & 1);
}

void walk_ipv6_extension(struct walk *walk, const uint8_t *at, size_t room)
{
	if (walk_take(walk, (at[1] + 1u) * UNIT, room))
		go_on(walk, at[0], false, false);
}

void walk_authentication(struct walk *walk, const uint8_t *at, size_t room)
{
	if (walk_take(walk, (at[1] + 2u) * 4, room))
		go_on(walk, at[0], false, false);
}

void walk_hidden(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)at, (void)room;
	walk_stop(walk, WALK_HIDDEN);
}

void walk_minimal(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { BYTES = 8, SOURCE_BYTES = 4, SOURCE_PRESENT = 0x80 };
	bool source = at[1] & SOURCE_PRESENT;
	if (!walk_take(walk, BYTES + (source ? SOURCE_BYTES : 0), room))
		return;
	walk_add_address(walk, AF_INET, true, at + 4);
	if (source)
		walk_add_address(walk, AF_INET, false, at + 8);
	go_on(walk, at[0], false, false);
}

/* Whose MAC a neighbour message announces is a sender, as in ARP; whose MAC is asked for is not. */
void walk_icmpv6(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { SOLICITATION = 135, ADVERTISEMENT = 136, REDIRECT = 137, ADDRESS_AT = 8 };
	static const uint8_t UNSPECIFIED[IPV6_ADDRESS_BYTES];
	if (room < ADDRESS_AT + IPV6_ADDRESS_BYTES)
		return;
	bool claims = at[0] == ADVERTISEMENT || at[0] == REDIRECT ||
		      (at[0] == SOLICITATION && walk->ipv6_from &&
		       memcmp(walk->ipv6_from, UNSPECIFIED, sizeof UNSPECIFIED) == 0);
	if (claims)
		walk_add_address(walk, AF_INET6, false, at + ADDRESS_AT);
}
