/* Ethernet destinations: whole frames from payloads, and frames built from a FrameHeader. */
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include "packet/frame.h"
#include "packet/layer.h"
#include "plan_fixture.h"

static Pagecast__V1__VlanTag tags[5], *tag_list[5];

static void init(struct fixture *f)
{
	fixture_init(f);
	f->streams[0].destination_case = PAGECAST__V1__STREAM__DESTINATION_ETHERNET;
	f->streams[0].ethernet = &f->ethernet;
	f->ethernet.interface = (char *)"lo";
	for (size_t i = 0; i < 5; i++) {
		tags[i] = (Pagecast__V1__VlanTag)PAGECAST__V1__VLAN_TAG__INIT;
		tag_list[i] = &tags[i];
	}
}

static void init_header(struct fixture *f)
{
	init(f);
	fixture_frame(f);
}

/* The internet checksum over @bytes; 0xffff when it was right inside them. */
static uint16_t ones_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void check_hex(const uint8_t *bytes, size_t len, const char *expected)
{
	char hex[257] = "";
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	CHECK_STR(hex, expected);
}

TEST(frame_whole_frames_come_from_payloads)
{
	struct fixture f;
	init(&f);
	fixture_hex(&f, 0, "02000000000a 02000000000b 88b5 6869");
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->destination.kind, ==, PLAN_ETHERNET);
	CHECK_INT(stream->destination.family, ==, AF_PACKET);
	CHECK_STR(stream->destination.interface, "lo");
	CHECK_INT(stream->overhead_l3, ==, 0);
	check_hex(fixture_bytes(stream, 0), stream->items[0].len,
		  "02000000000a02000000000b88b56869");
	f.streams[0].size = &f.size;
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f.size.fixed = 60; /* at L2, without FCS */
	CHECK_INT(fixture_good(&f)->len_max, ==, 60);
	f.size.fixed = 13;
	fixture_bad(&f, "streams[0].size.fixed", "13 is not between 14 and 65549");
	f.streams[0].size = NULL;
	fixture_hex(&f, 0, "02000000000a 02000000000b 88");
	fixture_bad(&f, "streams[0].payloads[0]",
		    "13 bytes are too few for a frame: its headers alone have 14");
	fixture_deinit(&f);
}

TEST(frame_needs_an_interface)
{
	struct fixture f;
	init_header(&f);
	f.ethernet.interface = (char *)"";
	fixture_bad(&f, "streams[0].ethernet.interface", "missing");
	f.ethernet.interface = (char *)"nosuch0";
	fixture_bad(&f, "streams[0].ethernet.interface", "this host has no interface \"nosuch0\"");
	CHECK_INT(f.error.code, ==, ERROR_CODE_NOT_FOUND);
	fixture_deinit(&f);
}

TEST(frame_udp_over_ipv4_is_built)
{
	struct fixture f;
	init_header(&f);
	f.header.source_port = 1000;
	f.header.ttl = 9;
	f.header.dscp = 46;
	const struct plan_item *item = fixture_written(&f);
	CHECK_INT(item->len, ==, 14 + 20 + 8 + 5);
	check_hex(item->bytes, 14, "02000000000a02000000000b0800");
	struct iphdr ip;
	struct udphdr udp;
	memcpy(&ip, item->bytes + 14, sizeof ip);
	memcpy(&udp, item->bytes + 34, sizeof udp);
	CHECK_INT(ip.version, ==, 4);
	CHECK_INT(ip.ihl, ==, 5);
	CHECK_INT(ip.tos, ==, 46 << 2);
	CHECK_INT(ntohs(ip.tot_len), ==, 33);
	CHECK_INT(ip.ttl, ==, 9);
	CHECK_INT(ip.protocol, ==, 17);
	CHECK_INT(ones_sum(item->bytes + 14, 20, 0), ==, 0xffff);
	CHECK_INT(ntohs(udp.source), ==, 1000);
	CHECK_INT(ntohs(udp.dest), ==, 9000);
	CHECK_INT(ntohs(udp.len), ==, 13);
	/* pseudo header: addresses, protocol, length */
	CHECK_INT(ones_sum(item->bytes + 26, 8 + 13, 17 + 13), ==, 0xffff);
	CHECK(!memcmp(item->bytes + 42, "hello", 5));
	fixture_deinit(&f);
}

TEST(frame_udp_over_ipv6_is_built)
{
	struct fixture f;
	init_header(&f);
	f.header.source_address = (char *)"2001:db8::1";
	f.header.destination_address = (char *)"2001:db8::2";
	f.header.dscp = 63;
	const struct plan_item *item = fixture_written(&f);
	CHECK_INT(item->len, ==, 14 + 40 + 8 + 5);
	check_hex(item->bytes + 12, 10, "86dd6fc00000000d1140");
	CHECK_INT(ones_sum(item->bytes + 14 + 8, 32 + 13, 17 + 13), ==, 0xffff);
	fixture_deinit(&f);
}

