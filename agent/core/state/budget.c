/* budget: see budget.h. */
#include "core/state/budget.h"

#include "base/fair_share.h"
#include "base/util.h"
#include "core/state/agent.h"

#include <math.h>

#define ROUNDING (1 + 1e-9)
/* An unlimited job does not start on less than this part of the total: it would crawl for as long
 * as it lives, where waiting gives it a fair share. */
#define SHARE_MIN 0.01

struct totals {
	double pps, bps_l2; /* 0: none */
};

static struct totals totals_of(const struct agent *agent)
{
	return (struct totals){agent->policy->message->max_total_pps,
			       agent->policy->message->max_total_bps_l2};
}

/* What one unit's total leaves for a job. Return: its share; negative: it has to wait */
static double share(double total, double granted, double asked, bool unlimited, size_t sharers)
{
	double left = total - granted;
	if (total <= 0)
		return 0;
	if (asked >
	    total * ROUNDING) /* forbidden: it is let through, and refused with the reason */
		return asked;
	if (!unlimited)
		return asked <= left + total * (ROUNDING - 1) ? asked : -1;
	double part = asked + (left - asked) / (double)sharers;
	return left >= asked && part >= total * SHARE_MIN ? part : -1;
}

/* Under the lock. */
static void grant(struct agent *agent, struct job *job, const struct job_grant *grant)
{
	job->live->grant = *grant;
	agent->granted.pps += grant->pps;
	agent->granted.bps_l2 += grant->bps_l2;
}

bool budget_take(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	struct totals totals = totals_of(agent);
	size_t sharers = MAX(agent_idle_workers(agent), (size_t)1);
	const struct policy_demand *demand = &job->live->demand;
	double pps = share(totals.pps, agent->granted.pps, demand->pps, demand->unlimited, sharers);
	double bps_l2 = share(totals.bps_l2, agent->granted.bps_l2, demand->bps_l2,
			      demand->unlimited, sharers);
	if (pps < 0 || bps_l2 < 0)
		return false;
	grant(agent, job, &(struct job_grant){pps, bps_l2, demand->unlimited});
	return true;
}

struct claim { /* of one job on one total */
	double asked;
	bool unlimited;
};

/* Rates that were named come first, and jobs without one divide what they leave. Where that is
 * nothing, or not even all the named ones fit, nobody comes first. */
static void divide(double total, const struct claim *claims, size_t count, double *ret_parts)
{
	double asked = 0, wanted[AGENT_WORKERS_MAX] = {0};
	size_t unlimited = 0;
	for (size_t i = 0; i < count; i++) {
		asked += claims[i].asked;
		unlimited += claims[i].unlimited;
		wanted[i] = claims[i].unlimited ? INFINITY : claims[i].asked;
		ret_parts[i] = 0;
	}
	if (total <= 0)
		return;
	double level = fair_share_level(wanted, count, total);
	bool all_fit = asked + (double)unlimited * SHARE_MIN * total <= total * ROUNDING;
	for (size_t i = 0; i < count; i++)
		if (!all_fit)
			ret_parts[i] = MIN(wanted[i], level);
		else if (claims[i].unlimited)
			ret_parts[i] = claims[i].asked + (total - asked) / (double)unlimited;
		else
			ret_parts[i] = claims[i].asked;
}

/* Of a total, where jobs that are about to start have @granted of it; 0: not limited. */
static double left_of(double total, double granted)
{
	return total > 0 ? MAX(total - granted, total * SHARE_MIN) : 0;
}

