/* Percentiles are within 0.8 % of the exact ones, whatever the range; the ends are exact. */
#include "base/histogram.h"
#include "lib/test.h"

#include <math.h>

enum { VALUES = 20000 };

static struct histogram histogram; /* too large for a stack */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* splitmix64: the same sequence on every machine */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t exact(const uint64_t *sorted, double fraction)
{
	return sorted[(size_t)ceil(fraction * VALUES) - 1];
}

static void check_near(double got, uint64_t want)
{
	if (fabs(got - (double)want) > 0.008 * (double)want)
		test_fail(__FILE__, __LINE__, "%g is not within 0.8 %% of %" PRIu64, got, want);
}

TEST(histogram_percentiles_are_near_the_exact_ones_over_the_whole_range)
{
	static uint64_t values[VALUES];
	uint64_t state = 1;
	histogram_reset(&histogram);
	for (size_t i = 0; i < VALUES; i++) { /* every power of two is hit: 1 .. 2^64 - 1 */
		values[i] = next_random(&state) >> (next_random(&state) % 64);
		histogram_add(&histogram, values[i], 1);
	}
	qsort(values, VALUES, sizeof *values, by_value);
	struct histogram_summary summary;
	histogram_summary(&histogram, &summary);
	CHECK_INT(summary.count, ==, VALUES);
	CHECK(summary.min == (double)values[0]);
	CHECK(summary.max == (double)values[VALUES - 1]);
	check_near(summary.p50, exact(values, 0.5));
	check_near(summary.p90, exact(values, 0.9));
	check_near(summary.p99, exact(values, 0.99));
	check_near(summary.p999, exact(values, 0.999));
}

TEST(histogram_small_values_are_exact)
{
	histogram_reset(&histogram);
	for (uint64_t value = 0; value < 128; value++)
		histogram_add(&histogram, value, 1);
	struct histogram_summary summary;
	histogram_summary(&histogram, &summary);
	CHECK(summary.p50 == 63);
	CHECK(summary.p99 == 126);
	CHECK(summary.mean == 63.5);
	CHECK(summary.min == 0);
}

TEST(histogram_holds_the_ends_of_u64)
{
	histogram_reset(&histogram);
	histogram_add(&histogram, 0, 1);
	histogram_add(&histogram, UINT64_MAX, 3);
	struct histogram_summary summary;
	histogram_summary(&histogram, &summary);
	CHECK_INT(summary.count, ==, 4);
	CHECK(summary.min == 0);
	CHECK(summary.max == (double)UINT64_MAX);
	check_near(summary.p50, UINT64_MAX);
}

TEST(histogram_empty_says_zero)
{
	histogram_reset(&histogram);
	histogram_add(&histogram, 77, 0);
	struct histogram_summary summary;
	histogram_summary(&histogram, &summary);
	CHECK_INT(summary.count, ==, 0);
	CHECK(summary.min == 0 && summary.max == 0 && summary.mean == 0 && summary.p999 == 0);
}

TEST(histogram_counts_more_than_fit_32_bits)
{
	histogram_reset(&histogram);
	histogram_add(&histogram, 10, UINT64_C(6000000000));
	histogram_add(&histogram, 1000, UINT64_C(4000000000));
	struct histogram_summary summary;
	histogram_summary(&histogram, &summary);
	CHECK_INT(summary.count, ==, INT64_C(10000000000));
	CHECK(summary.p50 == 10);
	check_near(summary.p90, 1000);
}

TEST(histogram_merge_is_as_if_one_had_seen_all)
{
	static struct histogram other, all;
	histogram_reset(&histogram);
	histogram_reset(&other);
	histogram_reset(&all);
	histogram_merge(&histogram, &other); /* empty into empty: still empty */
	CHECK_INT(histogram.count, ==, 0);
	uint64_t state = 7;
	for (int i = 0; i < 1000; i++) {
		uint64_t value = 100 + next_random(&state) % 100000;
		histogram_add(i % 3 ? &histogram : &other, value, 1);
		histogram_add(&all, value, 1);
	}
	histogram_merge(&histogram, &other);
	struct histogram_summary merged, whole;
	histogram_summary(&histogram, &merged);
	histogram_summary(&all, &whole);
	CHECK(merged.count == whole.count && merged.min == whole.min && merged.max == whole.max);
	CHECK(merged.p50 == whole.p50 && merged.p999 == whole.p999);
	CHECK(fabs(merged.mean - whole.mean) < 1e-6);
}

TEST_MAIN(CASE(histogram_percentiles_are_near_the_exact_ones_over_the_whole_range),
	  CASE(histogram_small_values_are_exact), CASE(histogram_holds_the_ends_of_u64),
	  CASE(histogram_empty_says_zero), CASE(histogram_counts_more_than_fit_32_bits),
	  CASE(histogram_merge_is_as_if_one_had_seen_all))
