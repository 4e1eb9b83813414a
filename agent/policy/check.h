/* check: the policy's verdict about a plan. What is judged is the plan, not the spec: the check
 * sees what will be sent. */
#pragma once
#include "packet/plan.h"
#include "pagecast/error.h"
#include "policy/host.h"
#include "policy/policy.h"

/**
 * policy_check() - may this plan be sent?
 * @plan: compiled, or an outline
 *
 * Return: 0; PERMISSION_DENIED with a violation for each thing forbidden, naming field and rule;
 * UNAVAILABLE: out of memory.
 */
int policy_check(const struct policy *policy, const struct policy_host *host,
		 const struct plan *plan, struct error *ret_error);
