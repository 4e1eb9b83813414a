/*
 * A maximum rate as a bucket: what may leave at once, what the mean is, and that no window of any
 * length holds more than bucket.h says, however late, many and fickle its takers are.
 *
 * PAGECAST_SEED=N repeats what a failure printed.
 */
#include "base/util.h"
#include "lib/test.h"
#include "lib/window.h"
#include "sender/bucket.h"

#include <math.h>
#include <pthread.h>

#define START_NS (1000 * CLOCK_NS_PER_S)

enum { SEED = 4711, THREADS = 8, TAKES = 20000 };

static uint64_t state;

static uint64_t random_below(uint64_t bound)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % bound;
}

static uint64_t seed(void)
{
	const char *text = getenv("PAGECAST_SEED");
	state = text ? strtoull(text, NULL, 10) : SEED;
	return state;
}

/* Taken and handed over as soon as it may be, in no time. Return: when. */
static int64_t send_at(struct bucket *bucket, struct bucket_take *take, uint64_t units,
		       int64_t now_ns)
{
	int64_t before_ns = bucket_when(bucket, units, now_ns);
	int64_t when_ns = bucket_take(bucket, take, units, now_ns);
	CHECK_INT(llabs(when_ns - before_ns), <=, 1); /* a fraction that was paid before */
	bucket_settle(bucket, take, units, when_ns);
	return when_ns;
}

TEST(bucket_lets_its_depth_go_at_once_and_then_the_rate)
{
	struct bucket bucket = {0};
	struct bucket_take take = {0};
	bucket_set_rate(&bucket, 500, START_NS); /* 10 ms of it: 5 packets */
	for (int i = 0; i < 5; i++)
		CHECK_INT(send_at(&bucket, &take, 1, START_NS), ==, START_NS);
	int64_t now_ns = START_NS;
	for (int i = 1; i <= 10000; i++) {
		now_ns = send_at(&bucket, &take, 1, now_ns);
		CHECK_INT(now_ns, ==, START_NS + i * INT64_C(2000000));
	}
}

TEST(bucket_takes_no_notice_without_a_maximum)
{
	struct bucket bucket = {0};
	struct bucket_take take = {0};
	CHECK(!bucket_limits(&bucket));
	CHECK(bucket_lot(&bucket) == UINT64_MAX);
	CHECK_INT(bucket_when(&bucket, UINT64_MAX, 7), ==, 7);
	CHECK_INT(bucket_take(&bucket, &take, UINT64_MAX, 7), ==, 7);
	bucket_settle(&bucket, &take, 1, 9);
	CHECK_INT(bucket.full_ns, ==, 0);
}

/* A taker that always wants as much as it may: after a second or a hundred takes, whichever is
 * longer, the mean is the rate. */
TEST(bucket_gives_the_rate_in_the_mean)
{
	static const double rates[] = {0.05,	    0.1, 1,   3,    49.9, 500, 333.3333,
				       14880952.38, 1e6, 1e9, 1e12, 1e15, 7e8, 123456.789};
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		for (int single = 0; single < 2; single++) {
			struct bucket bucket = {0};
			struct bucket_take take = {0};
			bucket_set_rate(&bucket, rates[i], START_NS);
			uint64_t units = single ? MAX((uint64_t)(rates[i] / 1e6), UINT64_C(1))
						: bucket_lot(&bucket);
			for (double sent = 0; sent < 1e-2 * rates[i]; sent += (double)units)
				send_at(&bucket, &take, units, START_NS); /* the depth */
			int64_t first_ns = send_at(&bucket, &take, units, START_NS),
				now_ns = first_ns;
			uint64_t sent = 0;
			while (sent / units < 100 || now_ns - first_ns < CLOCK_NS_PER_S) {
				now_ns = send_at(&bucket, &take, units, now_ns);
				sent += units;
			}
			double mean = (double)sent * 1e9 / (double)(now_ns - first_ns);
			if (fabs(mean / rates[i] - 1) > 1e-7)
				test_fail(__FILE__, __LINE__, "%g a second, not %g, by %llu", mean,
					  rates[i], (unsigned long long)units);
		}
}

TEST(bucket_goes_into_debt_for_what_is_larger_than_it)
{
	struct bucket bucket = {0};
	struct bucket_take take = {0};
	bucket_set_rate(&bucket, 1e6, START_NS);
	CHECK_INT(bucket_lot(&bucket), ==, 5000);
	CHECK_INT(send_at(&bucket, &take, 524168, START_NS), ==, START_NS);
	/* 524.168 ms paid, less the half depth that is enough for another large one */
	int64_t next_ns = send_at(&bucket, &take, 524168, START_NS);
	CHECK_INT(next_ns, ==, START_NS + 524168000 - 5000000);
	/* a small one needs no more than its own, but stands behind the debt */
	CHECK_INT(bucket_when(&bucket, 336, next_ns), ==,
		  START_NS + 2 * INT64_C(524168000) - 10000000 + 336000);
}

