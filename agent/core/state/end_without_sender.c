/* end_without_sender: see end_without_sender.h. */
#include "core/state/end_without_sender.h"

#include "base/util.h"
#include "core/job/record.h"
#include "core/job/resume.h"
#include "core/state/agent.h"
#include "core/state/lifecycle.h"
#include "engine/engine_probe.h"
#include "packet/plan_compile.h"
#include "packet/rate.h"
#include "sender/pacer.h"
#include "sender/pacer_rate.h"

#include <string.h>

struct closing {	   /* what is known of the job */
	struct plan *plan; /* an outline, or only names and rates of the streams, without items */
	struct sender_report job, *streams;
	bool crashed; /* it was running when the agent ended without stopping it */
};

static void closing_deinit(struct closing *closing)
{
	plan_free(closing->plan);
	free(closing->streams);
}
#define _cleanup_closing_ _cleanup_(closing_deinit)

/* A spec that was accepted does not compile any more when its interface has gone: its names and
 * rates are still known. */
static struct plan *names_and_rates(const Pagecast__V1__JobSpec *spec)
{
	struct plan *plan = calloc(1, sizeof *plan);
	if (plan)
		plan->streams = calloc(spec->n_streams + 1, sizeof *plan->streams);
	if (!plan || !plan->streams)
		return plan_free(plan);
	plan->stream_count = spec->n_streams;
	for (size_t i = 0; i < spec->n_streams; i++) {
		struct plan_stream *stream = &plan->streams[i];
		_cleanup_error_ struct error error = ERROR_NULL;
		snprintf(stream->name, sizeof stream->name, "%s", spec->streams[i]->name);
		stream->limit.kind = PLAN_LIMIT_NONE;
		plan_rate_compile(spec->streams[i]->rate, "rate", &stream->rate, &error);
	}
	return plan;
}

static struct plan *read_plan(const struct blob *packed)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct plan *plan = NULL;
	Pagecast__V1__JobSpec *spec =
		pagecast__v1__job_spec__unpack(NULL, packed->len, packed->data);
	if (!spec)
		return NULL;
	if (plan_outline(spec, &plan, &error))
		plan = names_and_rates(spec);
	pagecast__v1__job_spec__free_unpacked(spec, NULL);
	return plan;
}

/* What was asked for, as it stands in a report. */
static void fill_requested(const struct plan_stream *stream, struct sender_report *report)
{
	struct pacer *pacer = NULL;
	struct pacer_report pace;
	if (stream->limit.kind == PLAN_LIMIT_PACKETS || stream->limit.kind == PLAN_LIMIT_BYTES)
		report->account.packets_requested = stream->limit.packets;
	report->layer = stream->rate.layer;
	if (!stream->item_count && stream->rate.kind == PLAN_RATE_PPS)
		report->requested_pps = stream->rate.value;
	/* a percentage of a line that was never looked at is not a rate yet */
	if (!stream->item_count || pacer_new(&pacer, stream, engine_handover_ns(), 0) < 0)
		return;
	pacer_report(pacer, &pace);
	report->requested_pps = pace.requested_pps;
	report->requested_bps = pace.requested_bps;
	pacer_free(pacer);
}

static void fill_path(const struct closing *closing, struct sender_report *report)
{
	bool none = !closing->crashed && !report->account.packets_sent;
	snprintf(report->path, sizeof report->path, "%s",
		 none ? SENDER_PATH_NONE : RESUME_PATH_UNKNOWN);
	snprintf(report->why, sizeof report->why, "%s",
		 none ? "ended before anything was sent"
		      : "the sender that knew it ended with the agent");
}

/* The job's figures out of its streams', as sender_report() has them. */
static void sum(const struct closing *closing, struct sender_report *job)
{
	bool unlimited = false;
	job->layer = closing->streams[0].layer;
	for (size_t i = 0; i < closing->plan->stream_count; i++)
		if (closing->streams[i].layer != job->layer)
			job->layer = PAGECAST__V1__LAYER__LAYER_L2;
	for (size_t i = 0; i < closing->plan->stream_count; i++) {
		const struct plan_stream *stream = &closing->plan->streams[i];
		double pps = closing->streams[i].requested_pps;
		unlimited |= pps == 0;
		job->requested_pps += pps;
		if (pps > 0 && stream->item_count)
			job->requested_bps += pps * pacer_mean_bits(stream, job->layer);
	}
	if (unlimited)
		job->requested_pps = job->requested_bps = 0;
}

