/* lifecycle: see lifecycle.h. */
#include "core/state/lifecycle.h"

#include "base/log.h"
#include "base/util.h"
#include "core/job/resume.h"
#include "core/state/agent.h"
#include "core/state/budget.h"
#include "core/state/history.h"
#include "core/state/hold.h"
#include "core/state/row.h"
#include "store/job_state.h"

#include <errno.h>

#define CALL_WAIT_NS (2 * CLOCK_NS_PER_S) /* for an end, or for orders to be in force */

uint64_t lifecycle_enter(struct agent *agent, struct job *job, Pagecast__V1__JobState state)
{
	AGENT_ASSERT_LOCKED(agent);
	agent->state_counts[job->state]--;
	agent->state_counts[state]++;
	job->state = state;
	return agent_touch(agent, job);
}

/* The scheduler has to wake earlier only for what has become the first of its kind. */
static void set_deadline(struct agent *agent, struct deadlines *deadlines,
			 struct deadline *deadline, int64_t at_ns)
{
	deadlines_set(deadlines, deadline, at_ns);
	if (deadlines_first(deadlines) == deadline)
		pthread_cond_signal(&agent->tick);
}

void lifecycle_renew_lease(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_live *live = job->live;
	if (live->lease_ns)
		set_deadline(agent, &agent->leases, &live->lease,
			     clock_monotonic_ns(agent->clock) + live->lease_ns);
}

int lifecycle_reserve(struct agent *agent)
{
	AGENT_ASSERT_LOCKED(agent);
	size_t live = agent->live_count + 1;
	if (job_index_reserve(&agent->jobs, live + agent->finished_count) < 0 ||
	    job_queue_reserve(&agent->queue, live) < 0 ||
	    deadlines_reserve(&agent->starts, live) < 0 ||
	    deadlines_reserve(&agent->leases, live) < 0)
		return -ENOMEM;
	return 0;
}

/* Of a job without a worker: into the queue or among the start times, by what its start time is. */
static void place(struct agent *agent, struct job *job)
{
	struct job_live *live = job->live;
	int64_t now_ns = clock_realtime_ns(agent->clock);
	if (live->start_ns > now_ns)
		lifecycle_enter(agent, job, job_fsm(job->state, JOB_EVENT_SCHEDULE));
	if (live->start_ns > now_ns + LIFECYCLE_PREPARE_AHEAD_NS) {
		set_deadline(agent, &agent->starts, &live->start,
			     live->start_ns - LIFECYCLE_PREPARE_AHEAD_NS);
		return;
	}
	job_queue_add(&agent->queue, job);
	if (live->start_ns) /* it may become due, or be missed, before a worker is free */
		set_deadline(agent, &agent->starts, &live->start, MAX(live->start_ns, now_ns));
	pthread_cond_signal(&agent->work);
}

uint64_t lifecycle_admit(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	job_index_add(&agent->jobs, job);
	TAILQ_INSERT_TAIL(&agent->live, job, live_link);
	job->state = PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED;
	agent->state_counts[job->state]++;
	lifecycle_renew_lease(agent, job);
	place(agent, job);
	return agent_touch(agent, job);
}

uint64_t lifecycle_take(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	job_queue_remove(&agent->queue, job);
	deadlines_remove(&agent->starts, &job->live->start);
	if (!job->live->hold)
		return 0;
	hold_take(agent, job);
	return lifecycle_enter(agent, job, job_fsm(job->state, JOB_EVENT_SCHEDULE));
}

uint64_t lifecycle_put_back(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_live *live = job->live;
	budget_give_back(agent, job);
	hold_give_back(agent, job);
	if (live->hold || !live->start_ns)
		lifecycle_enter(agent, job, job_fsm(job->state, JOB_EVENT_DUE));
	live->again = false;
	live->worker = SIZE_MAX;
	place(agent, job);
	return agent_touch(agent, job);
}