TEST(frame_carries_vlan_tags)
{
	struct fixture f;
	init_header(&f);
	tags[0].id = 4094;
	tags[0].priority = 7;
	tags[0].ethertype = 0x88a8;
	tags[1].id = 5;
	f.header.vlans = tag_list;
	f.header.n_vlans = 2;
	const struct plan_stream *stream = fixture_good(&f);
	check_hex(fixture_bytes(stream, 0) + 12, 10, "88a8effe810000050800");
	CHECK_INT(stream->vlan_bytes, ==, 8);
	CHECK_INT(plan_layer_bytes(stream, stream->items[0].len, PAGECAST__V1__LAYER__LAYER_L3), ==,
		  33);
	tags[1].id = 4095;
	fixture_bad(&f, "streams[0].ethernet.header.vlans[1].id", "4095 is not between 0 and 4094");
	tags[1].id = 5;
	tags[1].priority = 8;
	fixture_bad(&f, "streams[0].ethernet.header.vlans[1].priority", "8 is not between 0 and 7");
	tags[1].priority = 0;
	tags[1].ethertype = 5;
	fixture_bad(&f, "streams[0].ethernet.header.vlans[1].ethertype", "5 is not between 1536");
	f.header.n_vlans = 5;
	tags[1].ethertype = 0;
	fixture_bad(&f, "streams[0].ethernet.header.vlans", "5 tags are more than 4");
	fixture_deinit(&f);
}

TEST(frame_without_addresses_follows_the_ethertype)
{
	struct fixture f;
	init_header(&f);
	f.header.source_address = f.header.destination_address = (char *)"";
	f.header.destination_port = 0;
	fixture_bad(&f, "streams[0].ethernet.header.ethertype",
		    "missing: give it, or a destinationAddress");
	f.header.ethertype = 0x88b5;
	const struct plan_item *item = fixture_written(&f);
	check_hex(item->bytes, item->len, "02000000000a02000000000b88b568656c6c6f");
	f.header.ethertype = 0x10000;
	fixture_bad(&f, "streams[0].ethernet.header.ethertype", "65536 is not between");
	f.header.ethertype = 0x88b5;
	f.header.destination_port = 9;
	fixture_bad(&f, "streams[0].ethernet.header.destinationPort", "without destinationAddress");
	f.header.destination_port = 0;
	f.header.source_address = (char *)"198.18.0.1";
	fixture_bad(&f, "streams[0].ethernet.header.destinationAddress",
		    "missing, with sourceAddress");
	fixture_deinit(&f);
}

TEST(frame_without_port_carries_ip_alone)
{
	struct fixture f;
	init_header(&f);
	f.header.destination_port = 0;
	f.header.ip_protocol = 253;
	const struct plan_item *item = fixture_written(&f);
	CHECK_INT(item->len, ==, 14 + 20 + 5);
	CHECK_INT(item->bytes[23], ==, 253);
	CHECK_INT(item->bytes[22], ==, 64); /* the TTL nobody named */
	f.header.destination_port = 1;
	fixture_bad(&f, "streams[0].ethernet.header.ipProtocol",
		    "253, but destinationPort makes it UDP");
	f.header.ip_protocol = 0;
	f.header.destination_port = 0;
	f.header.source_port = 4;
	fixture_bad(&f, "streams[0].ethernet.header.destinationPort", "missing, with sourcePort 4");
	fixture_deinit(&f);
}

TEST(frame_header_faults)
{
	struct fixture f;
	init_header(&f);
	f.header.destination_mac = (char *)"02:00:00:00:00";
	fixture_bad(&f, "streams[0].ethernet.header.destinationMac",
		    "\"02:00:00:00:00\" is not a MAC");
	f.header.destination_mac = (char *)"02:00:00:00:00:0g";
	fixture_bad(&f, "streams[0].ethernet.header.destinationMac", "is not a MAC address");
	f.header.destination_mac = (char *)"02:00:00:00:00:0a:";
	fixture_bad(&f, "streams[0].ethernet.header.destinationMac", "is not a MAC address");
	f.header.destination_mac = (char *)"ff:ff:ff:ff:ff:ff";
	f.header.source_address = (char *)"::1";
	fixture_bad(&f, "streams[0].ethernet.header.sourceAddress", "another family");
	f.header.source_address = (char *)"198.18.0.1";
	f.header.ethertype = 0x86dd;
	fixture_bad(&f, "streams[0].ethernet.header.ethertype",
		    "0x86dd, but the addresses make it 0x0800");
	f.header.ethertype = 0x0800;
	f.header.destination_port = 65536;
	fixture_bad(&f, "streams[0].ethernet.header.destinationPort", "65536 is not between");
	f.header.destination_port = 1;
	f.header.ttl = 256;
	fixture_bad(&f, "streams[0].ethernet.header.ttl", "256 is not between");
	f.header.ttl = 0;
	f.header.dscp = 64;
	fixture_bad(&f, "streams[0].ethernet.header.dscp", "64 is not between");
	fixture_deinit(&f);
}

