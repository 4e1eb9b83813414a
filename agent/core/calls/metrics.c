/* metrics: see core/calls/metrics.h and pagecast/metrics.h. */
#include "core/calls/metrics.h"

#include "base/util.h"
#include "core/agent_private.h"
#include "engine/engine_facts.h"
#include "pagecast/distribution.h"
#include "store/store_timed.h"

#include <math.h>

static void add_histogram(void *context, uint64_t value_ns, uint64_t times)
{
	distribution_add_times(context, value_ns, times);
}

/* What was refused, by errno; the last place takes whatever comes when the table is full. */
static void add_failure(struct metrics *metrics, int error, uint64_t packets)
{
	size_t i = 0;
	while (i < metrics->failure_count && metrics->failures[i].error != error)
		i++;
	if (i == AGENT_METRICS_ERRNOS)
		metrics->failures[--i].error = 0;
	else if (i == metrics->failure_count)
		metrics->failures[metrics->failure_count++].error = error;
	metrics->failures[i].packets += packets;
}

void metrics_add_job(struct metrics *metrics, const struct sender *sender,
		     const struct sender_report *report, bool had_start_time)
{
	const struct problem_set *problems = sender_problems(sender);
	sender_each_gap_error(sender, add_histogram, &metrics->gap_error);
	if (had_start_time && report->first_packet_ns)
		distribution_add(&metrics->start_error, (uint64_t)fabs(report->start_error_ns));
	for (size_t i = 0; i < problems->count; i++)
		if (problems->problems[i].error)
			add_failure(metrics, problems->problems[i].error,
				    problems->problems[i].count);
}

static const char *const ENGINE_NAMES[] = {
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE] = "splice",
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING] = "txring",
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY] = "copy",
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY] = "zerocopy",
};

static void tell_engines(struct agent_metrics *told)
{
	const struct engine_fact *facts = engine_facts();
	for (size_t i = 0; i < ENGINE_KINDS; i++) {
		told->engines[i].name = ENGINE_NAMES[facts[i].kind];
		told->engines[i].available = facts[i].available;
	}
	told->engine_count = ENGINE_KINDS;
}

struct account agent_totals(const struct agent *agent)
{
	struct account totals = agent->totals;
	for (size_t i = 0; i < agent->worker_count; i++) {
		const struct job *job = agent->workers[i].job;
		const struct job_live *live = job ? job->live : NULL;
		if (live && (live->sender || live->ending) && !job_state_ended(job->state))
			account_add(&totals, &live->facts.account);
	}
	return totals;
}

/* (L) */
static void tell_running(const struct agent *agent, struct agent_metrics *told)
{
	for (size_t i = 0; i < agent->worker_count; i++) {
		const struct job *job = agent->workers[i].job;
		told->workers_busy += job != NULL;
		if (!job || !job->live || !job->live->sender)
			continue;
		told->current_pps += job->live->facts.current_pps;
		told->current_bps_l2 += job->live->facts.current_bps_l2;
	}
	told->workers = agent->worker_count;
	told->queue_depth = agent->state_counts[PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED];
}

/* (L) */
static void tell_ended(const struct agent *agent, struct agent_metrics *told)
{
	const struct metrics *metrics = &agent->metrics;
	_Static_assert((int)AGENT_METRICS_STATES == (int)AGENT_STATES, "one count a state");
	for (size_t i = 0; i < AGENT_STATES; i++) {
		told->jobs_by_state[i] = agent->state_counts[i];
		told->jobs_ended[i] = metrics->jobs_ended[i];
	}
	told->gap_error = metrics->gap_error;
	told->start_error = metrics->start_error;
	told->failure_count = metrics->failure_count;
	for (size_t i = 0; i < metrics->failure_count; i++) {
		int error = metrics->failures[i].error;
		told->failures[i].name = error ? errno_name(error) : "other";
		told->failures[i].packets = metrics->failures[i].packets;
	}
}

void agent_metrics(struct agent *agent, struct agent_metrics *ret_metrics)
{
	struct agent_metrics told = {.start_ns = agent->start_ns};
	agent_lock(agent);
	struct account totals = agent_totals(agent);
	tell_running(agent, &told);
	tell_ended(agent, &told);
	agent_unlock(agent);
	told.packets_sent = totals.packets_sent;
	told.packets_dropped = totals.packets_dropped;
	told.packets_failed = totals.packets_failed;
	told.packets_cancelled = totals.packets_cancelled;
	told.bytes_sent = totals.bytes_sent;
	told.syscalls = totals.syscalls;
	told.pages = totals.pages;
	store_timed_read(agent->store, &told.store_wait, &told.store_refusals, &told.store_commits);
	tell_engines(&told);
	*ret_metrics = told;
}
