/*
 * walk_tunnel: see walk_tunnel.h.
 *
 * A UDP port alone does not make a tunnel: anything may be sent to it. A payload is opened where
 * its inner header is plausible, and passes as a leaf otherwise. Where a tunnel has a header of its
 * own with a type in it, that type must be one that is opened; Teredo and MPLS, which have none,
 * need an IP header whose length fits. The destination port is tried first, then the source port,
 * which is the one that stands for the tunnel in the direction from a Teredo server. In a first
 * fragment that is too short to tell, the inner header may begin in the next one: WALK_CUT.
 */
#include "packet/walk_tunnel.h"

#include "base/util.h"
#include "packet/walk_link.h"

enum { UDP_BYTES = 8, LABELS_MAX = 16, GTPU_EXTENSIONS_MAX = 16, LLC_LENGTH_MAX = 1500 };

/* ---- GRE, also over UDP ---- */
enum { GRE_CHECKSUM = 0x80, GRE_ROUTING = 0x40, GRE_KEY = 0x20, GRE_SEQUENCE = 0x10 };

static size_t gre_bytes(const uint8_t *at)
{
	enum { VERSION = 0x07, ACKNOWLEDGEMENT = 0x80, PPP = 0x880b };
	bool enhanced = (at[1] & VERSION) == 1 && walk_u16(at + 2) == PPP; /* RFC 2637 */
	size_t len = 4;
	len += at[0] & (GRE_CHECKSUM | GRE_ROUTING) ? 4 : 0;
	len += at[0] & GRE_KEY ? 4 : 0;
	len += at[0] & GRE_SEQUENCE ? 4 : 0;
	len += enhanced && at[1] & ACKNOWLEDGEMENT ? 4 : 0;
	return len;
}

static enum walk_guess guess_gre(const struct walk *walk, const uint8_t *at, size_t room)
{
	if (room < 4)
		return WALK_SHORT;
	size_t len = gre_bytes(at);
	uint16_t type = walk_u16(at + 2);
	if (type <= LLC_LENGTH_MAX || walk_ethertype(walk, type) == WALK_NOTHING)
		return WALK_NO;
	if (at[0] & GRE_ROUTING) /* where the inner header is depends on the route */
		return WALK_YES;
	return room < len ? WALK_SHORT : walk_guess_type(walk, type, at + len, room - len);
}

void walk_gre(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { WCCP = 0x883e, ERSPAN = 0x88be, ERSPAN_3 = 0x22eb };
	size_t len = gre_bytes(at);
	uint16_t type = walk_u16(at + 2);
	if (!walk_take(walk, len, room))
		return;
	if (at[0] & GRE_ROUTING) { /* RFC 1701: a source route */
		walk_stop(walk, WALK_AMBIGUOUS);
	} else if (type == WCCP) { /* may have a header of its own before the IP header */
		size_t more = len < room && at[len] >> 4 == 4 ? 0 : 4;
		if (walk_take(walk, len + more, room))
			walk->next = WALK_IP;
	} else if (type == ERSPAN) {
		walk->next = at[0] & GRE_SEQUENCE ? WALK_ERSPAN2 : WALK_ETHERNET;
	} else if (type == ERSPAN_3) {
		walk->next = WALK_ERSPAN3;
	} else if (type > LLC_LENGTH_MAX) {
		walk->next = walk_ethertype(walk, type);
	}
}

/* ---- tunnels over UDP ---- */
static enum walk_guess guess_behind(const struct walk *walk, size_t header_bytes, const uint8_t *at,
				    size_t room)
{
	return room < header_bytes
		       ? WALK_SHORT
		       : walk_guess_ethernet(walk, at + header_bytes, room - header_bytes);
}

static enum walk_guess guess_vxlan(const struct walk *walk, const uint8_t *at, size_t room)
{
	return guess_behind(walk, 8, at, room);
}

void walk_vxlan(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)at, (void)room;
	walk->next = WALK_ETHERNET;
}

/* By its next protocol; where the flag says that it has none it is Ethernet, unless that is not
 * plausible. */
static enum walk_kind gpe_next(const struct walk *walk, const uint8_t *at, size_t room)
{
	static const enum walk_kind NEXT[] = {WALK_NOTHING,  WALK_IP,  WALK_IP,
					      WALK_ETHERNET, WALK_NSH, WALK_MPLS};
	enum { NEXT_PROTOCOL_PRESENT = 0x04 };
	if (!(at[0] & NEXT_PROTOCOL_PRESENT) && guess_behind(walk, 8, at, room) != WALK_NO)
		return WALK_ETHERNET;
	return at[3] < ARRAY_SIZE(NEXT) ? NEXT[at[3]] : WALK_NOTHING;
}