void lifecycle_prepare_again(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_live *live = job->live;
	live->changes++;
	live->ready = false;
	if (live->worker != SIZE_MAX)
		pthread_cond_signal(&agent->workers[live->worker].wake);
}

void lifecycle_release(struct agent *agent, struct job *job, int64_t start_ns, int64_t tolerance_ns)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_live *live = job->live;
	live->hold = false;
	live->start_ns = start_ns;
	live->start_tolerance_ns = tolerance_ns;
	if (live->worker != SIZE_MAX) {
		pthread_cond_signal(&agent->workers[live->worker].wake);
		return;
	}
	job_queue_remove(&agent->queue, job);
	place(agent, job);
}

/* Out of queue, start times and leases: nobody takes it any more. */
static void withdraw(struct agent *agent, struct job *job)
{
	job_queue_remove(&agent->queue, job);
	deadlines_remove(&agent->starts, &job->live->start);
	deadlines_remove(&agent->leases, &job->live->lease);
}

bool lifecycle_is_waiting(const struct job *job)
{
	const struct job_live *live = job->live;
	return live && live->worker == SIZE_MAX && !live->ending && live->stop == SENDER_RUNNING;
}

bool lifecycle_is_stopped(const struct job *job)
{
	const struct job_live *live = job->live;
	return live && live->worker == SIZE_MAX && !live->ending && live->stop != SENDER_RUNNING;
}

void lifecycle_stop(struct agent *agent, struct job *job, enum sender_end why)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_live *live = job->live;
	if (live->ending)
		return;
	if (live->stop == SENDER_RUNNING) {
		live->stop = why;
		if (why != SENDER_CANCELLED) /* whoever cancelled a stream did not do this */
			live->cancel = blob_unref(live->cancel);
	}
	if (live->worker == SIZE_MAX)
		withdraw(agent, job);
	else if (live->sender)
		sender_stop(live->sender, why);
	else
		pthread_cond_signal(&agent->workers[live->worker].wake);
}

uint64_t lifecycle_publish(struct agent *agent, struct job *job, bool counted)
{
	AGENT_ASSERT_LOCKED(agent);
	struct blob *record =
		job->resumes ? resume_record(job) : record_pack(&job->live->facts, NULL, NULL);
	if (record) { /* else the older one stays: it was true too */
		blob_unref(job->live->record);
		job->live->record = record;
	}
	return counted ? agent_touch(agent, job) : 0;
}

void lifecycle_cancel(struct agent *agent, struct job *job, struct blob *cancel)
{
	AGENT_ASSERT_LOCKED(agent);
	if (!job->live->ending && job->live->stop == SENDER_RUNNING && cancel) {
		blob_unref(job->live->cancel); /* of a call that cancelled some streams */
		job->live->cancel = blob_ref(cancel);
	}
	lifecycle_stop(agent, job, SENDER_CANCELLED);
}

void lifecycle_log_end(const struct job *job, Pagecast__V1__JobState state,
		       const struct account *account, const struct blob *cancel, bool stored)
{
	Pagecast__V1__Job *by =
		cancel ? pagecast__v1__job__unpack(NULL, cancel->len, cancel->data) : NULL;
	const struct log_pair pairs[] = {
		{"job", job->id},
		{"state", job_state_name(state)},
		{"owner", job->owner},
		{"requested", log_u64(account->packets_requested)},
		{"sent", log_u64(account->packets_sent)},
		{"dropped", log_u64(account->packets_dropped)},
		{"failed", log_u64(account->packets_failed)},
		{"cancelled", log_u64(account->packets_cancelled)},
		{"bytes_sent", log_u64(account->bytes_sent)},
		{"stored", stored ? "yes" : "no"},
		{"cancelled_by", by ? by->cancelled_by : NULL},
		{"reason", by ? by->cancel_reason : NULL},
	};
	size_t without = by ? !by->cancel_reason[0] : 2;
	log_pairs(LOG_LEVEL_INFO, "job_ended", pairs, ARRAY_SIZE(pairs) - without);
	if (by)
		pagecast__v1__job__free_unpacked(by, NULL);
}

