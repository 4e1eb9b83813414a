/* The earliest deadline comes first, whatever was added, moved and removed. */
#include "core/job/deadlines.h"
#include "lib/test.h"

TEST(deadlines_come_in_order_of_time)
{
	enum { COUNT = 500 };
	static struct deadline nodes[COUNT];
	struct deadlines deadlines = DEADLINES_NULL;
	memset(nodes, 0, sizeof nodes);
	CHECK_INT(deadlines_reserve(&deadlines, COUNT), ==, 0);
	uint32_t seed = 1;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < COUNT; i++) {
			seed = seed * 1664525 + 1013904223;
			deadlines_set(&deadlines, &nodes[i], seed >> 16);
		}
	for (int i = 0; i < COUNT; i += 3)
		deadlines_remove(&deadlines, &nodes[i]);
	int64_t last = INT64_MIN;
	size_t seen = 0;
	for (struct deadline *first; (first = deadlines_first(&deadlines)); seen++) {
		CHECK_INT(first->at_ns, >=, last);
		CHECK((first - nodes) % 3 != 0);
		last = first->at_ns;
		deadlines_remove(&deadlines, first);
		CHECK_INT(first->index, ==, 0);
	}
	CHECK_INT(seen, ==, COUNT - (COUNT + 2) / 3);
	deadlines_deinit(&deadlines);
}

TEST(deadlines_removing_what_is_not_there_is_harmless)
{
	struct deadlines deadlines = DEADLINES_NULL;
	struct deadline node = {0};
	deadlines_remove(&deadlines, &node);
	CHECK(!deadlines_first(&deadlines));
	deadlines_deinit(&deadlines);
}

TEST_MAIN(CASE(deadlines_come_in_order_of_time),
	  CASE(deadlines_removing_what_is_not_there_is_harmless))