static enum walk_guess guess_gpe(const struct walk *walk, const uint8_t *at, size_t room)
{
	if (room < 8)
		return WALK_SHORT;
	switch (gpe_next(walk, at, room)) {
	case WALK_NOTHING: return WALK_NO;
	case WALK_IP: return walk_guess_ip(at + 8, room - 8);
	case WALK_ETHERNET: return guess_behind(walk, 8, at, room);
	default: return room > 8 ? WALK_YES : WALK_SHORT;
	}
}

void walk_vxlan_gpe(struct walk *walk, const uint8_t *at, size_t room)
{
	walk->next = gpe_next(walk, at, room);
}

static size_t geneve_bytes(const uint8_t *at)
{
	return 8 + (at[0] & 0x3fu) * 4;
}

static enum walk_guess guess_geneve(const struct walk *walk, const uint8_t *at, size_t room)
{
	if (room < 8)
		return WALK_SHORT;
	size_t len = geneve_bytes(at);
	if (walk_u16(at + 2) <= LLC_LENGTH_MAX)
		return WALK_NO;
	return room < len ? WALK_SHORT
			  : walk_guess_type(walk, walk_u16(at + 2), at + len, room - len);
}

void walk_geneve(struct walk *walk, const uint8_t *at, size_t room)
{
	if (walk_take(walk, geneve_bytes(at), room))
		walk->next = walk_ethertype(walk, walk_u16(at + 2));
}

static enum walk_guess guess_gtpu(const struct walk *walk, const uint8_t *at, size_t room)
{
	enum { VERSION_MAX = 1, PACKET = 255 };
	(void)walk;
	if (room < 8)
		return WALK_SHORT;
	return at[0] >> 5 <= VERSION_MAX && at[1] == PACKET ? WALK_YES : WALK_NO;
}

void walk_gtpu(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { EXTENDED = 0x04, LONG = 0x07, LONG_BYTES = 4, VERSION_0_BYTES = 20 };
	bool first = at[0] >> 5 == 0; /* version 0, without extensions */
	size_t len = first ? VERSION_0_BYTES : 8 + (at[0] & LONG ? LONG_BYTES : 0);
	if (!walk_take(walk, len, room))
		return;
	bool more = !first && at[0] & EXTENDED && at[len - 1];
	for (int i = 0; more; i++) {
		if (!walk_take(walk, len + 1, room))
			return;
		size_t bytes = at[len] * 4u;
		if (!bytes || i == GTPU_EXTENSIONS_MAX) {
			walk_stop(walk, WALK_MALFORMED);
			return;
		}
		len += bytes;
		if (!walk_take(walk, len, room))
			return;
		more = at[len - 1];
	}
	walk->header.len = (uint32_t)len;
	if (walk_guess_ip(at + len, room - len) == WALK_YES)
		walk->next = WALK_IP;
	else if (walk->first_fragment && len == room)
		walk_stop(walk, WALK_CUT);
}

/* An IP header whose length fits what is there. @total: bytes of the packet from @at on */
static enum walk_guess guess_whole_ip(const struct walk *walk, const uint8_t *at, size_t room,
				      size_t total)
{
	enum { IPV4_BYTES = 20, IPV6_BYTES = 40 };
	enum walk_guess guess = walk_guess_ip(at, room);
	bool v6 = guess == WALK_YES && at[0] >> 4 == 6;
	if (guess != WALK_YES)
		return guess;
	if (room < (v6 ? IPV6_BYTES : IPV4_BYTES))
		return WALK_SHORT;
	size_t header = v6 ? IPV6_BYTES : (at[0] & 0xfu) * 4;
	size_t len = v6 ? IPV6_BYTES + (size_t)walk_u16(at + 4) : walk_u16(at + 2);
	if (!v6 && !len) /* as in segments that are still to be cut: taken for all that is there */
		return WALK_YES;
	return len >= header && (len <= total || walk->first_fragment) ? WALK_YES : WALK_NO;
}

static size_t total_behind(const struct walk *walk, const uint8_t *at)
{
	return walk->total - (size_t)(at - walk->bytes);
}

