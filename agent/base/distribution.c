/* distribution: see distribution.h. */
#include "pagecast/distribution.h"

const uint64_t AGENT_DISTRIBUTION_BOUNDS_NS[AGENT_DISTRIBUTION_BOUNDS] = {
	1000,	  2000,	     5000,	10000,	   20000,      50000,	 100000,
	200000,	  500000,    1000000,	2000000,   5000000,    10000000, 20000000,
	50000000, 100000000, 200000000, 500000000, 1000000000,
};

static size_t bucket_of(uint64_t value_ns)
{
	size_t i = 0;
	while (i < AGENT_DISTRIBUTION_BOUNDS && value_ns > AGENT_DISTRIBUTION_BOUNDS_NS[i])
		i++;
	return i;
}

void distribution_add(struct agent_distribution *distribution, uint64_t value_ns)
{
	distribution_add_times(distribution, value_ns, 1);
}

void distribution_add_times(struct agent_distribution *distribution, uint64_t value_ns,
			    uint64_t times)
{
	distribution->buckets[bucket_of(value_ns)] += times;
	distribution->count += times;
	distribution->sum_ns += (double)value_ns * (double)times;
}
