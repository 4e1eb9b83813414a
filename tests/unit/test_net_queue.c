/* What a queue dropped is asked of the kernel; tests/netns makes one drop. */
#include "lib/test.h"
#include "net/link.h"
#include "net/queue.h"

#include <errno.h>

TEST(queue_of_loopback_dropped_nothing)
{
	struct link lo;
	CHECK_INT(link_by_name("lo", &lo), ==, 0);
	uint32_t drops = 77;
	CHECK_INT(queue_drops(lo.index, &drops), ==, 0);
	CHECK_INT(drops, ==, 0);
}

TEST(queue_of_no_interface_is_einval)
{
	uint32_t drops = 77;
	CHECK_INT(queue_drops(0, &drops), ==, -EINVAL);
	CHECK_INT(queue_drops(UINT32_MAX, &drops), ==, -EINVAL);
	CHECK_INT(drops, ==, 77);
}

TEST_MAIN(CASE(queue_of_loopback_dropped_nothing), CASE(queue_of_no_interface_is_einval))
