/* walk_header: see walk_header.h. */
#include "packet/walk_header.h"

#include <string.h>

void walk_stop(struct walk *walk, enum walk_end end)
{
	if (walk->end != WALK_LEAF)
		return;
	walk->end = end;
	walk->end_kind = walk->header.kind;
	walk->end_at = walk->header.offset;
	walk->next = WALK_NOTHING;
}

bool walk_take(struct walk *walk, size_t len, size_t room)
{
	walk->header.len = (uint32_t)len;
	if (len <= room)
		return true;
	walk_stop(walk, WALK_CUT);
	return false;
}

void walk_add_address(struct walk *walk, int family, bool target, const uint8_t *bytes)
{
	if (walk->address_count == WALK_ADDRESSES_MAX) {
		walk_stop(walk, WALK_DEEP);
		return;
	}
	struct walk_address *address = &walk->addresses[walk->address_count++];
	address->family = family;
	address->target = target;
	memcpy(address->bytes, bytes, family == AF_INET ? 4 : 16);
}

const char *walk_kind_name(enum walk_kind kind)
{
	static const char *const NAMES[WALK_KINDS] = {
		[WALK_NOTHING] = "payload",
		[WALK_ETHERNET] = "Ethernet header",
		[WALK_VLAN] = "VLAN tag",
		[WALK_BACKBONE] = "802.1ah tag",
		[WALK_LLC] = "LLC header",
		[WALK_MACSEC] = "MACsec tag",
		[WALK_PPPOE] = "PPPoE header",
		[WALK_PPP] = "PPP header",
		[WALK_MPLS] = "MPLS label",
		[WALK_NSH] = "network service header",
		[WALK_ETHERIP] = "EtherIP header",
		[WALK_ERSPAN2] = "ERSPAN header",
		[WALK_ERSPAN3] = "ERSPAN III header",
		[WALK_ARP] = "ARP packet",
		[WALK_IP] = "IP header",
		[WALK_IPV4] = "IPv4 header",
		[WALK_IPV6] = "IPv6 header",
		[WALK_IPV6_OPTIONS] = "IPv6 options header",
		[WALK_IPV6_ROUTING] = "IPv6 routing header",
		[WALK_IPV6_FRAGMENT] = "IPv6 fragment header",
		[WALK_IPV6_EXTENSION] = "IPv6 extension header",
		[WALK_AH] = "authentication header",
		[WALK_ESP] = "ESP header",
		[WALK_IPCOMP] = "IPComp header",
		[WALK_MINIMAL] = "minimal encapsulation header",
		[WALK_GRE] = "GRE header",
		[WALK_UDP] = "UDP header",
		[WALK_TCP] = "TCP header",
		[WALK_PORTS] = "transport header",
		[WALK_ICMPV6] = "ICMPv6 header",
		[WALK_VXLAN] = "VXLAN header",
		[WALK_VXLAN_GPE] = "VXLAN-GPE header",
		[WALK_GENEVE] = "Geneve header",
		[WALK_GTPU] = "GTP-U header",
		[WALK_TEREDO] = "Teredo header",
	};
	return kind < WALK_KINDS ? NAMES[kind] : NAMES[WALK_NOTHING];
}
