/*
 * walk_link: see walk_link.h.
 *
 * MPLS does not say what it carries. By its first nibble the payload is IP, a control word or an
 * associated channel (RFC 4385, RFC 4928); otherwise an Ethernet pseudowire without control word,
 * if the bytes look like Ethernet with a type that is opened. What can be both IP and Ethernet is
 * WALK_AMBIGUOUS: which one it is depends on the receiver's configuration.
 */
#include "packet/walk_link.h"

#include "base/util.h"

enum { ETHERNET_BYTES = 14, LLC_BYTES = 3, LLC_LENGTH_MAX = 1500 };

static const struct {
	uint16_t type;
	enum walk_kind kind;
} ETHERTYPES[] = {
	{0x0800, WALK_IP},	 /* IPv4 */
	{0x86dd, WALK_IP},	 /* IPv6 */
	{0x8100, WALK_VLAN},	 /* 802.1Q */
	{0x88a8, WALK_VLAN},	 /* 802.1ad */
	{0x9100, WALK_VLAN},	 /* older double tags, and the next two */
	{0x9200, WALK_VLAN},	 /* */
	{0x9300, WALK_VLAN},	 /* */
	{0x0806, WALK_ARP},	 /* */
	{0x8847, WALK_MPLS},	 /* unicast */
	{0x8848, WALK_MPLS},	 /* multicast, or upstream-assigned labels */
	{0x8863, WALK_PPPOE},	 /* discovery */
	{0x8864, WALK_PPPOE},	 /* session */
	{0x880b, WALK_PPP},	 /* PPP in GRE */
	{0x88e7, WALK_BACKBONE}, /* 802.1ah */
	{0x6558, WALK_ETHERNET}, /* transparent Ethernet bridging */
	{0x894f, WALK_NSH},	 /* */
	{0x88e5, WALK_MACSEC},	 /* */
};

enum walk_kind walk_ethertype(const struct walk *walk, uint16_t type)
{
	if (type <= LLC_LENGTH_MAX)
		return WALK_LLC;
	for (size_t i = 0; i < ARRAY_SIZE(ETHERTYPES); i++)
		if (ETHERTYPES[i].type == type)
			return ETHERTYPES[i].kind;
	for (size_t i = 0; i < WALK_VLAN_TYPES_MAX; i++)
		if (walk->vlan_types[i] == type)
			return WALK_VLAN;
	return WALK_NOTHING;
}

/* The header behind an LLC header of @len bytes (0: none is known). */
static enum walk_kind llc_next(const struct walk *walk, const uint8_t *at, size_t room,
			       size_t *ret_len)
{
	enum { SAP_IP = 0x06, SAP_SNAP = 0xaa, UNNUMBERED = 0x03 };
	*ret_len = 0;
	if (room < LLC_BYTES)
		return WALK_NOTHING;
	size_t control = (at[2] & UNNUMBERED) == UNNUMBERED ? 1 : 2;
	if (at[0] == SAP_IP) {
		*ret_len = 2 + control;
		return WALK_IP;
	}
	if (at[0] != SAP_SNAP || (at[1] & 0xfe) != SAP_SNAP)
		return WALK_NOTHING;
	*ret_len = 2 + control + 5;
	if (room < *ret_len)
		return WALK_LLC;
	const uint8_t *oui = at + 2 + control;
	uint16_t type = walk_u16(oui + 3);
	bool ethernet = !oui[0] && !oui[1] && (!oui[2] || oui[2] == 0xf8);
	return ethernet && type > LLC_LENGTH_MAX ? walk_ethertype(walk, type) : WALK_NOTHING;
}

enum walk_guess walk_guess_ip(const uint8_t *at, size_t room)
{
	if (!room)
		return WALK_SHORT;
	return at[0] >> 4 == 6 || (at[0] >> 4 == 4 && (at[0] & 0xf) >= 5) ? WALK_YES : WALK_NO;
}

