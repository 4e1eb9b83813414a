/*
 * update: UpdateJob. See pagecast/agent.h.
 *
 * It makes a new spec out of the one in force, checks it as a submission, applies it to the running
 * sender and keeps it as the job's spec: what GetJob shows, and what a queued job will start with.
 * One update at a time (update_lock), so that none is lost.
 */
#include "core/calls/update.h"

#include "base/util.h"
#include "core/calls/settled.h"
#include "core/calls/submission.h"
#include "core/state/agent.h"
#include "core/state/budget.h"
#include "core/state/lifecycle.h"
#include "core/state/view.h"
#include "packet/rate.h"
#include "store/job_state.h"

#include <errno.h>
#include <string.h>

struct update {				   /* being made */
	const struct agent_caller *caller; /* borrowed */
	const Pagecast__V1__UpdateJobRequest *request;
	bool has_priority;
	bool at_once; /* releases a held job without a start_time */
	struct job *job;
	struct blob *spec;	      /* the one it was made from; a reference */
	struct submission submission; /* what it becomes */
};

static bool releases(const struct update *update)
{
	return update->at_once || update->request->start_time;
}

static int check_update(struct update *update, struct error *ret_error)
{
	const Pagecast__V1__UpdateJobRequest *request = update->request;
	struct plan_rate rate;
	update->has_priority = request->new_priority_case ==
			       PAGECAST__V1__UPDATE_JOB_REQUEST__NEW_PRIORITY_PRIORITY;
	if (update->has_priority &&
	    (request->priority < -PLAN_PRIORITY_MAX || request->priority > PLAN_PRIORITY_MAX))
		error_violate(ret_error, "priority", "%d is not between %d and %d",
			      request->priority, -PLAN_PRIORITY_MAX, PLAN_PRIORITY_MAX);
	if (request->stream[0] && !request->rate)
		error_violate(ret_error, "stream",
			      "there is no rate for it: give rate, or leave stream out");
	if (request->rate)
		plan_rate_compile(request->rate, "rate", &rate, ret_error);
	return (int)ret_error->code;
}

/* Under the lock. */
static int check_state(const struct update *update, const struct job *job, struct error *ret_error)
{
	bool waits = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED ||
		     job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_SCHEDULED;
	if (job_state_ended(job->state))
		return job_refuse(job, "a job that has not ended can be changed", ret_error);
	if (update->has_priority && !waits)
		return job_refuse(job, "a queued job's priority can be changed", ret_error);
	if (releases(update) && (!job->live->hold || job->live->stop != SENDER_RUNNING))
		return job_refuse(job,
				  "a held job can be given a start_time (JobSpec.hold; to move "
				  "another, cancel it and submit it again)",
				  ret_error);
	return 0;
}

/* Does the request's rate concern @stream? */
static bool is_changed(const Pagecast__V1__UpdateJobRequest *request,
		       const Pagecast__V1__Stream *stream)
{
	return !request->stream[0] || strcmp(stream->name, request->stream) == 0;
}

/* Puts the rate into the streams it is for. Return: how many. */
static size_t set_rates(Pagecast__V1__JobSpec *spec, const Pagecast__V1__UpdateJobRequest *request)
{
	size_t changed = 0;
	for (size_t i = 0; i < spec->n_streams; i++) {
		if (!is_changed(request, spec->streams[i]))
			continue;
		spec->streams[i]->rate = request->rate;
		changed++;
	}
	return changed;
}

/* Once it is released, it is a job with a start_time as any other, also after a restart. */
static void set_start(Pagecast__V1__JobSpec *spec, const struct update *update)
{
	spec->hold = false;
	spec->hold_timeout = NULL;
	spec->start_time = update->request->start_time;
	if (!spec->start_time)
		spec->start_tolerance = NULL;
}

static int check_start(const struct agent *agent, const struct plan *plan, struct error *ret_error)
{
	return submission_check_start(plan->start_time_ns, plan->start_tolerance_ns,
				      clock_realtime_ns(agent->clock), ret_error);
}

/* @spec is a copy that will be thrown away: what it owns is kept aside and put back. */
static int check_changed(struct agent *agent, struct update *update, Pagecast__V1__JobSpec *spec,
			 struct error *ret_error)
{
	const Pagecast__V1__UpdateJobRequest *request = update->request;
	const Pagecast__V1__JobSpec own = *spec;
	_cleanup_free_ Pagecast__V1__Rate **rates = calloc(spec->n_streams + 1, sizeof(void *));
	int r = 0;
	if (!rates)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	for (size_t i = 0; i < spec->n_streams; i++)
		rates[i] = spec->streams[i]->rate;
	if (update->has_priority)
		spec->priority = request->priority;
	if (request->rate && !set_rates(spec, request)) {
		error_violate(ret_error, "stream", "job %s has no stream named \"%.128s\"",
			      update->job->id, request->stream);
		r = (int)ret_error->code;
	}
	if (releases(update))
		set_start(spec, update);
	if (!r)
		r = submission_check(agent, spec, &update->submission, ret_error);
	if (!r && releases(update))
		r = check_start(agent, update->submission.plan, ret_error);
	for (size_t i = 0; i < spec->n_streams; i++)
		spec->streams[i]->rate = rates[i];
	*spec = own;
	return r;
}

/* Faults of the spec that would be, named as the caller sees them: the request has one rate for all
 * streams that it changes. */
static void name_faults(const Pagecast__V1__UpdateJobRequest *request,
			const Pagecast__V1__JobSpec *spec, struct error *error)
{
	if (!request->rate)
		return;
	error_rename(error, "streams", "rate"); /* their sum */
	for (size_t i = 0; i < spec->n_streams; i++) {
		char field[64];
		if (!is_changed(request, spec->streams[i]))
			continue;
		snprintf(field, sizeof field, "streams[%zu].rate", i);
		error_rename_within(error, field, "rate");
	}
}

