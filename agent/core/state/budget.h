/*
 * budget: the policy's max_total_pps and max_total_bps_l2, shared by the jobs that run.
 *
 * A job with a rate takes what it asks for, or waits until that is free. A job without one takes an
 * equal part of what is left, for itself and each idle worker, and its sender holds it below. What
 * is taken is given back when the job ends. So the sum of what may be sent never exceeds the total,
 * without one worker knowing of another. (L): under the agent's lock.
 */
#pragma once
#include "core/state/agent_private.h"
#include "policy/demand.h"

/** budget_take() - (L) a share for @job, if there is one now. Return: false: it has to wait */
bool budget_take(struct agent *agent, struct job *job);
/** budget_take_among() - (L) the same, where a job without a rate shares what is left with others:
 * @sharers in all */
bool budget_take_among(struct agent *agent, struct job *job, size_t sharers);
/** budget_give_back() - (L) harmless where it has no share */
void budget_give_back(struct agent *agent, struct job *job);
/** budget_change() - (L) for a new demand of a job. Return: 0; RESOURCE_EXHAUSTED */
int budget_change(struct agent *agent, struct job *job, const struct policy_demand *demand,
		  struct error *ret_error);
/** budget_limits() - what a sender with this share is held below; 0: nothing. Thread: any */
void budget_limits(const struct policy *policy, const struct job_grant *grant, double *ret_pps,
		   double *ret_bps_l2);