/* Return: 0; -1: out of memory */
static int closing_init(struct closing *closing, const char *job_id, const struct blob *spec,
			const struct job_earlier *earlier, const struct account *account)
{
	closing->plan = read_plan(spec);
	size_t count = closing->plan ? closing->plan->stream_count : 0;
	closing->streams = calloc(count + 1, sizeof *closing->streams);
	if (!count || !closing->streams)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct sender_report *report = &closing->streams[i];
		fill_requested(&closing->plan->streams[i], report);
		stamp_pick_id(&closing->plan->streams[i].stamp, job_id, i);
		report->state = closing->crashed
					? PAGECAST__V1__STREAM_STATE__STREAM_STATE_UNSPECIFIED
					: PAGECAST__V1__STREAM_STATE__STREAM_STATE_CANCELLED;
		if (earlier->stream_count == count) {
			uint64_t requested = report->account.packets_requested;
			if (earlier->streams[i].state ==
			    PAGECAST__V1__STREAM_STATE__STREAM_STATE_ENDED)
				report->state = earlier->streams[i].state;
			report->has_baseline = earlier->streams[i].has_baseline;
			report->baseline = earlier->streams[i].baseline;
			report->account = earlier->streams[i].account;
			report->account.packets_requested =
				MAX(requested, report->account.packets_requested);
		}
		if (count == 1)
			report->account = *account;
		account_close(&report->account, false);
		fill_path(closing, report);
	}
	closing->job.account = *account;
	fill_path(closing, &closing->job);
	sum(closing, &closing->job);
	return 0;
}

void end_without_sender(struct agent *agent, struct job *job, enum job_event event,
			const struct problem_set *problems)
{
	_cleanup_closing_ struct closing closing = {0};
	struct problem_set why = {.count = 0};
	struct job_end end = {.event = event, .problems = &why};
	agent_lock(agent);
	bool mine = lifecycle_begin_end(agent, job); /* nobody else changes spec and facts now */
	if (mine)
		end.facts = job->live->facts;
	agent_unlock(agent);
	if (!mine)
		return;
	if (problems)
		why = *problems;
	end.facts.waiting_for[0] = '\0';
	end.facts.current_pps = end.facts.current_bps_l2 = 0;
	end.facts.account_ns = clock_realtime_ns(agent->clock);
	account_close(&end.facts.account, false);
	if (!why.count && !account_attempted(&end.facts.account)) /* there is always a reason */
		problem_add(&why, PROBLEM_NOT_STARTED, PROBLEM_INFO, "", 0, 1,
			    "cancelled before it started");
	const struct job_earlier *earlier = &job->live->earlier;
	resume_add_problems(earlier, &why);
	bool known =
		closing_init(&closing, job->id, job->live->spec, earlier, &end.facts.account) == 0;
	struct record_results results = {
		.job = &closing.job, .streams = closing.streams, .plan = closing.plan};
	end.results = known ? &results : NULL;
	lifecycle_finish(agent, job, &end);
}

/* Why a job that no worker had was not started in time, where the reason is known. */
static void add_start_missed(struct agent *agent, const struct job *job, struct problem_set *set)
{
	agent_lock(agent);
	int64_t start_ns = job->live->start_ns;
	int64_t last_ns = start_ns + MAX(job->live->start_tolerance_ns, (int64_t)0);
	int64_t late_ns = clock_realtime_ns(agent->clock) - start_ns;
	const char *why =
		last_ns < agent->start_ns    ? "the agent was not running then"
		: agent->store_down	     ? "the store was not writable"
		: agent->short_of_share	     ? "too little was left of the policy's maxTotalPps or "
					       "maxTotalBpsL2"
		: !agent_idle_workers(agent) ? "no worker was free"
					     : "a worker was free, but the agent got to it "
					       "too late (a machine that stalls, or a "
					       "clock that was set)";
	agent_unlock(agent);
	problem_add(set, PROBLEM_START_MISSED, PROBLEM_ERROR, "startTime", 0, 1,
		    "%s: startTime was %.9g s ago, and startTolerance is %.9g s", why,
		    (double)late_ns / CLOCK_NS_PER_S,
		    (double)(last_ns - start_ns) / CLOCK_NS_PER_S);
}

