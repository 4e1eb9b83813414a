/* worker: see worker.h. */
#include "core/run/worker.h"

#include "base/log.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/run/enforce.h"
#include "core/run/job_run.h"
#include "core/state/agent.h"
#include "core/state/budget.h"
#include "core/state/hold.h"
#include "core/state/lifecycle.h"
#include "net/netlink.h"

#include <sched.h>
#include <string.h>

static void *worker_main(void *context);

/* Under the lock. Return: NULL: none */
static struct lane *free_lane(struct agent *agent)
{
	for (size_t i = 0; i < agent->lane_count; i++)
		if (!agent->lanes[i].worker)
			return &agent->lanes[i];
	return NULL;
}

/* Under the lock, released while it waits. Return: false: the agent stops */
static bool take_lane(struct worker *worker)
{
	struct agent *agent = worker->agent;
	struct lane *lane = NULL;
	agent->resting++;
	while (!agent->stopping && !(lane = free_lane(agent)))
		agent_wait(agent, &agent->free_lane);
	agent->resting--;
	if (!lane)
		return false;
	lane->worker = worker;
	worker->lane = lane;
	return true;
}

/* Under the lock, released while it waits: the next job that may run; NULL: the agent stops */
static struct job *next_job(struct worker *worker)
{
	struct agent *agent = worker->agent;
	struct job *job = NULL;
	worker->idle = true;
	while (!agent->stopping) {
		job = agent->store_down ? NULL
					: job_queue_first(&agent->queue, hold_has_place(agent));
		agent->short_of_share = job && !budget_take(agent, job);
		if (job && !agent->short_of_share)
			break;
		agent_wait(agent, &agent->work);
	}
	worker->idle = false;
	return agent->stopping ? NULL : job;
}

/* Under the lock. Return: the next job, with a reference; NULL: the agent stops. *@ret_revision: to
 * notify; 0: nothing to be seen has changed */
static struct job *take(struct worker *worker, uint64_t *ret_revision)
{
	struct agent *agent = worker->agent;
	struct job *job = next_job(worker);
	if (job) {
		job->live->worker = worker->number;
		worker->job = job_ref(job);
		*ret_revision = lifecycle_take(agent, job);
	}
	return job;
}

static void run_on(const cpu_set_t *cpus, int cpu)
{
	int r = pthread_setaffinity_np(pthread_self(), sizeof *cpus, cpus);
	if (r)
		log_event(LOG_LEVEL_WARN, "worker_not_pinned", "cpu", log_u64((uint64_t)cpu),
			  "error", strerror(r), "next", "the worker runs on any CPU", NULL);
}

/* Names the thread, and pins it where the user wants that. */
static void get_ready(const struct worker *worker)
{
	const struct lane *lane = worker->lane;
	char name[16];
	cpu_set_t cpus;
	snprintf(name, sizeof name, "worker %hhu", (unsigned char)(lane - worker->agent->lanes));
	pthread_setname_np(pthread_self(), name);
	if (lane->cpu < 0)
		return;
	CPU_ZERO(&cpus);
	CPU_SET((size_t)lane->cpu, &cpus);
	run_on(&cpus, lane->cpu);
}

/* Under the lock. Return: a place for one more; NULL: there is none */
static struct worker *new_worker(struct agent *agent)
{
	struct worker *worker = NULL;
	for (size_t i = 0; i < agent->lane_count + AGENT_SETTLING_MAX && !worker; i++)
		if (agent->workers[i].state == WORKER_NONE)
			worker = &agent->workers[i];
	if (!worker)
		return NULL;
	worker->agent = agent;
	worker->number = (size_t)(worker - agent->workers);
	worker->state = WORKER_RUNS;
	agent->worker_count = MAX(agent->worker_count, worker->number + 1);
	return worker;
}

