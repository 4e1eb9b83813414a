/* interface: which interface the packets of a stream leave by, and whether the policy allows it. An
 * unnamed one is that of the route to the destination. */
#pragma once
#include "packet/plan.h"
#include "policy/verdict.h"

/** interface_judge() - violations at ".interface" */
void interface_judge(struct verdict *verdict, const struct plan_destination *destination);

/**
 * policy_pin() - bind each stream that names no interface to that of its route, if the policy
 * restricts interfaces, so that a route that changes later does not bypass the rule
 *
 * Return: 0; PERMISSION_DENIED.
 */
int policy_pin(const struct policy *policy, struct plan *plan, struct error *ret_error);
