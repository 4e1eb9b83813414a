/*
 * worker: a thread that sends one job at a time. See agent_private.h.
 *
 * The way of a job here: take it, prepare it (compile, judge again, sockets, pages), hold it until
 * its start_time, store that it runs, send, store how it ended. Whatever changes it meanwhile goes
 * through the lock: until there is a sender, orders are left in job->live->stop and as a new
 * job->live->spec; from then on the sender takes them itself.
 *
 * A worker has a table of descriptors of its own (sys_own_descriptors()): whatever it calls may use
 * those that it opened itself, and standard error, but none of another thread's. So the store is
 * written by a thread of its own, and the listener is told without a descriptor.
 */
#include "core/agent_private.h"

#include "base/log.h"
#include "base/sys.h"
#include "base/util.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

/* RUNNING is stored this long before a start_time, for the store to be done with it... */
#define STORE_AHEAD_NS (250 * CLOCK_NS_PER_MS)
/* ...and shown this long before it; the sender waits for the instant itself. */
#define ENTER_AHEAD_NS (5 * CLOCK_NS_PER_MS)

struct run {
	struct agent *agent;
	struct worker *worker;
	struct job *job;
	struct blob *spec; /* that was prepared */
	struct preparation prepared;
	bool stored; /* its row says RUNNING */
};

/* What became of the attempt to start. */
enum readiness { READY, CHANGED, STOPPED, LEFT_WAITING, PUT_BACK, UNFIT };

static void unprepare(struct run *run)
{
	preparation_deinit(&run->prepared);
	run->spec = blob_unref(run->spec);
}

static enum readiness prepare(struct run *run)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	agent_lock(run->agent);
	run->spec = blob_ref(run->job->live->spec);
	struct job_grant grant = run->job->live->grant;
	run->prepared.earlier = &run->job->live->earlier;
	run->prepared.tell_streams = run->job->resumes;
	agent_unlock(run->agent);
	run->prepared.spec = pagecast__v1__job_spec__unpack(NULL, run->spec->len, run->spec->data);
	int r = run->prepared.spec ? preparation_make(run->agent, run->prepared.spec, &grant,
						      &run->prepared, &error)
				   : error_set(&error, ERROR_CODE_UNAVAILABLE, "out of memory");
	if (!r)
		return READY;
	if (!problem_set_has_error(&run->prepared.problems))
		preparation_tell(&run->prepared, &error);
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
	return run->job->live->spec == run->spec ? READY : CHANGED;
}

/* Under the lock: until @ahead_ns before the start_time, or an order. */
static enum readiness hold(struct run *run, int64_t ahead_ns)
{
	int64_t start_ns = run->job->live->start_ns;
	enum readiness readiness;
	while ((readiness = orders(run)) == READY && start_ns &&
	       clock_realtime_ns(run->agent->clock) < start_ns - ahead_ns)
		agent_wait(run->agent, &run->worker->wake, CLOCK_REALTIME, start_ns - ahead_ns);
	return readiness;
}

/* With the lock, let go meanwhile: the row says RUNNING before the first packet can leave. */
static int store_running(struct run *run, struct error *ret_error)
{
	struct store *store = run->agent->store;
	/* Its progress is there from the first moment; of a job that goes on it is stored. */
	if (!run->job->live->earlier.stream_count) {
		run->job->live->facts.account_ns = clock_realtime_ns(run->agent->clock);
		job_publish(run->agent, run->job, false);
	}
	struct store_job row = job_row(run->agent, run->job);
	row.state = run->job->live->earlier.paused ? PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED
						   : PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING;
	row.record = run->job->live->record;
	job_row_hold(&row);
	agent_unlock(run->agent);
	int r = store->ops->update(store, &row, STORE_WAIT, ret_error);
	job_row_release(&row);
	agent_lock(run->agent);
	return r;
}

/* Under the lock: what was stored as RUNNING will not run now; it waits on, also after a restart.
 */
static void store_waiting(struct run *run)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job row = job_row(run->agent, run->job);
	job_row_hold(&row);
	agent_unlock(run->agent);
	run->agent->store->ops->update(run->agent->store, &row, STORE_WAIT, &error);
	job_row_release(&row);
	agent_lock(run->agent);
}

/* Under the lock: the job is the sender's now. */
static uint64_t enter_running(struct run *run)
{
	struct job *job = run->job;
	job->live->sender = run->prepared.sender;
	job->live->engine = run->prepared.engine.kind;
	job->live->earlier.exact = blob_unref(job->live->earlier.exact);
	pthread_cond_signal(&run->agent->tick); /* snapshots from now on */
	uint64_t revision = job_enter(run->agent, job, job_fsm(job->state, JOB_EVENT_START));
	if (!job->live->earlier.paused)
		return revision;
	sender_pause(job->live->sender);
	return job_enter(run->agent, job, job_fsm(job->state, JOB_EVENT_PAUSE));
}

