/* job_run: see job_run.h. */
#include "core/run/job_run.h"

#include "base/log.h"
#include "base/util.h"
#include "core/job/facts.h"
#include "core/job/resume.h"
#include "core/run/preparation.h"
#include "core/state/agent.h"
#include "core/state/budget.h"
#include "core/state/end_without_sender.h"
#include "core/state/hold.h"
#include "core/state/lifecycle.h"
#include "core/state/row.h"

/* RUNNING is stored this long before a start_time, for the store to be done with it... */
#define STORE_AHEAD_NS (250 * CLOCK_NS_PER_MS)
/* ...and shown this long before it; the sender waits for the instant itself. */
#define ENTER_AHEAD_NS (5 * CLOCK_NS_PER_MS)

enum { BRIEF_PACKETS_MAX = 64 };

struct run {
	struct agent *agent;
	struct worker *worker;
	struct job *job;
	const struct job_run_steps *steps;
	uint32_t changes;      /* of the spec that was prepared: job->live->changes then */
	int64_t hold_until_ns; /* CLOCK_MONOTONIC: then a held job fails; 0: it was not ready yet */
	struct preparation prepared;
	bool stored; /* its row says RUNNING */
};

/* What became of the attempt to start. */
enum readiness { READY, CHANGED, STOPPED, LEFT_WAITING, PUT_BACK, UNFIT };

static void unprepare(struct run *run)
{
	preparation_deinit(&run->prepared);
}

static enum readiness prepare(struct run *run)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	agent_lock(run->agent);
	_cleanup_blob_ struct blob *spec = blob_ref(run->job->live->spec);
	run->changes = run->job->live->changes;
	run->job->live->ready = false;
	struct job_grant grant = run->job->live->grant;
	run->prepared.earlier = &run->job->live->earlier;
	run->prepared.job_id = run->job->id;
	agent_unlock(run->agent);
	run->prepared.spec = pagecast__v1__job_spec__unpack(NULL, spec->len, spec->data);
	int r = run->prepared.spec ? preparation_make(run->agent, run->prepared.spec, &grant,
						      &run->prepared, &error)
				   : error_set(&error, ERROR_CODE_UNAVAILABLE, "out of memory");
	if (!r)
		return READY;
	if (!problem_set_has_error(&run->prepared.problems))
		preparation_add_problems(&run->prepared, &error);
	if (r == ERROR_CODE_PERMISSION_DENIED) /* accepted under other rules */
		log_event(LOG_LEVEL_WARN, "job_forbidden", "job", run->job->id, "rule",
			  error_message(&error), "next", "the job is ended", NULL);
	return UNFIT;
}

/* Under the lock: what came in before there was a sender. */
static enum readiness orders(const struct run *run)
{
	if (run->job->live->stop != SENDER_RUNNING)
		return STOPPED;
	if (run->agent->stopping)
		return LEFT_WAITING;
	if (run->job->live->again)
		return PUT_BACK;
	return run->job->live->changes == run->changes ? READY : CHANGED;
}

/* Under the lock: is another job to send before this one, on the same lane? */
static bool waits_for_turn(const struct run *run)
{
	const struct lane *lane = run->worker->lane;
	return lane->ahead && lane->ahead != run->worker;
}

/* Under the lock, released meanwhile: whoever waits for it sees that it could start now. */
static void show_ready(struct run *run)
{
	struct agent *agent = run->agent;
	struct job_live *live = run->job->live;
	live->ready = true;
	if (live->hold && !run->hold_until_ns)
		run->hold_until_ns = clock_monotonic_ns(agent->clock) + live->hold_timeout_ns;
	uint64_t revision = agent_touch(agent, run->job);
	agent_unlock(agent);
	agent_notify(agent, revision);
	agent_lock(agent);
}

/* Under the lock: how long it is until @ahead_ns before its start_time; 0: no longer */
static int64_t until_start_ns(const struct run *run, int64_t ahead_ns)
{
	int64_t start_ns = run->job->live->start_ns;
	return start_ns
		       ? MAX(start_ns - ahead_ns - clock_realtime_ns(run->agent->clock), INT64_C(0))
		       : 0;
}

