/* Packets as on the wire: headers, checksums, what the kernel fills in. */
#include "lib/test.h"
#include "packet/checksum.h"
#include "packet/wire_image.h"

#include <arpa/inet.h>
#include <netinet/ip.h>

static struct plan_stream stream;
static struct plan_item item;
static struct wire_image_context context;
static uint8_t bytes[2048];

static void use(enum plan_kind kind, int family, const char *from, const char *to, uint8_t protocol,
		const char *payload)
{
	memset(&stream, 0, sizeof stream);
	memset(&context, 0, sizeof context);
	stream.destination.kind = kind;
	stream.destination.family = family;
	stream.destination.protocol = protocol;
	stream.destination.to.any.sa_family = context.source.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		CHECK_INT(inet_pton(AF_INET, from, &context.source.v4.sin_addr), ==, 1);
		CHECK_INT(inet_pton(AF_INET, to, &stream.destination.to.v4.sin_addr), ==, 1);
	} else {
		CHECK_INT(inet_pton(AF_INET6, from, &context.source.v6.sin6_addr), ==, 1);
		CHECK_INT(inet_pton(AF_INET6, to, &stream.destination.to.v6.sin6_addr), ==, 1);
	}
	context.ttl = 64;
	context.mtu = 1500;
	item = (struct plan_item){(const uint8_t *)payload, (uint32_t)strlen(payload), 1};
}

TEST(image_of_udp_has_both_checksums_right)
{
	use(PLAN_UDP, AF_INET, "198.18.0.1", "198.18.0.2", 0, "hello");
	context.source.v4.sin_port = htons(4000);
	stream.destination.to.v4.sin_port = htons(9);
	stream.destination.dscp = 46;
	CHECK_INT(wire_image_len(&stream, &item), ==, 33);
	wire_image_write(&context, &stream, &item, 0, bytes);
	CHECK_INT(bytes[0], ==, 0x45);
	CHECK_INT(bytes[1], ==, 46 << 2);
	CHECK_INT(bytes[3], ==, 33);
	CHECK_INT(bytes[6], ==, 0x40); /* don't fragment */
	CHECK_INT(checksum_fold(checksum_add(bytes, 20)), ==, 0);
	CHECK_INT(checksum_fold(checksum_pseudo(bytes + 12, 8, 17, 13) +
				checksum_add(bytes + 20, 13)),
		  ==, 0);
	CHECK(memcmp(bytes + 28, "hello", 5) == 0);
}

TEST(image_of_udp_over_ipv6_has_its_checksum_right)
{
	use(PLAN_UDP, AF_INET6, "2001:db8::1", "2001:db8::2", 0, "odd");
	CHECK_INT(wire_image_len(&stream, &item), ==, 51);
	wire_image_write(&context, &stream, &item, 0, bytes);
	CHECK_INT(bytes[0] >> 4, ==, 6);
	CHECK_INT(bytes[5], ==, 11);
	CHECK_INT(bytes[6], ==, 17);
	CHECK_INT(checksum_fold(checksum_pseudo(bytes + 8, 32, 17, 11) +
				checksum_add(bytes + 40, 11)),
		  ==, 0);
}

TEST(image_of_a_datagram_that_will_be_fragmented_says_so)
{
	char summary[WIRE_IMAGE_SUMMARY_MAX];
	static char payload[1600];
	memset(payload, 'x', sizeof payload - 1);
	use(PLAN_UDP, AF_INET, "198.18.0.1", "198.18.0.2", 0, payload);
	strcpy(stream.destination.text, "198.18.0.2:9");
	wire_image_write(&context, &stream, &item, 0, bytes);
	CHECK_INT(bytes[6], ==, 0);
	wire_image_summary(&context, &stream, &item, summary);
	CHECK_STR(summary, "UDP 198.18.0.1 > 198.18.0.2:9, 1599 B of payload, in 2 fragments");
}

TEST(image_finishes_an_included_header_as_the_kernel_does)
{
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 3, .protocol = 99, .check = 77};
	static char packet[24];
	ip.daddr = inet_addr("198.18.0.2");
	memcpy(packet, &ip, sizeof ip);
	use(PLAN_RAW_IP, AF_INET, "198.18.0.1", "198.18.0.2", 255, "");
	stream.destination.header_included = true;
	item = (struct plan_item){(const uint8_t *)packet, sizeof packet, 1};
	CHECK_INT(wire_image_len(&stream, &item), ==, sizeof packet);
	wire_image_write(&context, &stream, &item, 0, bytes);
	CHECK_INT(bytes[3], ==, sizeof packet);
	CHECK_INT(bytes[8], ==, 3);
	CHECK(memcmp(bytes + 12, &context.source.v4.sin_addr, 4) == 0);
	CHECK_INT(checksum_fold(checksum_add(bytes, 20)), ==, 0);
}

TEST(image_of_raw_icmpv6_gets_the_checksum_that_the_kernel_writes)
{
	use(PLAN_RAW_IP, AF_INET6, "2001:db8::1", "2001:db8::2", 58,
	    "\x80\x01\x02\x03 echo request");
	wire_image_write(&context, &stream, &item, 0, bytes);
	CHECK_INT(checksum_fold(checksum_pseudo(bytes + 8, 32, 58, item.len) +
				checksum_add(bytes + 40, item.len)),
		  ==, 0);
}

/* A sum that comes to 0 is sent as ffff: 0 would say that there is none. Two bytes of payload reach
 * every sum. */
TEST(image_of_udp_never_has_the_checksum_zero)
{
	for (int v6 = 0; v6 < 2; v6++) {
		size_t ip = v6 ? 40 : 20, turned = 0;
		for (uint32_t i = 0; i < 65536; i++) {
			char payload[3] = {(char)(i >> 8), (char)i, 0};
			use(PLAN_UDP, v6 ? AF_INET6 : AF_INET, v6 ? "2001:db8::1" : "198.18.0.1",
			    v6 ? "2001:db8::2" : "198.18.0.2", 0, "xx");
			item.bytes = (const uint8_t *)payload;
			wire_image_write(&context, &stream, &item, 0, bytes);
			uint16_t sum = (uint16_t)(bytes[ip + 6] << 8 | bytes[ip + 7]);
			CHECK_INT(sum, !=, 0);
			turned += sum == 0xffff;
			uint16_t rest = checksum_fold(
				checksum_pseudo(bytes + (v6 ? 8 : 12), v6 ? 32 : 8, 17, 10) +
				checksum_add(bytes + ip, 10));
			CHECK_INT(rest, ==, 0);
		}
		CHECK_INT(turned, >, 0);
	}
}

TEST_MAIN(CASE(image_of_udp_has_both_checksums_right),
	  CASE(image_of_udp_over_ipv6_has_its_checksum_right),
	  CASE(image_of_a_datagram_that_will_be_fragmented_says_so),
	  CASE(image_finishes_an_included_header_as_the_kernel_does),
	  CASE(image_of_raw_icmpv6_gets_the_checksum_that_the_kernel_writes),
	  CASE(image_of_udp_never_has_the_checksum_zero))
