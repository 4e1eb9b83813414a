/*
 * lifecycle: the changes of a job's state, each in one place. See agent_private.h.
 *
 * The end of a job goes: `ending` is set under the lock (from then on nobody else changes it), the
 * end is stored without the lock, then it is shown. So no one is told of an end that a crash could
 * take back; if the store fails, the job ends all the same, stays in memory, and is stored later.
 */
#include "core/agent_private.h"

#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

static const char *state_name(Pagecast__V1__JobState state)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
		&pagecast__v1__job_state__descriptor, (int)state);
	return value ? value->name + strlen("JOB_STATE_") : "UNKNOWN";
}

struct job *job_find(struct agent *agent, const char *id, struct error *ret_error)
{
	struct job *job = job_id_valid(id) ? job_index_find(&agent->jobs, id) : NULL;
	if (!job || job->deleting) {
		error_set(ret_error, ERROR_CODE_NOT_FOUND, "there is no job \"%.40s\"", id);
		return NULL;
	}
	return job;
}

int job_refuse(const struct job *job, const char *only, struct error *ret_error)
{
	return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "job %s is %s; only %s",
			 job->id, state_name(job->state), only);
}

uint64_t job_touch(struct agent *agent, struct job *job)
{
	job->revision = ++agent->revision;
	return job->revision;
}

uint64_t job_enter(struct agent *agent, struct job *job, Pagecast__V1__JobState state)
{
	agent->state_counts[job->state]--;
	agent->state_counts[state]++;
	job->state = state;
	return job_touch(agent, job);
}

/* The scheduler has to wake earlier only for what has become the first of its kind. */
static void set_deadline(struct agent *agent, struct deadlines *deadlines,
			 struct deadline *deadline, int64_t at_ns)
{
	deadlines_set(deadlines, deadline, at_ns);
	if (deadlines_first(deadlines) == deadline)
		pthread_cond_signal(&agent->tick);
}

void job_renew_lease(struct agent *agent, struct job *job)
{
	struct job_live *live = job->live;
	if (live->lease_ns)
		set_deadline(agent, &agent->leases, &live->lease,
			     clock_monotonic_ns(agent->clock) + live->lease_ns);
}

uint64_t job_admit(struct agent *agent, struct job *job)
{
	struct job_live *live = job->live;
	job_index_add(&agent->jobs, job);
	TAILQ_INSERT_TAIL(&agent->live, job, live_link);
	job->state = PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED;
	agent->state_counts[job->state]++;
	job_renew_lease(agent, job);
	uint64_t revision = job_touch(agent, job);
	int64_t now_ns = clock_realtime_ns(agent->clock);
	if (live->start_ns > now_ns)
		revision = job_enter(agent, job, job_fsm(job->state, JOB_EVENT_SCHEDULE));
	if (live->start_ns > now_ns + AGENT_PREPARE_AHEAD_NS) {
		set_deadline(agent, &agent->starts, &live->start,
			     live->start_ns - AGENT_PREPARE_AHEAD_NS);
	} else {
		job_queue_add(&agent->queue, job);
		if (live->start_ns) /* it may become due, or be missed, before a worker is free */
			set_deadline(agent, &agent->starts, &live->start,
				     MAX(live->start_ns, now_ns));
		pthread_cond_signal(&agent->work);
	}
	return revision;
}

void job_withdraw(struct agent *agent, struct job *job)
{
	job_queue_remove(&agent->queue, job);
	deadlines_remove(&agent->starts, &job->live->start);
	deadlines_remove(&agent->leases, &job->live->lease);
}

void job_stop(struct agent *agent, struct job *job, enum sender_end why, bool *ret_mine)
{
	struct job_live *live = job->live;
	*ret_mine = false;
	if (live->ending)
		return;
	if (live->worker == SIZE_MAX) {
		job_withdraw(agent, job);
		live->ending = true;
		*ret_mine = true;
		return;
	}
	if (live->stop == SENDER_RUNNING)
		live->stop = why;
	if (live->sender)
		sender_stop(live->sender, why);
	else
		pthread_cond_signal(&agent->workers[live->worker].wake);
}

uint64_t job_publish(struct agent *agent, struct job *job, bool counted)
{
	struct blob *record =
		job->resumes ? resume_record(job) : record_pack(&job->live->facts, NULL, NULL);
	if (record) { /* else the older one stays: it was true too */
		blob_unref(job->live->record);
		job->live->record = record;
	}
	return counted ? job_touch(agent, job) : 0;
}

