/*
 * start: making, starting, stopping and reloading the agent: the only file that sees all of it.
 *
 * Thread: the main one. Order of the start: store, policy, stored jobs, then the threads.
 */
#include "core/start.h"

#include "base/log.h"
#include "base/util.h"
#include "core/run/enforce.h"
#include "core/run/links.h"
#include "core/run/policy_file.h"
#include "core/run/recover.h"
#include "core/run/scheduler.h"
#include "core/run/worker.h"
#include "core/state/agent.h"
#include "core/state/budget.h"
#include "core/state/history.h"
#include "engine/engine_probe.h"
#include "policy/verdict.h"
#include "store/store_sqlite.h"
#include "store/store_timed.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#define STOP_WAIT_NS (2500 * CLOCK_NS_PER_MS)

/* What it opens, and how far. */
static void log_policy(const struct agent *agent, const struct policy *policy)
{
	const Pagecast__V1__Policy *message = policy->message;
	char networks[VERDICT_RULE_BYTES], sources[VERDICT_RULE_BYTES], pps[32], total_pps[32];
	char allows[96];
	snprintf(allows, sizeof allows, "%s%s%s%s%s", message->allow_multicast ? " multicast" : "",
		 message->allow_broadcast ? " broadcast" : "",
		 message->allow_header_included ? " header_included" : "",
		 message->allow_ethernet ? " ethernet" : "",
		 message->allow_unjudged ? " unjudged" : "");
	snprintf(pps, sizeof pps, "%.15g", message->max_pps);
	snprintf(total_pps, sizeof total_pps, "%.15g", message->max_total_pps);
	log_event(LOG_LEVEL_INFO, "policy_reloaded", "file",
		  agent->policy_file ? agent->policy_file : "(built in)", "networks",
		  log_u64(message->n_allowed_networks), "allowedNetworks",
		  verdict_list(networks, message->allowed_networks, message->n_allowed_networks),
		  "allowedSources",
		  verdict_list(sources, message->allowed_sources, message->n_allowed_sources),
		  "allows", allows[0] ? allows + 1 : "nothing special", "maxPps", pps,
		  "maxTotalPps", total_pps, NULL);
}

int agent_reload_policy(struct agent *agent, struct error *ret_error)
{
	struct policy *policy = NULL;
	int r = policy_file_load(agent, &policy, ret_error);
	if (r) {
		log_event(LOG_LEVEL_WARN, "policy_reload_failed", "error", error_message(ret_error),
			  "next", "the old policy stays in force", NULL);
		return r;
	}
	agent_lock(agent);
	struct policy *old = agent->policy;
	agent->policy = policy_ref(policy);
	budget_set_totals(agent);
	agent_unlock(agent);
	policy_unref(old);
	enforce_policy(agent);
	log_policy(agent, policy);
	policy_unref(policy);
	return 0;
}

static int set_workers(struct agent *agent, const struct agent_options *options,
		       struct error *ret_error)
{
	size_t count = options->workers ? options->workers : 1;
	if (count > AGENT_WORKERS_MAX)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "workers: %zu is not between 1 and %d", count, AGENT_WORKERS_MAX);
	CPU_ZERO(&agent->cpus);
	sched_getaffinity(0, sizeof agent->cpus, &agent->cpus);
	for (size_t i = 0; i < options->pin_count; i++)
		if (options->pin_cpus[i] < 0 || options->pin_cpus[i] >= CPU_SETSIZE ||
		    !CPU_ISSET((size_t)options->pin_cpus[i], &agent->cpus))
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "pin: CPU %d is not among those this process may run on",
					 options->pin_cpus[i]);
	agent->lane_count = count;
	for (size_t i = 0; i < count; i++)
		agent->lanes[i].cpu =
			options->pin_count ? options->pin_cpus[i % options->pin_count] : -1;
	return 0;
}

static void set_kernel(struct agent *agent)
{
	struct utsname names;
	if (uname(&names) == 0)
		snprintf(agent->kernel, sizeof agent->kernel, "%.40s %.80s", names.sysname,
			 names.release);
}

static int set_up(struct agent *agent, const struct agent_options *options, struct error *ret_error)
{
	uint64_t age_max_s = UINT64_C(100) * 366 * 86400;
	agent->name = strdup(options->name);
	agent->version = strdup(options->version);
	agent->policy_file = options->policy_file ? strdup(options->policy_file) : NULL;
	if (!agent->name || !agent->version || (options->policy_file && !agent->policy_file))
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	agent->parse_policy = options->parse_policy;
	agent->start_ns = clock_realtime_ns(agent->clock);
	/* Milliseconds count faster than revisions: higher after a restart, store or not. */
	agent->revision = (uint64_t)(agent->start_ns / CLOCK_NS_PER_MS);
	agent->history_max_jobs =
		options->history_max_jobs ? options->history_max_jobs : HISTORY_JOBS_DEFAULT;
	agent->history_max_age_s = options->history_max_age_s
					   ? MIN(options->history_max_age_s, age_max_s)
					   : HISTORY_AGE_S_DEFAULT;
	agent->open = options->open;
	set_kernel(agent);
	engine_probe();
	int r = set_workers(agent, options, ret_error);
	if (!r)
		r = policy_file_load(agent, &agent->policy, ret_error);
	if (!r)
		budget_set_totals(agent);
	if (!r)
		r = recover_jobs(agent, ret_error);
	agent->deletions.floor = agent->revision; /* earlier deletions are not known any more */
	return r;
}