/* Under the lock, released while it waits: once, for the release of a held job or its start. */
static void wait_once(struct run *run, int64_t ahead_ns)
{
	struct agent *agent = run->agent;
	const struct job_live *live = run->job->live;
	pthread_cond_t *wake = &run->worker->wake;
	if (!live->hold)
		agent_wait_until(agent, wake, CLOCK_REALTIME, live->start_ns - ahead_ns);
	else if (clock_monotonic_ns(agent->clock) < run->hold_until_ns)
		agent_wait_until(agent, wake, CLOCK_MONOTONIC, run->hold_until_ns);
	else
		lifecycle_stop(agent, run->job, SENDER_HOLD_EXPIRED);
}

/* Under the lock, released while it waits: until its turn has come, it is not held, and until
 * @ahead_ns before its start_time, or an order. */
static enum readiness hold(struct run *run, int64_t ahead_ns)
{
	const struct job_live *live = run->job->live;
	struct plan *plan = run->prepared.plan;
	enum readiness readiness;
	while ((readiness = orders(run)) == READY && waits_for_turn(run))
		agent_wait(run->agent, &run->worker->wake);
	while ((readiness = orders(run)) == READY &&
	       (live->hold || until_start_ns(run, ahead_ns))) {
		if (live->ready)
			wait_once(run, ahead_ns);
		else
			show_ready(run); /* lets go of the lock: orders are looked at again */
	}
	if (readiness == READY && plan->hold) { /* released since it was compiled */
		plan->start_time_ns = live->start_ns;
		plan->start_tolerance_ns = live->start_tolerance_ns;
	}
	return readiness;
}

/* Under the lock: the row of a job that runs. */
static struct store_job running_row(struct run *run)
{
	struct job_live *live = run->job->live;
	/* Its progress is there from the first moment; of a job that goes on it is stored. */
	if (!live->earlier.stream_count) {
		live->facts.account_ns = clock_realtime_ns(run->agent->clock);
		lifecycle_publish(run->agent, run->job, false);
	}
	struct store_job row = row_take(run->agent, run->job);
	row.state = live->earlier.paused ? PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED
					 : PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING;
	row_set_record(&row, blob_ref(live->record));
	return row;
}

/* Nothing is sent that is not stored as RUNNING. The scheduler says when the store can be written
 * again. */
static void note_store_down(struct run *run, const struct error *error)
{
	agent_lock(run->agent);
	bool news = !run->agent->store_down;
	run->agent->store_down = true;
	run->job->live->again = true;
	pthread_cond_signal(&run->agent->tick);
	agent_unlock(run->agent);
	if (news)
		log_event(LOG_LEVEL_ERROR, "start_not_stored", "job", run->job->id, "error",
			  error_message(error), "next",
			  "queued jobs wait until the store is writable", NULL);
}

/* The row says RUNNING before the first packet can be sent. */
static void store_running(struct run *run, struct store_job *row)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	run->stored = row_store(run->agent, row, STORE_WAIT, &error) == 0;
	if (!run->stored)
		note_store_down(run, &error);
}

/* Under the lock: the job is the sender's now. */
static uint64_t enter_running(struct run *run)
{
	struct job *job = run->job;
	hold_give_back(run->agent, job);
	job->live->sender = run->prepared.sender;
	pthread_cond_broadcast(&run->agent->settled); /* who released it may be waiting for that */
	job->live->engine = run->prepared.engine.kind;
	job_set_streams(job, TAKE_PTR(run->prepared.streams), run->prepared.plan->stream_count);
	bool counted;
	facts_take_snapshot(job, &counted); /* the state of its streams, from the first moment */
	if (job->resumes)
		lifecycle_publish(run->agent, job, false); /* its record has them, too */
	job->live->earlier.exact = blob_unref(job->live->earlier.exact);
	pthread_cond_signal(&run->agent->tick); /* snapshots from now on */
	uint64_t revision = lifecycle_enter(run->agent, job, job_fsm(job->state, JOB_EVENT_START));
	if (!job->live->earlier.paused)
		return revision;
	sender_pause(job->live->sender);
	return lifecycle_enter(run->agent, job, job_fsm(job->state, JOB_EVENT_PAUSE));
}

/* The job may still be stopped or changed just before its start. */
static enum readiness begin(struct run *run)
{
	uint64_t revision = 0;
	agent_lock(run->agent);
	enum readiness readiness = hold(run, ENTER_AHEAD_NS);
	if (readiness == READY)
		revision = enter_running(run);
	agent_unlock(run->agent);
	agent_notify(run->agent, revision);
	return readiness;
}