/* Under the lock: nothing is sent that is not stored as RUNNING. The scheduler tells when the store
 * can be written again. */
static void note_store_down(struct run *run, const struct error *error)
{
	if (!run->agent->store_down)
		log_event(LOG_LEVEL_ERROR, "start_not_stored", "job", run->job->id, "error",
			  error_message(error), "next",
			  "queued jobs wait until the store can be written", NULL);
	run->agent->store_down = true;
	run->job->live->again = true;
	pthread_cond_signal(&run->agent->tick);
}

/* Under the lock: into the queue, as if no worker had had it. */
static uint64_t put_back(struct run *run)
{
	struct agent *agent = run->agent;
	struct job *job = run->job;
	struct job_live *live = job->live;
	budget_give_back(agent, job);
	live->again = false;
	live->worker = SIZE_MAX;
	run->worker->job = NULL;
	job_queue_add(&agent->queue, job);
	if (live->start_ns) {
		deadlines_set(&agent->starts, &live->start,
			      MAX(live->start_ns, clock_realtime_ns(agent->clock)));
		pthread_cond_signal(&agent->tick);
	}
	pthread_cond_signal(&agent->work);
	return job_touch(agent, job);
}

/* Under the lock: a job that will not run now goes where it can be found again. */
static enum readiness leave(struct run *run, enum readiness readiness, uint64_t *ret_revision)
{
	if (readiness != LEFT_WAITING && readiness != PUT_BACK)
		return readiness;
	if (run->stored)
		store_waiting(run);
	if (orders(run) == STOPPED) /* while that was stored */
		return STOPPED;
	if (readiness == LEFT_WAITING)
		run->job->live->worker = SIZE_MAX;
	else
		*ret_revision = put_back(run);
	return readiness;
}

/* Holds a prepared job until it may run, and lets it. */
static enum readiness start(struct run *run)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint64_t revision = 0;
	agent_lock(run->agent);
	enum readiness readiness = hold(run, STORE_AHEAD_NS);
	if (readiness == READY) {
		run->stored = store_running(run, &error) == 0;
		if (!run->stored)
			note_store_down(run, &error);
		readiness = hold(run, ENTER_AHEAD_NS);
	}
	if (readiness == READY)
		revision = enter_running(run);
	else
		readiness = leave(run, readiness, &revision);
	agent_unlock(run->agent);
	agent_notify(run->agent, revision);
	return readiness;
}

/* It could not be prepared: by a policy or a spec of the past, that says nothing. */
static enum readiness look_again(struct run *run)
{
	uint64_t revision = 0;
	agent_lock(run->agent);
	enum readiness readiness = orders(run);
	readiness = readiness == READY ? UNFIT : leave(run, readiness, &revision);
	agent_unlock(run->agent);
	agent_notify(run->agent, revision);
	return readiness;
}

static enum job_event event_of(enum sender_end end, const struct account *account)
{
	switch (end) {
	case SENDER_LIMIT_REACHED:
		return account->packets_dropped || account->packets_failed ||
				       account->packets_cancelled
			       ? JOB_EVENT_FAIL
			       : JOB_EVENT_DONE;
	case SENDER_CANCELLED:
	case SENDER_LEASE_EXPIRED: return JOB_EVENT_CANCEL;
	case SENDER_INTERRUPTED: return JOB_EVENT_INTERRUPT;
	case SENDER_FORBIDDEN:
	case SENDER_MAX_DURATION:
	case SENDER_START_MISSED:
	case SENDER_ERROR:
	case SENDER_RUNNING: break;
	}
	return JOB_EVENT_FAIL;
}

static void fill_facts(const struct run *run, const struct sender_report *report,
		       struct job_facts *facts)
{
	struct sender_snapshot snapshot;
	sender_snapshot(run->prepared.sender, &snapshot);
	*facts = (struct job_facts){
		.first_packet_ns = report->first_packet_ns,
		.account = report->account,
		.account_ns = clock_realtime_ns(run->agent->clock),
		.fraction = snapshot.fraction,
	};
	const struct job_earlier *earlier = run->prepared.earlier;
	facts->fraction = earlier->fraction + (1 - earlier->fraction) * snapshot.fraction;
}

/* The agent ends and the job is to go on when it is back: it waits again, with exact books. Return:
 * false: whoever told it to stop meanwhile, *ret_ended, is not to be forgotten */
