/* The four maxima of the policy as one job meets them: which holds it, how long, and what it owes.
 */
#include "base/util.h"
#include "lib/test.h"
#include "sender/limiter.h"

#define START_NS (1000 * CLOCK_NS_PER_S)
#define MS	 CLOCK_NS_PER_MS

static const struct limiter_cost ONE = {1, 1000}, NONE = {0, 0};

static struct limiter limiter_with(struct limiter_buckets *total, double pps, double bps)
{
	struct limiter limiter;
	limiter_init(&limiter, total);
	limiter_set(&limiter, pps, bps, START_NS);
	return limiter;
}

static void send_now(struct limiter *limiter, const struct limiter_cost *cost, int64_t now_ns)
{
	CHECK_INT(limiter_take(limiter, cost, now_ns), ==, now_ns);
	limiter_settle(limiter, cost, now_ns);
}

TEST(limiter_is_active_where_any_maximum_is_set)
{
	struct limiter_buckets total = {0};
	CHECK(!limiter_with(NULL, 0, 0).active);
	CHECK(!limiter_with(&total, 0, 0).active);
	CHECK(limiter_with(NULL, 1, 0).active);
	CHECK(limiter_with(&total, 0, 1).active);
	struct limiter limiter = limiter_with(&total, 0, 0);
	limiter_buckets_set(&total, 0, 1e6, START_NS);
	limiter_set(&limiter, 0, 0, START_NS);
	CHECK(limiter.active);
	struct limiter_cost lot = limiter_lot(&limiter);
	CHECK(lot.packets == UINT64_MAX && lot.bits_l2 == 5000);
	limiter_set(&limiter, 2000, 5e5, START_NS);
	lot = limiter_lot(&limiter);
	CHECK(lot.packets == 10 && lot.bits_l2 == 2500);
}

TEST(limiter_names_the_maximum_that_holds)
{
	static const struct {
		double pps, bps, total_pps, total_bps;
		const char *name;
	} rows[] = {
		{100, 0, 0, 0, "maxPps"},	  {0, 100000, 1000, 0, "maxBpsL2"},
		{1000, 0, 100, 0, "maxTotalPps"}, {1000, 0, 1000, 100000, "maxTotalBpsL2"},
		{100, 90000, 0, 0, "maxBpsL2"}, /* the lower of two */
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct limiter_buckets total = {0};
		limiter_buckets_set(&total, rows[i].total_pps, rows[i].total_bps, START_NS);
		struct limiter limiter = limiter_with(&total, rows[i].pps, rows[i].bps);
		send_now(&limiter, &ONE, START_NS);
		int64_t until_ns = limiter_take(&limiter, &ONE, START_NS);
		CHECK_INT(until_ns, >, START_NS);
		CHECK_STR(limiter_rule_name(limiter.rule), rows[i].name);
		CHECK_INT(limiter_held_ns(&limiter, START_NS + MS), ==, MS);
		CHECK_INT(limiter_held_until_ns(&limiter, START_NS + MS), ==, START_NS + MS);
		send_now(&limiter, &ONE, until_ns + 7); /* late by its own fault */
		CHECK_INT(limiter.held_ns[limiter.rule], ==, until_ns - START_NS);
		CHECK_INT(limiter_held_until_ns(&limiter, until_ns + 7), ==, until_ns);
	}
}

TEST(limiter_gives_back_to_all_what_did_not_leave)
{
	struct limiter_buckets total = {0};
	limiter_buckets_set(&total, 100, 100000, START_NS);
	struct limiter limiter = limiter_with(&total, 100, 100000);
	for (int i = 0; i < 100; i++) {
		CHECK_INT(limiter_take(&limiter, &ONE, START_NS), ==, START_NS);
		limiter_settle(&limiter, &NONE, START_NS);
	}
	send_now(&limiter, &ONE, START_NS);
	CHECK_INT(limiter_take(&limiter, &ONE, START_NS), >, START_NS);
}

/* One that waits for its own maximum, or leaves the line, keeps nobody waiting. */
TEST(limiter_takes_from_the_total_only_what_it_can_send)
{
	struct limiter_buckets total = {0};
	limiter_buckets_set(&total, 1000, 0, START_NS);
	struct limiter slow = limiter_with(&total, 0.1, 0), other = limiter_with(&total, 0, 0);
	send_now(&slow, &ONE, START_NS);
	CHECK_INT(limiter_take(&slow, &ONE, START_NS), >, START_NS + 9 * CLOCK_NS_PER_S);
	for (int i = 0; i < 9; i++) /* of the ten in the depth */
		send_now(&other, &ONE, START_NS);
	CHECK_INT(limiter_take(&other, &ONE, START_NS), ==, START_NS + MS);
	struct limiter third = limiter_with(&total, 0, 0);
	CHECK_INT(limiter_take(&third, &ONE, START_NS), ==, START_NS + 2 * MS);
	limiter_release(&other, START_NS);
	limiter_release(&other, START_NS); /* again changes nothing */
	limiter_release(&third, START_NS);
	CHECK_INT(limiter_take(&third, &ONE, START_NS), ==, START_NS + MS);
	CHECK_INT(other.held_ns[LIMITER_MAX_TOTAL_PPS], ==, 0);
}

TEST_MAIN(CASE(limiter_is_active_where_any_maximum_is_set),
	  CASE(limiter_names_the_maximum_that_holds),
	  CASE(limiter_gives_back_to_all_what_did_not_leave),
	  CASE(limiter_takes_from_the_total_only_what_it_can_send))
