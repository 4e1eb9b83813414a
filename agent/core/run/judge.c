/* judge: see judge.h. */
#include "core/run/judge.h"

#include "policy/check.h"
#include "policy/host.h"

int judge_plan(const struct policy *policy, const struct plan *plan, struct error *ret_error)
{
	struct policy_host host;
	if (policy_host_read(&host) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "cannot read the host's addresses, which the policy check needs");
	int r = policy_check(policy, &host, plan, ret_error);
	policy_host_deinit(&host);
	return r;
}
