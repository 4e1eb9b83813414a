/* recover: see recover.h. */
#include "core/run/recover.h"

#include "base/log.h"
#include "base/util.h"
#include "core/job/principal.h"
#include "core/job/resume.h"
#include "core/state/agent.h"
#include "core/state/end_without_sender.h"
#include "core/state/history.h"
#include "core/state/lifecycle.h"
#include "core/state/row.h"
#include "packet/plan_compile.h"
#include "store/job_state.h"

#include <string.h>

/* Revisions that were shown and are in no row: far more than 64 workers and the callers can have
 * taken between two writes. Needed only where the clock was set back. */
enum { REVISIONS_UNSTORED_MAX = 1 << 20 };

struct recovery {
	struct agent *agent;
	size_t waiting, resumed, interrupted, finished, damaged;
};

static bool was_running(Pagecast__V1__JobState state)
{
	return state == PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING ||
	       state == PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED;
}

static struct job *job_of_row(const struct agent *agent, const struct store_job *row)
{
	_cleanup_job_ struct job *job =
		job_new(principal_local_again(row->owner, agent->open), row->request_id);
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
	history_add(agent, job);
}

/* A damaged job is shown, never run, and stays until somebody deletes it. If its owner is not
 * readable, an open agent (without tokens) shows it as owned by "local", so that it can be deleted.
 */
