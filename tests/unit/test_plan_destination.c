/* Where a stream goes: UDP and raw IP, each field good and bad. */
#include "plan_fixture.h"

static void set_raw(struct fixture *f, const char *address, uint32_t protocol)
{
	f->streams[0].destination_case = PAGECAST__V1__STREAM__DESTINATION_RAW_IP;
	f->streams[0].raw_ip = &f->raw;
	f->raw.address = (char *)address;
	f->raw.protocol = protocol;
}

TEST(destination_udp_over_ipv4)
{
	struct fixture f;
	fixture_init(&f);
	f.udp[0].address = (char *)"198.18.0.7";
	f.udp[0].port = 65535;
	f.udp[0].source_address = (char *)"127.0.0.1";
	f.udp[0].source_port = 5000;
	f.udp[0].interface = (char *)"lo";
	f.udp[0].ttl = 255;
	f.udp[0].dscp = 63;
	f.udp[0].dont_fragment = true;
	const struct plan_stream *stream = fixture_good(&f);
	const struct plan_destination *to = &stream->destination;
	CHECK_INT(to->kind, ==, PLAN_UDP);
	CHECK_INT(to->family, ==, AF_INET);
	CHECK_INT(to->to.v4.sin_family, ==, AF_INET);
	CHECK_INT(to->to.v4.sin_addr.s_addr, ==, htonl(0xc6120007));
	CHECK_INT(to->to.v4.sin_port, ==, htons(65535));
	CHECK_INT(to->from.v4.sin_addr.s_addr, ==, htonl(0x7f000001));
	CHECK_INT(to->from.v4.sin_port, ==, htons(5000));
	CHECK_STR(to->interface, "lo");
	CHECK_INT(to->ttl, ==, 255);
	CHECK_INT(to->dscp, ==, 63);
	CHECK(to->dont_fragment);
	CHECK(!to->multicast);
	CHECK(!to->broadcast);
	CHECK(!to->header_included);
	CHECK_STR(to->text, "198.18.0.7:65535");
	CHECK_INT(stream->overhead_l3, ==, 28);
	fixture_deinit(&f);
}

TEST(destination_leaves_the_source_to_the_kernel)
{
	struct fixture f;
	fixture_init(&f);
	CHECK_INT(fixture_good(&f)->destination.from.any.sa_family, ==, AF_UNSPEC);
	f.udp[0].source_port = 7; /* alone: any address, that port */
	const struct plan_destination *to = &fixture_good(&f)->destination;
	CHECK_INT(to->from.any.sa_family, ==, AF_INET);
	CHECK_INT(to->from.v4.sin_addr.s_addr, ==, INADDR_ANY);
	CHECK_INT(to->from.v4.sin_port, ==, htons(7));
	f.udp[0].address = (char *)"::1";
	to = &fixture_good(&f)->destination;
	CHECK_INT(to->from.any.sa_family, ==, AF_INET6);
	CHECK_INT(to->from.v6.sin6_port, ==, htons(7));
	fixture_deinit(&f);
}

TEST(destination_udp_over_ipv6)
{
	struct fixture f;
	fixture_init(&f);
	f.udp[0].address = (char *)"2001:DB8::0:1";
	f.udp[0].source_address = (char *)"::1";
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->destination.family, ==, AF_INET6);
	CHECK_INT(stream->destination.to.v6.sin6_port, ==, htons(9000));
	CHECK_STR(stream->destination.text, "[2001:db8::1]:9000");
	CHECK_INT(stream->overhead_l3, ==, 48);
	CHECK(IN6_IS_ADDR_LOOPBACK(&stream->destination.from.v6.sin6_addr));
	fixture_deinit(&f);
}

