/*
 * What the kernel says of interfaces, addresses, routes and neighbours: on loopback, which every
 * host has. The parser's hostile input comes through netlink_attributes().
 */
#include <arpa/inet.h>
#include <errno.h>

#include "base/util.h"
#include "lib/test.h"
#include "net/link.h"
#include "net/local_address.h"
#include "net/neighbour.h"
#include "net/netlink.h"
#include "net/route.h"

static union net_ip ip(const char *text)
{
	union net_ip address = {0};
	if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1)
		address.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1)
		address.v6.sin6_family = AF_INET6;
	else
		test_fail(__FILE__, __LINE__, "no address: %s", text);
	return address;
}

static const char *text(const union net_ip *address)
{
	static char buffer[INET6_ADDRSTRLEN];
	const void *bytes = address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
							      : &address->v6.sin6_addr;
	return inet_ntop(address->any.sa_family, bytes, buffer, sizeof buffer);
}

static bool has_ipv6(void)
{
	_cleanup_free_ struct local_address *addresses = NULL;
	size_t count;
	CHECK_INT(local_address_list(&addresses, &count), ==, 0);
	for (size_t i = 0; i < count; i++)
		if (addresses[i].ip.any.sa_family == AF_INET6 &&
		    IN6_IS_ADDR_LOOPBACK(&addresses[i].ip.v6.sin6_addr))
			return true;
	return false;
}

TEST(link_by_name_describes_loopback)
{
	struct link link;
	CHECK_INT(link_by_name("lo", &link), ==, 0);
	CHECK_STR(link.name, "lo");
	CHECK_INT(link.index, ==, if_nametoindex("lo"));
	CHECK(link.loopback);
	CHECK(link.up);
	CHECK(link.carrier);
	CHECK(!link.has_mac);
	CHECK(link.scatter_gather);
	CHECK(link.udp_segmentation);
	CHECK_INT(link.mtu, >=, 1280);
	CHECK_INT(link.speed_bps, ==, 0);
	CHECK_INT(link.tx_packets, ==, link.rx_packets);
}

TEST(link_by_index_finds_the_same)
{
	struct link by_index;
	CHECK_INT(link_by_index(if_nametoindex("lo"), &by_index), ==, 0);
	CHECK_STR(by_index.name, "lo");
}

TEST(link_basics_does_not_ask_the_device)
{
	struct link link, basics;
	uint32_t index = if_nametoindex("lo");
	CHECK_INT(link_by_index(index, &link), ==, 0);
	CHECK_INT(link_basics(index, &basics), ==, 0);
	CHECK_STR(basics.name, "lo");
	CHECK_INT(basics.mtu, ==, link.mtu);
	CHECK(basics.up && basics.loopback);
	CHECK(link.scatter_gather && !basics.scatter_gather);
	CHECK_INT(link_basics(INT32_MAX, &basics), ==, -ENODEV);
}

TEST(link_that_does_not_exist_is_enodev)
{
	struct link link = {.index = 4711};
	CHECK_INT(link_by_name("", &link), ==, -ENODEV);
	CHECK_INT(link_by_name("nosuchlink0", &link), ==, -ENODEV);
	CHECK_INT(link_by_name("a-name-longer-than-any", &link), ==, -ENODEV);
	CHECK_INT(link_by_index(0, &link), ==, -ENODEV);
	CHECK_INT(link_by_index(INT32_MAX, &link), ==, -ENODEV);
	CHECK_INT(link_by_index(UINT32_MAX, &link), ==, -ENODEV);
	CHECK_INT(link.index, ==, 4711);
}

TEST(link_list_holds_each_interface_once)
{
	_cleanup_free_ struct link *links = NULL;
	size_t count, loopbacks = 0;
	CHECK_INT(link_list(&links, &count), ==, 0);
	struct if_nameindex *names = if_nameindex();
	size_t expected = 0;
	while (names[expected].if_index)
		expected++;
	if_freenameindex(names);
	CHECK_INT(count, ==, expected);
	for (size_t i = 0; i < count; i++)
		loopbacks += !strcmp(links[i].name, "lo");
	CHECK_INT(loopbacks, ==, 1);
}

TEST(local_address_list_holds_127_0_0_1_with_its_prefix)
{
	_cleanup_free_ struct local_address *addresses = NULL;
	size_t count, found = 0;
	CHECK_INT(local_address_list(&addresses, &count), ==, 0);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text(&addresses[i].ip), "127.0.0.1") != 0)
			continue;
		found++;
		CHECK_INT(addresses[i].prefix_bits, ==, 8);
		CHECK_INT(addresses[i].ifindex, ==, if_nametoindex("lo"));
	}
	CHECK_INT(found, ==, 1);
}

TEST(route_get_to_this_host_is_local_through_loopback)
{
	union net_ip to = ip("127.0.0.5");
	struct route route;
	struct link link;
	CHECK_INT(route_get(&to.any, NULL, "", &route), ==, 0);
	CHECK_INT(link_by_name("lo", &link), ==, 0);
	CHECK_INT(route.type, ==, ROUTE_LOCAL);
	CHECK_INT(route.ifindex, ==, link.index);
	CHECK_INT(route.mtu, ==, link.mtu);
	CHECK(!route.via_gateway);
	CHECK_STR(text(&route.next_hop), "127.0.0.5");
	CHECK_INT(route.source.any.sa_family, ==, AF_INET);
}

