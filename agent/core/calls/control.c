/*
 * control: PauseJob, ResumeJob, UpdateJob. See agent_private.h.
 *
 * UpdateJob makes a new spec out of the one in force, checks it as a submission would, applies it
 * to the running sender and keeps it as the job's spec: what GetJob shows, and what a queued job
 * will start with. One update at a time (update_lock), so that none is lost.
 */
#include "core/agent_private.h"

#include "base/log.h"
#include "base/util.h"
#include "packet/rate.h"
#include "policy/demand.h"

#include <errno.h>
#include <string.h>

/* Under the lock: a job whose end is being stored is waited for, so that the answer is final. */
static int settle(struct agent *agent, const struct agent_caller *caller, struct job *job,
		  struct error *ret_error)
{
	if (job_state_ended(job->state) || !job->live->ending ||
	    job_wait_ended(agent, job, agent_cancel_deadline(caller)))
		return 0;
	return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
			 "job %s is ending, which takes long to store", job->id);
}

/* Under the lock. Return: 0 with a reference. */
static int find_settled(struct agent *agent, const struct agent_caller *caller, const char *id,
			struct job **ret_job, struct error *ret_error)
{
	struct job *found = job_find(agent, id, ret_error);
	if (!found)
		return (int)ret_error->code;
	_cleanup_job_ struct job *job = job_ref(found);
	int r = settle(agent, caller, job, ret_error);
	if (!r)
		*ret_job = TAKE_PTR(job);
	return r;
}

static void log_unsaved(const struct job *job, const struct error *error)
{
	log_event(LOG_LEVEL_ERROR, "job_change_not_stored", "job", job->id, "error",
		  error_message(error), "next", "it is in force and shown all the same", NULL);
}

static void save(struct agent *agent, struct job *job, enum store_wait wait)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (job_save(agent, job, wait, &error))
		log_unsaved(job, &error);
}

static bool obeyed(const struct job *job)
{
	return !job->live || !job->live->sender || sender_orders_applied(job->live->sender);
}

/* Under the lock, let go meanwhile: until the sender has done as it was told, or has ended: 10 ms,
 * unless its thread gets no core. Return: has it? */
static bool await_obeyed(struct agent *agent, const struct job *job, int64_t until_ns)
{
	while (!obeyed(job))
		if (agent_wait(agent, &agent->settled, CLOCK_MONOTONIC, until_ns) == ETIMEDOUT)
			break;
	return obeyed(job);
}

/* Under the lock. A paused job shows what had left, and nothing leaves any more; a resumed one
 * waits for nothing. Return: the revision to tell; 0: nothing changed */
static uint64_t switch_pause(struct agent *agent, struct job *job, enum job_event event,
			     int64_t until_ns, bool *ret_obeyed)
{
	bool moved;
	Pagecast__V1__JobState next = job_fsm(job->state, event);
	if (next == job->state) { /* told so before: it may still be on its way */
		*ret_obeyed = await_obeyed(agent, job, until_ns);
		return 0;
	}
	if (event == JOB_EVENT_PAUSE)
		sender_pause(job->live->sender);
	else
		sender_resume(job->live->sender);
	uint64_t revision = job_enter(agent, job, next);
	*ret_obeyed = await_obeyed(agent, job, until_ns);
	if (job->live && job->live->sender && job_take_snapshot(job, &moved) &&
	    job_publish(agent, job, moved))
		revision = job->revision;
	return revision;
}

static int pause_or_resume(struct agent *agent, const struct agent_caller *caller, const char *id,
			   enum job_event event, const char *only, Pagecast__V1__Job **ret_job,
			   struct error *ret_error)
{
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (r)
		return r;
	_cleanup_job_ struct job *job = NULL;
	bool is_obeyed;
	agent_lock(agent);
	r = find_settled(agent, caller, id, &job, ret_error);
	if (!r && job_fsm(job->state, event) == PAGECAST__V1__JOB_STATE__JOB_STATE_UNSPECIFIED)
		r = job_refuse(job, only, ret_error);
	if (r) {
		agent_unlock(agent);
		return r;
	}
	uint64_t revision =
		switch_pause(agent, job, event, agent_cancel_deadline(caller), &is_obeyed);
	if (is_obeyed) {
		r = view_job(agent, job, ret_job, ret_error);
	} else {
		agent_unlock(agent);
		r = error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
			      "job %s was told to %s but has not done so yet", job->id,
			      event == JOB_EVENT_PAUSE ? "pause" : "resume");
	}
	if (revision) {
		save(agent, job, STORE_NO_WAIT);
		agent_notify(agent, revision);
	}
	return r;
}

int agent_pause_job(struct agent *agent, const struct agent_caller *caller,
		    const Pagecast__V1__PauseJobRequest *request, Pagecast__V1__Job **ret_job,
		    struct error *ret_error)
{
	return pause_or_resume(agent, caller, request->id, JOB_EVENT_PAUSE,
			       "a running job can be paused", ret_job, ret_error);
}

int agent_resume_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__ResumeJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error)
{
	return pause_or_resume(agent, caller, request->id, JOB_EVENT_RESUME,
			       "a paused job can be resumed", ret_job, ret_error);
}

