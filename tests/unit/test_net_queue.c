/* What a queue dropped is asked of the kernel; tests/netns makes one drop. */
#include "lib/test.h"
#include "net/net.h"

#include <errno.h>

TEST(net_queue_of_loopback_dropped_nothing)
{
	struct net_link lo;
	CHECK_INT(net_link_by_name("lo", &lo), ==, 0);
	uint32_t drops = 77;
	CHECK_INT(net_queue_drops(lo.index, &drops), ==, 0);
	CHECK_INT(drops, ==, 0);
}

TEST(net_queue_of_no_interface_is_einval)
{
	uint32_t drops = 77;
	CHECK_INT(net_queue_drops(0, &drops), ==, -EINVAL);
	CHECK_INT(net_queue_drops(UINT32_MAX, &drops), ==, -EINVAL);
	CHECK_INT(drops, ==, 77);
}

TEST_MAIN(CASE(net_queue_of_loopback_dropped_nothing), CASE(net_queue_of_no_interface_is_einval))
