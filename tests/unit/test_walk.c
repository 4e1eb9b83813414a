/*
 * The walker: each row of its tables, what it reports, where it stops and why, and that no cut,
 * loop or depth of a hostile packet hides a destination.
 */
#include "base/util.h"
#include "lib/test.h"
#include "lib/wrap.h"
#include "packet/walk.h"

#include <arpa/inet.h>
#include <stdarg.h>

enum { PACKET_MAX = 4096, TEXT_MAX = 4096 };

/* Pieces of packets, in hexadecimal. Addresses: 10.1.2.3 to 8.8.8.8, fd00::5 to 2a00::8; port 53.
 */
#define ETH(type)      "020000000001 020000000002 " type " "
#define IPV4(protocol) "45000000 00000000 40" protocol "0000 0a010203 08080808 "
#define IPV6(next)                                                                                 \
	"60000000 0000" next "40 fd000000000000000000000000000005 "                                \
	"2a000000000000000000000000000008 "
#define UDP(port) "03e8" port "00000000 "
#define DNS	  UDP("0035")
#define TCP	  "03e80035 00000000 00000000 50000000 00000000 "
#define V4_DNS	  IPV4("11") DNS
#define V6_DNS	  IPV6("11") DNS
#define SAW_V4	  "<10.1.2.3 >8.8.8.8 UDP :53"
#define SAW_V6	  "<fd00::5 >2a00::8 UDP :53"

enum start { ETHERNET, IP, PROTOCOL, DATAGRAM };

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t digits = 0;
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		char digit[2] = {*hex, 0};
		out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | strtoul(digit, NULL, 16));
		digits++;
	}
	CHECK_INT(digits % 2, ==, 0);
	return digits / 2;
}

static void begin(struct walk *walk, enum start start, uint16_t number, const uint8_t *bytes,
		  size_t len, size_t total)
{
	switch (start) {
	case ETHERNET: walk_start_ethernet(walk, bytes, len, total); break;
	case IP: walk_start_ip(walk, bytes, len, total); break;
	case PROTOCOL: walk_start_protocol(walk, (uint8_t)number, NULL, bytes, len, total); break;
	case DATAGRAM: walk_start_udp(walk, 50000, number, bytes, len, total); break;
	}
}

static void append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char *text, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;
	va_start(args, format);
	vsnprintf(text + len, TEXT_MAX - len, format, args);
	va_end(args);
}

/* "Ethernet IPv4 <10.1.2.3 >8.8.8.8 UDP :53": first words of the kinds, sources, targets, port */
static const char *saw(struct walk *walk)
{
	static char text[TEXT_MAX];
	text[0] = '\0';
	size_t at = 0;
	while (walk_next(walk)) {
		char kind[40], address[INET6_ADDRSTRLEN];
		snprintf(kind, sizeof kind, "%s", walk_kind_name(walk->header.kind));
		kind[strcspn(kind, " ")] = '\0';
		append(text, "%s%s", *text ? " " : "", kind);
		CHECK_INT(walk->header.offset, ==, at); /* no gap, no overlap */
		at += walk->header.len;
		for (size_t i = 0; i < walk->address_count; i++) {
			const struct walk_address *found = &walk->addresses[i];
			inet_ntop(found->family, found->bytes, address, sizeof address);
			append(text, " %c%s", found->target ? '>' : '<', address);
		}
		if (walk->has_ports)
			append(text, " :%u", walk->target_port);
	}
	return text;
}