/* Under the lock: what was prepared and stored becomes visible. */
static uint64_t show_end(struct agent *agent, struct job *job, const struct job_end *end,
			 Pagecast__V1__JobState state, struct blob *record, int stored)
{
	struct job_live *live = job->live;
	uint64_t revision = lifecycle_enter(agent, job, state);
	withdraw(agent, job);
	account_add(&agent->totals, &end->facts.account);
	agent->counts.jobs_ended[state]++;
	budget_give_back(agent, job);
	hold_give_back(agent, job);
	TAILQ_REMOVE(&agent->live, job, live_link);
	agent->live_count--;
	agent->live_bytes -= blob_len(live->spec);
	job->bytes = blob_len(live->spec) + blob_len(job->basic) + blob_len(record);
	blob_unref(live->record);
	live->record = record;
	if (stored == 0) {
		job_end_live(job);
	} else {
		live->unsaved = true;
		agent->unsaved_count++;
	}
	history_add(agent, job);
	pthread_cond_broadcast(&agent->settled);
	pthread_cond_broadcast(&agent->work); /* its share of the rates is free */
	if (stored || agent->finished_count == 1 || history_is_full(agent))
		pthread_cond_signal(&agent->tick);
	return revision;
}

bool lifecycle_begin_end(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	if (!job->live || job->live->ending || job_state_ended(job->state))
		return false;
	job->live->ending = true;
	job->live->sender = NULL;
	return true;
}

/* Consumes @record. Return: owned: with who cancelled the job, where that is known */
static struct blob *add_cancel(struct blob *record, const struct blob *cancel)
{
	struct blob *joined = cancel ? record_join(record, cancel) : NULL;
	if (!joined)
		return record;
	blob_unref(record);
	return joined;
}

void lifecycle_finish(struct agent *agent, struct job *job, struct job_end *end)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	end->facts.end_ns = clock_realtime_ns(agent->clock);
	struct blob *record = record_pack(&end->facts, end->problems, end->results);
	agent_lock(agent);
	assert(job->live->ending);
	Pagecast__V1__JobState state = job_fsm(job->state, end->event);
	job->end_ns = end->facts.end_ns;
	if (!record) /* no memory for the result: the last one published has to do */
		record = blob_ref(job->live->record);
	_cleanup_blob_ struct blob *cancel =
		end->event == JOB_EVENT_CANCEL ? blob_ref(job->live->cancel) : NULL;
	record = add_cancel(record, cancel);
	struct store_job row = row_take(agent, job);
	row.state = state;
	row.revision = ++agent->revision;
	row_set_record(&row, blob_ref(record));
	agent_unlock(agent);
	int stored = row_store(agent, &row, STORE_WAIT, &error);
	if (stored)
		log_event(LOG_LEVEL_ERROR, "job_end_not_stored", "job", job->id, "error",
			  error_message(&error), "next",
			  "kept in memory; storing it is tried again", NULL);
	agent_lock(agent);
	uint64_t revision = show_end(agent, job, end, state, record, stored);
	agent_unlock(agent);
	lifecycle_log_end(job, state, &end->facts.account, cancel, !stored);
	agent_notify(agent, revision);
}

bool lifecycle_wait_ended(struct agent *agent, struct job *job, int64_t until_ns)
{
	while (!job_state_ended(job->state))
		if (agent_wait_until(agent, &agent->settled, CLOCK_MONOTONIC, until_ns) ==
		    ETIMEDOUT)
			break;
	return job_state_ended(job->state);
}

int64_t lifecycle_wait_deadline(const struct agent_caller *caller)
{
	int64_t until_ns = clock_monotonic_ns(clock_real()) + CALL_WAIT_NS;
	return caller->deadline_ns && caller->deadline_ns < until_ns ? caller->deadline_ns
								     : until_ns;
}
