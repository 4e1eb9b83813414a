/* counts: see counts.h. */
#include "core/job/counts.h"

#include "base/problem.h"
#include "pagecast/distribution.h"

#include <math.h>

static void add_gap_error(void *context, uint64_t value_ns, uint64_t times)
{
	distribution_add_times(context, value_ns, times);
}

/* What was refused, by errno; the last place takes whatever comes when the table is full. */
static void add_failure(struct counts *counts, int error, uint64_t packets)
{
	size_t i = 0;
	while (i < counts->failure_count && counts->failures[i].error != error)
		i++;
	if (i == AGENT_METRICS_ERRNOS)
		counts->failures[--i].error = 0;
	else if (i == counts->failure_count)
		counts->failures[counts->failure_count++].error = error;
	counts->failures[i].packets += packets;
}

void counts_add_sent(struct counts *counts, const struct sender *sender,
		     const struct sender_report *report, bool had_start_time)
{
	const struct problem_set *problems = sender_problems(sender);
	sender_each_gap_error(sender, add_gap_error, &counts->gap_error);
	if (had_start_time && report->first_packet_ns)
		distribution_add(&counts->start_error, (uint64_t)fabs(report->start_error_ns));
	for (size_t i = 0; i < problems->count; i++)
		if (problems->problems[i].error)
			add_failure(counts, problems->problems[i].error,
				    problems->problems[i].count);
}