TEST(destination_zone_names_the_interface)
{
	struct fixture f;
	fixture_init(&f);
	f.udp[0].address = (char *)"fe80::1%lo";
	const struct plan_destination *to = &fixture_good(&f)->destination;
	CHECK_INT(to->to.v6.sin6_scope_id, ==, if_nametoindex("lo"));
	CHECK_STR(to->interface, "lo");
	CHECK_STR(to->text, "[fe80::1%lo]:9000");
	char number[32];
	snprintf(number, sizeof number, "fe80::1%%%u", if_nametoindex("lo"));
	f.udp[0].address = number;
	CHECK_STR(fixture_good(&f)->destination.text, "[fe80::1%lo]:9000");
	f.udp[0].address = (char *)"fe80::1";
	fixture_bad(&f, "streams[0].udp.address",
		    "link-local: name the interface too, as in fe80::1%eth0");
	f.udp[0].interface = (char *)"lo";
	CHECK_INT(fixture_good(&f)->destination.to.v6.sin6_scope_id, ==, if_nametoindex("lo"));
	f.udp[0].address = (char *)"ff02::1";
	CHECK(fixture_good(&f)->destination.multicast);
	f.udp[0].interface = (char *)"";
	fixture_bad(&f, "streams[0].udp.address", "link-local");
	fixture_deinit(&f);
}

TEST(destination_interface_that_is_not_here_is_not_found)
{
	struct fixture f;
	fixture_init(&f);
	f.udp[0].interface = (char *)"nosuch0";
	fixture_bad(&f, "streams[0].udp.interface", "this host has no interface \"nosuch0\"");
	CHECK_INT(f.error.code, ==, ERROR_CODE_NOT_FOUND);
	f.udp[0].interface = (char *)"a-name-too-long-for-any";
	fixture_bad(&f, "streams[0].udp.interface", "this host has no interface");
	f.udp[0].interface = (char *)"";
	f.udp[0].address = (char *)"fe80::1%nosuch0";
	fixture_bad(&f, "streams[0].udp.address", "this host has no interface \"nosuch0\"");
	CHECK_INT(f.error.code, ==, ERROR_CODE_NOT_FOUND);
	f.udp[0].port = 0; /* a fault of the caller beside it: invalid, not missing */
	CHECK_INT(fixture_compile(&f), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(f.error.violation_count, ==, 2);
	fixture_deinit(&f);
}

TEST(destination_address_is_a_literal)
{
	static const struct {
		const char *address, *part;
	} bad[] = {
		{"", "missing: an IPv4 or IPv6 address"},
		{"localhost",
		 "\"localhost\" is not an IPv4 or IPv6 literal (names are not looked up)"},
		{"127.0.0.1:9000", "is not an IPv6 literal"},
		{"127.1", "is not an IPv4 or IPv6 literal"},
		{"127.0.0.256", "is not an IPv4"},
		{" 127.0.0.1", "is not an IPv4"},
		{"1:2:3:4:5:6:7:8:9", "is not an IPv6 literal"},
		{"::ffff:10.0.0.1", "is an IPv4 address in IPv6 form: write 10.0.0.1"},
		{"0.0.0.0", "is not a destination address"},
		{"::", "is not a destination address"},
		{"fe80::1%", "this host has no interface \"\""},
		{"fe80::1%4294967296", "this host has no interface"},
		{"127.0.0.1%lo", "is not an IPv4"},
		{"::1::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::"
		 "::",
		 "…\" is not an IPv6"},
	};
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		f.udp[0].address = (char *)bad[i].address;
		fixture_bad(&f, "streams[0].udp.address", bad[i].part);
	}
	fixture_deinit(&f);
}

TEST(destination_numbers_have_ranges)
{
	struct fixture f;
	fixture_init(&f);
	f.udp[0].port = 0;
	fixture_bad(&f, "streams[0].udp.port", "0 is not between 1 and 65535");
	f.udp[0].port = 65536;
	fixture_bad(&f, "streams[0].udp.port", "65536 is not between 1 and 65535");
	f.udp[0].port = 1;
	f.udp[0].source_port = 65536;
	fixture_bad(&f, "streams[0].udp.sourcePort", "65536 is not between 0 and 65535");
	f.udp[0].source_port = 0;
	f.udp[0].ttl = 256;
	fixture_bad(&f, "streams[0].udp.ttl", "256 is not between 0 and 255");
	f.udp[0].ttl = 0;
	f.udp[0].dscp = 64;
	fixture_bad(&f, "streams[0].udp.dscp", "64 is not between 0 and 63");
	fixture_deinit(&f);
}

