/* demand: the packets and bits a second that a plan asks for. A rate in one unit is converted to
 * the other by the average packet of a pass. A stream without a rate adds nothing: the sender holds
 * it, and the job, to the maximum. */
#pragma once
#include "packet/plan.h"
#include "policy/verdict.h"

struct policy_demand { /* of all streams together, on average */
	double pps;    /* of the streams that have a rate */
	double bps_l2;
	bool unlimited; /* some stream has no rate of its own */
};

void policy_demand(const struct plan *plan, struct policy_demand *ret_demand);

/** demand_judge() - the sum of the plan's rates against the maxima of a job and of the agent */
void demand_judge(struct verdict *verdict, const struct plan *plan);
