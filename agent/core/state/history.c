/* history: see history.h. */
#include "core/state/history.h"

#include "core/state/agent.h"

/* Finished jobs where the store is this process's memory. */
#define BYTES_MAX (UINT64_C(64) << 20)

void history_add(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job *before = TAILQ_LAST(&agent->finished, job_list);
	while (before && before->end_ns > job->end_ns)
		before = TAILQ_PREV(before, job_list, finished_link);
	if (before)
		TAILQ_INSERT_AFTER(&agent->finished, before, job, finished_link);
	else
		TAILQ_INSERT_HEAD(&agent->finished, job, finished_link);
	agent->finished_count++;
	agent->finished_bytes += job->bytes;
}

void history_note_damaged(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	if (job->damaged)
		return;
	job->damaged = true;
	agent->damaged_count++;
	if (job->state != PAGECAST__V1__JOB_STATE__JOB_STATE_FAILED) {
		agent->state_counts[job->state]--;
		job->state = PAGECAST__V1__JOB_STATE__JOB_STATE_FAILED;
		agent->state_counts[job->state]++;
	}
}

bool history_is_full(const struct agent *agent)
{
	AGENT_ASSERT_LOCKED(agent);
	return agent->finished_count > agent->history_max_jobs ||
	       (agent->store->in_memory && agent->finished_bytes > BYTES_MAX);
}

uint64_t history_forget(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	TAILQ_REMOVE(&agent->finished, job, finished_link);
	agent->finished_count--;
	agent->finished_bytes -= job->bytes;
	agent->state_counts[job->state]--;
	if (job->live && job->live->unsaved)
		agent->unsaved_count--;
	agent->damaged_count -= job->damaged;
	uint64_t revision = agent_touch(agent, job);
	deletions_note(&agent->deletions, job->id, revision);
	job_index_remove(&agent->jobs, job);
	job_unref(job);
	return revision;
}

void history_release_request(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	if (job->request_id[0])
		job_requests_remove(&agent->requests, job);
	pthread_cond_broadcast(&agent->settled);
}
