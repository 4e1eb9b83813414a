/* submission: see submission.h. */
#include "core/calls/submission.h"

#include "core/run/judge.h"
#include "core/state/agent.h"
#include "engine/engine_choice.h"
#include "net/link.h"
#include "net/route.h"
#include "packet/plan_compile.h"

#include <stdio.h>
#include <time.h>

/* A start_time this long ago may be the present moment of another machine. */
#define START_PAST_MAX_NS (10 * CLOCK_NS_PER_S)

void submission_deinit(struct submission *submission)
{
	submission->plan = plan_free(submission->plan);
	submission->spec = blob_unref(submission->spec);
	submission->basic = blob_unref(submission->basic);
}

static struct blob *pack_basic(const Pagecast__V1__JobSpec *spec)
{
	Pagecast__V1__JobSpec basic = *spec;
	basic.n_streams = 0;
	basic.streams = NULL;
	return blob_pack(&basic.base);
}

/* Return: is there a line to @destination with an unknown speed? One that is down, or a missing
 * route, may have changed by the time the job starts. */
static bool line_without_speed(const struct plan_destination *destination, struct link *ret_link)
{
	const struct sockaddr *from =
		destination->from.any.sa_family == AF_UNSPEC ? NULL : &destination->from.any;
	struct route route;
	int r;
	if (destination->kind == PLAN_ETHERNET)
		r = link_by_name(destination->interface, ret_link);
	else if (route_get(&destination->to.any, from, destination->interface, &route) < 0)
		return false;
	else
		r = link_by_index(route.ifindex, ret_link);
	return r == 0 && ret_link->up && ret_link->carrier && !ret_link->speed_bps;
}

static int check_line_rates(const struct plan *plan, struct error *ret_error)
{
	struct link link;
	for (size_t i = 0; i < plan->stream_count; i++) {
		char field[PROBLEM_FIELD_MAX];
		if (plan->streams[i].rate.kind != PLAN_RATE_LINE_PERCENT ||
		    !line_without_speed(&plan->streams[i].destination, &link))
			continue;
		snprintf(field, sizeof field, "streams[%zu].rate.linePercent", i);
		error_violate(ret_error, field, "the speed of %s is not known; give pps or bps",
			      link.name);
	}
	return (int)ret_error->code;
}

static int check_hold(const struct agent *agent, const struct plan *plan, struct error *ret_error)
{
	if (plan->hold && agent->lane_count < 2)
		error_violate(
			ret_error, "hold",
			"true, but held jobs may take all workers but one, and this agent has "
			"one: start it with --workers 2 or more");
	return (int)ret_error->code;
}

int submission_check_start(int64_t start_ns, int64_t tolerance_ns, int64_t now_ns,
			   struct error *ret_error)
{
	int64_t past_max_ns = tolerance_ns < 0 ? START_PAST_MAX_NS : tolerance_ns;
	if (!start_ns || now_ns - past_max_ns <= start_ns)
		return 0;
	char now[CLOCK_TEXT_BYTES];
	error_violate(ret_error, "startTime",
		      "is %.9g s in the past (it is %s here); at most %s of %.9g s is taken",
		      (double)(now_ns - start_ns) / CLOCK_NS_PER_S, clock_text(now_ns, now),
		      tolerance_ns < 0 ? "the default" : "startTolerance",
		      (double)past_max_ns / CLOCK_NS_PER_S);
	return (int)ret_error->code;
}

static int check_all(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     struct submission *submission, struct error *ret_error)
{
	struct engine_choice choice;
	int r = plan_outline(spec, &submission->plan, ret_error);
	if (r)
		return r;
	struct policy *policy = agent_policy(agent);
	r = judge_plan(policy, submission->plan, ret_error);
	policy_unref(policy);
	if (!r)
		r = check_hold(agent, submission->plan, ret_error);
	if (!r)
		r = check_line_rates(submission->plan, ret_error);
	if (!r)
		r = engine_choose(submission->plan, NULL, 0, &choice, ret_error);
	if (r)
		return r;
	submission->spec = blob_pack(&spec->base);
	submission->basic = pack_basic(spec);
	if (!submission->spec || !submission->basic)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	return 0;
}

int submission_check(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     struct submission *ret_submission, struct error *ret_error)
{
	struct submission submission = {0};
	int r = check_all(agent, spec, &submission, ret_error);
	if (r) {
		submission_deinit(&submission);
		return r;
	}
	*ret_submission = submission;
	return 0;
}