static const struct row {
	enum start start;
	uint16_t number; /* protocol, port */
	const char *hex, *sees;
	bool guessed; /* not by a type: cut short, it may be any payload */
} ROWS[] = {
	/* EtherTypes */
	{ETHERNET, 0, ETH("0800") V4_DNS, "Ethernet IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("86dd") V6_DNS, "Ethernet IPv6 " SAW_V6},
	{ETHERNET, 0, ETH("8100") "0001 0800" V4_DNS, "Ethernet VLAN IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("88a8") "0001 9100 0002 9200 0003 9300 0004 8100 0005 0800" V4_DNS,
	 "Ethernet VLAN VLAN VLAN VLAN VLAN IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("8847") "00100040 00200140 " V4_DNS, "Ethernet MPLS MPLS IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("8848") "00200140 " V6_DNS, "Ethernet MPLS IPv6 " SAW_V6},
	{ETHERNET, 0, ETH("8847") "00200140 00000000" ETH("0800") V4_DNS,
	 "Ethernet MPLS Ethernet IPv4 " SAW_V4, true},
	{ETHERNET, 0, ETH("8847") "00200140 " ETH("0800") V4_DNS,
	 "Ethernet MPLS Ethernet IPv4 " SAW_V4, true},
	{ETHERNET, 0, ETH("8847") "00200140 10000021 " V4_DNS, "Ethernet MPLS IPv4 " SAW_V4, true},
	{ETHERNET, 0, ETH("8864") "11000001001e 0021 " V4_DNS, "Ethernet PPPoE PPP IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("8864") "11000001001e 57 " V6_DNS, "Ethernet PPPoE PPP IPv6 " SAW_V6},
	{ETHERNET, 0, ETH("8864") "11000001001e 0281 00200140 " V4_DNS,
	 "Ethernet PPPoE PPP MPLS IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("8863") "11000001001e ff030021 " V4_DNS,
	 "Ethernet PPPoE PPP IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("88e7") "00000001 " ETH("0800") V4_DNS,
	 "Ethernet 802.1ah Ethernet IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("6558") ETH("0800") V4_DNS, "Ethernet Ethernet IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("0024") "aaaa03 000000 0800 " V4_DNS, "Ethernet LLC IPv4 " SAW_V4, true},
	{ETHERNET, 0, ETH("0024") "aaaa03 0000f8 86dd " V6_DNS, "Ethernet LLC IPv6 " SAW_V6, true},
	{ETHERNET, 0, ETH("0024") "060603 " V4_DNS, "Ethernet LLC IPv4 " SAW_V4, true},
	{ETHERNET, 0, ETH("8100") "0001 0024 aaaa03 000000 8100 0002 0800" V4_DNS,
	 "Ethernet VLAN LLC VLAN IPv4 " SAW_V4, true},
	{ETHERNET, 0, ETH("88e5") "00 00 00000001 0800" V4_DNS, "Ethernet MACsec IPv4 " SAW_V4},
	{ETHERNET, 0, ETH("894f") "0fc2 0201 00000100 " V4_DNS, "Ethernet network IPv4 " SAW_V4},
	{ETHERNET, 0,
	 ETH("0806") "0001 0800 06 04 0001 020000000002 08080404 000000000000 0a000001",
	 "Ethernet ARP <8.8.4.4"},
	/* IP protocols */
	{PROTOCOL, 4, V4_DNS, "IPv4 " SAW_V4},
	{PROTOCOL, 41, V6_DNS, "IPv6 " SAW_V6},
	{PROTOCOL, 94, V4_DNS, "IPv4 " SAW_V4},
	{PROTOCOL, 98, V4_DNS, "IPv4 " SAW_V4},
	{PROTOCOL, 47, "0000 0800 " V4_DNS, "GRE IPv4 " SAW_V4},
	{PROTOCOL, 47, "b000 86dd 00000000 00000007 00000001 " V6_DNS, "GRE IPv6 " SAW_V6},
	{PROTOCOL, 47, "3081 880b 00000007 00000001 00000002 ff030021 " V4_DNS,
	 "GRE PPP IPv4 " SAW_V4},
	{PROTOCOL, 47, "0000 6558 " ETH("0800") V4_DNS, "GRE Ethernet IPv4 " SAW_V4},
	{PROTOCOL, 47, "0000 883e 00000000 " V4_DNS, "GRE IPv4 " SAW_V4},
	{PROTOCOL, 47, "1000 88be 00000001 1000000000000000 " ETH("0800") V4_DNS,
	 "GRE ERSPAN Ethernet IPv4 " SAW_V4},
	{PROTOCOL, 47,
	 "1000 22eb 00000001 200000000000000000000001 0000000000000000 " ETH("0800") V4_DNS,
	 "GRE ERSPAN Ethernet IPv4 " SAW_V4},
	{PROTOCOL, 97, "3000 " ETH("0800") V4_DNS, "EtherIP Ethernet IPv4 " SAW_V4},
	{PROTOCOL, 143, ETH("0800") V4_DNS, "Ethernet IPv4 " SAW_V4},
	{PROTOCOL, 137, "00200140 " V4_DNS, "MPLS IPv4 " SAW_V4},
	{PROTOCOL, 55, "11800000 08080808 0a010203 " DNS, "minimal >8.8.8.8 <10.1.2.3 UDP :53"},
	{PROTOCOL, 6, TCP, "TCP :53"},
	{PROTOCOL, 132, "03e80035 ", "transport :53"},
	/* extension headers */
	{PROTOCOL, 0, "11 00 0104 00000000 " DNS, "IPv6 UDP :53"},
	{PROTOCOL, 60, "11 02 c910 2a000000000000000000000000000009 0100 0100" DNS,
	 "IPv6 <2a00::9 UDP :53"},
	{PROTOCOL, 43, "11 02 00 01 00000000 2a000000000000000000000000000009 " DNS,
	 "IPv6 >2a00::9 UDP :53"},
	{PROTOCOL, 43,
	 "11 04 04 01 01000000 2a000000000000000000000000000009"
	 "2a00000000000000000000000000000a " DNS,
	 "IPv6 >2a00::9 >2a00::a UDP :53"},
	{PROTOCOL, 43, "11 00 09 00 00000000 " DNS, "IPv6 UDP :53"},
	{IP, 0,
	 IPV6("2b") "11 01 03 01 ff600000 07 08"
		    "000000000000" DNS,
	 "IPv6 <fd00::5 >2a00::8 IPv6 >2a00::7 >2a00::8 UDP :53"},
	{PROTOCOL, 44, "11 00 0000 00000001 " DNS, "IPv6 UDP :53"},
	{PROTOCOL, 44, "11 00 0001 00000001 " DNS, "IPv6 UDP :53"},
	{PROTOCOL, 51, "11 02 0000 00000001 00000001 00000000" DNS, "authentication UDP :53"},
	{PROTOCOL, 135, "11 00 0000 00000000 " DNS, "IPv6 UDP :53"},
	{PROTOCOL, 139, "11 00 0000 00000000 " DNS, "IPv6 UDP :53"},
	{PROTOCOL, 140, "11 00 0000 00000000 " DNS, "IPv6 UDP :53"},
	/* source routes; fragments; senders */
	{IP, 0, "48000000 00000000 40110000 0a010203 0a000001 01 83 07 04 08080404 00000000" DNS,
	 "IPv4 <10.1.2.3 >10.0.0.1 >8.8.4.4 UDP :53"},
	{IP, 0, "48000000 00000000 40110000 0a010203 0a000001 89 0b 04 08080404 01010101 00" DNS,
	 "IPv4 <10.1.2.3 >10.0.0.1 >8.8.4.4 >1.1.1.1 UDP :53"},
	{IP, 0, "47000000 00000000 40110000 0a010203 0a000001 95 06 08080404 00 00" DNS,
	 "IPv4 <10.1.2.3 >10.0.0.1 >8.8.4.4 UDP :53"},
	{IP, 0, "45000000 00002000 40110000 0a010203 08080808 " DNS, "IPv4 " SAW_V4},
	{IP, 0, IPV6("3a") "88000000 00000000 2a000000000000000000000000000009",
	 "IPv6 <fd00::5 >2a00::8 ICMPv6 <2a00::9"},
	/* tunnels over UDP */
	{DATAGRAM, 4789, "0800000000000100 " ETH("0800") V4_DNS, "VXLAN Ethernet IPv4 " SAW_V4,
	 true},
	{DATAGRAM, 4790, "0c00000100000100 " V4_DNS, "VXLAN-GPE IPv4 " SAW_V4, true},
	{DATAGRAM, 4790, "0c00000400000100 0fc2020200000100 " V6_DNS,
	 "VXLAN-GPE network IPv6 " SAW_V6, true},
	{DATAGRAM, 4790, "0800000000000100 " ETH("0800") V4_DNS, "VXLAN-GPE Ethernet IPv4 " SAW_V4,
	 true},
	{DATAGRAM, 6081, "0100655800000100 00000000 " ETH("0800") V4_DNS,
	 "Geneve Ethernet IPv4 " SAW_V4, true},
	{DATAGRAM, 6081, "0000080000000100 " V4_DNS, "Geneve IPv4 " SAW_V4, true},
	{DATAGRAM, 2152, "30ff001c00000001 " V4_DNS, "GTP-U IPv4 " SAW_V4, true},
	{DATAGRAM, 2152, "34ff002400000001 00000085 01000000 " V6_DNS, "GTP-U IPv6 " SAW_V6, true},
	{DATAGRAM, 2152, "1eff001c00000001 ffffffff0000000000000000 " V4_DNS, "GTP-U IPv4 " SAW_V4,
	 true},
	{DATAGRAM, 3544,
	 "60000000 000811 40 fd000000000000000000000000000005"
	 "2a000000000000000000000000000008 " DNS,
	 "Teredo IPv6 " SAW_V6, true},
	{DATAGRAM, 3544,
	 "00010000 0000000000000000 00 0000f22bf5fefefe "
	 "60000000 000811 40 fd000000000000000000000000000005"
	 "2a000000000000000000000000000008 " DNS,
	 "Teredo IPv6 " SAW_V6, true},
	{DATAGRAM, 4754, "2000080000000007 " V4_DNS, "GRE IPv4 " SAW_V4, true},
	{DATAGRAM, 6635, "00100040 00200140 4500001c 00000000 40110000 0a010203 08080808" DNS,
	 "MPLS MPLS IPv4 " SAW_V4, true},
	{PROTOCOL, 136, "03e812b5 00000000 0800000000000100 " ETH("0800") V4_DNS,
	 "UDP :4789 VXLAN Ethernet IPv4 " SAW_V4, true},
	{PROTOCOL, 17, "12b503e8 00000000 0800000000000100 " ETH("0800") V4_DNS,
	 "UDP :1000 VXLAN Ethernet IPv4 " SAW_V4, true}, /* from the tunnel's port */
};

TEST(walk_opens_each_row_of_its_tables)
{
	static struct walk walk;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		uint8_t bytes[PACKET_MAX] = {0};
		size_t len = from_hex(ROWS[i].hex, bytes);
		begin(&walk, ROWS[i].start, ROWS[i].number, bytes, len, len);
		const char *text = saw(&walk);
		if (strcmp(text, ROWS[i].sees) != 0 || walk.end != WALK_LEAF)
			test_fail(__FILE__, __LINE__, "row %zu: \"%s\", end %d; not \"%s\"", i,
				  text, walk.end, ROWS[i].sees);
	}
}

/* Whatever is missing at the end of a packet: what was not seen is not passed off as a leaf. */
TEST(walk_of_a_cut_packet_says_so)
{
	static struct walk walk;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		uint8_t bytes[PACKET_MAX] = {0};
		size_t len = from_hex(ROWS[i].hex, bytes);
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *exact = malloc(cut + 1); /* reading behind it is found */
			memcpy(exact, bytes, cut);
			begin(&walk, ROWS[i].start, ROWS[i].number, exact, cut, len);
			bool all = strcmp(saw(&walk), ROWS[i].sees) == 0;
			if (!all && walk.end == WALK_LEAF)
				test_fail(__FILE__, __LINE__, "row %zu at byte %zu", i, cut);
			begin(&walk, ROWS[i].start, ROWS[i].number, exact, cut, cut);
			all = strcmp(saw(&walk), ROWS[i].sees) == 0;
			bool sender = strstr(ROWS[i].sees, "ARP") || strstr(ROWS[i].sees, "ICMPv6");
			if (!all && walk.end == WALK_LEAF && !ROWS[i].guessed && !sender)
				test_fail(__FILE__, __LINE__, "row %zu of %zu bytes", i, cut);
			free(exact);
		}
	}
}

