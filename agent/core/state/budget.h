/*
 * budget: the policy's max_total_pps and max_total_bps_l2, shared by the jobs that run.
 *
 * A job with a rate takes what it asks for, or waits until that is free. A job without one takes an
 * equal part of what is left, for itself and each idle worker, and its sender paces it below. What
 * is taken is given back when the job ends. That decides who may start, and divides; what leaves is
 * held below the total by the buckets that all workers take from, packet by packet
 * (sender/limiter.h). (L): under the agent's lock.
 */
#pragma once
#include "core/state/agent_private.h"
#include "policy/demand.h"

/** budget_take() - (L) a share for @job, if there is one now. Return: false: it has to wait */
bool budget_take(struct agent *agent, struct job *job);
/** budget_divide() - (L) the totals divided again among all jobs that run, at most
 * AGENT_WORKERS_MAX: after another policy, or where some got less than they asked for */
void budget_divide(struct agent *agent, struct job *const *jobs, size_t count);
/** budget_set_totals() - the buckets follow the policy in force. Thread: one at a time, (L) once
 * the threads run */
void budget_set_totals(struct agent *agent);
/** budget_give_back() - (L) harmless where it has no share */
void budget_give_back(struct agent *agent, struct job *job);
/** budget_change() - (L) for a new demand of a job. Return: 0; RESOURCE_EXHAUSTED */
int budget_change(struct agent *agent, struct job *job, const struct policy_demand *demand,
		  struct error *ret_error);
/** budget_limits() - what a sender with this share is held below. @grant: NULL: none. Thread: any
 */
void budget_limits(const struct policy *policy, const struct job_grant *grant,
		   struct sender_limits *ret_limits);
