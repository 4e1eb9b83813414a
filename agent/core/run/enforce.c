/* enforce: see enforce.h. With the update lock, so that no rate changes during this. */
#include "core/run/enforce.h"

#include "base/log.h"
#include "base/util.h"
#include "core/run/judge.h"
#include "core/state/agent.h"
#include "core/state/budget.h"
#include "core/state/lifecycle.h"
#include "packet/plan_compile.h"

#include <string.h>

struct running { /* the jobs that send or are paused */
	struct job *jobs[AGENT_WORKERS_MAX];
	size_t count;
};

/* Under the lock: has a job that sends, or is paused */
static bool sends(const struct worker *worker)
{
	const struct job_live *live = worker->lane && worker->job ? worker->job->live : NULL;
	return live && live->sender && !live->ending;
}

/* Under the lock. */
static struct running find_running(struct agent *agent)
{
	struct running running = {.count = 0};
	for (size_t i = 0; i < agent->worker_count; i++) {
		struct job *job = agent->workers[i].job;
		if (sends(&agent->workers[i]) && !job->live->forbidden.yes)
			running.jobs[running.count++] = job;
	}
	return running;
}

/* Under the lock: those that were taken and have not begun. */
static void send_back_prepared(struct agent *agent)
{
	for (size_t i = 0; i < agent->worker_count; i++) {
		struct job *job = agent->workers[i].job;
		if (!job || !job->live || job->live->sender || job->live->ending)
			continue;
		job->live->again = true;
		job->live->ready = false;
		budget_give_back(agent, job);
		pthread_cond_signal(&agent->workers[i].wake);
	}
}

/* Under the lock. */
static void forbid(struct agent *agent, struct job *job, const char *field, const char *message)
{
	struct job_forbidden *forbidden = &job->live->forbidden;
	if (forbidden->yes)
		return;
	forbidden->yes = true;
	snprintf(forbidden->field, sizeof forbidden->field, "%s", field);
	snprintf(forbidden->message, sizeof forbidden->message, "%s", message);
	log_event(LOG_LEVEL_WARN, "job_forbidden", "job", job->id, "rule", message, "next",
		  "the job is ended", NULL);
	lifecycle_stop(agent, job, SENDER_FORBIDDEN); /* a worker has it, and ends it */
}

/* What a running job asks for beyond the maxima is held below them, not forbidden. */
static void forget_rates(Pagecast__V1__JobSpec *spec)
{
	for (size_t i = 0; i < spec->n_streams; i++) {
		pagecast__v1__rate__free_unpacked(spec->streams[i]->rate, NULL);
		spec->streams[i]->rate = NULL;
	}
}

static int judge_spec(const struct policy *policy, const struct blob *blob, struct error *ret_error)
{
	struct plan *plan = NULL;
	Pagecast__V1__JobSpec *spec = pagecast__v1__job_spec__unpack(NULL, blob->len, blob->data);
	if (!spec)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	forget_rates(spec);
	int r = plan_outline(spec, &plan, ret_error);
	if (!r)
		r = judge_plan(policy, plan, ret_error);
	plan_free(plan);
	pagecast__v1__job_spec__free_unpacked(spec, NULL);
	return r;
}

static int judge_engine(const struct policy *policy, Pagecast__V1__EngineKind kind,
			struct error *ret_error)
{
	if (policy_allows_engine(policy, kind))
		return 0;
	const ProtobufCEnumValue *name = protobuf_c_enum_descriptor_get_value(
		&pagecast__v1__engine_kind__descriptor, (int)kind);
	return error_set(ret_error, ERROR_CODE_PERMISSION_DENIED,
			 "the job uses %s, which the policy's allowedEngines does not list",
			 name ? name->name : "an engine");
}

/* Without the lock: compiling takes its time. */
static void judge(struct agent *agent, const struct policy *policy, struct job *job,
		  const struct blob *spec, Pagecast__V1__EngineKind kind)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	int r = judge_spec(policy, spec, &error);
	if (!r)
		r = judge_engine(policy, kind, &error);
	if (!r)
		return;
	const struct error_violation *first = error.violation_count ? error.violations : NULL;
	char words[PROBLEM_MESSAGE_MAX];
	snprintf(words, sizeof words, "%s%s",
		 r == ERROR_CODE_PERMISSION_DENIED ? "" : "the new policy could not be checked: ",
		 first ? first->description : error_message(&error));
	agent_lock(agent);
	if (job->live && !job->live->ending && !job->live->settling)
		forbid(agent, job, first ? first->field : "", words);
	agent_unlock(agent);
}

static void judge_all(struct agent *agent, const struct policy *policy)
{
	for (size_t i = 0; i < ARRAY_SIZE(agent->workers); i++) {
		agent_lock(agent);
		if (!sends(&agent->workers[i])) {
			agent_unlock(agent);
			continue;
		}
		struct job *job = job_ref(agent->workers[i].job);
		struct blob *spec = blob_ref(job->live->spec);
		Pagecast__V1__EngineKind kind = job->live->engine;
		agent_unlock(agent);
		judge(agent, policy, job, spec, kind);
		blob_unref(spec);
		job_unref(job);
	}
}

/* Under the lock: everybody that runs gets its part of the totals and its maxima. */
static void hold_below(struct agent *agent, const struct policy *policy)
{
	struct running running = find_running(agent);
	budget_divide(agent, running.jobs, running.count);
	for (size_t i = 0; i < running.count; i++) {
		struct job_live *live = running.jobs[i]->live;
		struct sender_limits limits;
		budget_limits(policy, &live->grant, &limits);
		sender_limit(live->sender, &limits);
	}
}

void enforce_raise(struct agent *agent)
{
	struct running running = find_running(agent);
	bool short_of_rate = false;
	for (size_t i = 0; i < running.count; i++) {
		const struct job_live *live = running.jobs[i]->live;
		short_of_rate |= live->grant.capped && !live->demand.unlimited;
	}
	if (short_of_rate)
		hold_below(agent, agent->policy);
}

void enforce_policy(struct agent *agent)
{
	pthread_mutex_lock(&agent->update_lock);
	struct policy *policy = agent_policy(agent);
	agent_lock(agent);
	send_back_prepared(agent); /* first: who begins from here on was judged by the new one */
	agent_unlock(agent);
	judge_all(agent, policy);
	agent_lock(agent);
	hold_below(agent, policy);
	pthread_cond_broadcast(&agent->work);
	agent_unlock(agent);
	policy_unref(policy);
	pthread_mutex_unlock(&agent->update_lock);
}
