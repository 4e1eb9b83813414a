/* Addresses and prefixes as the policy judges them, in all their spellings. */
#include "lib/test.h"
#include "policy/network.h"

#include <arpa/inet.h>

static struct ip_address ip(const char *text)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	CHECK_INT(inet_pton(family, text, bytes), ==, 1);
	return ip_of_bytes(family, bytes);
}

static bool has(const char *prefix, const char *address)
{
	struct network network;
	CHECK(!network_parse(prefix, &network));
	struct ip_address parsed = ip(address);
	return network_has(&network, &parsed);
}

TEST(network_knows_what_is_inside)
{
	CHECK(has("10.0.0.0/8", "10.255.255.255"));
	CHECK(!has("10.0.0.0/8", "11.0.0.0"));
	CHECK(has("172.16.0.0/12", "172.31.255.255"));
	CHECK(!has("172.16.0.0/12", "172.32.0.0"));
	CHECK(has("192.0.2.7", "192.0.2.7"));
	CHECK(!has("192.0.2.7", "192.0.2.6"));
	CHECK(has("0.0.0.0/0", "8.8.8.8"));
	CHECK(!has("::/0", "8.8.8.8"));
	CHECK(!has("0.0.0.0/0", "::1"));
	CHECK(has("fc00::/7", "fdff::1"));
	CHECK(!has("fc00::/7", "fe00::1"));
	CHECK(has("::1", "::1"));
}

TEST(network_refuses_what_is_no_network)
{
	static const char *const WRONG[] = {"",
					    "/8",
					    "10/8",
					    "10.0.0.0/",
					    "10.0.0.0/33",
					    "10.0.0.0/-1",
					    "10.0.0.0/8x",
					    "10.0.0.1/8",
					    "10.0.0.0/ 8",
					    "010.0.0.0/8",
					    "::/129",
					    "fe80::1/10",
					    "fe80::%lo/10",
					    "example.com",
					    "::ffff:10.0.0.0/104",
					    "10.0.0.0/0008",
					    "1111:2222:3333:4444:5555:6666:7777:8888:9999/1"};
	for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
		struct network network;
		if (!network_parse(WRONG[i], &network))
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", WRONG[i]);
	}
}

TEST(network_prints_its_canonical_form)
{
	struct network network;
	char text[NETWORK_TEXT_MAX];
	CHECK(!network_parse("FE80:0:0::/10", &network));
	network_text(&network, text);
	CHECK_STR(text, "fe80::/10");
	CHECK(!network_parse("192.0.2.1", &network));
	network_text(&network, text);
	CHECK_STR(text, "192.0.2.1/32");
}

TEST(ip_mapped_is_the_ipv4_address)
{
	struct ip_address mapped = ip("::ffff:8.8.8.8"), plain = ip("8.8.8.8");
	CHECK(ip_equal(&mapped, &plain));
	CHECK(!has("::/0", "::ffff:8.8.8.8"));
	CHECK(has("8.0.0.0/8", "::ffff:8.8.8.8"));
}

static void leads_to(const char *address, const char *first, const char *second)
{
	struct ip_address parsed = ip(address), embedded[IP_EMBEDDED_MAX];
	size_t count = ip_embedded(&parsed, embedded);
	CHECK_INT(count, ==, (first != NULL) + (second != NULL));
	if (first) {
		struct ip_address wanted = ip(first);
		CHECK(ip_equal(&embedded[0], &wanted));
	}
	if (second) {
		struct ip_address wanted = ip(second);
		CHECK(ip_equal(&embedded[1], &wanted));
	}
}

TEST(ip_translated_and_tunnelled_addresses_show_where_they_lead)
{
	leads_to("2002:808:808::1", "8.8.8.8", NULL);
	leads_to("64:ff9b::8.8.8.8", "8.8.8.8", NULL);
	leads_to("::8.8.8.8", "8.8.8.8", NULL);
	leads_to("::ffff:0:8.8.8.8", "8.8.8.8", NULL);
	leads_to("2001:0:102:304::f7f7:f7f7", "1.2.3.4", "8.8.8.8");
	leads_to("fe80::5efe:8.8.8.8", "8.8.8.8", NULL);
	leads_to("fd00::200:5efe:8.8.8.8", "8.8.8.8", NULL);
	leads_to("::1", NULL, NULL);
	leads_to("fe80::1", NULL, NULL);
	leads_to("2001:db8::1", NULL, NULL);
	leads_to("10.0.0.1", NULL, NULL);
}

TEST(ip_kinds_are_told_apart)
{
	struct ip_address address;
	address = ip("239.255.255.255");
	CHECK(ip_is_multicast(&address));
	address = ip("240.0.0.0");
	CHECK(!ip_is_multicast(&address));
	address = ip("ff02::1");
	CHECK(ip_is_multicast(&address));
	address = ip("fe02::1");
	CHECK(!ip_is_multicast(&address));
	address = ip("0.1.2.3");
	CHECK(ip_is_unspecified(&address) && !ip_is_zero(&address));
	address = ip("::");
	CHECK(ip_is_unspecified(&address) && ip_is_zero(&address));
	address = ip("::1");
	CHECK(!ip_is_unspecified(&address));
	address = ip("64:ff9b:1::1");
	CHECK(ip_is_local_nat64(&address));
	address = ip("64:ff9b::1");
	CHECK(!ip_is_local_nat64(&address));
}

TEST_MAIN(CASE(network_knows_what_is_inside), CASE(network_refuses_what_is_no_network),
	  CASE(network_prints_its_canonical_form), CASE(ip_mapped_is_the_ipv4_address),
	  CASE(ip_translated_and_tunnelled_addresses_show_where_they_lead),
	  CASE(ip_kinds_are_told_apart))
