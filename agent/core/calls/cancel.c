/*
 * cancel: CancelJob, CancelJobs, DeleteJob. See pagecast/agent.h. Single streams: control.h.
 *
 * All jobs are stopped first, under one hold of the lock; those that only waited are then ended by
 * the caller's thread, the others by their workers.
 */
#include "base/util.h"
#include "core/calls/control.h"
#include "core/job/principal.h"
#include "core/job/record.h"
#include "core/state/agent.h"
#include "core/state/end_without_sender.h"
#include "core/state/history.h"
#include "core/state/lifecycle.h"
#include "core/state/view.h"
#include "store/job_state.h"

#include <stdio.h>
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
			 "job %s was ordered to stop but has not ended yet", job->id);
}

/* Orders the end of a job. Return: 0 with a reference */
static int stop(struct agent *agent, const struct agent_caller *caller,
		const Pagecast__V1__CancelJobRequest *request, struct job **ret_job,
		struct error *ret_error)
{
	_cleanup_blob_ struct blob *cancel = record_cancel(caller->principal, request->reason);
	agent_lock(agent);
	struct job *job = agent_find_job(agent, request->id, ret_error);
	if (job) {
		*ret_job = job_ref(job);
		if (!job_state_ended(job->state))
			lifecycle_cancel(agent, job, cancel);
	}
	agent_unlock(agent);
	return job ? 0 : (int)ret_error->code;
}

static int cancel_streams(struct agent *agent, const struct agent_caller *caller,
			  const Pagecast__V1__CancelJobRequest *request,
			  Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	_cleanup_blob_ struct blob *cancel = record_cancel(caller->principal, request->reason);
	_cleanup_job_ struct job *job = NULL;
	agent_lock(agent);
	struct job *found = agent_find_job(agent, request->id, ret_error);
	if (found)
		job = job_ref(found);
	agent_unlock(agent);
	return job ? control_cancel_streams(agent, caller, job, request, cancel, ret_job, ret_error)
		   : (int)ret_error->code;
}

static int cancel(struct agent *agent, const struct agent_caller *caller,
		  const Pagecast__V1__CancelJobRequest *request, Pagecast__V1__Job **ret_job,
		  struct error *ret_error)
{
	_cleanup_job_ struct job *job = NULL;
	struct job_view view;
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (!r)
		r = check_reason(request->reason, ret_error);
	if (!r && request->n_streams)
		return cancel_streams(agent, caller, request, ret_job, ret_error);
	if (!r)
		r = stop(agent, caller, request, &job, ret_error);
	if (r)
		return r;
	end_without_sender_if_stopped(agent, job);
	agent_lock(agent);
	bool ended = lifecycle_wait_ended(agent, job, lifecycle_wait_deadline(caller));
	if (ended)
		view_take(agent, job, true, &view);
	agent_unlock(agent);
	return ended ? view_give(agent, &view, ret_job, ret_error) : still_ending(job, ret_error);
}

int agent_cancel_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__CancelJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error)
{
	return cancel(agent, caller, request, ret_job, ret_error);
}

/* All jobs are cancelled only if `all` is true: a request whose list of labels happens to be empty
 * must not cancel them. */
static int check_selection(const Pagecast__V1__CancelJobsRequest *request, struct error *ret_error)
{
	if (request->all && request->n_labels)
		error_violate(ret_error, "all",
			      "true contradicts labels; give labels to cancel the jobs that carry "
			      "them, or all to cancel every job");
	else if (!request->all && !request->n_labels)
		error_violate(ret_error, "all",
			      "must be true to cancel every job; to cancel some of them, give "
			      "labels");
	return (int)ret_error->code;
}

struct stopped {	   /* jobs that CancelJobs has stopped */
	struct job **jobs; /* [count], references */
	size_t count;
};

