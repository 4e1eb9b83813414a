/* preparation: see preparation.h. */
#include "core/run/preparation.h"

#include "core/job/resume.h"
#include "core/run/judge.h"
#include "core/state/agent.h"
#include "core/state/budget.h"
#include "packet/plan_compile.h"
#include "packet/resolve.h"
#include "policy/interface.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static enum problem_code problem_code_of(int code)
{
	switch (code) {
	case ERROR_CODE_PERMISSION_DENIED: return PROBLEM_PERMISSION;
	case ERROR_CODE_NOT_FOUND: return PROBLEM_INTERFACE_GONE;
	case ERROR_CODE_FAILED_PRECONDITION: return PROBLEM_ENGINE_UNAVAILABLE;
	default: return PROBLEM_KERNEL_ERROR;
	}
}

static void add_problems(struct preparation *preparation, enum problem_code code,
			 const struct error *error)
{
	if (!error->violation_count)
		problem_add(&preparation->problems, code, PROBLEM_ERROR, "", 0, 1, "%s",
			    error_message(error));
	for (size_t i = 0; i < error->violation_count; i++)
		problem_add(&preparation->problems, code, PROBLEM_ERROR, error->violations[i].field,
			    0, 1, "%s", error->violations[i].description);
}

void preparation_add_problems(struct preparation *preparation, const struct error *error)
{
	add_problems(preparation, problem_code_of((int)error->code), error);
}

/* "auto" may choose only among the engines that the policy allows. */
static int choose_engine(struct preparation *preparation, struct error *ret_error)
{
	const Pagecast__V1__Policy *rules = preparation->policy->message;
	return engine_choose(preparation->plan, rules->allowed_engines, rules->n_allowed_engines,
			     &preparation->engine, ret_error);
}

static int judge(struct preparation *preparation, struct error *ret_error)
{
	int r = judge_plan(preparation->policy, preparation->plan, ret_error);
	if (!r)
		r = policy_pin(preparation->policy, preparation->plan, ret_error);
	if (!r)
		r = choose_engine(preparation, ret_error);
	return r;
}

/* Whoever gave a sender an order may be waiting for it to be in force. */
static void on_orders_applied(void *context)
{
	struct agent *agent = context;
	agent_lock(agent);
	pthread_cond_broadcast(&agent->settled);
	agent_unlock(agent);
}

static int open_sender(struct agent *agent, struct preparation *preparation,
		       const struct job_grant *grant, struct error *ret_error)
{
	struct plan *plan = preparation->plan;
	struct sender_options options = {
		.clock = agent->clock,
		.total = &agent->total,
		.preview = !grant,
		.orders_applied = on_orders_applied,
		.context = agent,
	};
	struct sender_limits limits;
	budget_limits(preparation->policy, grant, &limits);
	options.max_pps = limits.max_pps;
	options.max_bps_l2 = limits.max_bps_l2;
	options.share_pps = limits.share_pps;
	options.share_bps_l2 = limits.share_bps_l2;
	int64_t duration_ns = limits.max_duration_ns;
	if (duration_ns && (!plan->max_duration_ns || duration_ns < plan->max_duration_ns))
		plan->max_duration_ns = duration_ns;
	if (preparation->earlier)
		options.elapsed_ns =
			resume_shorten(preparation->earlier, plan, clock_realtime_ns(agent->clock));
	int r = sender_new(&preparation->sender, plan, &preparation->engine, &options,
			   &preparation->problems, ret_error);
	if (r || !grant)
		return r;
	if (preparation->earlier)
		resume_cancel_streams(preparation->earlier, preparation->sender);
	preparation->streams = calloc(plan->stream_count, sizeof *preparation->streams);
	return preparation->streams ? 0
				    : error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
}

/* Neighbours are asked for only after the policy has allowed the job, and only to send it. */
static int resolve(struct preparation *preparation, const struct job_grant *grant,
		   struct error *ret_error)
{
	const struct plan *plan = preparation->plan;
	int r = grant ? plan_resolve(preparation->plan, ret_error) : 0;
	if (r)
		add_problems(preparation, PROBLEM_NO_NEIGHBOUR, ret_error);
	for (size_t i = 0; !grant && i < plan->stream_count; i++) {
		char field[64];
		if (plan->streams[i].destination.next_hop.any.sa_family == AF_UNSPEC)
			continue;
		snprintf(field, sizeof field, "streams[%zu].ethernet.header.destinationMac", i);
		problem_add(&preparation->problems, PROBLEM_NO_NEIGHBOUR, PROBLEM_WARNING, field, 0,
			    1,
			    "not known yet and shown as zeros; the agent asks for it when the job "
			    "starts");
	}
	return r;
}

/* Stamps get their ids, and the epoch of this start. A preview shows what was asked for. */
static void mark_stamps(struct preparation *preparation)
{
	struct plan *plan = preparation->plan;
	uint16_t epoch = 0;
	if (!preparation->job_id)
		return;
	if (getrandom(&epoch, sizeof epoch, 0) != sizeof epoch)
		epoch = (uint16_t)clock_realtime_ns(clock_real()); /* as good as any */
	for (size_t i = 0; i < plan->stream_count; i++) {
		stamp_pick_id(&plan->streams[i].stamp, preparation->job_id, i);
		plan->streams[i].stamp.epoch = epoch;
	}
}

int preparation_make(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     const struct job_grant *grant, struct preparation *preparation,
		     struct error *ret_error)
{
	preparation->policy = agent_policy(agent);
	int r = plan_compile(spec, &preparation->plan, ret_error);
	if (!r)
		r = judge(preparation, ret_error);
	if (!r)
		mark_stamps(preparation);
	if (!r)
		r = resolve(preparation, grant, ret_error);
	if (!r)
		r = open_sender(agent, preparation, grant, ret_error);
	return r;
}

void preparation_deinit(struct preparation *preparation)
{
	preparation->sender = sender_free(preparation->sender);
	free(preparation->streams);
	preparation->streams = NULL;
	preparation->plan = plan_free(preparation->plan);
	if (preparation->spec)
		pagecast__v1__job_spec__free_unpacked(preparation->spec, NULL);
	preparation->spec = NULL;
	preparation->policy = policy_unref(preparation->policy);
	preparation->problems.count = preparation->problems.unlisted = 0;
}