enum walk_guess walk_guess_ethernet(const struct walk *walk, const uint8_t *at, size_t room)
{
	if (room < ETHERNET_BYTES)
		return WALK_SHORT;
	uint16_t type = walk_u16(at + ETHERNET_BYTES - 2);
	/* Ethernet directly inside Ethernet is a type of its own, and then a guess in a guess. */
	return walk_ethertype(walk, type) == WALK_ETHERNET
		       ? WALK_YES
		       : walk_guess_type(walk, type, at + ETHERNET_BYTES, room - ETHERNET_BYTES);
}

enum walk_guess walk_guess_type(const struct walk *walk, uint16_t type, const uint8_t *at,
				size_t room)
{
	size_t len;
	switch (walk_ethertype(walk, type)) {
	case WALK_NOTHING: return WALK_NO;
	case WALK_IP: return walk_guess_ip(at, room);
	case WALK_ETHERNET: return walk_guess_ethernet(walk, at, room);
	case WALK_LLC:
		if (room < LLC_BYTES)
			return WALK_SHORT;
		return llc_next(walk, at, room, &len) == WALK_NOTHING ? WALK_NO : WALK_YES;
	default: return WALK_YES;
	}
}

void walk_ethernet_header(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)room;
	walk->mac = at;
	walk->next = walk_ethertype(walk, walk_u16(at + ETHERNET_BYTES - 2));
}

void walk_vlan(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)room;
	walk->next = walk_ethertype(walk, walk_u16(at + 2));
}

void walk_backbone(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)at, (void)room;
	walk->next = WALK_ETHERNET;
}

void walk_llc(struct walk *walk, const uint8_t *at, size_t room)
{
	size_t len;
	enum walk_kind next = llc_next(walk, at, room, &len);
	if (room < LLC_BYTES && walk->first_fragment)
		walk_stop(walk, WALK_CUT);
	else if (walk_take(walk, len, room))
		walk->next = next;
}

void walk_macsec(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { CHANGED = 0x04, ENCRYPTED = 0x08, CHANNEL = 0x20, CHANNEL_BYTES = 8 };
	size_t len = 6 + (at[0] & CHANNEL ? CHANNEL_BYTES : 0);
	if (at[0] & (CHANGED | ENCRYPTED))
		walk_stop(walk, WALK_HIDDEN);
	else if (walk_take(walk, len + 2, room))
		walk->next = walk_ethertype(walk, walk_u16(at + len));
}

void walk_pppoe(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { SESSION = 0, BYTES = 6 };
	/* Discovery has other codes, and tags, which PPP takes for protocols that are not opened.
	 * Not all receivers look at the code. */
	if (at[1] == SESSION || room > BYTES)
		walk->next = WALK_PPP;
}

void walk_ppp(struct walk *walk, const uint8_t *at, size_t room)
{
	size_t len = room >= 2 && at[0] == 0xff && at[1] == 0x03 ? 2 : 0; /* address, control */
	bool compressed = room > len && at[len] & 1 && at[len] != 0xff;	  /* RFC 1661, 6.5 */
	size_t protocol_bytes = compressed ? 1 : 2;
	if (!walk_take(walk, len + protocol_bytes, room))
		return;
	switch (compressed ? at[len] : walk_u16(at + len)) {
	case 0x0021: /* IPv4 */
	case 0x0057: /* IPv6 */ walk->next = WALK_IP; break;
	case 0x0281: /* MPLS unicast */
	case 0x0283: /* MPLS multicast */ walk->next = WALK_MPLS; break;
	default: break;
	}
}

/* The payload of a label stack: an IP header, unless it can be Ethernet. */
static void mpls_ip(struct walk *walk, const uint8_t *at, size_t room)
{
	bool ip = walk_guess_ip(at, room) == WALK_YES;
	if (walk_guess_ethernet(walk, at, room) != WALK_YES)
		walk->next = WALK_IP;
	else if (ip)
		walk_stop(walk, WALK_AMBIGUOUS);
	else
		walk->next = WALK_ETHERNET;
}