/* Under the lock. @cancel: of the call; NULL: out of memory */
static int stop_all(struct agent *agent, const Pagecast__V1__CancelJobsRequest *request,
		    struct blob *cancel, struct stopped *stopped,
		    struct agent_cancelled *ret_cancelled, struct error *ret_error)
{
	struct job *job;
	stopped->jobs = calloc(agent->live_count + 1, sizeof(void *));
	if (!stopped->jobs)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	TAILQ_FOREACH(job, &agent->live, live_link)
	{
		if (!job_has_labels(job, request->labels, request->n_labels))
			continue;
		lifecycle_cancel(agent, job, cancel);
		stopped->jobs[stopped->count++] = job_ref(job);
		if (ret_cancelled && ret_cancelled->count++ < AGENT_CANCELLED_IDS_MAX)
			snprintf(ret_cancelled->ids[ret_cancelled->count - 1], AGENT_ID_BYTES, "%s",
				 job->id);
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
	for (size_t i = 0; i < stopped->count; i++)
		end_without_sender_if_stopped(agent, stopped->jobs[i]);
	int64_t until_ns = lifecycle_wait_deadline(caller);
	agent_lock(agent);
	for (size_t i = 0; i < stopped->count; i++) {
		struct job *job = stopped->jobs[i];
		if (!lifecycle_wait_ended(agent, job, until_ns))
			ending++;
		else if (job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_CANCELLED)
			cancelled++; /* the others had ended before */
	}
	agent_unlock(agent);
	for (size_t i = 0; i < stopped->count; i++)
		job_unref(stopped->jobs[i]);
	free(stopped->jobs);
	if (ending)
		return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
				 "%zu of %zu jobs were ordered to stop but have not ended yet",
				 ending, stopped->count);
	*ret_cancelled = cancelled;
	return 0;
}

int agent_cancel_jobs(struct agent *agent, const struct agent_caller *caller,
		      const Pagecast__V1__CancelJobsRequest *request,
		      Pagecast__V1__CancelJobsResponse **ret_response,
		      struct agent_cancelled *ret_cancelled, struct error *ret_error)
{
	struct stopped stopped = {0};
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (!r)
		r = check_reason(request->reason, ret_error);
	if (!r)
		r = check_selection(request, ret_error);
	if (r)
		return r;
	Pagecast__V1__CancelJobsResponse *response = malloc(sizeof *response);
	if (!response)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	pagecast__v1__cancel_jobs_response__init(response);
	_cleanup_blob_ struct blob *cancel = record_cancel(caller->principal, request->reason);
	agent_lock(agent);
	r = stop_all(agent, request, cancel, &stopped, ret_cancelled, ret_error);
	agent_unlock(agent);
	if (!r)
		r = end_all(agent, caller, &stopped, &response->cancelled, ret_error);
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
	int r = principal_may_delete(caller, job->owner, job->id, ret_error);
	if (r)
		return r;
	if (!job_state_ended(job->state))
		return job_refuse(job, "a finished job can be deleted (cancel it first)",
				  ret_error);
	return 0;
}

/* Return: 0 with a reference to a job that is being deleted */
static int begin_delete(struct agent *agent, const struct agent_caller *caller, const char *id,
			struct job **ret_job, struct error *ret_error)
{
	agent_lock(agent);
	struct job *job = agent_find_job(agent, id, ret_error);
	int r = job ? check_delete(job, caller, ret_error) : (int)ret_error->code;
	if (!r) {
		job->deleting = true;
		*ret_job = job_ref(job);
	}
	agent_unlock(agent);
	return r;
}

static int delete_job(struct agent *agent, const struct agent_caller *caller, const char *id,
		      struct error *ret_error)
{
	_cleanup_job_ struct job *job = NULL;
	uint64_t revision = 0;
	int r = begin_delete(agent, caller, id, &job, ret_error);
	if (r)
		return r;
	r = agent->store->ops->remove(agent->store, job->id, STORE_WAIT, ret_error);
	agent_lock(agent);
	if (!r) {
		revision = history_forget(agent, job);
		history_release_request(agent, job);
	}
	job->deleting = false;
	pthread_cond_broadcast(&agent->settled); /* who came with its request_id waits */
	agent_unlock(agent);
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
		r = delete_job(agent, caller, request->id, ret_error);
	if (r) {
		free(response);
		return r;
	}
	pagecast__v1__delete_job_response__init(response);
	*ret_response = response;
	return 0;
}