static bool suspend(struct run *run, enum sender_end *ret_ended)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct job *job = run->job;
	struct job_live *live = job->live;
	struct sender_snapshot snapshot;
	sender_snapshot(run->prepared.sender, &snapshot);
	agent_lock(run->agent);
	if (live->stop != SENDER_RUNNING) {
		*ret_ended = live->stop;
		agent_unlock(run->agent);
		return false;
	}
	live->facts.account = snapshot.account;
	live->facts.account_ns = snapshot.taken_ns;
	live->facts.first_packet_ns = snapshot.first_packet_ns;
	live->facts.fraction = snapshot.fraction;
	live->facts.waiting_for[0] = '\0';
	live->facts.current_pps = live->facts.current_bps_l2 = 0;
	resume_add_facts(&live->earlier, &live->facts);
	live->facts.end_ns = live->earlier.repeats ? 0 : clock_realtime_ns(run->agent->clock);
	job_publish(run->agent, job, false);
	live->earlier.paused = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED;
	uint64_t revision = job_enter(run->agent, job, job_fsm(job->state, JOB_EVENT_SUSPEND));
	struct store_job row = job_row(run->agent, job);
	job_row_hold(&row);
	live->facts.end_ns = 0; /* it is stored that the books are exact; it has not ended */
	job_publish(run->agent, job, false);
	live->sender = NULL;
	live->worker = SIZE_MAX;
	agent_unlock(run->agent);
	int r = run->agent->store->ops->update(run->agent->store, &row, STORE_WAIT, &error);
	job_row_release(&row);
	if (r)
		log_event(LOG_LEVEL_ERROR, "job_change_not_stored", "job", job->id, "error",
			  error_message(&error), "next",
			  "it goes on from the counts that were stored before", NULL);
	agent_notify(run->agent, revision);
	return true;
}

/* Sends; then nobody else gets at the sender, and the end is stored and shown. */
static void send_and_finish(struct run *run)
{
	size_t count = run->prepared.plan->stream_count;
	enum sender_end ended = sender_run(run->prepared.sender);
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
	resume_tell(earlier, &problems);
	if (ended == SENDER_FORBIDDEN)
		problem_add(&problems, PROBLEM_PERMISSION, PROBLEM_ERROR,
			    run->job->live->forbidden.field, 0, 1,
			    "the policy was changed while the job ran: %s",
			    run->job->live->forbidden.message);
	struct record_results results = {&job_report, reports, run->prepared.plan};
	struct job_end end = {.event = event_of(ended, &job_report.account),
			      .problems = &problems,
			      .results = reports ? &results : NULL};
	fill_facts(run, &job_report, &end.facts);
	agent_lock(run->agent);
	metrics_add_job(&run->agent->metrics, run->prepared.sender, &job_report,
			run->job->live->start_ns != 0);
	run->job->live->ending = true;
	run->job->live->sender = NULL;
	agent_unlock(run->agent);
	job_finish(run->agent, run->job, &end);
}

/* Ends a job that could not start, or was stopped before. */
static void finish_unsent(struct run *run, enum readiness readiness)
{
	agent_lock(run->agent);
	enum sender_end stop = run->job->live->stop;
	run->job->live->ending = true;
	agent_unlock(run->agent);
	if (readiness == UNFIT) {
		job_finish_unsent(run->agent, run->job, JOB_EVENT_FAIL, &run->prepared.problems);
		return;
	}
	run->prepared.problems.count = 0;
	if (stop == SENDER_LEASE_EXPIRED)
		problem_add(&run->prepared.problems, PROBLEM_LEASE_EXPIRED, PROBLEM_ERROR, "lease",
			    0, 1, "the lease was not renewed in time (UpdateJob renews it)");
	job_finish_unsent(run->agent, run->job, JOB_EVENT_CANCEL, &run->prepared.problems);
}

static void run_job(struct run *run)
{
	enum readiness readiness;
	do {
		unprepare(run);
		readiness = prepare(run) == READY ? start(run) : look_again(run);
	} while (readiness == CHANGED);
	if (readiness == READY)
		send_and_finish(run);
	else if (readiness != LEFT_WAITING && readiness != PUT_BACK)
		finish_unsent(run, readiness);
	unprepare(run);
}

/* Under the lock: the next job, with a reference; NULL: the agent stops */
static struct job *take(struct worker *worker)
{
	struct agent *agent = worker->agent;
	struct job *job = NULL;
	worker->idle = true;
	while (!agent->stopping) {
		job = agent->store_down ? NULL : job_queue_first(&agent->queue);
		agent->short_of_share = job && !budget_take(agent, job);
		if (job && !agent->short_of_share)
			break;
		pthread_cond_wait(&agent->work, &agent->lock);
	}
	worker->idle = false;
	if (agent->stopping)
		return NULL;
	job_queue_remove(&agent->queue, job);
	deadlines_remove(&agent->starts, &job->live->start);
	job->live->worker = worker->number;
	worker->job = job_ref(job);
	return job;
}

static void give_back(struct worker *worker, struct job *job)
{
	agent_lock(worker->agent);
	worker->job = NULL;
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
			  "it runs on any", NULL);
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
		agent_lock(agent);
		struct job *job = take(worker);
		agent_unlock(agent);
		if (!job)
			break;
		struct run run = {.agent = agent, .worker = worker, .job = job};
		run_job(&run);
		give_back(worker, job);
	}
	agent_lock(agent);
	worker->ended = true;
	pthread_cond_broadcast(&agent->settled);
	agent_unlock(agent);
	return NULL;
}