void end_without_sender_stopped(struct agent *agent, struct job *job, enum sender_end why)
{
	struct problem_set problems = {.count = 0};
	enum job_event event = JOB_EVENT_CANCEL;
	if (why == SENDER_LEASE_EXPIRED)
		problem_add(&problems, PROBLEM_LEASE_EXPIRED, PROBLEM_ERROR, "lease", 0, 1,
			    "the lease was not renewed in time (UpdateJob renews it)");
	if (why == SENDER_HOLD_EXPIRED) {
		problem_add(&problems, PROBLEM_HOLD_EXPIRED, PROBLEM_ERROR, "holdTimeout", 0, 1,
			    "it was held and ready, and was not released within %.9g s (resume "
			    "it, or give it a start_time)",
			    (double)job->live->hold_timeout_ns / CLOCK_NS_PER_S);
		event = JOB_EVENT_FAIL;
	}
	if (why == SENDER_START_MISSED) {
		add_start_missed(agent, job, &problems);
		event = JOB_EVENT_FAIL;
	}
	end_without_sender(agent, job, event, &problems);
}

void end_without_sender_if_stopped(struct agent *agent, struct job *job)
{
	agent_lock(agent);
	bool stopped = lifecycle_is_stopped(job);
	enum sender_end why = stopped ? job->live->stop : SENDER_RUNNING;
	agent_unlock(agent);
	if (stopped)
		end_without_sender_stopped(agent, job, why);
}

/* From the first packet to the last count is all that is known of the time it took. */
static void fill_achieved_rate(struct closing *closing, const struct job_facts *facts)
{
	struct sender_report *job = &closing->job;
	const struct plan_stream *stream = &closing->plan->streams[0];
	int64_t span_ns = facts->account_ns - facts->first_packet_ns;
	if (facts->account.packets_sent < 2 || !facts->first_packet_ns || span_ns <= 0)
		return;
	job->achieved_pps =
		(double)(facts->account.packets_sent - 1) * CLOCK_NS_PER_S / (double)span_ns;
	if (closing->plan->stream_count > 1 || !stream->item_count)
		return; /* the sizes that were sent are not known */
	job->achieved_bps = job->achieved_pps * pacer_mean_bits(stream, job->layer);
	closing->streams[0].achieved_pps = job->achieved_pps;
	closing->streams[0].achieved_bps = job->achieved_bps;
}

struct blob *end_without_sender_record(const struct job *job, int64_t end_ns,
				       struct account *ret_account)
{
	_cleanup_closing_ struct closing closing = {.crashed = true};
	struct job_facts facts;
	struct problem_set problems = {.count = 0};
	if (record_read(job->live->record, &facts, NULL, NULL) < 0)
		return NULL;
	facts.end_ns = end_ns;
	/* Where the limit named no number, "requested" was what had been attempted. */
	account_close(&facts.account,
		      facts.account.packets_requested < account_attempted(&facts.account));
	problem_add(
		&problems, PROBLEM_ACCOUNT_FROM_SNAPSHOT, PROBLEM_WARNING, "", 0, 1,
		"the agent ended without stopping the job: the counts are the last stored ones; "
		"more may have been sent");
	*ret_account = facts.account;
	bool known = closing_init(&closing, job->id, job->live->spec, &job->live->earlier,
				  &facts.account) == 0;
	if (known)
		fill_achieved_rate(&closing, &facts);
	struct record_results results = {.job = &closing.job,
					 .streams = closing.streams,
					 .plan = closing.plan,
					 .job_account_only =
						 known && closing.plan->stream_count > 1};
	return record_pack(&facts, &problems, known ? &results : NULL);
}
