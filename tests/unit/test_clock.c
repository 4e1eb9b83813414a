/* The manual clock moves only when told to. */
#include "base/clock.h"
#include "lib/test.h"

TEST(clock_manual_moves_both_times_only_when_told)
{
	struct clock_manual manual;
	clock_manual_init(&manual, 5, 1000);
	CHECK_INT(clock_monotonic_ns(&manual.clock), ==, 5);
	clock_manual_advance(&manual, CLOCK_NS_PER_S);
	CHECK_INT(clock_monotonic_ns(&manual.clock), ==, CLOCK_NS_PER_S + 5);
	CHECK_INT(clock_realtime_ns(&manual.clock), ==, CLOCK_NS_PER_S + 1000);
}

TEST(clock_real_does_not_go_backwards)
{
	const struct clock *clock = clock_real();
	int64_t before = clock_monotonic_ns(clock);
	CHECK_INT(clock_monotonic_ns(clock), >=, before);
	CHECK_INT(clock_realtime_ns(clock), >, INT64_C(1500000000) * CLOCK_NS_PER_S);
}

TEST_MAIN(CASE(clock_manual_moves_both_times_only_when_told),
	  CASE(clock_real_does_not_go_backwards))
