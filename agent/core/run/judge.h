/*
 * judge: does the policy allow a plan? The one place where the host's own addresses are read for
 * it.
 */
#pragma once
#include "packet/plan.h"
#include "policy/policy.h"

/** judge_plan() - @plan: compiled, or an outline. Asks the kernel: without the agent's lock.
 * Return: 0; PERMISSION_DENIED; UNAVAILABLE */
int judge_plan(const struct policy *policy, const struct plan *plan, struct error *ret_error);
