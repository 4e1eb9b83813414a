/* limiter: see limiter.h. */
#include "sender/limiter.h"

#include "base/util.h"

static const char *const rule_names[LIMITER_RULES] = {
	[LIMITER_MAX_PPS] = "maxPps",
	[LIMITER_MAX_BPS_L2] = "maxBpsL2",
	[LIMITER_MAX_TOTAL_PPS] = "maxTotalPps",
	[LIMITER_MAX_TOTAL_BPS_L2] = "maxTotalBpsL2",
};

void limiter_buckets_set(struct limiter_buckets *buckets, double pps, double bps_l2, int64_t now_ns)
{
	bucket_set_rate(&buckets->packets, pps, now_ns);
	bucket_set_rate(&buckets->bits_l2, bps_l2, now_ns);
}

static bool limits(const struct limiter_buckets *buckets)
{
	return bucket_limits(&buckets->packets) || bucket_limits(&buckets->bits_l2);
}

void limiter_init(struct limiter *limiter, struct limiter_buckets *shared)
{
	*limiter = (struct limiter){.shared = shared, .held_until_ns = INT64_MIN};
	limiter->active = shared && limits(shared);
}

void limiter_set(struct limiter *limiter, double pps, double bps_l2, int64_t now_ns)
{
	limiter_buckets_set(&limiter->own, pps, bps_l2, now_ns);
	limiter->active = limits(&limiter->own) || (limiter->shared && limits(limiter->shared));
}

struct limiter_cost limiter_lot(const struct limiter *limiter)
{
	struct limiter_cost lot = {bucket_lot(&limiter->own.packets),
				   bucket_lot(&limiter->own.bits_l2)};
	if (limiter->shared) {
		lot.packets = MIN(lot.packets, bucket_lot(&limiter->shared->packets));
		lot.bits_l2 = MIN(lot.bits_l2, bucket_lot(&limiter->shared->bits_l2));
	}
	return lot;
}

/* Keep the later of two instants, and the rule that says so. */
static void later(int64_t *until_ns, enum limiter_rule *rule, int64_t other_ns,
		  enum limiter_rule other)
{
	if (other_ns <= *until_ns)
		return;
	*until_ns = other_ns;
	*rule = other;
}

static void end_wait(struct limiter *limiter, int64_t now_ns)
{
	if (!limiter->since_ns)
		return;
	limiter->held_until_ns = MIN(limiter->waits_until_ns, now_ns);
	limiter->held_ns[limiter->rule] +=
		MAX(limiter->held_until_ns - limiter->since_ns, INT64_C(0));
	limiter->since_ns = 0;
}

/* Return: @until_ns, which has not come: the job waits for it. */
static int64_t wait_until(struct limiter *limiter, enum limiter_rule rule, int64_t until_ns,
			  int64_t now_ns)
{
	end_wait(limiter, now_ns);
	limiter->rule = rule;
	limiter->since_ns = now_ns;
	limiter->waits_until_ns = until_ns;
	return until_ns;
}

static int64_t own_when(const struct limiter *limiter, const struct limiter_cost *cost,
			int64_t now_ns, enum limiter_rule *rule)
{
	int64_t until_ns = now_ns;
	later(&until_ns, rule, bucket_when(&limiter->own.packets, cost->packets, now_ns),
	      LIMITER_MAX_PPS);
	later(&until_ns, rule, bucket_when(&limiter->own.bits_l2, cost->bits_l2, now_ns),
	      LIMITER_MAX_BPS_L2);
	return until_ns;
}

static void stand_in_line(struct limiter *limiter, const struct limiter_cost *cost, int64_t now_ns)
{
	struct limiter_buckets *shared = limiter->shared;
	limiter->cost = *cost;
	limiter->in_line = true;
	limiter->until_ns = now_ns;
	if (!shared)
		return;
	later(&limiter->until_ns, &limiter->line_rule,
	      bucket_take(&shared->packets, &limiter->takes[LIMITER_MAX_TOTAL_PPS], cost->packets,
			  now_ns),
	      LIMITER_MAX_TOTAL_PPS);
	later(&limiter->until_ns, &limiter->line_rule,
	      bucket_take(&shared->bits_l2, &limiter->takes[LIMITER_MAX_TOTAL_BPS_L2],
			  cost->bits_l2, now_ns),
	      LIMITER_MAX_TOTAL_BPS_L2);
}

int64_t limiter_take(struct limiter *limiter, const struct limiter_cost *cost, int64_t now_ns)
{
	enum limiter_rule rule = LIMITER_MAX_PPS;
	if (!limiter->in_line) {
		int64_t until_ns = own_when(limiter, cost, now_ns, &rule);
		if (until_ns > now_ns)
			return wait_until(limiter, rule, until_ns, now_ns);
		stand_in_line(limiter, cost, now_ns);
	}
	if (limiter->until_ns > now_ns)
		return wait_until(limiter, limiter->line_rule, limiter->until_ns, now_ns);
	end_wait(limiter, now_ns);
	bucket_take(&limiter->own.packets, &limiter->takes[LIMITER_MAX_PPS], cost->packets, now_ns);
	bucket_take(&limiter->own.bits_l2, &limiter->takes[LIMITER_MAX_BPS_L2], cost->bits_l2,
		    now_ns);
	return now_ns;
}

void limiter_settle(struct limiter *limiter, const struct limiter_cost *used, int64_t done_ns)
{
	struct bucket_take *takes = limiter->takes;
	bucket_settle(&limiter->own.packets, &takes[LIMITER_MAX_PPS], used->packets, done_ns);
	bucket_settle(&limiter->own.bits_l2, &takes[LIMITER_MAX_BPS_L2], used->bits_l2, done_ns);
	limiter->in_line = false;
	if (!limiter->shared)
		return;
	bucket_settle(&limiter->shared->packets, &takes[LIMITER_MAX_TOTAL_PPS], used->packets,
		      done_ns);
	bucket_settle(&limiter->shared->bits_l2, &takes[LIMITER_MAX_TOTAL_BPS_L2], used->bits_l2,
		      done_ns);
}

void limiter_release(struct limiter *limiter, int64_t now_ns)
{
	static const struct limiter_cost nothing = {0, 0};
	end_wait(limiter, now_ns);
	if (limiter->in_line)
		limiter_settle(limiter, &nothing, now_ns);
}

int64_t limiter_held_until_ns(const struct limiter *limiter, int64_t now_ns)
{
	return limiter->since_ns ? MIN(limiter->waits_until_ns, now_ns) : limiter->held_until_ns;
}

int64_t limiter_held_ns(const struct limiter *limiter, int64_t now_ns)
{
	int64_t held_ns = 0;
	for (size_t i = 0; i < LIMITER_RULES; i++)
		held_ns += limiter->held_ns[i];
	if (limiter->since_ns)
		held_ns +=
			MAX(MIN(limiter->waits_until_ns, now_ns) - limiter->since_ns, INT64_C(0));
	return held_ns;
}

const char *limiter_rule_name(enum limiter_rule rule)
{
	return rule_names[rule];
}
