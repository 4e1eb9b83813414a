/* wrap: see wrap.h. */
#include "lib/wrap.h"

#include "packet/checksum.h"

#include <netinet/in.h>
#include <string.h>

enum { NO_PROTOCOL = -1, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_ETHERNET = 0x6558 };

static void put_u16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Room for a header, zeroed. Return: NULL where there is none */
static uint8_t *push(struct wrap *wrap, size_t len, uint16_t type, int protocol)
{
	if (wrap->at < len)
		return NULL;
	wrap->at -= len;
	wrap->type = type;
	wrap->protocol = protocol;
	return memset(wrap->bytes + wrap->at, 0, len);
}

static bool is_ip(const struct wrap *wrap)
{
	return wrap->type == TYPE_IPV4 || wrap->type == TYPE_IPV6;
}

static bool push_ipv4(struct wrap *wrap, const uint8_t *from, const uint8_t *to)
{
	int inner = wrap->protocol;
	if (inner < 0)
		return false;
	uint8_t *at = push(wrap, 20, TYPE_IPV4, IPPROTO_IPIP);
	if (!at)
		return false;
	at[0] = 0x45;
	put_u16(at + 2, wrap_len(wrap));
	at[8] = 64;
	at[9] = (uint8_t)inner;
	memcpy(at + 12, from, 4);
	memcpy(at + 16, to, 4);
	checksum_put(at + 10, checksum_fold(checksum_add(at, 20)));
	wrap->layers++;
	return true;
}

static bool push_ipv6(struct wrap *wrap, const uint8_t *from, const uint8_t *to)
{
	int inner = wrap->protocol;
	if (inner < 0)
		return false;
	uint8_t *at = push(wrap, 40, TYPE_IPV6, IPPROTO_IPV6);
	if (!at)
		return false;
	at[0] = 0x60;
	put_u16(at + 4, wrap_len(wrap) - 40);
	at[6] = (uint8_t)inner;
	at[7] = 64;
	memcpy(at + 8, from, 16);
	memcpy(at + 24, to, 16);
	wrap->layers++;
	return true;
}

void wrap_inner(struct wrap *wrap, bool v6, const uint8_t *from, const uint8_t *to,
		uint8_t protocol, uint16_t port)
{
	*wrap = (struct wrap){.at = WRAP_BYTES};
	uint8_t *at = push(wrap, protocol == IPPROTO_TCP ? 20 : 8, 0, protocol);
	put_u16(at, 1000);
	put_u16(at + 2, port);
	if (protocol == IPPROTO_TCP)
		at[12] = 5 << 4;
	else
		put_u16(at + 4, 8);
	if (v6)
		push_ipv6(wrap, from, to);
	else
		push_ipv4(wrap, from, to);
}