TEST(destination_source_fits_the_destination)
{
	struct fixture f;
	fixture_init(&f);
	f.udp[0].source_address = (char *)"::1";
	fixture_bad(&f, "streams[0].udp.sourceAddress", "::1 is IPv6, the destination is IPv4");
	f.udp[0].source_address = (char *)"here";
	fixture_bad(&f, "streams[0].udp.sourceAddress", "\"here\" is not an IPv4");
	f.udp[0].source_address = (char *)"224.0.0.1";
	fixture_bad(&f, "streams[0].udp.sourceAddress", "224.0.0.1 cannot be a source");
	f.udp[0].source_address = (char *)"0.0.0.0";
	fixture_bad(&f, "streams[0].udp.sourceAddress", "leave it empty");
	f.udp[0].source_address = (char *)"255.255.255.255";
	fixture_bad(&f, "streams[0].udp.sourceAddress", "cannot be a source");
	fixture_deinit(&f);
}

TEST(destination_multicast_is_seen)
{
	static const char *const groups[] = {"224.0.0.1", "239.255.255.255", "ff0e::7"};
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		f.udp[0].address = (char *)groups[i];
		CHECK(fixture_good(&f)->destination.multicast);
	}
	f.udp[0].address = (char *)"223.255.255.255";
	CHECK(!fixture_good(&f)->destination.multicast);
	fixture_deinit(&f);
}

/* The kernel takes them, and none leaves. */
TEST(destination_that_stays_on_the_host_is_refused)
{
	static const char *const GROUPS[] = {"ff01::1", "ff00::1", "ff11::5", "ff10::5", "ff31::7"};
	static const char *const OTHERS[] = {"ff03::1", "ff05::2", "ff08::1", "ff0e::1", "ff0f::1"};
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof GROUPS / sizeof *GROUPS; i++) {
		f.udp[0].address = (char *)GROUPS[i];
		fixture_bad(&f, "streams[0].udp.address", "never leave the host");
		f.udp[0].interface = (char *)"lo"; /* where they arrive */
		CHECK(fixture_good(&f)->destination.multicast);
		f.udp[0].interface = (char *)"";
		set_raw(&f, GROUPS[i], 253);
		fixture_bad(&f, "streams[0].rawIp.address", "never leave the host");
		fixture_deinit(&f);
		fixture_init(&f);
	}
	for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
		f.udp[0].address = (char *)OTHERS[i];
		CHECK(fixture_good(&f)->destination.multicast);
	}
	set_raw(&f, "224.0.0.7", 0);
	f.raw.header_included = true;
	fixture_hex(&f, 0, "45 00 00 00 00 00 00 00 00 fd 00 00 c6 12 00 01 e0 00 00 07");
	fixture_bad(&f, "streams[0].payloads[0]", "TTL 0 and a multicast destination");
	fixture_hex(&f, 0, "45 00 00 00 00 00 00 00 01 fd 00 00 c6 12 00 01 e0 00 00 07");
	CHECK(fixture_good(&f)->destination.multicast);
	fixture_deinit(&f);
}

TEST(destination_broadcast_is_asked_for)
{
	struct fixture f;
	fixture_init(&f);
	f.udp[0].address = (char *)"255.255.255.255";
	fixture_bad(&f, "streams[0].udp.broadcast", "set it to true");
	f.udp[0].broadcast = true;
	CHECK(fixture_good(&f)->destination.broadcast);
	f.udp[0].address = (char *)"::1";
	fixture_bad(&f, "streams[0].udp.broadcast", "IPv6 has no broadcast");
	fixture_deinit(&f);
}

TEST(destination_zone_and_interface_agree)
{
	struct fixture f;
	fixture_init(&f);
	struct if_nameindex *names = if_nameindex();
	const char *other = NULL;
	for (size_t i = 0; names[i].if_index; i++)
		if (strcmp(names[i].if_name, "lo") != 0)
			other = names[i].if_name;
	f.udp[0].address = (char *)"fe80::1%lo";
	f.udp[0].interface = (char *)"lo";
	fixture_good(&f);
	if (other) {
		f.udp[0].interface = (char *)other;
		fixture_bad(&f, "streams[0].udp.interface",
			    "is not the zone of the address, \"lo\"");
	}
	if_freenameindex(names);
	fixture_deinit(&f);
}

