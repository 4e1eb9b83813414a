/* settled: see settled.h. */
#include "core/calls/settled.h"

#include "base/log.h"
#include "base/util.h"
#include "core/job/facts.h"
#include "core/job/principal.h"
#include "core/state/agent.h"
#include "core/state/lifecycle.h"
#include "core/state/row.h"
#include "store/job_state.h"

#include <errno.h>

int settled_await(struct agent *agent, const struct agent_caller *caller, struct job *job,
		  struct error *ret_error)
{
	if (job_state_ended(job->state) || !(job->live->ending || lifecycle_is_stopped(job)) ||
	    lifecycle_wait_ended(agent, job, lifecycle_wait_deadline(caller)))
		return 0;
	return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
			 "the end of job %s is still being stored", job->id);
}

int settled_find(struct agent *agent, const struct agent_caller *caller, const char *id,
		 struct job **ret_job, struct error *ret_error)
{
	struct job *found = agent_find_job(agent, id, ret_error);
	if (!found)
		return (int)ret_error->code;
	_cleanup_job_ struct job *job = job_ref(found);
	int r = principal_may_change(caller, job->owner, job->id, ret_error);
	if (!r)
		r = settled_await(agent, caller, job, ret_error);
	if (!r)
		*ret_job = TAKE_PTR(job);
	return r;
}

/* Under the lock: has the sender done what was ordered, or ended? */
static bool orders_applied(const struct job *job)
{
	return !job->live || !job->live->sender || sender_orders_applied(job->live->sender);
}

bool settled_orders(struct agent *agent, const struct agent_caller *caller, struct job *job,
		    uint64_t *ret_revision)
{
	int64_t until_ns = lifecycle_wait_deadline(caller);
	bool counted;
	while (!orders_applied(job))
		if (agent_wait_until(agent, &agent->settled, CLOCK_MONOTONIC, until_ns) ==
		    ETIMEDOUT)
			break;
	if (job->live && job->live->sender) {
		facts_take_snapshot(job, &counted);
		if (lifecycle_publish(agent, job, counted)) /* its streams may have changed */
			*ret_revision = job->revision;
	}
	return orders_applied(job);
}

void settled_save(struct agent *agent, struct job *job, enum store_wait wait)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (row_save(agent, job, wait, &error))
		log_event(LOG_LEVEL_ERROR, "job_change_not_stored", "job", job->id, "error",
			  error_message(&error), "next", "the change is in force all the same",
			  NULL);
}