void budget_divide(struct agent *agent, struct job *const *jobs, size_t count)
{
	AGENT_ASSERT_LOCKED(agent);
	struct totals totals = totals_of(agent);
	struct claim pps[AGENT_WORKERS_MAX], bps_l2[AGENT_WORKERS_MAX];
	double parts_pps[AGENT_WORKERS_MAX], parts_bps_l2[AGENT_WORKERS_MAX];
	for (size_t i = 0; i < count; i++) {
		const struct policy_demand *demand = &jobs[i]->live->demand;
		budget_give_back(agent, jobs[i]);
		pps[i] = (struct claim){demand->pps, demand->unlimited};
		bps_l2[i] = (struct claim){demand->bps_l2, demand->unlimited};
	}
	divide(left_of(totals.pps, agent->granted.pps), pps, count, parts_pps);
	divide(left_of(totals.bps_l2, agent->granted.bps_l2), bps_l2, count, parts_bps_l2);
	for (size_t i = 0; i < count; i++) {
		bool cut = (totals.pps > 0 && parts_pps[i] < pps[i].asked) ||
			   (totals.bps_l2 > 0 && parts_bps_l2[i] < bps_l2[i].asked);
		grant(agent, jobs[i],
		      &(struct job_grant){parts_pps[i], parts_bps_l2[i], cut || pps[i].unlimited});
	}
}

void budget_set_totals(struct agent *agent)
{
	const Pagecast__V1__Policy *rules = agent->policy->message;
	limiter_buckets_set(&agent->total, rules->max_total_pps, rules->max_total_bps_l2,
			    clock_monotonic_ns(agent->clock));
}

void budget_limits(const struct policy *policy, const struct job_grant *grant,
		   struct sender_limits *ret_limits)
{
	*ret_limits = (struct sender_limits){
		.max_pps = policy->message->max_pps,
		.max_bps_l2 = policy->message->max_bps_l2,
		.max_duration_ns = policy->max_duration_ns,
	};
	if (!grant || !grant->capped)
		return;
	ret_limits->share_pps = grant->pps;
	ret_limits->share_bps_l2 = grant->bps_l2;
}

void budget_give_back(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_grant *grant = &job->live->grant;
	agent->granted.pps -= grant->pps;
	agent->granted.bps_l2 -= grant->bps_l2;
	*grant = (struct job_grant){0};
}

static int too_much(double left, const char *unit, const char *rule, struct error *ret_error)
{
	error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
		  "rate: the running jobs leave %.15g %s of the policy's %s", left, unit, rule);
	ret_error->rule = rule; /* static */
	return ERROR_CODE_RESOURCE_EXHAUSTED;
}

int budget_change(struct agent *agent, struct job *job, const struct policy_demand *demand,
		  struct error *ret_error)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_grant *grant = &job->live->grant;
	struct totals totals = totals_of(agent);
	if (job->live->settling)
		return 0; /* it has nothing more to send, and has given its share back */
	if (job->live->worker == SIZE_MAX || grant->capped || (!totals.pps && !totals.bps_l2)) {
		job->live->demand = *demand; /* taken at its start; or the sender holds it below */
		return 0;
	}
	if (demand->unlimited)
		return error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
				 "rate: the job was started with a rate, and the policy limits "
				 "what all jobs send together (maxTotalPps, maxTotalBpsL2): name "
				 "another rate");
	double left_pps = totals.pps - (agent->granted.pps - grant->pps);
	double left_bps = totals.bps_l2 - (agent->granted.bps_l2 - grant->bps_l2);
	if (totals.pps > 0 && demand->pps > left_pps * ROUNDING)
		return too_much(left_pps, "packets a second", "maxTotalPps", ret_error);
	if (totals.bps_l2 > 0 && demand->bps_l2 > left_bps * ROUNDING)
		return too_much(left_bps, "bits a second", "maxTotalBpsL2", ret_error);
	double pps = totals.pps > 0 ? demand->pps : 0;
	double bps_l2 = totals.bps_l2 > 0 ? demand->bps_l2 : 0;
	agent->granted.pps += pps - grant->pps;
	agent->granted.bps_l2 += bps_l2 - grant->bps_l2;
	grant->pps = pps;
	grant->bps_l2 = bps_l2;
	job->live->demand = *demand;
	return 0;
}
