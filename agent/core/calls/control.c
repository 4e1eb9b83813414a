/*
 * control: PauseJob and ResumeJob. See pagecast/agent.h.
 *
 * The answer comes once the order is in force: a paused job shows what was sent, and nothing more
 * is sent; a resumed one sends again.
 */
#include "base/util.h"
#include "core/calls/settled.h"
#include "core/job/facts.h"
#include "core/state/agent.h"
#include "core/state/lifecycle.h"
#include "core/state/view.h"

#include <errno.h>

/* Under the lock: has the sender done what was ordered, or ended? */
static bool orders_applied(const struct job *job)
{
	return !job->live || !job->live->sender || sender_orders_applied(job->live->sender);
}

/* Under the lock, released while it waits: 10 ms, unless the sender's thread gets no core. Return:
 * are the orders in force? */
static bool await_orders(struct agent *agent, const struct job *job, int64_t until_ns)
{
	while (!orders_applied(job))
		if (agent_wait_until(agent, &agent->settled, CLOCK_MONOTONIC, until_ns) ==
		    ETIMEDOUT)
			break;
	return orders_applied(job);
}

struct switched {
	uint64_t revision; /* to notify; 0: nothing changed */
	bool applied;	   /* the order is in force */
};

/* Under the lock, released while it waits. */
static struct switched switch_pause(struct agent *agent, struct job *job, enum job_event event,
				    int64_t until_ns)
{
	struct switched switched = {0};
	bool counted;
	Pagecast__V1__JobState next = job_fsm(job->state, event);
	if (next == job->state) { /* ordered before: it may not be in force yet */
		switched.applied = await_orders(agent, job, until_ns);
		return switched;
	}
	if (event == JOB_EVENT_PAUSE)
		sender_pause(job->live->sender);
	else
		sender_resume(job->live->sender);
	switched.revision = lifecycle_enter(agent, job, next);
	switched.applied = await_orders(agent, job, until_ns);
	if (job->live && job->live->sender && facts_take_snapshot(job, &counted) &&
	    lifecycle_publish(agent, job, counted))
		switched.revision = job->revision;
	return switched;
}

static int pause_or_resume(struct agent *agent, const struct agent_caller *caller, const char *id,
			   enum job_event event, const char *only, Pagecast__V1__Job **ret_job,
			   struct error *ret_error)
{
	_cleanup_job_ struct job *job = NULL;
	struct switched switched = {0};
	struct job_view view;
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (r)
		return r;
	agent_lock(agent);
	r = settled_find(agent, caller, id, &job, ret_error);
	if (!r && job_fsm(job->state, event) == PAGECAST__V1__JOB_STATE__JOB_STATE_UNSPECIFIED)
		r = job_refuse(job, only, ret_error);
	if (!r)
		switched = switch_pause(agent, job, event, lifecycle_wait_deadline(caller));
	if (switched.applied)
		view_take(agent, job, true, &view);
	agent_unlock(agent);
	if (r)
		return r;
	if (switched.revision) {
		settled_save(agent, job, STORE_NO_WAIT);
		agent_notify(agent, switched.revision);
	}
	if (switched.applied)
		return view_give(agent, &view, ret_job, ret_error);
	return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
			 "job %s was ordered to %s but has not done so yet", job->id,
			 event == JOB_EVENT_PAUSE ? "pause" : "resume");
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