TEST(destination_raw_ip)
{
	struct fixture f;
	fixture_init(&f);
	set_raw(&f, "198.18.0.2", 253);
	f.raw.ttl = 3;
	f.raw.dscp = 46;
	f.raw.interface = (char *)"lo";
	f.raw.source_address = (char *)"127.0.0.1";
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->destination.kind, ==, PLAN_RAW_IP);
	CHECK_INT(stream->destination.protocol, ==, 253);
	CHECK_INT(stream->destination.ttl, ==, 3);
	CHECK_INT(stream->destination.dscp, ==, 46);
	CHECK_STR(stream->destination.interface, "lo");
	CHECK_INT(stream->destination.from.any.sa_family, ==, AF_INET);
	CHECK_INT(stream->destination.to.v4.sin_port, ==, 0);
	CHECK_STR(stream->destination.text, "198.18.0.2 protocol 253");
	CHECK_INT(stream->overhead_l3, ==, 20);
	f.raw.source_address = (char *)"";
	set_raw(&f, "2001:db8::2", 1);
	CHECK_INT(fixture_good(&f)->overhead_l3, ==, 40);
	fixture_deinit(&f);
}

TEST(destination_raw_ip_protocol_has_a_range)
{
	struct fixture f;
	fixture_init(&f);
	set_raw(&f, "198.18.0.2", 0);
	fixture_bad(&f, "streams[0].rawIp.protocol", "0 is not between 1 and 254");
	f.raw.protocol = 255; /* the kernel would take it for header_included */
	fixture_bad(&f, "streams[0].rawIp.protocol", "255 is not between 1 and 254");
	f.raw.protocol = 256;
	fixture_bad(&f, "streams[0].rawIp.protocol", "256 is not between 1 and 254");
	f.raw.protocol = 254;
	fixture_good(&f);
	set_raw(&f, "255.255.255.255", 254);
	fixture_bad(&f, "streams[0].rawIp.address", "only udp offers broadcast");
	fixture_deinit(&f);
}

/* 24 bytes: version 4, 5 words, total length 0, protocol 253, to 198.18.0.2, "abcd" */
#define PACKET "45 00 00 00  00 00 00 00  40 fd 00 00  c6 12 00 01  c6 12 00 02  61 62 63 64"

TEST(destination_header_included)
{
	struct fixture f;
	fixture_init(&f);
	set_raw(&f, "198.18.0.2", 0);
	f.raw.header_included = true;
	fixture_hex(&f, 0, PACKET);
	const struct plan_stream *stream = fixture_good(&f);
	CHECK(stream->destination.header_included);
	CHECK_INT(stream->destination.protocol, ==, IPPROTO_RAW);
	CHECK_INT(stream->overhead_l3, ==, 0);
	CHECK_INT(stream->items[0].len, ==, 24);
	f.raw.protocol = 253; /* as the packet says */
	CHECK_INT(fixture_good(&f)->destination.protocol, ==, 253);
	f.raw.protocol = 17;
	fixture_bad(&f, "streams[0].payloads[0]", "has protocol 253, not rawIp.protocol 17");
	f.raw.protocol = 0;
	f.raw.ttl = 1;
	fixture_bad(&f, "streams[0].rawIp.ttl", "have a header of their own");
	f.raw.ttl = 0;
	f.raw.dscp = 1;
	fixture_bad(&f, "streams[0].rawIp.dscp", "have a header of their own");
	f.raw.dscp = 0;
	f.streams[0].n_payloads = 0;
	fixture_bad(&f, "streams[0].payloads", "missing: with headerIncluded");
	f.streams[0].n_payloads = 1;
	f.raw.address = (char *)"::1";
	fixture_bad(&f, "streams[0].rawIp.headerIncluded",
		    "only IPv4 packets can have a header of their own");
	fixture_deinit(&f);
}

