/* A maximum divided among those who want parts of it. */
#include "base/fair_share.h"
#include "base/util.h"
#include "lib/test.h"

#include <math.h>

static void check(double maximum, const double *wanted, size_t count, double level)
{
	double is = fair_share_level(wanted, count, maximum);
	if (is != level && fabs(is - level) > level * 1e-9)
		test_fail(__FILE__, __LINE__, "%g among %zu: %g, not %g", maximum, count, is,
			  level);
}

TEST(fair_share_gives_everybody_what_it_wants_where_there_is_enough)
{
	check(10, NULL, 0, INFINITY);
	check(10, (double[]){10}, 1, INFINITY);
	check(10, (double[]){3, 0, 7}, 3, INFINITY);
	check(10, (double[]){-1, -1}, 2, INFINITY);
}

TEST(fair_share_divides_what_the_small_ones_leave)
{
	check(10, (double[]){11}, 1, 10);
	check(10, (double[]){INFINITY, INFINITY}, 2, 5);
	check(10, (double[]){1, INFINITY, 100}, 3, 4.5);
	check(10, (double[]){1, 2, 3, INFINITY, 3.5}, 5, 2 + 1. / 3);
	check(10, (double[]){-1, INFINITY, -1}, 3, 10); /* the others take no part */
}

/* Whatever is wanted: all parts together are the maximum, and nobody gets more than it wants. */
TEST(fair_share_uses_the_maximum_and_no_more)
{
	double wanted[100];
	uint64_t random = 1;
	for (int run = 0; run < 1000; run++) {
		size_t count = 1 + (size_t)run % ARRAY_SIZE(wanted);
		double asked = 0, given = 0;
		for (size_t i = 0; i < count; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			wanted[i] = random >> 60 ? (double)(random >> 33) : INFINITY;
			asked += wanted[i];
		}
		double level = fair_share_level(wanted, count, 1e9);
		for (size_t i = 0; i < count; i++)
			given += fmin(wanted[i], level);
		CHECK(fabs(given - fmin(asked, 1e9)) < 1);
	}
}

TEST_MAIN(CASE(fair_share_gives_everybody_what_it_wants_where_there_is_enough),
	  CASE(fair_share_divides_what_the_small_ones_leave),
	  CASE(fair_share_uses_the_maximum_and_no_more))
