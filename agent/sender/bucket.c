/* bucket: see bucket.h. */
#include "sender/bucket.h"

#include "base/util.h"

#include <math.h>

/* A cost is never more: a hundred years, with room for adding it to any real instant. */
#define COST_MAX_NS 3.2e18

static int64_t add(int64_t instant_ns, int64_t ns)
{
	int64_t sum;
	return __builtin_add_overflow(instant_ns, ns, &sum) ? INT64_MAX : sum;
}

static double unit_ns(const struct bucket *bucket)
{
	return atomic_load_explicit(&bucket->unit_ns, memory_order_relaxed);
}

static int64_t full_ns(const struct bucket *bucket)
{
	return atomic_load_explicit(&bucket->full_ns, memory_order_relaxed);
}

/* From when on there is enough for @cost_ns in a bucket that will be full at @full_ns. */
static int64_t enough_ns(int64_t full_ns, int64_t cost_ns, int64_t now_ns)
{
	return MAX(now_ns, full_ns - (BUCKET_DEPTH_NS - MIN(cost_ns, BUCKET_HALF_NS)));
}

void bucket_set_rate(struct bucket *bucket, double rate, int64_t now_ns)
{
	double before_ns = unit_ns(bucket);
	double after_ns = rate > 0 ? (double)CLOCK_NS_PER_S / rate : 0;
	if (after_ns == before_ns)
		return;
	atomic_store_explicit(&bucket->unit_ns, after_ns, memory_order_relaxed);
	double part = after_ns > 0 && before_ns > 0 ? MIN(after_ns / before_ns, 1.0) : 0;
	int64_t old_ns = full_ns(bucket), new_ns;
	do {
		if (old_ns <= now_ns || part == 1)
			return;
		new_ns = now_ns + (int64_t)((double)(old_ns - now_ns) * part);
	} while (!atomic_compare_exchange_weak_explicit(
		&bucket->full_ns, &old_ns, new_ns, memory_order_relaxed, memory_order_relaxed));
}

uint64_t bucket_lot(const struct bucket *bucket)
{
	double unit = unit_ns(bucket);
	double lot = (double)BUCKET_HALF_NS / unit;
	return unit > 0 && lot < 1e18 ? MAX((uint64_t)lot, UINT64_C(1)) : UINT64_MAX;
}

int64_t bucket_when(const struct bucket *bucket, uint64_t units, int64_t now_ns)
{
	double unit = unit_ns(bucket);
	if (!(unit > 0))
		return now_ns;
	int64_t cost_ns = (int64_t)MIN((double)units * unit, COST_MAX_NS);
	return enough_ns(full_ns(bucket), cost_ns, now_ns);
}

int64_t bucket_take(struct bucket *bucket, struct bucket_take *take, uint64_t units, int64_t now_ns)
{
	double unit = unit_ns(bucket);
	if (!(unit > 0))
		return now_ns;
	double exact_ns = MIN((double)units * unit - take->carry_ns, COST_MAX_NS);
	double cost_ns = MAX(ceil(exact_ns), 0.0);
	*take = (struct bucket_take){units, unit, cost_ns - exact_ns};
	int64_t old_ns = full_ns(bucket), new_ns;
	do
		new_ns = add(MAX(old_ns, now_ns), (int64_t)cost_ns);
	while (!atomic_compare_exchange_weak_explicit(&bucket->full_ns, &old_ns, new_ns,
						      memory_order_relaxed, memory_order_relaxed));
	return enough_ns(old_ns, (int64_t)cost_ns, now_ns);
}

/* What was taken and not used. Whole ns; the fraction stays with the taker. */
static void give_back(struct bucket *bucket, struct bucket_take *take, uint64_t unused)
{
	double exact_ns = MIN((double)unused * take->unit_ns, COST_MAX_NS) + take->carry_ns;
	double whole_ns = floor(exact_ns);
	take->carry_ns = exact_ns - whole_ns;
	atomic_fetch_sub_explicit(&bucket->full_ns, (int64_t)whole_ns, memory_order_relaxed);
}

void bucket_settle(struct bucket *bucket, struct bucket_take *take, uint64_t used, int64_t done_ns)
{
	if (!take->units)
		return;
	used = MIN(used, take->units);
	if (used < take->units)
		give_back(bucket, take, take->units - used);
	take->units = 0;
	if (!used)
		return;
	double cost_ns = MIN((double)used * take->unit_ns, COST_MAX_NS);
	int64_t least_ns = add(done_ns, (int64_t)cost_ns), old_ns = full_ns(bucket);
	while (old_ns < least_ns &&
	       !atomic_compare_exchange_weak_explicit(&bucket->full_ns, &old_ns, least_ns,
						      memory_order_relaxed, memory_order_relaxed))
		continue;
}