bool wrap_quote(struct wrap *wrap)
{
	enum { UNREACHABLE_4 = 3, UNREACHABLE_6 = 1 };
	bool v6 = wrap->type == TYPE_IPV6;
	if (!is_ip(wrap))
		return false;
	uint8_t *at = push(wrap, 8, 0, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (at)
		at[0] = v6 ? UNREACHABLE_6 : UNREACHABLE_4;
	return at;
}

/* ---- what Ethernet carries ---- */
static bool push_ethernet(struct wrap *wrap, const uint8_t *mac)
{
	uint16_t type = wrap->type;
	if (!type)
		return false;
	uint8_t *at = push(wrap, 14, TYPE_ETHERNET, 143);
	if (!at)
		return false;
	memcpy(at, mac, 6);
	at[6] = 0x02;
	put_u16(at + 12, type);
	wrap->layers++;
	return true;
}

/* Inside of tunnels: a MAC that is no IP version in its first nibble. */
static bool inner_ethernet(struct wrap *wrap)
{
	static const uint8_t MAC[6] = {0x02, 0, 0, 0, 0, 9};
	return wrap->type == TYPE_ETHERNET || push_ethernet(wrap, MAC);
}

static bool vlan(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	static const uint16_t TYPES[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};
	(void)outer;
	uint16_t inner = wrap->type;
	if (!inner)
		return false;
	uint8_t *at = push(wrap, 4, TYPES[detail % 5], NO_PROTOCOL);
	if (!at)
		return false;
	put_u16(at, detail >> 8 & 0xfff);
	put_u16(at + 2, inner);
	return true;
}

static bool backbone(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	if (!inner_ethernet(wrap))
		return false;
	uint8_t *at = push(wrap, 4, 0x88e7, NO_PROTOCOL);
	if (at)
		put_u16(at + 2, detail & 0xffff);
	return at;
}

static bool snap(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer, (void)detail;
	uint16_t inner = wrap->type;
	size_t len = wrap_len(wrap) + 8;
	if (!inner || len > 1400)
		return false;
	uint8_t *at = push(wrap, 8, (uint16_t)len, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = at[1] = 0xaa;
	at[2] = 0x03;
	put_u16(at + 6, inner);
	return inner_ethernet(wrap);
}

static bool pppoe(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	uint16_t protocol = wrap->type == TYPE_IPV4 ? 0x21 : wrap->type == TYPE_IPV6 ? 0x57 : 0;
	if (wrap->type == 0x8847)
		protocol = 0x281;
	if (!protocol)
		return false;
	uint8_t *at = push(wrap, 8, 0x8864, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = 0x11;
	put_u16(at + 2, detail & 0xffff);
	put_u16(at + 4, wrap_len(wrap) - 6);
	put_u16(at + 6, protocol);
	return true;
}

static bool mpls(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	if (!is_ip(wrap)) {
		if (!inner_ethernet(wrap) || !push(wrap, 4, 0, NO_PROTOCOL)) /* control word */
			return false;
	}
	for (uint32_t i = 0; i <= detail % 3; i++) {
		uint8_t *at = push(wrap, 4, 0x8847, IPPROTO_MPLS);
		if (!at)
			return false;
		put_u16(at, 0x100 + (detail >> 4 & 0xfff));
		at[2] = i == 0; /* the bottom of the stack */
		at[3] = 64;
	}
	return true;
}

static bool nsh(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	uint8_t next = wrap->type == TYPE_IPV4	     ? 1
		       : wrap->type == TYPE_IPV6     ? 2
		       : wrap->type == TYPE_ETHERNET ? 3
		       : wrap->type == 0x894f	     ? 4
		       : wrap->type == 0x8847	     ? 5
						     : 0;
	if (!next)
		return false;
	uint8_t *at = push(wrap, 24, 0x894f, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = 0x0f;
	at[1] = 0xc6;
	at[2] = 1;
	at[3] = next;
	put_u16(at + 4, detail & 0xffff);
	return true;
}

static bool macsec(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	uint16_t inner = wrap->type;
	size_t tag = detail & 1 ? 14 : 6;
	if (!inner)
		return false;
	uint8_t *at = push(wrap, tag + 2, 0x88e5, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = detail & 1 ? 0x20 : 0;
	put_u16(at + tag, inner);
	return true;
}

/* ---- what IP carries ---- */
static bool ipv4(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)detail;
	return push_ipv4(wrap, outer->from4, outer->to4);
}

static bool ipv6(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)detail;
	return push_ipv6(wrap, outer->from6, outer->to6);
}

static bool gre(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	uint16_t inner = wrap->type;
	size_t len = 4u + (detail & 1 ? 4 : 0) + (detail & 2 ? 4 : 0) + (detail & 4 ? 4 : 0);
	if (!inner || inner <= 1500)
		return false;
	uint8_t *at = push(wrap, len, 0, IPPROTO_GRE);
	if (!at)
		return false;
	at[0] = (uint8_t)((detail & 1 ? 0x80 : 0) | (detail & 2 ? 0x20 : 0) |
			  (detail & 4 ? 0x10 : 0));
	put_u16(at + 2, inner);
	return true;
}

static bool etherip(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer, (void)detail;
	if (!inner_ethernet(wrap))
		return false;
	uint8_t *at = push(wrap, 2, 0, 97);
	if (at)
		at[0] = 0x30;
	return at;
}

static bool extension(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	static const uint8_t HEADERS[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_MH};
	(void)outer;
	int inner = wrap->protocol;
	size_t len = 8 + 8 * (detail >> 4 & 3);
	if (inner < 0)
		return false;
	uint8_t *at = push(wrap, len, 0, HEADERS[detail % 3]);
	if (!at)
		return false;
	at[0] = (uint8_t)inner;
	at[1] = (uint8_t)(len / 8 - 1);
	at[2] = 1; /* padding */
	at[3] = (uint8_t)(len - 4);
	return true;
}

static bool fragment(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	int inner = wrap->protocol;
	if (inner < 0)
		return false;
	uint8_t *at = push(wrap, 8, 0, IPPROTO_FRAGMENT);
	if (!at)
		return false;
	at[0] = (uint8_t)inner;
	at[3] = detail & 1; /* more follow, or an atomic fragment */
	return true;
}

static bool routing(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	int inner = wrap->protocol;
	if (inner < 0)
		return false;
	uint8_t *at = push(wrap, 24, 0, IPPROTO_ROUTING);
	if (!at)
		return false;
	at[0] = (uint8_t)inner;
	at[1] = 2;
	at[2] = detail & 1 ? 4 : 0; /* segments, or a source route */
	memcpy(at + 8, outer->to6, 16);
	return true;
}

static bool authentication(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	int inner = wrap->protocol;
	if (inner < 0)
		return false;
	uint8_t *at = push(wrap, 24, 0, IPPROTO_AH);
	if (!at)
		return false;
	at[0] = (uint8_t)inner;
	at[1] = 4;
	put_u16(at + 6, detail & 0xffff);
	return true;
}

/* ---- what UDP carries ---- */
static bool push_udp(struct wrap *wrap, uint16_t port)
{
	uint8_t *at = push(wrap, 8, 0, IPPROTO_UDP);
	if (!at)
		return false;
	put_u16(at, 50000);
	put_u16(at + 2, port);
	put_u16(at + 4, wrap_len(wrap));
	return true;
}

static bool vxlan(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	if (!inner_ethernet(wrap))
		return false;
	uint8_t *at = push(wrap, 8, 0, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = 0x08;
	put_u16(at + 4, detail & 0xffff);
	return push_udp(wrap, 4789);
}

static bool vxlan_gpe(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer, (void)detail;
	uint8_t next = wrap->type == TYPE_IPV4 ? 1 : wrap->type == TYPE_IPV6 ? 2 : 3;
	if (next == 3 && !inner_ethernet(wrap))
		return false;
	uint8_t *at = push(wrap, 8, 0, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = 0x0c;
	at[3] = next;
	return push_udp(wrap, 4790);
}

static bool geneve(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	size_t options = 4 * (detail % 4);
	if (!is_ip(wrap) && !inner_ethernet(wrap))
		return false;
	uint16_t inner = wrap->type;
	uint8_t *at = push(wrap, 8 + options, 0, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = (uint8_t)(options / 4);
	put_u16(at + 2, inner);
	if (options)
		at[11] = (uint8_t)(options / 4 - 1);
	return push_udp(wrap, 6081);
}

static bool gtpu(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer;
	if (!is_ip(wrap))
		return false;
	size_t inner = wrap_len(wrap), len = detail & 1 ? 16 : 8;
	uint8_t *at = push(wrap, len, 0, NO_PROTOCOL);
	if (!at)
		return false;
	at[0] = detail & 1 ? 0x34 : 0x30;
	at[1] = 255;
	put_u16(at + 2, inner + len - 8);
	if (detail & 1) { /* one extension header, a PDU session container */
		at[11] = 0x85;
		at[12] = 1;
	}
	return push_udp(wrap, 2152);
}

static bool teredo(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	(void)outer, (void)detail;
	return wrap->type == TYPE_IPV6 && push_udp(wrap, 3544);
}

static bool gre_in_udp(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	return gre(wrap, outer, detail) && push_udp(wrap, 4754);
}

static bool mpls_in_udp(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail)
{
	return mpls(wrap, outer, detail) && push_udp(wrap, 6635);
}

static const struct {
	const char *name;
	bool (*apply)(struct wrap *wrap, const struct wrap_addresses *outer, uint32_t detail);
} KINDS[] = {
	{"vlan", vlan},
	{"802.1ah", backbone},
	{"snap", snap},
	{"pppoe", pppoe},
	{"mpls", mpls},
	{"nsh", nsh},
	{"macsec", macsec},
	{"ipv4", ipv4},
	{"ipv6", ipv6},
	{"gre", gre},
	{"etherip", etherip},
	{"extension", extension},
	{"fragment", fragment},
	{"routing", routing},
	{"ah", authentication},
	{"vxlan", vxlan},
	{"vxlan-gpe", vxlan_gpe},
	{"geneve", geneve},
	{"gtp-u", gtpu},
	{"teredo", teredo},
	{"gre-in-udp", gre_in_udp},
	{"mpls-in-udp", mpls_in_udp},
};

size_t wrap_count(void)
{
	return sizeof KINDS / sizeof *KINDS;
}

const char *wrap_name(size_t kind)
{
	return KINDS[kind].name;
}

bool wrap_apply(struct wrap *wrap, size_t kind, const struct wrap_addresses *outer, uint32_t detail)
{
	struct wrap before = *wrap;
	if (KINDS[kind].apply(wrap, outer, detail))
		return true;
	*wrap = before;
	return false;
}

bool wrap_ip(struct wrap *wrap, bool v6, const struct wrap_addresses *outer)
{
	if (is_ip(wrap))
		return true;
	return v6 ? push_ipv6(wrap, outer->from6, outer->to6)
		  : push_ipv4(wrap, outer->from4, outer->to4);
}

bool wrap_frame(struct wrap *wrap, const uint8_t *mac, const struct wrap_addresses *outer)
{
	if (wrap->type == TYPE_ETHERNET) { /* one already: only its address is another */
		memcpy(wrap->bytes + wrap->at, mac, 6);
		return true;
	}
	if (!wrap->type && !wrap_ip(wrap, false, outer))
		return false;
	return push_ethernet(wrap, mac);
}