int agent_new_on(struct agent **ret_agent, const struct agent_options *options, struct store *store,
		 struct error *ret_error)
{
	struct agent *agent = calloc(1, sizeof *agent);
	struct store *timed = agent ? store_timed_new(store) : NULL;
	if (!timed) {
		free(agent);
		store->ops->free(store);
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	}
	agent->store = timed;
	agent->clock = options->clock ? options->clock : clock_real();
	agent->links.kernel = agent->links.stop = -1;
	TAILQ_INIT(&agent->live);
	TAILQ_INIT(&agent->finished);
	pthread_mutex_init(&agent->lock, NULL);
	pthread_mutex_init(&agent->update_lock, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(agent->workers); i++)
		pthread_cond_init(&agent->workers[i].wake, NULL);
	pthread_cond_init(&agent->work, NULL);
	pthread_cond_init(&agent->free_lane, NULL);
	pthread_cond_init(&agent->tick, NULL);
	pthread_cond_init(&agent->settled, NULL);
	preview_places_init(&agent->previews);
	int r = set_up(agent, options, ret_error);
	if (r) {
		agent_free(agent);
		return r;
	}
	*ret_agent = agent;
	return 0;
}

int agent_new(struct agent **ret_agent, const struct agent_options *options,
	      struct error *ret_error)
{
	struct store *store = NULL;
	int r = options->state_dir ? store_sqlite_new(&store, options->state_dir, ret_error)
				   : store_memory_new(&store, ret_error);
	return r ? r : agent_new_on(ret_agent, options, store, ret_error);
}

int agent_start(struct agent *agent, struct error *ret_error)
{
	int r = agent_start_thread(&agent->scheduler, scheduler_main, agent, ret_error);
	if (r)
		return r;
	agent->scheduler_started = true;
	if (links_open(agent)) {
		r = agent_start_thread(&agent->links.thread, links_main, agent, ret_error);
		if (r)
			return r;
		agent->links.started = true;
	}
	for (size_t i = 0; i < agent->lane_count && !r; i++)
		r = worker_start(agent, ret_error);
	return r;
}

/* Under the lock. */
static void stop_workers(struct agent *agent)
{
	for (size_t i = 0; i < agent->worker_count; i++) {
		struct worker *worker = &agent->workers[i];
		struct job *job = worker->job;
		if (job && job->live && job->live->sender)
			sender_stop(job->live->sender, SENDER_INTERRUPTED);
		pthread_cond_signal(&worker->wake);
	}
	pthread_cond_broadcast(&agent->work);
	pthread_cond_broadcast(&agent->free_lane);
	pthread_cond_broadcast(&agent->tick);
}

static bool all_ended(const struct agent *agent)
{
	for (size_t i = 0; i < agent->worker_count; i++)
		if (agent->workers[i].state == WORKER_RUNS)
			return false;
	return true;
}

size_t agent_stop(struct agent *agent)
{
	int64_t until_ns = clock_monotonic_ns(clock_real()) + STOP_WAIT_NS;
	agent_lock(agent);
	agent->stopping = true;
	stop_workers(agent);
	while (!all_ended(agent))
		if (agent_wait_until(agent, &agent->settled, CLOCK_MONOTONIC, until_ns) ==
		    ETIMEDOUT)
			break;
	bool ended = all_ended(agent);
	agent_unlock(agent);
	if (!ended) {
		log_event(LOG_LEVEL_ERROR, "worker_stop_timeout", "next",
			  "the process ends without waiting for it", NULL);
		return 1;
	}
	for (size_t i = 0; i < agent->worker_count; i++) {
		if (agent->workers[i].state == WORKER_ENDED)
			pthread_join(agent->workers[i].thread, NULL);
		agent->workers[i].state = WORKER_NONE;
	}
	if (agent->scheduler_started)
		pthread_join(agent->scheduler, NULL);
	agent->scheduler_started = false;
	if (agent->links.started) {
		links_stop(agent);
		pthread_join(agent->links.thread, NULL);
		agent->links.started = false;
	}
	size_t unsaved = scheduler_save_ends(agent);
	if (unsaved)
		log_event(LOG_LEVEL_ERROR, "ends_not_stored", "jobs", log_u64(unsaved), "next",
			  "at the next start these jobs are as they were stored last", NULL);
	return unsaved;
}

struct agent *agent_free(struct agent *agent)
{
	if (!agent)
		return NULL;
	if (agent->scheduler_started) {
		agent_stop(agent);
		if (agent->scheduler_started) /* a thread still uses it: leaving it is all that is
						 safe */
			return NULL;
	}
	links_close(agent);
	struct job *job;
	while ((job = TAILQ_FIRST(&agent->live)))
		TAILQ_REMOVE(&agent->live, job, live_link);
	job_index_deinit(&agent->jobs);
	job_queue_deinit(&agent->queue);
	deadlines_deinit(&agent->starts);
	deadlines_deinit(&agent->leases);
	policy_unref(agent->policy);
	agent->store->ops->free(agent->store);
	for (size_t i = 0; i < ARRAY_SIZE(agent->workers); i++)
		pthread_cond_destroy(&agent->workers[i].wake);
	pthread_cond_destroy(&agent->work);
	pthread_cond_destroy(&agent->free_lane);
	pthread_cond_destroy(&agent->tick);
	pthread_cond_destroy(&agent->settled);
	preview_places_deinit(&agent->previews);
	pthread_mutex_destroy(&agent->update_lock);
	pthread_mutex_destroy(&agent->lock);
	free(agent->name);
	free(agent->version);
	free(agent->policy_file);
	free(agent);
	return NULL;
}
