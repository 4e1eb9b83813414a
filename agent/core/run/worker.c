/* worker: see worker.h. */
#include "core/run/worker.h"

#include "base/log.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/run/enforce.h"
#include "core/run/job_run.h"
#include "core/state/agent.h"
#include "core/state/budget.h"

#include <sched.h>
#include <string.h>

/* Under the lock, released while it waits: the next job that may run; NULL: the agent stops */
static struct job *next_job(struct worker *worker)
{
	struct agent *agent = worker->agent;
	struct job *job = NULL;
	worker->idle = true;
	while (!agent->stopping) {
		job = agent->store_down ? NULL : job_queue_first(&agent->queue);
		agent->short_of_share = job && !budget_take(agent, job);
		if (job && !agent->short_of_share)
			break;
		agent_wait(agent, &agent->work);
	}
	worker->idle = false;
	return agent->stopping ? NULL : job;
}

/* Return: the next job, with a reference; NULL: the agent stops */
static struct job *take(struct worker *worker)
{
	struct agent *agent = worker->agent;
	agent_lock(agent);
	struct job *job = next_job(worker);
	if (job) {
		job_queue_remove(&agent->queue, job);
		deadlines_remove(&agent->starts, &job->live->start);
		job->live->worker = worker->number;
		worker->job = job_ref(job);
	}
	agent_unlock(agent);
	return job;
}

static void give_back(struct worker *worker, struct job *job)
{
	agent_lock(worker->agent);
	worker->job = NULL;
	enforce_raise(worker->agent);
	agent_unlock(worker->agent);
	job_unref(job);
}

static void pin(const struct worker *worker)
{
	cpu_set_t cpus;
	if (worker->cpu < 0)
		return;
	CPU_ZERO(&cpus);
	CPU_SET((size_t)worker->cpu, &cpus);
	int r = pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
	if (r)
		log_event(LOG_LEVEL_WARN, "worker_not_pinned", "worker", log_u64(worker->number),
			  "cpu", log_u64((uint64_t)worker->cpu), "error", strerror(r), "next",
			  "the worker runs on any CPU", NULL);
}

void *worker_main(void *context)
{
	struct worker *worker = context;
	struct agent *agent = worker->agent;
	char name[16];
	snprintf(name, sizeof name, "worker %zu", worker->number);
	pthread_setname_np(pthread_self(), name);
	pin(worker);
	sys_own_descriptors(); /* refused: each call takes a little longer */
	for (;;) {
		struct job *job = take(worker);
		if (!job)
			break;
		job_run(worker, job);
		give_back(worker, job);
	}
	agent_lock(agent);
	worker->ended = true;
	pthread_cond_broadcast(&agent->settled);
	agent_unlock(agent);
	return NULL;
}