static const char *ended(enum start start, uint16_t number, const char *hex)
{
	static struct walk walk;
	static char text[WALK_REASON_BYTES];
	uint8_t bytes[PACKET_MAX] = {0};
	size_t len = from_hex(hex, bytes);
	begin(&walk, start, number, bytes, len, len);
	saw(&walk);
	return walk.end == WALK_LEAF ? "leaf" : walk_reason(&walk, text);
}

TEST(walk_ends_where_it_cannot_go_on)
{
	CHECK_STR(ended(PROTOCOL, 50, "00000001 00000001"),
		  "the ESP header at byte 0 hides what it carries");
	CHECK_STR(ended(ETHERNET, 0, ETH("0800") IPV4("32")),
		  "the ESP header at byte 34 hides what it carries");
	CHECK_STR(ended(PROTOCOL, 108, "04000001"),
		  "the IPComp header at byte 0 hides what it carries");
	CHECK_STR(ended(ETHERNET, 0, ETH("88e5") "0c 00 00000001 0800" V4_DNS),
		  "the MACsec tag at byte 14 hides what it carries");
	CHECK_STR(ended(PROTOCOL, 4, "15"), "the IP header at byte 0 is malformed");
	CHECK_STR(ended(PROTOCOL, 4, IPV4("04") "44000000 00000000 40110000 0a010203 08080808"),
		  "the IPv4 header at byte 20 is malformed");
	CHECK_STR(ended(PROTOCOL, 47, "4000 0800 00000000 " V4_DNS),
		  "the GRE header at byte 0 can be read in more than one way");
	CHECK_STR(ended(PROTOCOL, 43, "11 02 07 01 00000000 2a000000000000000000000000000009" DNS),
		  "the IPv6 routing header at byte 0 can be read in more than one way");
	CHECK_STR(ended(PROTOCOL, 43, "11 02 04 01 01000000 2a000000000000000000000000000009" DNS),
		  "the IPv6 routing header at byte 0 is malformed"); /* two segments, one there */
	/* IP from 8.0.69.0, or an Ethernet pseudowire to 45:00:… */
	CHECK_STR(ended(ETHERNET, 0,
			ETH("8847") "00200140 450000000000 000000000000 0800 4500 "
				    "00000000000000004011"
				    "0000 0a010203 08080808" DNS),
		  "the MPLS label at byte 14 can be read in more than one way");
}

