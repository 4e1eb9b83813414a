/*
 * recover: what was stored, at start. See agent_private.h.
 *
 * Finished jobs join the history; waiting ones queue up again in their old order; those that were
 * running are INTERRUPTED with the last account that was stored, or queue up too, to go on
 * (resume.c). Before the threads start.
 *
 * A job's row is written before what it says is shown, and what is shown takes a revision of its
 * own: a client may have seen a higher one than is stored. So every job gets a new one.
 */
#include "core/agent_private.h"

#include "base/log.h"
#include "base/util.h"

#include <string.h>

/* Revisions that were shown and are in no row: what 64 workers and the callers can have taken
 * between two writes, and far more. Only where the clock was set back is it needed. */
enum { REVISIONS_UNSTORED_MAX = 1 << 20 };

struct recovery {
	struct agent *agent;
	size_t waiting, resumed, interrupted, finished;
};

static bool was_running(Pagecast__V1__JobState state)
{
	return state == PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING ||
	       state == PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED;
}

static struct job *job_of_row(const struct store_job *row)
{
	_cleanup_job_ struct job *job = job_new(row->owner, row->request_id);
	if (!job || job_set_basic(job, row->basic) < 0)
		return NULL;
	memcpy(job->id, row->id, sizeof job->id);
	memcpy(job->spec_digest, row->spec_digest, sizeof job->spec_digest);
	job->create_ns = row->create_ns;
	job->end_ns = row->end_ns;
	job->version = row->version;
	job->state = row->state;
	return TAKE_PTR(job);
}

static void join_history(struct agent *agent, struct job *job)
{
	job_end_live(job);
	job_index_add(&agent->jobs, job);
	agent->state_counts[job->state]++;
	lifecycle_join_finished(agent, job);
}

/* A spec that an older agent took may not compile any more, or its interface is not there yet: the
 * worker that takes it will say so. */
static void read_plan(struct job *job)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct plan *plan = NULL;
	Pagecast__V1__JobSpec *spec =
		pagecast__v1__job_spec__unpack(NULL, job->live->spec->len, job->live->spec->data);
	if (spec && plan_outline(spec, &plan, &error) == 0)
		job_set_plan(job, plan);
	plan_free(plan);
	if (spec)
		pagecast__v1__job_spec__free_unpacked(spec, NULL);
}

static int load_live(struct recovery *recovery, struct job *job, const struct store_job *row,
		     struct error *ret_error)
{
	struct agent *agent = recovery->agent;
	size_t count = agent->live_count + 1;
	if (job_queue_reserve(&agent->queue, count) < 0 ||
	    deadlines_reserve(&agent->starts, count) < 0 ||
	    deadlines_reserve(&agent->leases, count) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	job->live->spec = blob_ref(row->spec);
	job->live->record = blob_ref(row->record);
	agent->live_count++;
	agent->live_bytes += blob_len(row->spec);
	bool goes_on = was_running(job->state) && job->resumes;
	if (was_running(job->state) && !goes_on) { /* its end is stored when all rows are read */
		recovery->interrupted++;
		job->live->ending = true;
		job_index_add(&agent->jobs, job);
		agent->state_counts[job->state]++;
		TAILQ_INSERT_TAIL(&agent->live, job, live_link);
		return 0;
	}
	recovery->waiting++;
	recovery->resumed += goes_on;
	read_plan(job);
	if (job->resumes && resume_read(job) < 0)
		return error_set(ret_error, ERROR_CODE_DATA_LOSS,
				 "the stored account of job %s cannot be read", job->id);
	job_admit(agent, job);
	return 0;
}

static int load_row(void *context, const struct store_job *row, struct error *ret_error)
{
	struct recovery *recovery = context;
	struct agent *agent = recovery->agent;
	_cleanup_job_ struct job *job = job_of_row(row);
	if (!job)
		return error_set(ret_error, ERROR_CODE_DATA_LOSS,
				 "the stored job %s cannot be read", row->id);
	if (job_index_reserve(&agent->jobs, agent->jobs.count + 1) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	job_id_seen(&agent->ids, job->id);
	agent->revision = MAX(agent->revision, row->revision + REVISIONS_UNSTORED_MAX);
	if (job->request_id[0])
		job_requests_add(&agent->requests, job);
	if (!job_state_ended(job->state))
		return load_live(recovery, job, row, ret_error);
	recovery->finished++;
	join_history(agent, job);
	return 0;
}

/* The record says how far it had come; job_finish() would write a new one. */
static int end_interrupted(struct agent *agent, struct job *job, struct error *ret_error)
{
	struct account account;
	int64_t now_ns = clock_realtime_ns(agent->clock);
	struct blob *record = job_record_interrupted(job, now_ns, &account);
	if (!record)
		return error_set(ret_error, ERROR_CODE_DATA_LOSS,
				 "the stored account of job %s cannot be read", job->id);
	blob_unref(job->live->record);
	job->live->record = record;
	job->end_ns = now_ns;
	agent->live_count--;
	agent->live_bytes -= blob_len(job->live->spec);
	TAILQ_REMOVE(&agent->live, job, live_link);
	job_enter(agent, job, job_fsm(job->state, JOB_EVENT_INTERRUPT));
	job->bytes = blob_len(job->live->spec) + blob_len(job->basic) + blob_len(record);
	struct store_job row = job_row(agent, job);
	int r = agent->store->ops->update(agent->store, &row, STORE_WAIT, ret_error);
	if (r)
		return r;
	account_add(&agent->totals, &account);
	job_end_live(job);
	lifecycle_join_finished(agent, job);
	return 0;
}

static void renew_revisions(struct agent *agent)
{
	struct job *job;
	TAILQ_FOREACH(job, &agent->finished, finished_link)
	job_touch(agent, job);
	TAILQ_FOREACH(job, &agent->live, live_link)
	job_touch(agent, job);
}

int recover(struct agent *agent, struct error *ret_error)
{
	struct recovery recovery = {.agent = agent};
	int r = agent->store->ops->load(agent->store, load_row, &recovery, ret_error);
	struct job *job, *next;
	for (job = TAILQ_FIRST(&agent->live); job && !r; job = next) {
		next = TAILQ_NEXT(job, live_link);
		if (was_running(job->state))
			r = end_interrupted(agent, job, ret_error);
	}
	renew_revisions(agent);
	if (!r && (recovery.waiting || recovery.interrupted || recovery.finished))
		log_event(LOG_LEVEL_INFO, "jobs_recovered", "waiting", log_u64(recovery.waiting),
			  "of_them_resumed", log_u64(recovery.resumed), "interrupted",
			  log_u64(recovery.interrupted), "finished", log_u64(recovery.finished),
			  NULL);
	return r;
}
