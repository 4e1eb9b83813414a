/* metrics: see pagecast/metrics.h. What has ended is counted by core/job/counts.h. */
#include "pagecast/metrics.h"

#include "base/util.h"
#include "core/state/agent.h"
#include "engine/engine_facts.h"
#include "store/job_state.h"
#include "store/store_timed.h"

static const char *const ENGINE_NAMES[] = {
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE] = "splice",
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING] = "txring",
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY] = "copy",
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY] = "zerocopy",
	[PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING] = "uring",
};

_Static_assert(ENGINE_KINDS == 5, "a name each, at the number of its kind");

static void fill_engines(struct agent_metrics *metrics)
{
	const struct engine_fact *facts = engine_facts();
	for (size_t i = 0; i < ENGINE_KINDS; i++) {
		metrics->engines[i].name = ENGINE_NAMES[facts[i].kind];
		metrics->engines[i].available = facts[i].available;
	}
	metrics->engine_count = ENGINE_KINDS;
}

/* (L) */
static void fill_running(const struct agent *agent, struct agent_metrics *metrics)
{
	for (size_t i = 0; i < agent->lane_count; i++) {
		const struct lane *lane = &agent->lanes[i];
		metrics->workers_busy += lane->ahead || (lane->worker && lane->worker->job);
	}
	for (size_t i = 0; i < agent->worker_count; i++) {
		const struct job *job = agent->workers[i].job;
		if (!job || !job->live || !job->live->sender)
			continue;
		metrics->current_pps += job->live->facts.current_pps;
		metrics->current_bps_l2 += job->live->facts.current_bps_l2;
	}
	metrics->workers = agent->lane_count;
	metrics->queue_depth = agent->state_counts[PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED];
}

/* (L) */
static void fill_ended(const struct agent *agent, struct agent_metrics *metrics)
{
	const struct counts *counts = &agent->counts;
	for (size_t i = 0; i < AGENT_JOB_STATES; i++) {
		metrics->jobs_by_state[i] = agent->state_counts[i];
		metrics->jobs_ended[i] = counts->jobs_ended[i];
	}
	metrics->gap_error = counts->gap_error;
	metrics->start_error = counts->start_error;
	metrics->failure_count = counts->failure_count;
	for (size_t i = 0; i < counts->failure_count; i++) {
		int error = counts->failures[i].error;
		metrics->failures[i].name = error ? errno_name(error) : "other";
		metrics->failures[i].packets = counts->failures[i].packets;
	}
}

void agent_metrics(struct agent *agent, struct agent_metrics *ret_metrics)
{
	struct agent_metrics metrics = {.start_ns = agent->start_ns};
	agent_lock(agent);
	struct account totals = agent_totals(agent);
	fill_running(agent, &metrics);
	fill_ended(agent, &metrics);
	agent_unlock(agent);
	metrics.packets_sent = totals.packets_sent;
	metrics.packets_dropped = totals.packets_dropped;
	metrics.packets_failed = totals.packets_failed;
	metrics.packets_cancelled = totals.packets_cancelled;
	metrics.bytes_sent = totals.bytes_sent;
	metrics.syscalls = totals.syscalls;
	metrics.pages = totals.pages;
	store_timed_read(agent->store, &metrics.store_wait, &metrics.store_refusals,
			 &metrics.store_commits);
	fill_engines(&metrics);
	*ret_metrics = metrics;
}
