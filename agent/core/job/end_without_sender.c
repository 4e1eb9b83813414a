/*
 * end_without_sender: the end of a job of which no sender can tell: it never had one, or the agent
 * ended without stopping it. See agent_private.h.
 *
 * It gets the report and the stream results that every end has, out of its spec and of the books as
 * they were known last. What is not known stays out: rates, path and counts are never made up.
 */
#include "core/agent_private.h"

#include "base/util.h"
#include "engine/engine_probe.h"
#include "packet/rate.h"
#include "sender/pacer.h"
#include "sender/pacer_rate.h"

#include <string.h>

struct untold {
	struct plan *plan; /* an outline, or only names and rates of the streams, without items */
	struct sender_report job, *streams;
	bool crashed; /* it was running when the agent ended without stopping it */
};

static void untold_deinit(struct untold *untold)
{
	plan_free(untold->plan);
	free(untold->streams);
}
#define _cleanup_untold_ _cleanup_(untold_deinit)

/* A spec that was accepted does not compile any more when its interface has gone: what is left of
 * it are the names and the rates. */
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

/* What was asked for, as a report tells it. */
static void ask(const struct plan_stream *stream, struct sender_report *report)
{
	struct pacer *pacer = NULL;
	struct pacer_report pace;
	if (stream->limit.kind == PLAN_LIMIT_PACKETS || stream->limit.kind == PLAN_LIMIT_BYTES)
		report->account.packets_requested = stream->limit.packets;
	report->layer = stream->rate.layer;
	if (!stream->item_count && stream->rate.kind == PLAN_RATE_PPS)
		report->requested_pps = stream->rate.value;
	/* a percentage of a line that was never looked at is no rate yet */
	if (!stream->item_count || pacer_new(&pacer, stream, engine_handover_ns(), 0) < 0)
		return;
	pacer_report(pacer, &pace);
	report->requested_pps = pace.requested_pps;
	report->requested_bps = pace.requested_bps;
	pacer_free(pacer);
}

static void say_path(const struct untold *untold, struct sender_report *report)
{
	bool none = !untold->crashed && !report->account.packets_sent;
	snprintf(report->path, sizeof report->path, "%s",
		 none ? SENDER_PATH_NONE : "not known, because the agent ended meanwhile");
	snprintf(report->why, sizeof report->why, "%s",
		 none ? "it ended before it could send" : "what sent it can not tell any more");
}

/* The job's lines out of its streams', as sender_report() does it. */
static void sum(const struct untold *untold, struct sender_report *job)
{
	bool unlimited = false;
	job->layer = untold->streams[0].layer;
	for (size_t i = 0; i < untold->plan->stream_count; i++)
		if (untold->streams[i].layer != job->layer)
			job->layer = PAGECAST__V1__LAYER__LAYER_L2;
	for (size_t i = 0; i < untold->plan->stream_count; i++) {
		const struct plan_stream *stream = &untold->plan->streams[i];
		double pps = untold->streams[i].requested_pps;
		unlimited |= pps == 0;
		job->requested_pps += pps;
		if (pps > 0 && stream->item_count)
			job->requested_bps += pps * pacer_mean_bits(stream, job->layer);
	}
	if (unlimited)
		job->requested_pps = job->requested_bps = 0;
}

/* Return: 0; -1: out of memory */
static int untold_init(struct untold *untold, const struct job_live *live,
		       const struct account *books)
{
	const struct job_earlier *earlier = &live->earlier;
	untold->plan = read_plan(live->spec);
	size_t count = untold->plan ? untold->plan->stream_count : 0;
	untold->streams = calloc(count + 1, sizeof *untold->streams);
	if (!count || !untold->streams)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct sender_report *report = &untold->streams[i];
		ask(&untold->plan->streams[i], report);
		if (earlier->stream_count == count) {
			uint64_t requested = report->account.packets_requested;
			report->account = earlier->streams[i].account;
			report->account.packets_requested =
				MAX(requested, report->account.packets_requested);
		}
		if (count == 1)
			report->account = *books;
		account_close(&report->account, false);
		say_path(untold, report);
	}
	untold->job.account = *books;
	say_path(untold, &untold->job);
	sum(untold, &untold->job);
	return 0;
}

void job_finish_unsent(struct agent *agent, struct job *job, enum job_event event,
		       const struct problem_set *problems)
{
	_cleanup_untold_ struct untold untold = {0};
	struct problem_set why = {.count = 0};
	struct job_end end = {.event = event, .problems = &why};
	if (problems)
		why = *problems;
	agent_lock(agent);
	end.facts = job->live->facts;
	agent_unlock(agent);
	end.facts.waiting_for[0] = '\0';
	end.facts.current_pps = end.facts.current_bps_l2 = 0;
	end.facts.account_ns = clock_realtime_ns(agent->clock);
	account_close(&end.facts.account, false);
	if (!why.count && !account_attempted(&end.facts.account)) /* what sent nothing says why */
		problem_add(&why, PROBLEM_NOT_STARTED, PROBLEM_INFO, "", 0, 1,
			    "cancelled before it had started");
	resume_tell(&job->live->earlier, &why);
	/* The caller has set `ending`: nobody else changes spec and earlier books. */
	bool told = untold_init(&untold, job->live, &end.facts.account) == 0;
	struct record_results results = {
		.job = &untold.job, .streams = untold.streams, .plan = untold.plan};
	end.results = told ? &results : NULL;
	job_finish(agent, job, &end);
}

/* From the first packet to the last count is all that is known of the time it took. */
static void say_rate(struct untold *untold, const struct job_facts *facts)
{
	struct sender_report *job = &untold->job;
	const struct plan_stream *stream = &untold->plan->streams[0];
	int64_t span_ns = facts->account_ns - facts->first_packet_ns;
	if (facts->account.packets_sent < 2 || !facts->first_packet_ns || span_ns <= 0)
		return;
	job->achieved_pps =
		(double)(facts->account.packets_sent - 1) * CLOCK_NS_PER_S / (double)span_ns;
	if (untold->plan->stream_count > 1 || !stream->item_count)
		return; /* the sizes that were sent are not known */
	job->achieved_bps = job->achieved_pps * pacer_mean_bits(stream, job->layer);
	untold->streams[0].achieved_pps = job->achieved_pps;
	untold->streams[0].achieved_bps = job->achieved_bps;
}

struct blob *job_record_interrupted(const struct job *job, int64_t end_ns,
				    struct account *ret_account)
{
	_cleanup_untold_ struct untold untold = {.crashed = true};
	struct job_facts facts;
	struct problem_set problems = {.count = 0};
	if (record_read(job->live->record, &facts, NULL, NULL) < 0)
		return NULL;
	facts.end_ns = end_ns;
	/* Where the limit named no number, "requested" was what had been attempted. */
	account_close(&facts.account,
		      facts.account.packets_requested < account_attempted(&facts.account));
	problem_add(&problems, PROBLEM_ACCOUNT_FROM_SNAPSHOT, PROBLEM_WARNING, "", 0, 1,
		    "the agent ended without stopping the job: the counts are the last that were "
		    "stored, more may have been sent");
	*ret_account = facts.account;
	bool told = untold_init(&untold, job->live, &facts.account) == 0;
	if (told)
		say_rate(&untold, &facts);
	struct record_results results = {.job = &untold.job,
					 .streams = untold.streams,
					 .plan = untold.plan,
					 .job_books_only = told && untold.plan->stream_count > 1};
	return record_pack(&facts, &problems, told ? &results : NULL);
}
