/*
 * cancel: CancelJob, CancelJobs, DeleteJob. See agent_private.h.
 *
 * What is being sent is stopped first, all of it under one hold of the lock; what only waits is
 * ended by the caller's thread afterwards.
 */
#include "core/agent_private.h"

#include "base/log.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

enum { REASON_BYTES_MAX = 256 };

static int check_reason(const char *reason, struct error *ret_error)
{
	size_t len = strlen(reason);
	if (len > REASON_BYTES_MAX)
		error_violate(ret_error, "reason", "%zu bytes are more than %d", len,
			      REASON_BYTES_MAX);
	return (int)ret_error->code;
}

static int still_ending(const struct job *job, struct error *ret_error)
{
	return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
			 "job %s was told to stop but has not ended yet", job->id);
}

static int cancel(struct agent *agent, const struct agent_caller *caller,
		  const Pagecast__V1__CancelJobRequest *request, Pagecast__V1__Job **ret_job,
		  struct error *ret_error)
{
	bool mine;
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (!r)
		r = check_reason(request->reason, ret_error);
	if (r)
		return r;
	agent_lock(agent);
	struct job *found = job_find(agent, request->id, ret_error);
	if (!found) {
		agent_unlock(agent);
		return (int)ret_error->code;
	}
	_cleanup_job_ struct job *job = job_ref(found);
	if (!job_state_ended(job->state)) {
		job_stop(agent, job, SENDER_CANCELLED, &mine);
		if (mine) {
			agent_unlock(agent);
			job_finish_unsent(agent, job, JOB_EVENT_CANCEL, NULL);
			agent_lock(agent);
		} else if (!job_wait_ended(agent, job, agent_cancel_deadline(caller))) {
			agent_unlock(agent);
			return still_ending(job, ret_error);
		}
	}
	return view_job(agent, job, ret_job, ret_error);
}

int agent_cancel_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__CancelJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error)
{
	int r = cancel(agent, caller, request, ret_job, ret_error);
	if (!r && request->reason[0])
		log_event(LOG_LEVEL_INFO, "cancel_reason", "job", request->id, "reason",
			  request->reason, NULL);
	return r;
}

struct stopped {	   /* jobs that CancelJobs has told to stop */
	struct job **jobs; /* [count], references; the first `mine` are the caller's to end */
	size_t count, mine;
};

/* Under the lock. */
static int stop_all(struct agent *agent, const Pagecast__V1__CancelJobsRequest *request,
		    struct stopped *stopped, struct error *ret_error)
{
	struct job *job;
	stopped->jobs = calloc(agent->live_count + 1, sizeof(void *));
	if (!stopped->jobs)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	TAILQ_FOREACH(job, &agent->live, live_link)
	{
		bool mine;
		if (!job_has_labels(job, request->labels, request->n_labels))
			continue;
		job_stop(agent, job, SENDER_CANCELLED, &mine);
		stopped->jobs[stopped->count++] = job_ref(job);
		if (mine) { /* keep them in front */
			stopped->jobs[stopped->count - 1] = stopped->jobs[stopped->mine];
			stopped->jobs[stopped->mine++] = job;
		}
	}
	return 0;
}

/* A count is the answer only once all of them have ended: one that may still send must not be taken
 * for stopped. */
static int end_all(struct agent *agent, const struct agent_caller *caller, struct stopped *stopped,
		   uint32_t *ret_cancelled, struct error *ret_error)
{
	uint32_t cancelled = 0;
	size_t ending = 0;
	for (size_t i = 0; i < stopped->mine; i++)
		job_finish_unsent(agent, stopped->jobs[i], JOB_EVENT_CANCEL, NULL);
	int64_t until_ns = agent_cancel_deadline(caller);
	agent_lock(agent);
	for (size_t i = 0; i < stopped->count; i++) {
		struct job *job = stopped->jobs[i];
		if (!job_wait_ended(agent, job, until_ns))
			ending++;
		else if (job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_CANCELLED)
			cancelled++; /* the others had ended by themselves already */
	}
	agent_unlock(agent);
	for (size_t i = 0; i < stopped->count; i++)
		job_unref(stopped->jobs[i]);
	free(stopped->jobs);
	if (ending)
		return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
				 "%zu of %zu jobs were told to stop but have not ended yet", ending,
				 stopped->count);
	*ret_cancelled = cancelled;
	return 0;
}

int agent_cancel_jobs(struct agent *agent, const struct agent_caller *caller,
		      const Pagecast__V1__CancelJobsRequest *request,
		      Pagecast__V1__CancelJobsResponse **ret_response, struct error *ret_error)
{
	struct stopped stopped = {0};
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (!r)
		r = check_reason(request->reason, ret_error);
	if (r)
		return r;
	Pagecast__V1__CancelJobsResponse *response = malloc(sizeof *response);
	if (!response)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	pagecast__v1__cancel_jobs_response__init(response);
	agent_lock(agent);
	r = stop_all(agent, request, &stopped, ret_error);
	agent_unlock(agent);
	if (!r)
		r = end_all(agent, caller, &stopped, &response->cancelled, ret_error);
	if (!r && request->reason[0])
		log_event(LOG_LEVEL_INFO, "cancel_reason", "reason", request->reason, NULL);
	if (r)
		free(response);
	else
		*ret_response = response;
	return r;
}

/* Under the lock: may the caller delete it now? */
static int check_delete(const struct job *job, const struct agent_caller *caller,
			struct error *ret_error)
{
	if (caller->role < AGENT_ROLE_ADMIN && strcmp(job->owner, caller->principal) != 0)
		return error_set(ret_error, ERROR_CODE_PERMISSION_DENIED,
				 "job %s belongs to %s; deleting others' jobs needs the role admin",
				 job->id, job->owner);
	if (!job_state_ended(job->state))
		return job_refuse(job, "a finished job can be deleted (cancel it first)",
				  ret_error);
	return 0;
}

static int delete (struct agent *agent, const struct agent_caller *caller, const char *id,
		   struct error *ret_error)
{
	agent_lock(agent);
	struct job *found = job_find(agent, id, ret_error);
	int r = found ? check_delete(found, caller, ret_error) : (int)ret_error->code;
	if (r) {
		agent_unlock(agent);
		return r;
	}
	_cleanup_job_ struct job *job = job_ref(found);
	job->deleting = true;
	agent_unlock(agent);
	r = agent->store->ops->remove(agent->store, job->id, STORE_WAIT, ret_error);
	agent_lock(agent);
	uint64_t revision = r ? 0 : job_forget(agent, job);
	if (!r)
		job_release_request(agent, job);
	job->deleting = false;
	pthread_cond_broadcast(&agent->settled); /* who came with its request_id waits */
	agent_unlock(agent);
	if (!r)
		agent_notify(agent, revision);
	return r;
}

int agent_delete_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__DeleteJobRequest *request,
		     Pagecast__V1__DeleteJobResponse **ret_response, struct error *ret_error)
{
	Pagecast__V1__DeleteJobResponse *response = malloc(sizeof *response);
	int r = response ? agent_require(caller, AGENT_ROLE_OPERATOR, ret_error)
			 : error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	if (!r)
		r = delete (agent, caller, request->id, ret_error);
	if (r) {
		free(response);
		return r;
	}
	pagecast__v1__delete_job_response__init(response);
	*ret_response = response;
	return 0;
}