TEST(bucket_gets_back_what_did_not_leave)
{
	struct bucket bucket = {0};
	struct bucket_take take = {0};
	bucket_set_rate(&bucket, 1000, START_NS);
	for (int i = 0; i < 1000; i++) { /* refused, all of them */
		CHECK_INT(bucket_take(&bucket, &take, 5, START_NS), ==, START_NS);
		bucket_settle(&bucket, &take, 0, START_NS);
	}
	for (int i = 0; i < 10; i++) { /* one of five is sent */
		CHECK_INT(bucket_take(&bucket, &take, 5, START_NS), <=, START_NS + 4000000);
		bucket_settle(&bucket, &take, 1, START_NS);
	}
	CHECK_INT(bucket_when(&bucket, 1, START_NS), ==, START_NS + 1000000);
	bucket_settle(&bucket, &take, 1, START_NS + CLOCK_NS_PER_S); /* nothing to settle */
	CHECK_INT(bucket_when(&bucket, 1, START_NS), ==, START_NS + 1000000);
}

TEST(bucket_is_no_fuller_for_a_hand_over_that_took_long)
{
	struct bucket bucket = {0};
	struct bucket_take take = {0};
	bucket_set_rate(&bucket, 1000, START_NS);
	CHECK_INT(bucket_take(&bucket, &take, 5, START_NS), ==, START_NS);
	int64_t done_ns = START_NS + CLOCK_NS_PER_S; /* the five left just now */
	bucket_settle(&bucket, &take, 5, done_ns);
	for (int i = 0; i < 5; i++)
		CHECK_INT(send_at(&bucket, &take, 1, done_ns), ==, done_ns);
	CHECK_INT(bucket_when(&bucket, 1, done_ns), ==, done_ns + 1000000);
}

TEST(bucket_is_full_after_any_rest_and_never_more)
{
	static const int64_t instants[] = {0, START_NS, INT64_MAX / 2, INT64_MAX - CLOCK_NS_PER_S};
	struct bucket bucket = {0};
	struct bucket_take take = {0};
	bucket_set_rate(&bucket, 1e6, 0);
	for (size_t i = 0; i < ARRAY_SIZE(instants); i++) {
		CHECK_INT(send_at(&bucket, &take, 5000, instants[i]), ==, instants[i]);
		CHECK_INT(send_at(&bucket, &take, 5000, instants[i]), ==, instants[i]);
		CHECK_INT(send_at(&bucket, &take, 1, instants[i]), ==, instants[i] + 1000);
	}
	/* costs of centuries, at the end of time */
	bucket_set_rate(&bucket, 1e-300, INT64_MAX - CLOCK_NS_PER_S);
	CHECK_INT(bucket_lot(&bucket), ==, 1);
	for (int i = 0; i < 3; i++)
		CHECK_INT(bucket_take(&bucket, &take, UINT64_MAX, INT64_MAX - 10), >=, 0);
	CHECK_INT(bucket.full_ns, ==, INT64_MAX);
	bucket_set_rate(&bucket, 1e300, 0);
	CHECK(bucket_lot(&bucket) == UINT64_MAX);
}

TEST(bucket_forgets_no_debt_for_a_lower_rate_and_shrinks_it_for_a_higher)
{
	struct bucket bucket = {0};
	struct bucket_take take = {0};
	bucket_set_rate(&bucket, 0.05, START_NS);
	send_at(&bucket, &take, 1, START_NS); /* 20 s */
	CHECK_INT(bucket.full_ns, ==, START_NS + 20 * CLOCK_NS_PER_S);
	bucket_set_rate(&bucket, 0.01, START_NS);
	CHECK_INT(bucket.full_ns, ==, START_NS + 20 * CLOCK_NS_PER_S);
	bucket_set_rate(&bucket, 0.1, START_NS);
	CHECK_INT(bucket.full_ns, ==, START_NS + 2 * CLOCK_NS_PER_S);
	bucket_set_rate(&bucket, 1000, START_NS);
	CHECK_INT(bucket.full_ns, <=, START_NS + CLOCK_NS_PER_MS);
	bucket_set_rate(&bucket, 0, START_NS);
	CHECK(!bucket_limits(&bucket));
}

/* ---- takers that are late, many and fickle ---- */

struct taker {
	struct bucket_take take;
	uint64_t units;	 /* waits with these; 0: idle */
	int64_t when_ns; /* may leave from then on */
	int64_t at_ns;	 /* does, at that time: it is late */
};

static int64_t random_span_ns(void)
{
	return (int64_t)random_below(UINT64_C(1) << random_below(26)); /* up to 67 ms */
}