static int make_changed(struct agent *agent, struct update *update, struct error *ret_error)
{
	Pagecast__V1__JobSpec *spec =
		pagecast__v1__job_spec__unpack(NULL, update->spec->len, update->spec->data);
	if (!spec)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	int r = check_changed(agent, update, spec, ret_error);
	name_faults(update->request, spec, ret_error);
	pagecast__v1__job_spec__free_unpacked(spec, NULL);
	return r;
}

/* Under the lock: to the sender, each stream its own rate. */
static int apply_rates(struct update *update, struct sender *sender, struct error *ret_error)
{
	const struct plan *plan = update->submission.plan;
	const char *wanted = update->request->stream;
	for (size_t i = 0; i < plan->stream_count; i++) {
		if (wanted[0] && strcmp(plan->streams[i].name, wanted) != 0)
			continue;
		int r = sender_set_rate(sender, i, &plan->streams[i].rate, ret_error);
		if (r)
			return r;
	}
	return 0;
}

/* Under the lock: the checked change is put in force. */
static int apply(struct agent *agent, struct update *update, uint64_t *ret_revision,
		 struct error *ret_error)
{
	struct job *job = update->job;
	struct job_live *live = job->live;
	struct submission *new = &update->submission;
	int r = check_state(update, job, ret_error);
	if (!r && update->request->rate) {
		struct policy_demand demand;
		policy_demand(new->plan, &demand);
		r = budget_change(agent, job, &demand, ret_error);
	}
	if (!r && update->request->rate && live->sender)
		r = apply_rates(update, live->sender, ret_error);
	if (r)
		return r;
	bool queued = live->queued;
	job_queue_remove(&agent->queue, job);
	r = job_set_basic(job, new->basic);
	if (queued)
		job_queue_add(&agent->queue, job);
	if (r < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	if (releases(update))
		lifecycle_release(agent, job, new->plan->start_time_ns,
				  new->plan->start_tolerance_ns);
	if (update->request->rate)
		lifecycle_prepare_again(agent, job);
	agent->live_bytes += new->spec->len - live->spec->len;
	blob_unref(live->spec);
	live->spec = blob_ref(new->spec);
	*ret_revision = agent_touch(agent, job);
	return 0;
}

/* Finds the job, renews its lease and, if it is to be changed, takes the spec in force. */
static int begin(struct agent *agent, struct update *update, bool changes, struct error *ret_error)
{
	agent_lock(agent);
	int r = settled_find(agent, update->caller, update->request->id, &update->job, ret_error);
	if (!r)
		r = check_state(update, update->job, ret_error);
	if (!r) {
		lifecycle_renew_lease(agent, update->job);
		if (changes)
			update->spec = blob_ref(update->job->live->spec);
	}
	agent_unlock(agent);
	return r;
}

/* Under the lock, released while it waits: a job that a worker has, and which may start now, has
 * started, unless the store or the machine keeps it. */
static void await_start(struct agent *agent, const struct update *update)
{
	const struct job *job = update->job;
	int64_t until_ns = lifecycle_wait_deadline(update->caller);
	while (job->live && job->live->worker != SIZE_MAX && !job->live->sender &&
	       !job->live->ending && !job_state_ended(job->state))
		if (agent_wait_until(agent, &agent->settled, CLOCK_MONOTONIC, until_ns) ==
		    ETIMEDOUT)
			return;
}

static int put_in_force(struct agent *agent, struct update *update, struct error *ret_error)
{
	uint64_t revision = 0;
	agent_lock(agent);
	int r = settled_await(agent, update->caller, update->job, ret_error);
	if (!r)
		r = apply(agent, update, &revision, ret_error);
	if (!r && update->at_once)
		await_start(agent, update);
	agent_unlock(agent);
	if (r)
		return r;
	settled_save(agent, update->job, STORE_WAIT);
	agent_notify(agent, revision);
	return 0;
}

/* With the update lock. */
static int update_job(struct agent *agent, struct update *update, Pagecast__V1__Job **ret_job,
		      struct error *ret_error)
{
	bool changes = update->request->rate || update->has_priority || releases(update);
	int r = begin(agent, update, changes, ret_error);
	if (!r && changes)
		r = make_changed(agent, update, ret_error);
	if (!r && changes)
		r = put_in_force(agent, update, ret_error);
	return r ? r : view_job(agent, update->job, ret_job, ret_error);
}

static int run(struct agent *agent, const struct agent_caller *caller,
	       const Pagecast__V1__UpdateJobRequest *request, bool at_once,
	       Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	struct update update = {.caller = caller, .request = request, .at_once = at_once};
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (!r)
		r = check_update(&update, ret_error);
	if (!r) {
		pthread_mutex_lock(&agent->update_lock);
		r = update_job(agent, &update, ret_job, ret_error);
		pthread_mutex_unlock(&agent->update_lock);
	}
	job_unref(update.job);
	blob_unref(update.spec);
	submission_deinit(&update.submission);
	return r;
}

int agent_update_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__UpdateJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error)
{
	return run(agent, caller, request, false, ret_job, ret_error);
}

int update_release(struct agent *agent, const struct agent_caller *caller, const char *id,
		   Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	Pagecast__V1__UpdateJobRequest request = PAGECAST__V1__UPDATE_JOB_REQUEST__INIT;
	request.id = (char *)id;
	return run(agent, caller, &request, true, ret_job, ret_error);
}