TEST(destination_included_header_is_looked_at)
{
	static const struct {
		const char *hex, *part;
	} bad[] = {
		{"", "0 bytes are shorter than an IPv4 header of 20"},
		{"45 00 00 00 00 00 00 00 40 fd 00 00 c6 12 00 01 c6 12 00",
		 "19 bytes are shorter"},
		{"65 00 00 00 00 00 00 00 40 fd 00 00 c6 12 00 01 c6 12 00 02", "version 6, not 4"},
		{"44 00 00 00 00 00 00 00 40 fd 00 00 c6 12 00 01 c6 12 00 02",
		 "a length of 16 bytes"},
		{"46 00 00 00 00 00 00 00 40 fd 00 00 c6 12 00 01 c6 12 00 02",
		 "a length of 24 bytes"},
		{"45 00 00 15 00 00 00 00 40 fd 00 00 c6 12 00 01 c6 12 00 02",
		 "total length 21, the packet has 20 bytes"},
		{"45 00 00 14 00 00 00 00 40 fd 00 00 c6 12 00 01 08 08 08 08",
		 "has destination 8.8.8.8, not rawIp.address 198.18.0.2"},
	};
	struct fixture f;
	fixture_init(&f);
	set_raw(&f, "198.18.0.2", 0);
	f.raw.header_included = true;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fixture_hex(&f, 0, bad[i].hex);
		fixture_bad(&f, "streams[0].payloads[0]", bad[i].part);
	}
	/* Every payload is looked at, and it is the packet as sent that counts. */
	f.streams[0].n_payloads = 2;
	fixture_hex(&f, 0, PACKET);
	fixture_hex(&f, 1, "00");
	fixture_bad(&f, "streams[0].payloads[1]", "1 bytes are shorter");
	f.streams[0].n_payloads = 1;
	f.streams[0].size = &f.size;
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f.size.fixed = 19;
	fixture_bad(&f, "streams[0].payloads[0]", "19 bytes are shorter");
	f.size.fixed = 100;
	CHECK_INT(fixture_good(&f)->items[0].len, ==, 100);
	fixture_deinit(&f);
}

TEST(destination_payload_has_the_longest_length_of_its_kind)
{
	static const struct {
		const char *address;
		bool raw;
		uint32_t most;
	} kinds[] = {{"127.0.0.1", false, PLAN_UDP4_PAYLOAD_MAX},
		     {"::1", false, PLAN_UDP6_PAYLOAD_MAX},
		     {"127.0.0.1", true, PLAN_RAW4_PAYLOAD_MAX},
		     {"::1", true, PLAN_RAW6_PAYLOAD_MAX}};
	struct fixture f;
	fixture_init(&f);
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_RANDOM;
	f.payloads[0].random = &f.random;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		f.udp[0].address = (char *)kinds[i].address;
		if (kinds[i].raw)
			set_raw(&f, kinds[i].address, 253);
		f.random.length = kinds[i].most;
		CHECK_INT(fixture_good(&f)->len_max, ==, kinds[i].most);
		f.random.length++;
		fixture_bad(&f, "streams[0].payloads[0]", "bytes are more than the");
	}
	fixture_deinit(&f);
}

TEST_MAIN(CASE(destination_udp_over_ipv4), CASE(destination_leaves_the_source_to_the_kernel),
	  CASE(destination_udp_over_ipv6), CASE(destination_zone_names_the_interface),
	  CASE(destination_interface_that_is_not_here_is_not_found),
	  CASE(destination_address_is_a_literal), CASE(destination_numbers_have_ranges),
	  CASE(destination_source_fits_the_destination), CASE(destination_multicast_is_seen),
	  CASE(destination_that_stays_on_the_host_is_refused),
	  CASE(destination_broadcast_is_asked_for), CASE(destination_zone_and_interface_agree),
	  CASE(destination_raw_ip), CASE(destination_raw_ip_protocol_has_a_range),
	  CASE(destination_header_included), CASE(destination_included_header_is_looked_at),
	  CASE(destination_payload_has_the_longest_length_of_its_kind))
