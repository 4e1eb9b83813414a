/* budget: see budget.h. */
#include "core/state/budget.h"

#include "base/util.h"

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

static size_t idle_workers(const struct agent *agent)
{
	size_t idle = 0;
	for (size_t i = 0; i < agent->worker_count; i++)
		idle += agent->workers[i].idle;
	return idle;
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

bool budget_take(struct agent *agent, struct job *job)
{
	return budget_take_among(agent, job, MAX(idle_workers(agent), (size_t)1));
}

bool budget_take_among(struct agent *agent, struct job *job, size_t sharers)
{
	AGENT_ASSERT_LOCKED(agent);
	struct totals totals = totals_of(agent);
	const struct policy_demand *demand = &job->live->demand;
	double pps = share(totals.pps, agent->granted.pps, demand->pps, demand->unlimited, sharers);
	double bps_l2 = share(totals.bps_l2, agent->granted.bps_l2, demand->bps_l2,
			      demand->unlimited, sharers);
	if (pps < 0 || bps_l2 < 0)
		return false;
	job->live->grant = (struct job_grant){pps, bps_l2, demand->unlimited};
	agent->granted.pps += pps;
	agent->granted.bps_l2 += bps_l2;
	return true;
}

static double lower_of(double a, double b)
{
	return a > 0 && (b <= 0 || a < b) ? a : b;
}

void budget_limits(const struct policy *policy, const struct job_grant *grant, double *ret_pps,
		   double *ret_bps_l2)
{
	*ret_pps = policy->message->max_pps;
	*ret_bps_l2 = policy->message->max_bps_l2;
	if (!grant || !grant->capped)
		return;
	*ret_pps = lower_of(*ret_pps, grant->pps);
	*ret_bps_l2 = lower_of(*ret_bps_l2, grant->bps_l2);
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
	return error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			 "rate: the running jobs leave %.10g %s of the policy's %s", left, unit,
			 rule);
}

int budget_change(struct agent *agent, struct job *job, const struct policy_demand *demand,
		  struct error *ret_error)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_grant *grant = &job->live->grant;
	struct totals totals = totals_of(agent);
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
