/* row: see row.h. */
#include "core/state/row.h"

#include <string.h>

struct store_job row_take(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	const struct job_earlier *earlier = &job->live->earlier;
	bool waits = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED;
	bool held = earlier->paused && waits;
	struct store_job row = {
		/* what was paused stays so, however often the agent ends before it goes on */
		.state = held ? PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED : job->state,
		.version = ++job->version,
		.revision = agent->revision,
		.create_ns = job->create_ns,
		.end_ns = job->end_ns,
		.owner = job->owner,
		.request_id = job->request_id,
		.spec_digest = job->spec_digest,
		.spec = blob_ref(job->live->spec),
		.basic = blob_ref(job->basic),
		.record = blob_ref(earlier->exact && waits ? earlier->exact : job->live->record),
	};
	memcpy(row.id, job->id, sizeof row.id);
	return row;
}

void row_set_record(struct store_job *row, struct blob *record)
{
	blob_unref(row->record);
	row->record = record;
}

void row_release(struct store_job *row)
{
	row->spec = blob_unref(row->spec);
	row->basic = blob_unref(row->basic);
	row->record = blob_unref(row->record);
}

int row_create(struct agent *agent, struct store_job *row, struct error *ret_error)
{
	int r = agent->store->ops->create(agent->store, row, ret_error);
	row_release(row);
	return r;
}

int row_store(struct agent *agent, struct store_job *row, enum store_wait wait,
	      struct error *ret_error)
{
	int r = agent->store->ops->update(agent->store, row, wait, ret_error);
	row_release(row);
	return r;
}

int row_save(struct agent *agent, struct job *job, enum store_wait wait, struct error *ret_error)
{
	agent_lock(agent);
	if (!job->live || job->live->ending) { /* its end is or will be stored */
		agent_unlock(agent);
		return 0;
	}
	struct store_job row = row_take(agent, job);
	agent_unlock(agent);
	return row_store(agent, &row, wait, ret_error);
}