TEST(walk_judges_no_part_of_a_later_fragment)
{
	CHECK_STR(ended(IP, 0, "45000000 00000001 40110000 0a010203 08080808 00000035"), "leaf");
	CHECK_STR(ended(IP, 0, "45000000 00000001 40040000 0a010203 08080808" V4_DNS),
		  "the IPv4 header at byte 0 belongs to a later fragment of an encapsulation");
	CHECK_STR(ended(PROTOCOL, 44, "3c 00 0008 00000001 " DNS),
		  "the IPv6 fragment header at byte 0 belongs to a later fragment of an "
		  "encapsulation");
	/* The first fragment ends before the header that the next one begins with. */
	CHECK_STR(ended(PROTOCOL, 44, "3c 00 0001 00000001 11 00 0104 00000000"),
		  "the UDP header at byte 16 is cut");
	CHECK_STR(ended(PROTOCOL, 44, "11 00 0001 00000001 03e812b5 00000000 0800000000000100"),
		  "the UDP header at byte 8 is cut");
}

TEST(walk_takes_payloads_for_tunnels_only_where_they_look_like_it)
{
	static const char TEXT[] = "68656c6c6f20776f726c6420 68656c6c6f20776f726c6420 68656c6c6f20";
	static const uint16_t PORTS[] = {4789, 4790, 6081, 2152, 3544, 4754, 6635};
	for (size_t i = 0; i < ARRAY_SIZE(PORTS); i++) {
		CHECK_STR(ended(DATAGRAM, PORTS[i], TEXT), "leaf");
		CHECK_STR(ended(DATAGRAM, PORTS[i], ""), "leaf");
		CHECK(walk_udp_opens(50000, PORTS[i]) && walk_udp_opens(PORTS[i], 50000));
	}
	CHECK(!walk_udp_opens(50000, 9000));
	/* known tunnel, unknown inside: nobody is addressed */
	CHECK_STR(ended(DATAGRAM, 4789, "0800000000000100 " ETH("88cc") "0000"), "leaf");
	CHECK_STR(ended(DATAGRAM, 4789, "0800000000000100 " ETH("0800") "45000000"),
		  "the IPv4 header at byte 22 is cut");
}