struct store_job job_row(struct agent *agent, struct job *job)
{
	const struct job_earlier *earlier = &job->live->earlier;
	bool waits = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED;
	bool held = earlier->paused && waits;
	struct store_job row = {
		/* what was paused stays so, however often the agent ends meanwhile */
		.state = held ? PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED : job->state,
		.version = ++job->version,
		.revision = agent->revision,
		.create_ns = job->create_ns,
		.end_ns = job->end_ns,
		.owner = job->owner,
		.request_id = job->request_id,
		.spec_digest = job->spec_digest,
		.spec = job->live->spec,
		.basic = job->basic,
		.record = earlier->exact && waits ? earlier->exact : job->live->record,
	};
	memcpy(row.id, job->id, sizeof row.id);
	return row;
}

void job_row_hold(struct store_job *row)
{
	blob_ref(row->spec);
	blob_ref(row->basic);
	blob_ref(row->record);
}

void job_row_release(struct store_job *row)
{
	row->spec = blob_unref(row->spec);
	row->basic = blob_unref(row->basic);
	row->record = blob_unref(row->record);
}

int job_save(struct agent *agent, struct job *job, enum store_wait wait, struct error *ret_error)
{
	agent_lock(agent);
	if (!job->live || job->live->ending) { /* its end is or will be stored */
		agent_unlock(agent);
		return 0;
	}
	struct store_job row = job_row(agent, job);
	job_row_hold(&row);
	agent_unlock(agent);
	int r = agent->store->ops->update(agent->store, &row, wait, ret_error);
	job_row_release(&row);
	return r;
}

void lifecycle_join_finished(struct agent *agent, struct job *job)
{
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

static void log_end(const struct job *job, const struct account *account, int stored)
{
	log_event(LOG_LEVEL_DEBUG, "job_ended", "job", job->id, "state", state_name(job->state),
		  "sent", log_u64(account->packets_sent), "requested",
		  log_u64(account->packets_requested), "stored", stored ? "no" : "yes", NULL);
}

/* Under the lock: what was prepared and stored becomes visible. */
static uint64_t show_end(struct agent *agent, struct job *job, const struct job_end *end,
			 Pagecast__V1__JobState state, struct blob *record, int stored)
{
	struct job_live *live = job->live;
	uint64_t revision = job_enter(agent, job, state);
	job_withdraw(agent, job);
	account_add(&agent->totals, &end->facts.account);
	agent->metrics.jobs_ended[state]++;
	budget_give_back(agent, job);
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
	lifecycle_join_finished(agent, job);
	pthread_cond_broadcast(&agent->settled);
	pthread_cond_broadcast(&agent->work); /* its share of the rates is free */
	if (stored || agent->finished_count == 1 || agent_history_full(agent))
		pthread_cond_signal(&agent->tick);
	return revision;
}

void job_finish(struct agent *agent, struct job *job, struct job_end *end)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	end->facts.end_ns = clock_realtime_ns(agent->clock);
	struct blob *record = record_pack(&end->facts, end->problems, end->results);
	agent_lock(agent);
	Pagecast__V1__JobState state = job_fsm(job->state, end->event);
	job->end_ns = end->facts.end_ns;
	if (!record) /* no memory for the result: the last one published has to do */
		record = blob_ref(job->live->record);
	struct store_job row = job_row(agent, job);
	row.state = state;
	row.revision = ++agent->revision;
	row.record = record;
	job_row_hold(&row);
	agent_unlock(agent);
	int stored = agent->store->ops->update(agent->store, &row, STORE_WAIT, &error);
	job_row_release(&row);
	if (stored)
		log_event(LOG_LEVEL_ERROR, "job_end_not_stored", "job", job->id, "error",
			  error_message(&error), "next", "kept in memory, stored when it can be",
			  NULL);
	agent_lock(agent);
	uint64_t revision = show_end(agent, job, end, state, record, stored);
	agent_unlock(agent);
	log_end(job, &end->facts.account, stored);
	agent_notify(agent, revision);
}

bool job_wait_ended(struct agent *agent, struct job *job, int64_t until_ns)
{
	while (!job_state_ended(job->state))
		if (agent_wait(agent, &agent->settled, CLOCK_MONOTONIC, until_ns) == ETIMEDOUT)
			break;
	return job_state_ended(job->state);
}

uint64_t job_forget(struct agent *agent, struct job *job)
{
	TAILQ_REMOVE(&agent->finished, job, finished_link);
	agent->finished_count--;
	agent->finished_bytes -= job->bytes;
	agent->state_counts[job->state]--;
	if (job->live && job->live->unsaved)
		agent->unsaved_count--;
	uint64_t revision = job_touch(agent, job);
	watch_note_deletion(agent, job, revision);
	job_index_remove(&agent->jobs, job);
	job_unref(job);
	return revision;
}

void job_release_request(struct agent *agent, struct job *job)
{
	if (job->request_id[0])
		job_requests_remove(&agent->requests, job);
	pthread_cond_broadcast(&agent->settled);
}