struct update {				   /* being made */
	const struct agent_caller *caller; /* borrowed */
	const Pagecast__V1__UpdateJobRequest *request;
	bool has_priority;
	struct job *job;
	struct blob *spec;	      /* the one it was made from; a reference */
	struct submission submission; /* what it becomes */
};

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
		error_violate(ret_error, "stream", "names a stream, but there is no rate for it");
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
	return 0;
}

/* Puts the rate into the streams it is for. Return: how many. */
static size_t set_rates(Pagecast__V1__JobSpec *spec, const Pagecast__V1__UpdateJobRequest *request)
{
	size_t changed = 0;
	for (size_t i = 0; i < spec->n_streams; i++) {
		if (request->stream[0] && strcmp(spec->streams[i]->name, request->stream) != 0)
			continue;
		spec->streams[i]->rate = request->rate;
		changed++;
	}
	return changed;
}

/* @spec is a copy that will be thrown away: its own rates are kept aside and put back. */
static int check_changed(struct agent *agent, struct update *update, Pagecast__V1__JobSpec *spec,
			 struct error *ret_error)
{
	const Pagecast__V1__UpdateJobRequest *request = update->request;
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
	if (!r)
		r = submission_check(agent, spec, &update->submission, ret_error);
	for (size_t i = 0; i < spec->n_streams; i++)
		spec->streams[i]->rate = rates[i];
	return r;
}

/* Return: what follows "streams[…].rate" in @field, if that is a rate that the request gave; NULL
 */
static const char *rate_of_request(const Pagecast__V1__UpdateJobRequest *request,
				   const Pagecast__V1__JobSpec *spec, const char *field)
{
	static const char MEMBER[] = "].rate";
	size_t index;
	int digits = 0;
	if (strcmp(field, "streams") == 0)
		return ""; /* their sum */
	if (sscanf(field, "streams[%zu%n", &index, &digits) != 1 || index >= spec->n_streams ||
	    strncmp(field + digits, MEMBER, strlen(MEMBER)) != 0)
		return NULL;
	if (request->stream[0] && strcmp(spec->streams[index]->name, request->stream) != 0)
		return NULL;
	return field + digits + strlen(MEMBER);
}

static bool is_known(const struct error *error, const char *field, const char *description)
{
	for (size_t i = 0; i < error->violation_count; i++)
		if (strcmp(error->violations[i].field, field) == 0 &&
		    strcmp(error->violations[i].description, description) == 0)
			return true;
	return false;
}

/* Faults of the spec that would be, named as the caller sees them: the request has one rate, and
 * what is wrong with it for many streams is said once. */
static void name_rate(const Pagecast__V1__UpdateJobRequest *request,
		      const Pagecast__V1__JobSpec *spec, struct error *error)
{
	struct error named = ERROR_NULL;
	if (!request->rate || !error->violation_count)
		return;
	for (size_t i = 0; i < error->violation_count; i++) {
		const struct error_violation *fault = &error->violations[i];
		const char *rest = rate_of_request(request, spec, fault->field);
		_cleanup_free_ char *field = NULL;
		if (asprintf(&field, "%s%s", rest ? "rate" : "", rest ? rest : fault->field) < 0)
			field = NULL;
		else if (!is_known(&named, field, fault->description))
			error_violate(&named, field, "%s", fault->description);
	}
	named.code = error->code;
	error_move(error, &named);
}

static int make_changed(struct agent *agent, struct update *update, struct error *ret_error)
{
	Pagecast__V1__JobSpec *spec =
		pagecast__v1__job_spec__unpack(NULL, update->spec->len, update->spec->data);
	if (!spec)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	int r = check_changed(agent, update, spec, ret_error);
	name_rate(update->request, spec, ret_error);
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
	agent->live_bytes += new->spec->len - live->spec->len;
	blob_unref(live->spec);
	live->spec = blob_ref(new->spec);
	*ret_revision = job_touch(agent, job);
	return 0;
}

/* With the update lock. */
static int update_job(struct agent *agent, struct update *update, Pagecast__V1__Job **ret_job,
		      struct error *ret_error)
{
	bool changes = update->request->rate || update->has_priority;
	uint64_t revision = 0;
	agent_lock(agent);
	int r = find_settled(agent, update->caller, update->request->id, &update->job, ret_error);
	if (!r)
		r = check_state(update, update->job, ret_error);
	if (r) {
		agent_unlock(agent);
		return r;
	}
	job_renew_lease(agent, update->job);
	if (!changes)
		return view_job(agent, update->job, ret_job, ret_error);
	update->spec = blob_ref(update->job->live->spec);
	agent_unlock(agent);
	r = make_changed(agent, update, ret_error);
	if (r)
		return r;
	agent_lock(agent);
	r = settle(agent, update->caller, update->job, ret_error);
	if (!r)
		r = apply(agent, update, &revision, ret_error);
	agent_unlock(agent);
	if (r)
		return r;
	save(agent, update->job, STORE_WAIT);
	agent_notify(agent, revision);
	agent_lock(agent);
	return view_job(agent, update->job, ret_job, ret_error);
}

int agent_update_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__UpdateJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error)
{
	struct update update = {.caller = caller, .request = request};
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