TEST(walk_leaves_what_is_no_destination)
{
	static struct walk walk;
	uint8_t bytes[PACKET_MAX] = {0};
	size_t len = from_hex(IPV4("01") "03010000 00000000 " V4_DNS, bytes); /* quoted by ICMP */
	begin(&walk, IP, 0, bytes, len, len);
	CHECK_STR(saw(&walk), "IPv4 <10.1.2.3 >8.8.8.8");
	CHECK_INT(walk.end, ==, WALK_LEAF);
	CHECK_STR(ended(ETHERNET, 0, ETH("0000") "00000000"), "leaf"); /* 802.3 of zeros */
	CHECK_STR(ended(ETHERNET, 0, ETH("88cc") "00000000"), "leaf");
	CHECK_STR(ended(PROTOCOL, 253, ""), "leaf");
	CHECK_STR(ended(PROTOCOL, 1, ""), "leaf");
}

TEST(walk_takes_the_vlan_types_of_a_frame_header)
{
	static struct walk walk;
	uint8_t bytes[PACKET_MAX] = {0};
	size_t len = from_hex(ETH("1234") "0001 0800" V4_DNS, bytes);
	begin(&walk, ETHERNET, 0, bytes, len, len);
	CHECK_STR(saw(&walk), "Ethernet");
	begin(&walk, ETHERNET, 0, bytes, len, len);
	walk.vlan_types[2] = 0x1234;
	CHECK_STR(saw(&walk), "Ethernet VLAN IPv4 " SAW_V4);
}

