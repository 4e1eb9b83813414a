/* agent: see agent.h. */
#include "core/state/agent.h"

#include "store/job_state.h"

#include <string.h>

enum { STACK_BYTES = 1 << 20 }; /* of a thread: plan and sender keep big things on the heap */

void agent_wait(struct agent *agent, pthread_cond_t *condition)
{
	AGENT_ASSERT_LOCKED(agent);
	agent_set_lock_owner(agent, 0);
	pthread_cond_wait(condition, &agent->lock);
	agent_set_lock_owner(agent, (uintptr_t)pthread_self());
}

int agent_wait_until(struct agent *agent, pthread_cond_t *condition, clockid_t clock_id,
		     int64_t until_ns)
{
	struct timespec until = {until_ns / CLOCK_NS_PER_S, until_ns % CLOCK_NS_PER_S};
	AGENT_ASSERT_LOCKED(agent);
	agent_set_lock_owner(agent, 0);
	int r = pthread_cond_clockwait(condition, &agent->lock, clock_id, &until);
	agent_set_lock_owner(agent, (uintptr_t)pthread_self());
	return r;
}

int agent_start_thread(pthread_t *ret_thread, void *(*run)(void *), void *context,
		       struct error *ret_error)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int r = pthread_create(ret_thread, &attributes, run, context);
	pthread_attr_destroy(&attributes);
	if (r)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "cannot create thread: %s",
				 strerror(r));
	return 0;
}

int agent_require(const struct agent_caller *caller, enum agent_role role, struct error *ret_error)
{
	if (caller->role >= role)
		return 0;
	return error_set(ret_error, ERROR_CODE_PERMISSION_DENIED,
			 "this needs the role %s; %s has the role %s", agent_role_name(role),
			 caller->principal, agent_role_name(caller->role));
}

void agent_notify(struct agent *agent, uint64_t revision)
{
	if (agent->changed && revision)
		agent->changed(agent->changed_context, revision);
}

void agent_set_listener(struct agent *agent, void (*changed)(void *context, uint64_t revision),
			void *context)
{
	agent->changed = changed;
	agent->changed_context = context;
}

struct policy *agent_policy(struct agent *agent)
{
	agent_lock(agent);
	struct policy *policy = policy_ref(agent->policy);
	agent_unlock(agent);
	return policy;
}

uint64_t agent_revision(struct agent *agent)
{
	agent_lock(agent);
	uint64_t revision = agent->revision;
	agent_unlock(agent);
	return revision;
}

struct job *agent_find_job(struct agent *agent, const char *id, struct error *ret_error)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job *job = job_id_valid(id) ? job_index_find(&agent->jobs, id) : NULL;
	if (!job || job->deleting) {
		error_set(ret_error, ERROR_CODE_NOT_FOUND, "there is no job \"%.40s\"", id);
		return NULL;
	}
	return job;
}

uint64_t agent_touch(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	job->revision = ++agent->revision;
	return job->revision;
}

struct account agent_totals(const struct agent *agent)
{
	AGENT_ASSERT_LOCKED(agent);
	struct account totals = agent->totals;
	for (size_t i = 0; i < agent->worker_count; i++) {
		const struct job *job = agent->workers[i].job;
		const struct job_live *live = job ? job->live : NULL;
		if (live && (live->sender || live->ending) && !job_state_ended(job->state))
			account_add(&totals, &live->facts.account);
	}
	return totals;
}

size_t agent_idle_workers(const struct agent *agent)
{
	AGENT_ASSERT_LOCKED(agent);
	size_t idle = 0;
	for (size_t i = 0; i < agent->worker_count; i++)
		idle += agent->workers[i].idle;
	return idle;
}