static int add_damaged(struct recovery *recovery, const struct store_job *row,
		       struct error *ret_error)
{
	struct agent *agent = recovery->agent;
	const char *owner =
		agent->open && row->identity_damaged ? "local" : row->owner; /* as read */
	_cleanup_blob_ struct blob *nothing = blob_new(0);
	_cleanup_job_ struct job *job =
		job_new(principal_local_again(owner, agent->open), row->request_id);
	if (!job || !nothing || job_set_basic(job, nothing) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	memcpy(job->id, row->id, sizeof job->id);
	memcpy(job->spec_digest, row->spec_digest, sizeof job->spec_digest);
	job->create_ns = row->identity_damaged ? 0 : row->create_ns;
	job->state = PAGECAST__V1__JOB_STATE__JOB_STATE_FAILED;
	job->revision = ++agent->revision;
	job_id_seen(&agent->ids, job->id);
	recovery->damaged++;
	join_history(agent, job);
	history_note_damaged(agent, job);
	if (job->request_id[0]) /* by its owner; where that is damaged: find_damaged() of submit */
		job_requests_add(&agent->requests, job);
	return 0;
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

/* Under the lock; room was reserved. */
static int load_live(struct recovery *recovery, struct job *job, const struct store_job *row,
		     struct error *ret_error)
{
	struct agent *agent = recovery->agent;
	job->live->spec = blob_ref(row->spec);
	job->live->record = blob_ref(row->record);
	agent->live_count++;
	agent->live_bytes += blob_len(row->spec);
	bool goes_on = was_running(job->state) && job->resumes;
	if (was_running(job->state) && !goes_on) { /* its end is stored when all rows are read */
		recovery->interrupted++;
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
				 "cannot read the stored account of job %s", job->id);
	lifecycle_admit(agent, job);
	return 0;
}

/* Under the lock: one stored job joins the agent. */
static int add_row(struct recovery *recovery, const struct store_job *row, struct error *ret_error)
{
	struct agent *agent = recovery->agent;
	if (lifecycle_reserve(agent) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	if (row->damaged)
		return add_damaged(recovery, row, ret_error);
	_cleanup_job_ struct job *job = job_of_row(agent, row);
	if (!job) /* the checksum is right, but the bytes do not decode as a spec */
		return add_damaged(recovery, row, ret_error);
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

static int load_row(void *context, const struct store_job *row, struct error *ret_error)
{
	struct recovery *recovery = context;
	agent_lock(recovery->agent);
	int r = add_row(recovery, row, ret_error);
	agent_unlock(recovery->agent);
	return r;
}

/* The record says how far it had come; lifecycle_finish() would write a new one. */
static int end_interrupted(struct agent *agent, struct job *job, struct error *ret_error)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct account account;
	int64_t now_ns = clock_realtime_ns(agent->clock);
	struct blob *record = end_without_sender_record(job, now_ns, &account);
	if (!record)
		return error_set(ret_error, ERROR_CODE_DATA_LOSS,
				 "cannot read the stored account of job %s", job->id);
	blob_unref(job->live->record);
	job->live->record = record;
	job->end_ns = now_ns;
	agent_lock(agent);
	agent->live_count--;
	agent->live_bytes -= blob_len(job->live->spec);
	TAILQ_REMOVE(&agent->live, job, live_link);
	lifecycle_enter(agent, job, job_fsm(job->state, JOB_EVENT_INTERRUPT));
	job->bytes = blob_len(job->live->spec) + blob_len(job->basic) + blob_len(record);
	account_add(&agent->totals, &account);
	history_add(agent, job);
	struct store_job row = row_take(agent, job);
	agent_unlock(agent);
	int r = row_store(agent, &row, STORE_WAIT, &error);
	lifecycle_log_end(job, job->state, &account, NULL, !r);
	if (!r) {
		job_end_live(job);
		return 0;
	}
	job->live->unsaved = true; /* the scheduler tries again */
	agent->unsaved_count++;
	log_event(LOG_LEVEL_ERROR, "job_end_not_stored", "job", job->id, "error",
		  error_message(&error), "next", "kept in memory; storing it is tried again", NULL);
	return 0;
}

/* Its start passed while there was no agent: that is why, whoever is busy now. */
static bool start_was_missed(const struct agent *agent, const struct job *job)
{
	const struct job_live *live = job->live;
	return lifecycle_is_waiting(job) && live->start_ns && live->start_tolerance_ns >= 0 &&
	       agent->start_ns - live->start_tolerance_ns > live->start_ns;
}

static void end_missed(struct agent *agent, struct job *job)
{
	_cleanup_job_ struct job *held = job_ref(job);
	agent_lock(agent);
	lifecycle_stop(agent, held, SENDER_START_MISSED);
	agent_unlock(agent);
	end_without_sender_if_stopped(agent, held);
}

static void end_failed(struct agent *agent, struct job *job, enum problem_code code,
		       const char *field, const char *message)
{
	_cleanup_job_ struct job *held = job_ref(job);
	struct problem_set problems = {.count = 0};
	problem_add(&problems, code, PROBLEM_ERROR, field, 0, 1, "%s", message);
	end_without_sender(agent, held, JOB_EVENT_FAIL, &problems);
}

/* What is stored of it may be older than what was answered: it may have run, or been cancelled. */
static void end_rolled_back(struct agent *agent, struct job *job)
{
	end_failed(
		agent, job, PROBLEM_DAMAGED, "",
		"the store lost its latest changes to damage, and this job waited by what is "
		"left: it may have run already, so it is not run; submit it again if it did not");
}

/* It could only wait for good: held jobs leave one worker free, and there is only one. */
static void end_unholdable(struct agent *agent, struct job *job)
{
	end_failed(agent, job, PROBLEM_HOLD_EXPIRED, "hold",
		   "held jobs may take all workers but one, and the agent was started again with "
		   "one: start it with --workers 2 or more, and submit the job again");
}

static void renew_revisions(struct agent *agent)
{
	struct job *job;
	agent_lock(agent);
	TAILQ_FOREACH(job, &agent->finished, finished_link)
	agent_touch(agent, job);
	TAILQ_FOREACH(job, &agent->live, live_link)
	agent_touch(agent, job);
	agent_unlock(agent);
}

int recover_jobs(struct agent *agent, struct error *ret_error)
{
	struct recovery recovery = {.agent = agent};
	int r = agent->store->ops->load(agent->store, load_row, &recovery, ret_error);
	struct job *job, *next;
	for (job = TAILQ_FIRST(&agent->live); job && !r; job = next) {
		next = TAILQ_NEXT(job, live_link);
		if (was_running(job->state))
			r = end_interrupted(agent, job, ret_error);
		else if (agent->store->rolled_back && lifecycle_is_waiting(job))
			end_rolled_back(agent, job);
		else if (start_was_missed(agent, job))
			end_missed(agent, job);
		else if (job->live->hold && agent->lane_count < 2)
			end_unholdable(agent, job);
	}
	renew_revisions(agent);
	if (!r &&
	    (recovery.waiting || recovery.interrupted || recovery.finished || recovery.damaged))
		log_event(LOG_LEVEL_INFO, "jobs_recovered", "waiting", log_u64(recovery.waiting),
			  "of_them_resumed", log_u64(recovery.resumed), "interrupted",
			  log_u64(recovery.interrupted), "finished", log_u64(recovery.finished),
			  "damaged", log_u64(recovery.damaged), NULL);
	return r;
}