TEST(walk_is_bounded_in_layers_headers_and_bytes)
{
	static struct walk walk;
	static uint8_t bytes[PACKET_MAX];
	for (int layers = WALK_LAYERS_MAX; layers <= WALK_LAYERS_MAX + 1; layers++) {
		size_t len = 0;
		for (int i = 0; i < layers; i++)
			len += from_hex(i + 1 < layers ? IPV4("04") : IPV4("11"), bytes + len);
		len += from_hex(DNS, bytes + len);
		begin(&walk, IP, 0, bytes, len, len);
		saw(&walk);
		CHECK_INT(walk.end, ==, layers > WALK_LAYERS_MAX ? WALK_DEEP : WALK_LEAF);
		CHECK_INT(walk.end_at, ==, layers > WALK_LAYERS_MAX ? 20 * WALK_LAYERS_MAX : 0);
		/* behind headers of the kernel one layer less is left */
		begin(&walk, PROTOCOL, 4, bytes, len, len);
		saw(&walk);
		CHECK_INT(walk.end, ==, WALK_DEEP);
	}
	for (int tags = WALK_HEADERS_MAX - 3; tags <= WALK_HEADERS_MAX - 2; tags++) {
		size_t len = from_hex(ETH("8100"), bytes);
		for (int i = 1; i < tags; i++)
			len += from_hex("0001 8100", bytes + len);
		len += from_hex("0001 0800" V4_DNS, bytes + len);
		begin(&walk, ETHERNET, 0, bytes, len, len);
		saw(&walk);
		CHECK_INT(walk.end, ==, tags > WALK_HEADERS_MAX - 3 ? WALK_DEEP : WALK_LEAF);
	}
	/* a header behind the bytes that are looked at, in a packet that is longer */
	size_t len = 0;
	for (int i = 0; i < 4; i++) {
		from_hex("3c 3f 01 fe", bytes + len); /* 512 bytes, in two paddings */
		memset(bytes + len + 4, 0, 508);
		from_hex("01 fa", bytes + len + 4 + 254);
		len += 512;
	}
	bytes[len - 512] = IPPROTO_IPIP;
	len += from_hex(V4_DNS, bytes + len);
	begin(&walk, PROTOCOL, 60, bytes, len, len);
	CHECK_INT(walk.len, ==, WALK_BYTES_MAX);
	saw(&walk);
	CHECK_INT(walk.end, ==, WALK_CUT);
}