/* ... an Ethernet header, if it looks like one. */
static void mpls_ethernet(struct walk *walk, const uint8_t *at, size_t room)
{
	enum walk_guess guess = walk_guess_ethernet(walk, at, room);
	if (guess == WALK_YES)
		walk->next = WALK_ETHERNET;
	else if (guess == WALK_SHORT && walk->first_fragment)
		walk_stop(walk, WALK_CUT);
}

/* ... behind a control word, or an Ethernet header whose first nibble is 0. */
static void mpls_control_word(struct walk *walk, const uint8_t *at, size_t room)
{
	bool behind = room >= 4 && walk_guess_ethernet(walk, at + 4, room - 4) == WALK_YES;
	bool here = walk_guess_ethernet(walk, at, room) == WALK_YES;
	if (behind && here) {
		walk_stop(walk, WALK_AMBIGUOUS);
	} else if (behind) {
		walk->header.len += 4;
		walk->next = WALK_ETHERNET;
	} else {
		mpls_ethernet(walk, at, room);
		if (walk->next == WALK_NOTHING && room < 4 + ETHERNET_BYTES + LLC_BYTES &&
		    walk->first_fragment)
			walk_stop(walk, WALK_CUT);
	}
}

static void mpls_channel(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { CHANNEL_IPV4 = 0x21, CHANNEL_IPV6 = 0x57 };
	uint16_t channel = room >= 4 ? walk_u16(at + 2) : 0;
	if (channel == CHANNEL_IPV4 || channel == CHANNEL_IPV6) {
		walk->header.len += 4;
		walk->next = WALK_IP;
	} else {
		mpls_ethernet(walk, at, room);
	}
}

void walk_mpls(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { LABEL_BYTES = 4 };
	if (!(at[2] & 1)) {
		walk->next = WALK_MPLS;
		return;
	}
	if (!walk_take(walk, LABEL_BYTES + 1, room))
		return;
	walk->header.len = LABEL_BYTES;
	at += LABEL_BYTES;
	room -= LABEL_BYTES;
	switch (at[0] >> 4) {
	case 0: mpls_control_word(walk, at, room); break;
	case 1: mpls_channel(walk, at, room); break;
	case 4:
	case 6: mpls_ip(walk, at, room); break;
	default: mpls_ethernet(walk, at, room);
	}
}

void walk_nsh(struct walk *walk, const uint8_t *at, size_t room)
{
	static const enum walk_kind NEXT[] = {WALK_NOTHING,  WALK_IP,  WALK_IP,
					      WALK_ETHERNET, WALK_NSH, WALK_MPLS};
	enum { FIXED = 1, FIXED_BYTES = 24 }; /* metadata of type 1 */
	size_t len = (at[1] & 0x3f) * 4u;
	if (len < 8 || ((at[2] & 0xf) == FIXED && len != FIXED_BYTES))
		walk_stop(walk, WALK_MALFORMED);
	else if (walk_take(walk, len, room) && at[3] < ARRAY_SIZE(NEXT))
		walk->next = NEXT[at[3]];
}

void walk_etherip(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)at, (void)room;
	walk->next = WALK_ETHERNET;
}

void walk_erspan2(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)at, (void)room;
	walk->next = WALK_ETHERNET;
}

void walk_erspan3(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { BYTES = 12, PLATFORM_BYTES = 8 };
	if (walk_take(walk, BYTES + (at[11] & 1 ? PLATFORM_BYTES : 0), room))
		walk->next = WALK_ETHERNET;
}

void walk_arp(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { FIXED_BYTES = 8, IPV4 = 0x0800 };
	if (room < FIXED_BYTES)
		return; /* no receiver reads it */
	size_t mac_bytes = at[4], len = FIXED_BYTES + 2 * mac_bytes + 8;
	if (walk_u16(at + 2) != IPV4 || at[5] != 4 || room < len)
		return;
	walk->header.len = (uint32_t)len;
	walk_add_address(walk, AF_INET, false, at + FIXED_BYTES + mac_bytes);
}