TEST(frame_finds_out_what_is_left_open)
{
	struct fixture f;
	init_header(&f);
	/* Groups have their MAC in the address; loopback's are zero. */
	f.header.destination_mac = f.header.source_mac = (char *)"";
	f.header.destination_address = (char *)"239.255.1.2";
	check_hex(fixture_bytes(fixture_good(&f), 0), 12, "01005e7f0102000000000000");
	f.header.destination_address = (char *)"255.255.255.255";
	check_hex(fixture_bytes(fixture_good(&f), 0), 6, "ffffffffffff");
	f.header.source_address = (char *)"2001:db8::1";
	f.header.destination_address = (char *)"ff0e::1:2";
	check_hex(fixture_bytes(fixture_good(&f), 0), 6, "333300010002");
	f.header.destination_address = (char *)"127.0.0.1";
	f.header.source_address = (char *)"";
	const struct plan_item *item = fixture_written(&f);
	check_hex(item->bytes, 12, "000000000000000000000000");
	check_hex(item->bytes + 26, 8, "7f0000017f000001");
	f.header.source_address = f.header.destination_address = (char *)"";
	f.header.destination_port = 0;
	f.header.ethertype = 0x88b5;
	fixture_bad(&f, "streams[0].ethernet.header.destinationMac",
		    "without destinationAddress it cannot be looked up");
	fixture_deinit(&f);
}

TEST(frame_sizes_count_the_built_header)
{
	struct fixture f;
	init_header(&f);
	f.streams[0].size = &f.size;
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f.size.fixed = 60;
	const struct plan_item *item = fixture_written(&f);
	CHECK_INT(item->len, ==, 60);
	CHECK_INT(item->bytes[17], ==, 46); /* IPv4 total length covers the padding */
	CHECK_INT(item->bytes[39], ==, 26); /* and so does UDP's */
	f.size.fixed = 41;
	fixture_bad(&f, "streams[0].size.fixed", "41 is not between 42 and 65549");
	f.size.fixed = 65549;
	CHECK_INT(fixture_good(&f)->len_max, ==, 65549);
	f.streams[0].size = NULL;
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_RANDOM;
	f.payloads[0].random = &f.random;
	f.random.length = 65507;
	item = fixture_written(&f);
	CHECK_INT(ones_sum(item->bytes + 26, 8 + 65515, 17 + 65515), ==, 0xffff);
	f.random.length = 65508;
	fixture_bad(&f, "streams[0].payloads[0]",
		    "65550 bytes are more than the 65549 that a frame");
	fixture_deinit(&f);
}

TEST(frame_never_has_the_udp_checksum_zero)
{
	struct frame header = {.ip_at = 14, .udp_at = 34, .header_bytes = 42};
	static const uint8_t BYTES[42] = {2,	0,  0, 0, 0,   10, 2,	 0, 0,	0,   0,	 11,
					  8,	0, /* Ethernet */
					  0x45, 0,  0, 0, 0,   0,  0x40, 0, 64, 17,  0,	 0,
					  198,	18, 0, 1, 198, 18, 0,	 2, 3,	232, 35, 40};
	size_t turned = 0;
	memcpy(header.header, BYTES, sizeof BYTES);
	for (uint32_t i = 0; i < 65536; i++) {
		uint8_t frame[44] = {0};
		frame[42] = (uint8_t)(i >> 8);
		frame[43] = (uint8_t)i;
		frame_finish(&header, frame, sizeof frame);
		uint16_t sum = (uint16_t)(frame[40] << 8 | frame[41]);
		CHECK_INT(sum, !=, 0);
		turned += sum == 0xffff;
		CHECK_INT(ones_sum(frame + 26, 8 + 10, 17 + 10), ==, 0xffff);
	}
	CHECK_INT(turned, >, 0);
}

TEST_MAIN(CASE(frame_whole_frames_come_from_payloads), CASE(frame_needs_an_interface),
	  CASE(frame_udp_over_ipv4_is_built), CASE(frame_udp_over_ipv6_is_built),
	  CASE(frame_carries_vlan_tags), CASE(frame_without_addresses_follows_the_ethertype),
	  CASE(frame_without_port_carries_ip_alone), CASE(frame_header_faults),
	  CASE(frame_finds_out_what_is_left_open), CASE(frame_sizes_count_the_built_header),
	  CASE(frame_never_has_the_udp_checksum_zero))