TEST(route_get_keeps_the_source_asked_for)
{
	union net_ip to = ip("127.0.0.5"), from = ip("127.0.0.1");
	struct route route;
	CHECK_INT(route_get(&to.any, &from.any, "lo", &route), ==, 0);
	CHECK_STR(text(&route.source), "127.0.0.1");
	from = ip("198.18.77.66"); /* not ours */
	CHECK_INT(route_get(&to.any, &from.any, "", &route), <, 0);
}

TEST(route_get_of_ipv6_loopback)
{
	if (!has_ipv6())
		test_skip("this host has no ::1");
	union net_ip to = ip("::1");
	struct route route;
	CHECK_INT(route_get(&to.any, NULL, "", &route), ==, 0);
	CHECK_INT(route.type, ==, ROUTE_LOCAL);
	CHECK_INT(route.mtu, >=, 1280);
	CHECK_STR(text(&route.source), "::1");
}

TEST(route_get_refuses_what_is_not_an_address)
{
	struct route route;
	union net_ip to = ip("127.0.0.1"), from = ip("::1"), none = {0};
	CHECK_INT(route_get(&none.any, NULL, "", &route), ==, -EAFNOSUPPORT);
	CHECK_INT(route_get(&to.any, &from.any, "", &route), ==, -EAFNOSUPPORT);
	CHECK_INT(route_get(&to.any, NULL, "nosuchlink0", &route), ==, -ENODEV);
	CHECK_INT(route_get(&to.any, &none.any, "", &route), ==, 0);
}

TEST(neighbour_without_an_entry_is_none)
{
	union net_ip to = ip("198.18.255.254");
	struct neighbour neighbour;
	CHECK_INT(neighbour_get(if_nametoindex("lo"), &to.any, &neighbour), ==, 0);
	CHECK_INT(neighbour.state, ==, NEIGHBOUR_NONE);
	CHECK(!neighbour.has_mac);
	CHECK_INT(neighbour_get(0, &to.any, &neighbour), ==, -EINVAL);
	CHECK_INT(neighbour_get(INT32_MAX, &to.any, &neighbour), ==, -ENODEV);
}

/* A message of one link with one attribute whose length lies. */
static void check_lying_length(uint16_t len, bool found)
{
	struct netlink_request request;
	netlink_begin(&request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	uint32_t mtu = 1500, value = 0;
	size_t at = request.header.nlmsg_len;
	netlink_add(&request, IFLA_MTU, &mtu, sizeof mtu);
	memcpy(request.bytes + at, &len, sizeof len);
	struct netlink_attribute attributes[IFLA_MTU + 1];
	netlink_attributes(&request.header, sizeof(struct ifinfomsg), attributes, IFLA_MTU);
	CHECK_INT(attributes[IFLA_MTU].data != NULL, ==, found);
	CHECK_INT(netlink_u32(attributes[IFLA_MTU], &value), ==, len == RTA_LENGTH(sizeof mtu));
}

TEST(netlink_attributes_checks_every_length)
{
	check_lying_length(RTA_LENGTH(4), true);
	check_lying_length(RTA_LENGTH(3), true); /* shorter: there, but no u32 */
	check_lying_length(RTA_LENGTH(5), false);
	check_lying_length(0, false);
	check_lying_length(3, false);
	check_lying_length(UINT16_MAX, false);
}

TEST(netlink_attributes_of_a_message_without_any)
{
	struct netlink_request request;
	netlink_begin(&request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	struct netlink_attribute attributes[IFLA_MTU + 1];
	for (uint32_t len = NLMSG_HDRLEN; len <= NLMSG_LENGTH(sizeof(struct ifinfomsg)); len++) {
		request.header.nlmsg_len = len;
		netlink_attributes(&request.header, sizeof(struct ifinfomsg), attributes, IFLA_MTU);
		CHECK(!attributes[IFLA_MTU].data);
		CHECK_INT(netlink_fixed(&request.header, sizeof(struct ifinfomsg)) != NULL, ==,
			  len == NLMSG_LENGTH(sizeof(struct ifinfomsg)));
	}
}

TEST_MAIN(CASE(link_by_name_describes_loopback), CASE(link_by_index_finds_the_same),
	  CASE(link_basics_does_not_ask_the_device), CASE(link_that_does_not_exist_is_enodev),
	  CASE(link_list_holds_each_interface_once),
	  CASE(local_address_list_holds_127_0_0_1_with_its_prefix),
	  CASE(route_get_to_this_host_is_local_through_loopback),
	  CASE(route_get_keeps_the_source_asked_for), CASE(route_get_of_ipv6_loopback),
	  CASE(route_get_refuses_what_is_not_an_address), CASE(neighbour_without_an_entry_is_none),
	  CASE(netlink_attributes_checks_every_length),
	  CASE(netlink_attributes_of_a_message_without_any))