TEST(walk_does_not_loop_on_lengths_of_nothing)
{
	CHECK_HAS(ended(IP, 0, "46000000 00000000 40110000 0a010203 0a000001 83000000" DNS),
		  "malformed"); /* option of length 0 */
	CHECK_HAS(ended(IP, 0, "46000000 00000000 40110000 0a010203 0a000001 83ff0408" DNS),
		  "malformed"); /* ... and beyond the header */
	CHECK_HAS(ended(ETHERNET, 0, ETH("894f") "0fc0 0101 00000100 " V4_DNS), "malformed");
	CHECK_HAS(ended(DATAGRAM, 2152, "34ff002400000001 00000085 00000000 " V6_DNS), "malformed");
	CHECK_HAS(ended(PROTOCOL, 0, "00 00 01ff 00000000 " DNS), "malformed");
	static struct walk walk;
	static uint8_t zeros[PACKET_MAX]; /* hop-by-hop options that lead to themselves */
	begin(&walk, PROTOCOL, 0, zeros, sizeof zeros, sizeof zeros);
	saw(&walk);
	CHECK_INT(walk.end, ==, WALK_DEEP);
	CHECK_INT(walk.headers, ==, WALK_HEADERS_MAX);
}

/* ---- any destination, wrapped at random ---- */
static uint64_t seed = 20261126;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

TEST(walk_finds_a_destination_in_whatever_wraps_it)
{
	static const uint8_t MAC[6] = {0x02, 0, 0, 0, 0, 1};
	static const struct wrap_addresses OUTER = {
		{10, 1, 2, 3}, {10, 0, 0, 1}, {0xfd, [15] = 5}, {0xfd, [15] = 9}};
	static struct wrap wrap;
	static struct walk walk;
	size_t applied[64] = {0}, kinds = wrap_count();
	CHECK_INT(kinds, <=, ARRAY_SIZE(applied));
	for (int round = 0; round < 20000; round++) {
		bool v6 = pick(2);
		uint8_t from[16] = {10, 1, 2, 3}, to[16] = {8, 8, 8, 8};
		to[v6 ? 15 : 3] = (uint8_t)pick(256);
		wrap_inner(&wrap, v6, from, to, pick(2) ? IPPROTO_UDP : IPPROTO_TCP, 53);
		char path[512] = "";
		for (uint32_t i = 0, depth = pick(5); i < depth; i++) {
			size_t kind = pick((uint32_t)kinds);
			if (!wrap_apply(&wrap, kind, &OUTER, pick(UINT32_MAX)))
				continue;
			applied[kind]++;
			snprintf(path + strlen(path), sizeof path - strlen(path), " in %s",
				 wrap_name(kind));
		}
		if (!wrap_frame(&wrap, MAC, &OUTER) || wrap.layers > WALK_LAYERS_MAX)
			continue;
		bool target = false, port = false;
		begin(&walk, ETHERNET, 0, wrap_bytes(&wrap), wrap_len(&wrap), wrap_len(&wrap));
		while (walk_next(&walk)) {
			for (size_t i = 0; i < walk.address_count; i++)
				target |= walk.addresses[i].target &&
					  memcmp(walk.addresses[i].bytes, to, v6 ? 16 : 4) == 0;
			port |= target && walk.has_ports && walk.target_port == 53;
		}
		if (!target || !port || walk.end != WALK_LEAF)
			test_fail(__FILE__, __LINE__, "round %d: IPv%d%s: end %d", round,
				  v6 ? 6 : 4, path, walk.end);
	}
	for (size_t kind = 0; kind < kinds; kind++)
		CHECK_INT(applied[kind], >, 100);
}

TEST_MAIN(CASE(walk_opens_each_row_of_its_tables), CASE(walk_of_a_cut_packet_says_so),
	  CASE(walk_ends_where_it_cannot_go_on), CASE(walk_judges_no_part_of_a_later_fragment),
	  CASE(walk_takes_payloads_for_tunnels_only_where_they_look_like_it),
	  CASE(walk_leaves_what_is_no_destination),
	  CASE(walk_takes_the_vlan_types_of_a_frame_header),
	  CASE(walk_is_bounded_in_layers_headers_and_bytes),
	  CASE(walk_does_not_loop_on_lengths_of_nothing),
	  CASE(walk_finds_a_destination_in_whatever_wraps_it))