/* What was stored as RUNNING will not run now; it waits on, also after a restart. */
static void store_waiting(struct run *run)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	row_save(run->agent, run->job, STORE_WAIT, &error); /* the store logs its failures */
}

/* A job that will not run now goes where it can be found again. */
static enum readiness leave(struct run *run, enum readiness readiness)
{
	uint64_t revision = 0;
	if (readiness != LEFT_WAITING && readiness != PUT_BACK)
		return readiness;
	if (run->stored)
		store_waiting(run);
	agent_lock(run->agent);
	if (orders(run) == STOPPED) /* in the meantime */
		readiness = STOPPED;
	else if (readiness == LEFT_WAITING)
		run->job->live->worker = SIZE_MAX;
	else {
		revision = lifecycle_put_back(run->agent, run->job);
		run->worker->job = NULL;
	}
	agent_unlock(run->agent);
	agent_notify(run->agent, revision);
	return readiness;
}

/* Does it leave in less time than it takes to prepare the next? */
static bool is_brief(const struct run *run)
{
	const struct plan *plan = run->prepared.plan;
	uint64_t packets = 0;
	for (size_t i = 0; i < plan->stream_count; i++) {
		const struct plan_stream *stream = &plan->streams[i];
		if ((stream->limit.kind != PLAN_LIMIT_PACKETS &&
		     stream->limit.kind != PLAN_LIMIT_BYTES) ||
		    stream->rate.kind != PLAN_RATE_UNLIMITED || stream->start_delay_ns ||
		    stream->hold)
			return false;
		packets += stream->limit.packets;
		if (packets > BRIEF_PACKETS_MAX)
			return false;
	}
	return !plan->start_time_ns;
}

/* Holds a prepared job until it may run, and lets it. */
static enum readiness start(struct run *run)
{
	struct store_job row;
	agent_lock(run->agent);
	enum readiness readiness = hold(run, STORE_AHEAD_NS);
	if (readiness == READY)
		row = running_row(run);
	const struct job_grant *grant = &run->job->live->grant;
	bool shares = grant->pps > 0 || grant->bps_l2 > 0; /* the next would get less */
	bool paused = run->job->live->earlier.paused;
	agent_unlock(run->agent);
	if (readiness == READY) {
		if (!shares && !paused && is_brief(run))
			run->steps->about_to_send(run->worker);
		store_running(run, &row);
		readiness = begin(run);
	}
	return leave(run, readiness);
}

/* It could not be prepared: that says nothing where policy or spec were replaced since. */
static enum readiness look_again(struct run *run)
{
	agent_lock(run->agent);
	enum readiness readiness = orders(run);
	agent_unlock(run->agent);
	return readiness == READY ? UNFIT : leave(run, readiness);
}

static enum job_event event_of(enum sender_end end, const struct account *account)
{
	switch (end) {
	case SENDER_LIMIT_REACHED:
		return account->packets_dropped || account->packets_failed ||
				       account->packets_cancelled
			       ? JOB_EVENT_FAIL
			       : JOB_EVENT_DONE;
	case SENDER_STREAMS_CANCELLED:
		return account->packets_dropped || account->packets_failed ? JOB_EVENT_FAIL
									   : JOB_EVENT_CANCEL;
	case SENDER_CANCELLED:
	case SENDER_LEASE_EXPIRED: return JOB_EVENT_CANCEL;
	case SENDER_INTERRUPTED: return JOB_EVENT_INTERRUPT;
	case SENDER_FORBIDDEN:
	case SENDER_MAX_DURATION:
	case SENDER_START_MISSED:
	case SENDER_HOLD_EXPIRED:
	case SENDER_ERROR:
	case SENDER_RUNNING: break;
	}
	return JOB_EVENT_FAIL;
}

static struct job_facts facts_of_report(const struct run *run, const struct sender_report *report)
{
	agent_lock(run->agent);
	facts_suspend(run->job); /* what it published last */
	struct job_facts facts = run->job->live->facts;
	agent_unlock(run->agent);
	facts.account = report->account;
	facts.account_ns = clock_realtime_ns(run->agent->clock);
	facts.first_packet_ns = report->first_packet_ns;
	return facts;
}

/* The agent ends and the job is to go on when it is back: it waits again, with an exact account.
 * Return: false: it was stopped before this for *ret_ended, which counts */