static enum walk_guess guess_mpls(const struct walk *walk, const uint8_t *at, size_t room)
{
	size_t len = 4;
	while (room >= len && !(at[len - 2] & 1) && len < 4 * LABELS_MAX)
		len += 4;
	if (room < len)
		return WALK_SHORT;
	if (!(at[len - 2] & 1))
		return WALK_NO;
	at += len;
	room -= len;
	enum walk_guess ip = guess_whole_ip(walk, at, room, total_behind(walk, at));
	if (ip == WALK_NO && room >= 4 && at[0] >> 4 == 0 &&
	    walk_guess_ethernet(walk, at + 4, room - 4) == WALK_YES)
		return WALK_YES;
	return ip == WALK_YES ? ip : MAX(ip, walk_guess_ethernet(walk, at, room));
}

/* Its authentication and origin headers (RFC 4380, 5.1.1), which are both optional. */
static size_t teredo_bytes(const uint8_t *at, size_t room)
{
	size_t len = 0;
	if (room >= 4 && walk_u16(at) == 1)
		len = 4 + (size_t)at[2] + at[3] + 8 + 1;
	if (room >= len + 2 && walk_u16(at + len) == 0)
		len += 8;
	return len;
}

static enum walk_guess guess_teredo(const struct walk *walk, const uint8_t *at, size_t room)
{
	size_t len = teredo_bytes(at, room);
	if (room <= len)
		return WALK_SHORT;
	at += len;
	return at[0] >> 4 == 6 ? guess_whole_ip(walk, at, room - len, total_behind(walk, at))
			       : WALK_NO;
}

void walk_teredo(struct walk *walk, const uint8_t *at, size_t room)
{
	walk->header.len = (uint32_t)teredo_bytes(at, room);
	walk->next = WALK_IP;
}

static const struct tunnel {
	uint16_t port;
	enum walk_kind kind;
	enum walk_guess (*guess)(const struct walk *walk, const uint8_t *at, size_t room);
} TUNNELS[] = {
	{4789, WALK_VXLAN, guess_vxlan},   {4790, WALK_VXLAN_GPE, guess_gpe},
	{6081, WALK_GENEVE, guess_geneve}, {2152, WALK_GTPU, guess_gtpu},
	{3544, WALK_TEREDO, guess_teredo}, {4754, WALK_GRE, guess_gre},
	{6635, WALK_MPLS, guess_mpls},
};

static const struct tunnel *tunnel_by_port(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_SIZE(TUNNELS); i++)
		if (TUNNELS[i].port == port)
			return &TUNNELS[i];
	return NULL;
}

bool walk_tunnel_port(uint16_t port)
{
	return tunnel_by_port(port) != NULL;
}

void walk_udp_payload(struct walk *walk, const uint8_t *at, size_t room)
{
	const uint16_t ports[] = {walk->target_port, walk->source_port};
	bool is_short = false;
	for (size_t i = 0; i < ARRAY_SIZE(ports) && walk->next == WALK_NOTHING; i++) {
		const struct tunnel *tunnel = tunnel_by_port(ports[i]);
		enum walk_guess guess = tunnel ? tunnel->guess(walk, at, room) : WALK_NO;
		if (guess == WALK_YES)
			walk->next = tunnel->kind;
		is_short |= guess == WALK_SHORT;
	}
	if (is_short && walk->first_fragment && walk->next == WALK_NOTHING)
		walk_stop(walk, WALK_CUT);
}

/* ---- transport ---- */
static void take_ports(struct walk *walk, const uint8_t *at)
{
	walk->has_ports = true;
	walk->source_port = walk_u16(at);
	walk->target_port = walk_u16(at + 2);
}

void walk_udp(struct walk *walk, const uint8_t *at, size_t room)
{
	take_ports(walk, at);
	if (room >= UDP_BYTES) {
		walk->header.len = UDP_BYTES;
		walk_udp_payload(walk, at + UDP_BYTES, room - UDP_BYTES);
	}
}

void walk_tcp(struct walk *walk, const uint8_t *at, size_t room)
{
	enum { OFFSET_AT = 12 };
	take_ports(walk, at);
	if (room > OFFSET_AT)
		walk->header.len = (uint32_t)MIN((at[OFFSET_AT] >> 4) * (size_t)4, room);
}

void walk_ports(struct walk *walk, const uint8_t *at, size_t room)
{
	(void)room;
	take_ports(walk, at);
}
