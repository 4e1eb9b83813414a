/*
 * control: PauseJob and ResumeJob, of a job or of some of its streams; CancelJob of streams. See
 * pagecast/agent.h.
 *
 * The answer comes once the order is in force: a paused job shows what was sent, and nothing more
 * is sent; a resumed one sends again.
 */
#include "core/calls/control.h"

#include "base/util.h"
#include "core/calls/settled.h"
#include "core/calls/stream_names.h"
#include "core/calls/update.h"
#include "core/state/agent.h"
#include "core/state/lifecycle.h"
#include "core/state/view.h"
#include "store/job_state.h"

struct control { /* one call */
	struct agent *agent;
	const struct agent_caller *caller;
	enum sender_stream_order order;
	const char *only; /* which jobs it is for, in a refusal */
	struct stream_names streams;
	struct blob *cancel; /* borrowed: record_cancel(); NULL: none */
	struct job *job;     /* a reference */
	uint64_t revision;   /* to notify; 0: nothing changed */
	bool applied;	     /* the order is in force, or there is none to give */
};

static enum job_event event_of(enum sender_stream_order order)
{
	return order == SENDER_STREAM_PAUSE ? JOB_EVENT_PAUSE : JOB_EVENT_RESUME;
}

/* Under the lock, released while it waits: the whole job. */
static int order_job(struct control *control, struct error *ret_error)
{
	struct agent *agent = control->agent;
	struct job *job = control->job;
	Pagecast__V1__JobState next = job_fsm(job->state, event_of(control->order));
	if (next == PAGECAST__V1__JOB_STATE__JOB_STATE_UNSPECIFIED)
		return job_refuse(job, control->only, ret_error);
	if (next != job->state) { /* else it was ordered before, and may not be in force yet */
		if (control->order == SENDER_STREAM_PAUSE)
			sender_pause(job->live->sender);
		else
			sender_resume(job->live->sender);
		control->revision = lifecycle_enter(agent, job, next);
	}
	control->applied = settled_orders(agent, control->caller, job, &control->revision);
	return 0;
}

/* Under the lock: has each of its streams, so that the job ends? */
static bool all_ended(const struct job *job)
{
	for (size_t i = 0; job->live && i < job->live->stream_count; i++)
		if (job->live->streams[i].state < PAGECAST__V1__STREAM_STATE__STREAM_STATE_ENDED)
			return false;
	return true;
}

/* Under the lock, released while it waits. */
static int order_streams(struct control *control, struct error *ret_error)
{
	struct agent *agent = control->agent;
	struct job *job = control->job;
	const struct stream_names *names = &control->streams;
	if (job_state_ended(job->state) && control->order == SENDER_STREAM_CANCEL) {
		control->applied = true;
		return 0;
	}
	if (!job->live || !job->live->sender)
		return job_refuse(job, control->only, ret_error);
	if (control->cancel && !job->live->cancel)
		job->live->cancel = blob_ref(control->cancel);
	sender_order_streams(job->live->sender, names->streams, names->count, control->order);
	control->applied = settled_orders(agent, control->caller, job, &control->revision);
	if (control->order == SENDER_STREAM_CANCEL && control->applied && all_ended(job))
		control->applied =
			lifecycle_wait_ended(agent, job, lifecycle_wait_deadline(control->caller));
	if (!control->revision && !job_state_ended(job->state))
		control->revision = agent_touch(agent, job);
	return 0;
}

/* Under the lock, released while it waits: a job that is about to end has ended. */
static int give_order(struct control *control, bool whole, struct error *ret_error)
{
	int r = settled_await(control->agent, control->caller, control->job, ret_error);
	if (r)
		return r;
	return whole ? order_job(control, ret_error) : order_streams(control, ret_error);
}

static int not_applied(const struct control *control, struct error *ret_error)
{
	static const char *const verbs[] = {
		[SENDER_STREAM_PAUSE] = "pause",
		[SENDER_STREAM_RESUME] = "resume",
		[SENDER_STREAM_CANCEL] = "cancel streams",
	};
	return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
			 "job %s was ordered to %s but has not done so yet", control->job->id,
			 verbs[control->order]);
}

static int run(struct control *control, char *const *names, size_t count,
	       Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	struct agent *agent = control->agent;
	struct job_view view;
	int r = stream_names_find(agent, control->job, names, count, &control->streams, ret_error);
	if (r)
		return r;
	agent_lock(agent);
	r = give_order(control, !count, ret_error);
	if (!r && control->applied)
		view_take(agent, control->job, true, &view);
	agent_unlock(agent);
	stream_names_deinit(&control->streams);
	if (r)
		return r;
	if (control->revision) {
		settled_save(agent, control->job, STORE_NO_WAIT);
		agent_notify(agent, control->revision);
	}
	return control->applied ? view_give(agent, &view, ret_job, ret_error)
				: not_applied(control, ret_error);
}

/* PauseJob, ResumeJob. @names: none: the whole job; @only: which jobs that is for, in a refusal */
static int pause_or_resume(struct agent *agent, const struct agent_caller *caller,
			   enum sender_stream_order order, const char *id, char *const *names,
			   size_t count, const char *only, Pagecast__V1__Job **ret_job,
			   struct error *ret_error)
{
	struct control control = {.agent = agent, .caller = caller, .order = order, .only = only};
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (r)
		return r;
	agent_lock(agent);
	r = settled_find(agent, caller, id, &control.job, ret_error);
	bool held = !r && control.job->live && control.job->live->hold;
	agent_unlock(agent);
	if (held && !count && order == SENDER_STREAM_RESUME)
		r = update_release(agent, caller, id, ret_job, ret_error);
	else if (!r)
		r = run(&control, names, count, ret_job, ret_error);
	job_unref(control.job);
	return r;
}

int agent_pause_job(struct agent *agent, const struct agent_caller *caller,
		    const Pagecast__V1__PauseJobRequest *request, Pagecast__V1__Job **ret_job,
		    struct error *ret_error)
{
	return pause_or_resume(agent, caller, SENDER_STREAM_PAUSE, request->id, request->streams,
			       request->n_streams,
			       request->n_streams ? "the streams of a running job can be paused"
						  : "a running job can be paused",
			       ret_job, ret_error);
}

int agent_resume_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__ResumeJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error)
{
	return pause_or_resume(agent, caller, SENDER_STREAM_RESUME, request->id, request->streams,
			       request->n_streams,
			       request->n_streams ? "the streams of a running job can be resumed"
						  : "a paused or held job can be resumed",
			       ret_job, ret_error);
}

int control_cancel_streams(struct agent *agent, const struct agent_caller *caller, struct job *job,
			   const Pagecast__V1__CancelJobRequest *request, struct blob *cancel,
			   Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	struct control stop = {
		.agent = agent,
		.caller = caller,
		.order = SENDER_STREAM_CANCEL,
		.only = "the streams of a running job can be cancelled",
		.cancel = cancel,
		.job = job,
	};
	return run(&stop, request->streams, request->n_streams, ret_job, ret_error);
}