static bool suspend(struct run *run, enum sender_end *ret_ended)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct agent *agent = run->agent;
	struct job *job = run->job;
	struct job_live *live = job->live;
	agent_lock(agent);
	if (live->stop != SENDER_RUNNING) {
		*ret_ended = live->stop;
		agent_unlock(agent);
		return false;
	}
	facts_suspend(job);
	live->facts.end_ns = live->earlier.repeats ? 0 : clock_realtime_ns(agent->clock);
	lifecycle_publish(agent, job, false);
	live->earlier.paused = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED;
	uint64_t revision = lifecycle_enter(agent, job, job_fsm(job->state, JOB_EVENT_SUSPEND));
	struct store_job row = row_take(agent, job);
	live->facts.end_ns = 0; /* only the stored record says that the account is exact */
	lifecycle_publish(agent, job, false);
	live->sender = NULL;
	live->worker = SIZE_MAX;
	agent_unlock(agent);
	if (row_store(agent, &row, STORE_WAIT, &error))
		log_event(LOG_LEVEL_ERROR, "job_change_not_stored", "job", job->id, "error",
			  error_message(&error), "next",
			  "the job resumes from the counts that were stored before", NULL);
	agent_notify(agent, revision);
	return true;
}

/* Sends; then nobody else reaches the sender, and the end is stored and shown. */
static void send_and_finish(struct run *run)
{
	size_t count = run->prepared.plan->stream_count;
	enum sender_end ended = sender_run(run->prepared.sender);
	run->steps->sent(run->worker);
	sender_settle(run->prepared.sender);
	if (ended == SENDER_INTERRUPTED && run->job->resumes && suspend(run, &ended))
		return;
	_cleanup_free_ struct sender_report *reports = calloc(1 + count, sizeof *reports);
	struct sender_report job_report;
	sender_report(run->prepared.sender, SIZE_MAX, &job_report);
	for (size_t i = 0; reports && i < count; i++)
		sender_report(run->prepared.sender, i, &reports[i]);
	const struct job_earlier *earlier = run->prepared.earlier;
	resume_add_report(earlier, &job_report, reports, count);
	struct problem_set problems = *sender_problems(run->prepared.sender);
	resume_add_problems(earlier, &problems);
	if (ended == SENDER_FORBIDDEN)
		problem_add(&problems, PROBLEM_PERMISSION, PROBLEM_ERROR,
			    run->job->live->forbidden.field, 0, 1,
			    "the policy was changed while the job ran: %s",
			    run->job->live->forbidden.message);
	struct record_results results = {&job_report, reports, run->prepared.plan};
	struct job_end end = {.event = event_of(ended, &job_report.account),
			      .problems = &problems,
			      .results = reports ? &results : NULL};
	end.facts = facts_of_report(run, &job_report);
	agent_lock(run->agent);
	counts_add_sent(&run->agent->counts, run->prepared.sender, &job_report,
			run->job->live->start_ns != 0);
	lifecycle_begin_end(run->agent, run->job);
	agent_unlock(run->agent);
	/* who sees the end finds the ports free */
	run->prepared.sender = sender_free(run->prepared.sender);
	lifecycle_finish(run->agent, run->job, &end);
}

/* Ends a job that could not start, or was stopped before. */
static void finish_unsent(struct run *run, enum readiness readiness)
{
	run->steps->sent(run->worker);
	if (readiness == UNFIT) {
		end_without_sender(run->agent, run->job, JOB_EVENT_FAIL, &run->prepared.problems);
		return;
	}
	agent_lock(run->agent);
	enum sender_end stop = run->job->live->stop;
	agent_unlock(run->agent);
	end_without_sender_stopped(run->agent, run->job, stop);
}

void job_run(struct worker *worker, struct job *job, const struct job_run_steps *steps)
{
	struct run run = {.agent = worker->agent, .worker = worker, .job = job, .steps = steps};
	enum readiness readiness;
	do {
		unprepare(&run);
		readiness = prepare(&run) == READY ? start(&run) : look_again(&run);
	} while (readiness == CHANGED);
	if (readiness == READY)
		send_and_finish(&run);
	else if (readiness != LEFT_WAITING && readiness != PUT_BACK)
		finish_unsent(&run, readiness);
	unprepare(&run);
}