int worker_start(struct agent *agent, struct error *ret_error)
{
	agent_lock(agent);
	struct worker *worker = new_worker(agent);
	agent_unlock(agent);
	if (!worker)
		return error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
				 "%d workers wait for the ends of their jobs", AGENT_SETTLING_MAX);
	int r = agent_start_thread(&worker->thread, worker_main, worker, ret_error);
	if (!r)
		return 0;
	agent_lock(agent);
	worker->state = WORKER_NONE;
	agent_unlock(agent);
	return r;
}

/* Return: is there somebody who takes a lane that becomes free? */
static bool successor(struct agent *agent)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	size_t free = 1;
	agent_lock(agent);
	for (size_t i = 0; i < agent->lane_count; i++)
		free += !agent->lanes[i].worker;
	bool found = agent->resting >= free;
	bool stopping = agent->stopping;
	agent_unlock(agent);
	return !stopping && (found || worker_start(agent, &error) == 0);
}

/* Has somebody the lane already who goes on? */
static bool is_ahead(const struct worker *worker)
{
	agent_lock(worker->agent);
	bool ahead = worker->lane->ahead == worker;
	agent_unlock(worker->agent);
	return ahead;
}

/* Its job is sent in no time once the store has that it runs: meanwhile the next is prepared. */
static void let_prepare(struct worker *worker)
{
	struct agent *agent = worker->agent;
	if (is_ahead(worker) || !successor(agent))
		return;
	agent_lock(agent);
	worker->lane->ahead = worker;
	worker->lane->worker = NULL;
	pthread_cond_signal(&agent->free_lane);
	agent_unlock(agent);
}

/* Under the lock. */
static void leave_lane(struct worker *worker)
{
	struct lane *lane = worker->lane;
	worker->lane = NULL;
	if (lane->ahead != worker) {
		lane->worker = NULL;
		pthread_cond_signal(&worker->agent->free_lane);
		return;
	}
	lane->ahead = NULL;
	if (lane->worker)
		pthread_cond_signal(&lane->worker->wake);
}

/* Nothing more of its job is sent: somebody else goes on. Where nobody can, it keeps its lane. */
static void let_go(struct worker *worker)
{
	struct agent *agent = worker->agent;
	bool goes_on = is_ahead(worker) || successor(agent);
	agent_lock(agent);
	bool pinned = worker->lane->cpu >= 0;
	worker->job->live->settling = true;
	budget_give_back(agent, worker->job);
	if (goes_on)
		leave_lane(worker);
	enforce_raise(agent);
	if (agent->short_of_share)
		pthread_cond_broadcast(&agent->work);
	agent_unlock(agent);
	if (!goes_on)
		return;
	pthread_setname_np(pthread_self(), "settling");
	if (pinned)
		run_on(&agent->cpus, 0);
}

/* Jobs one after the other, for as long as the worker has a lane or, without one, a job. */
static void work(struct worker *worker)
{
	static const struct job_run_steps STEPS = {let_prepare, let_go};
	struct agent *agent = worker->agent;
	struct job *job;
	uint64_t revision;
	while (worker->lane && (job = take(worker, &revision))) {
		agent_unlock(agent);
		agent_notify(agent, revision);
		job_run(worker, job, &STEPS);
		agent_lock(agent);
		worker->job = NULL;
		if (worker->lane && worker->lane->ahead == worker)
			leave_lane(worker); /* it did not begin after all */
		enforce_raise(agent);
		agent_unlock(agent);
		job_unref(job);
		agent_lock(agent);
	}
}

static void *worker_main(void *context)
{
	struct worker *worker = context;
	struct agent *agent = worker->agent;
	sys_own_descriptors(); /* refused: each call takes a little longer */
	netlink_keep_socket(true);
	agent_lock(agent);
	while (take_lane(worker)) {
		agent_unlock(agent);
		get_ready(worker);
		agent_lock(agent);
		work(worker);
		if (worker->lane)
			break; /* the agent stops */
	}
	netlink_keep_socket(false);
	worker->state = WORKER_ENDED;
	pthread_cond_broadcast(&agent->settled);
	agent_unlock(agent);
	return NULL;
}
