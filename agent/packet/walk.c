/* walk: see walk.h. The table of parsers, and the loop that bounds them. */
#include "packet/walk.h"

#include "base/util.h"
#include "packet/walk_ip.h"
#include "packet/walk_link.h"
#include "packet/walk_tunnel.h"

#include <stdio.h>
#include <string.h>

static const struct parser {
	uint8_t bytes_min; /* its length is this, unless it says otherwise */
	bool is_layer;	   /* has addresses of its own: counts for WALK_LAYERS_MAX */
	void (*parse)(struct walk *walk, const uint8_t *at, size_t room);
} PARSERS[WALK_KINDS] = {
	[WALK_ETHERNET] = {14, true, walk_ethernet_header},
	[WALK_VLAN] = {4, false, walk_vlan},
	[WALK_BACKBONE] = {4, false, walk_backbone},
	[WALK_LLC] = {0, false, walk_llc},
	[WALK_MACSEC] = {6, false, walk_macsec},
	[WALK_PPPOE] = {6, false, walk_pppoe},
	[WALK_PPP] = {1, false, walk_ppp},
	[WALK_MPLS] = {4, false, walk_mpls},
	[WALK_NSH] = {8, false, walk_nsh},
	[WALK_ETHERIP] = {2, false, walk_etherip},
	[WALK_ERSPAN2] = {8, false, walk_erspan2},
	[WALK_ERSPAN3] = {12, false, walk_erspan3},
	[WALK_ARP] = {0, false, walk_arp},
	[WALK_IP] = {1, true, walk_ip_header},
	[WALK_IPV6_OPTIONS] = {8, false, walk_ipv6_options},
	[WALK_IPV6_ROUTING] = {8, false, walk_ipv6_routing},
	[WALK_IPV6_FRAGMENT] = {8, false, walk_ipv6_fragment},
	[WALK_IPV6_EXTENSION] = {8, false, walk_ipv6_extension},
	[WALK_AH] = {12, false, walk_authentication},
	[WALK_ESP] = {0, false, walk_hidden},
	[WALK_IPCOMP] = {0, false, walk_hidden},
	[WALK_MINIMAL] = {8, false, walk_minimal},
	[WALK_GRE] = {4, false, walk_gre},
	[WALK_UDP] = {4, false, walk_udp},
	[WALK_TCP] = {4, false, walk_tcp},
	[WALK_PORTS] = {4, false, walk_ports},
	[WALK_ICMPV6] = {0, false, walk_icmpv6},
	[WALK_VXLAN] = {8, false, walk_vxlan},
	[WALK_VXLAN_GPE] = {8, false, walk_vxlan_gpe},
	[WALK_GENEVE] = {8, false, walk_geneve},
	[WALK_GTPU] = {8, false, walk_gtpu},
	[WALK_TEREDO] = {0, false, walk_teredo},
};

/* The addresses are valid up to their count, so that they need not be cleared for each packet. */
static void start(struct walk *walk, enum walk_kind next, uint32_t layer, const uint8_t *bytes,
		  size_t len, size_t total)
{
	memset(walk, 0, offsetof(struct walk, addresses));
	walk->bytes = bytes;
	walk->len = MIN(len, (size_t)WALK_BYTES_MAX);
	walk->total = MAX(total, walk->len);
	walk->next = next;
	walk->layer = layer;
}

void walk_start_ethernet(struct walk *walk, const uint8_t *bytes, size_t len, size_t total)
{
	start(walk, WALK_ETHERNET, 0, bytes, len, total);
}

void walk_start_ip(struct walk *walk, const uint8_t *bytes, size_t len, size_t total)
{
	start(walk, WALK_IP, 0, bytes, len, total);
}

void walk_start_protocol(struct walk *walk, uint8_t protocol, const uint8_t *ipv6_target,
			 const uint8_t *bytes, size_t len, size_t total)
{
	start(walk, walk_ip_protocol(protocol), 1, bytes, len, total);
	walk->ipv6_target = ipv6_target;
}

void walk_start_udp(struct walk *walk, uint16_t source_port, uint16_t target_port,
		    const uint8_t *bytes, size_t len, size_t total)
{
	start(walk, WALK_NOTHING, 1, bytes, len, total);
	walk->source_port = source_port;
	walk->target_port = target_port;
	walk_udp_payload(walk, bytes, walk->len);
}

/* A leaf is one only if the bytes that follow it were there to be looked at. */
static void end_at_leaf(struct walk *walk)
{
	if (walk->len < walk->total && walk->len - walk->at < WALK_LOOK_AHEAD)
		walk_stop(walk, WALK_CUT);
}

bool walk_next(struct walk *walk)
{
	if (walk->next == WALK_NOTHING) {
		end_at_leaf(walk);
		return false;
	}
	const struct parser *parser = &PARSERS[walk->next];
	size_t room = walk->len - walk->at;
	walk->header = (struct walk_header){.kind = walk->next,
					    .offset = (uint32_t)walk->at,
					    .len = parser->bytes_min,
					    .layer = walk->layer + parser->is_layer};
	walk->next = WALK_NOTHING;
	walk->mac = NULL;
	walk->has_ports = false;
	walk->address_count = 0;
	if (walk->header.layer > WALK_LAYERS_MAX || walk->headers == WALK_HEADERS_MAX) {
		walk_stop(walk, WALK_DEEP);
		return false;
	}
	if (room < parser->bytes_min) {
		walk_stop(walk, WALK_CUT);
		return false;
	}
	walk->headers++;
	walk->layer = walk->header.layer;
	parser->parse(walk, walk->bytes + walk->at, room);
	walk->at += MIN((size_t)walk->header.len, room);
	return true;
}

const char *walk_reason(const struct walk *walk, char text[static WALK_REASON_BYTES])
{
	static const char *const REASONS[] = {
		[WALK_LEAF] = "is followed by nothing that is opened",
		[WALK_CUT] = "is cut",
		[WALK_MALFORMED] = "is malformed",
		[WALK_HIDDEN] = "hides what it carries",
		[WALK_PIECE] = "belongs to a later fragment of an encapsulation",
		[WALK_AMBIGUOUS] = "can be read in more than one way",
	};
	const char *name = walk_kind_name(walk->end_kind);
	if (walk->end == WALK_CUT && walk->len < walk->total)
		snprintf(text, WALK_REASON_BYTES,
			 "the %s at byte %zu reaches beyond the first %zu bytes", name,
			 walk->end_at, walk->len);
	else if (walk->end == WALK_DEEP)
		snprintf(text, WALK_REASON_BYTES,
			 "the %s at byte %zu is beyond %d layers, %d headers or %d addresses", name,
			 walk->end_at, WALK_LAYERS_MAX, WALK_HEADERS_MAX, WALK_ADDRESSES_MAX);
	else
		snprintf(text, WALK_REASON_BYTES, "the %s at byte %zu %s", name, walk->end_at,
			 REASONS[walk->end]);
	return text;
}

bool walk_udp_opens(uint16_t source_port, uint16_t target_port)
{
	return walk_tunnel_port(target_port) || walk_tunnel_port(source_port);
}

bool walk_protocol_opens(uint8_t protocol)
{
	return walk_ip_protocol(protocol) != WALK_NOTHING;
}