static void run_random(double rate, uint64_t largest, size_t count, uint64_t seeded)
{
	struct bucket bucket = {0};
	struct taker takers[64] = {0};
	bucket_set_rate(&bucket, rate, START_NS);
	struct window window = window_init(rate, START_NS);
	uint64_t lot = bucket_lot(&bucket);
	int64_t now_ns = START_NS;
	for (int step = 0; step < 20000; step++) {
		struct taker *next = NULL;
		for (size_t i = 0; i < count;
		     i++) { /* idle ones take; the first to leave is next */
			struct taker *taker = &takers[i];
			if (!taker->units && random_below(3)) {
				taker->units = 1 + random_below(random_below(2) ? lot : largest);
				taker->when_ns =
					bucket_take(&bucket, &taker->take, taker->units, now_ns);
				taker->at_ns =
					taker->when_ns + (random_below(4) ? 0 : random_span_ns());
			}
			if (taker->units && (!next || taker->at_ns < next->at_ns))
				next = taker;
		}
		if (!next) {
			now_ns += random_span_ns();
			continue;
		}
		now_ns = MAX(now_ns, next->at_ns);
		uint64_t used = random_below(8) ? next->units : random_below(next->units + 1);
		window_add(&window, now_ns, (double)used);
		bucket_settle(&bucket, &next->take, used, now_ns);
		next->units = 0;
		if (!random_below(50))
			now_ns += random_span_ns();
	}
	double half = rate * BUCKET_HALF_NS / 1e9;
	double bound = half + (double)count * MAX(half, (double)largest);
	if (window.excess > bound * (1 + 1e-9) + 1)
		test_fail(__FILE__, __LINE__,
			  "rate %g, largest %llu, %zu takers: %g beyond the rate, not %g; "
			  "PAGECAST_SEED=%llu",
			  rate, (unsigned long long)largest, count, window.excess, bound,
			  (unsigned long long)seeded);
}

TEST(bucket_holds_every_window_below_its_bound)
{
	static const double rates[] = {0.05, 1, 77, 500, 1e5, 1e6, 1e9};
	static const size_t counts[] = {1, 2, 3, 8, 64};
	uint64_t seeded = seed();
	printf("PAGECAST_SEED=%llu\n", (unsigned long long)seeded);
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
			run_random(rates[i], 1, counts[k], seeded);
			/* up to an hour each: the test shall not reach the end of time */
			run_random(rates[i], MIN((uint64_t)(3600 * rates[i]), UINT64_C(524168)),
				   counts[k], seeded);
		}
}

/* One that wants small lots only, one that wants large ones: each gets a turn after the other. */
TEST(bucket_lets_nobody_starve)
{
	struct bucket bucket = {0};
	struct bucket_take small = {0}, large = {0};
	bucket_set_rate(&bucket, 1e6, START_NS);
	int64_t small_ns = START_NS, large_ns = START_NS;
	uint64_t smalls = 0, larges = 0;
	while (MIN(small_ns, large_ns) < START_NS + 10 * CLOCK_NS_PER_S)
		if (small_ns <= large_ns) {
			small_ns = send_at(&bucket, &small, 1000, small_ns);
			smalls++;
		} else {
			large_ns = send_at(&bucket, &large, 9000, large_ns);
			larges++;
		}
	CHECK_INT(larges, >, 900);
	CHECK_INT(smalls, >, 900);
}

/* ---- threads ---- */

static struct bucket crowd;

struct member {
	pthread_t thread;
	uint64_t random;
	int64_t when_ns[TAKES];
	uint64_t used;
};

static void *take_and_settle(void *context)
{
	struct member *member = context;
	struct bucket_take take = {0};
	for (int i = 0; i < TAKES; i++) {
		uint64_t units =
			1 + (member->random = member->random * 6364136223846793005u + 1) % 7;
		member->when_ns[i] = bucket_take(&crowd, &take, units, START_NS);
		uint64_t used = units - (member->random >> 40) % (units + 1);
		bucket_settle(&crowd, &take, used,
			      INT64_MIN / 2); /* long ago: only what is unused */
		member->used += used;
	}
	return NULL;
}

TEST(bucket_counts_what_many_threads_take_and_give_back)
{
	static struct member members[THREADS];
	uint64_t used = 0;
	crowd = (struct bucket){0};
	bucket_set_rate(&crowd, 1e6, START_NS); /* 1,000 ns each */
	for (int i = 0; i < THREADS; i++) {
		members[i] = (struct member){.random = (uint64_t)i};
		CHECK_INT(pthread_create(&members[i].thread, NULL, take_and_settle, &members[i]),
			  ==, 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(members[i].thread, NULL);
		used += members[i].used;
		for (int k = 0; k < TAKES; k++)
			CHECK_INT(members[i].when_ns[k], >=, START_NS);
	}
	CHECK_INT(crowd.full_ns, ==, START_NS + (int64_t)used * 1000);
}

TEST_MAIN(CASE(bucket_lets_its_depth_go_at_once_and_then_the_rate),
	  CASE(bucket_takes_no_notice_without_a_maximum), CASE(bucket_gives_the_rate_in_the_mean),
	  CASE(bucket_goes_into_debt_for_what_is_larger_than_it),
	  CASE(bucket_gets_back_what_did_not_leave),
	  CASE(bucket_is_no_fuller_for_a_hand_over_that_took_long),
	  CASE(bucket_is_full_after_any_rest_and_never_more),
	  CASE(bucket_forgets_no_debt_for_a_lower_rate_and_shrinks_it_for_a_higher),
	  CASE(bucket_holds_every_window_below_its_bound), CASE(bucket_lets_nobody_starve),
	  CASE(bucket_counts_what_many_threads_take_and_give_back))
