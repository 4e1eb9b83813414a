/*
 * scheduler: the thread that watches the time for all jobs. See agent_private.h.
 *
 * It sleeps until the next start_time, lease, publication or cut of the history, and for ever when
 * there is none: an idle agent does nothing. Snapshots of running jobs are taken here and not by
 * the workers, which are never held up by those who watch. What has to be stored or told is
 * gathered under the lock and done without it.
 */
#include "core/agent_private.h"

#include "base/log.h"
#include "base/util.h"
#include "pagecast/watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { ROUND_MAX = 64 }; /* jobs dealt with before the lock is let go and taken again */
#define RETRY_STORE_NS (1 * CLOCK_NS_PER_S)
/* A realtime clock may be set while we sleep: look again at least this often then. */
#define REALTIME_NAP_NS (5 * CLOCK_NS_PER_S)
#define NEVER_NS	INT64_MAX

enum chore_kind {
	CHORE_FINISH_LEASE,
	CHORE_FINISH_MISSED,
	CHORE_ROW,
	CHORE_SAVE_END,
	CHORE_REMOVE
};

struct chore { /* to be done without the lock */
	enum chore_kind kind;
	struct job *job;      /* a reference */
	struct store_job row; /* ROW, SAVE_END: blobs are held */
};

struct round {
	struct chore chores[ROUND_MAX];
	size_t count;
	uint64_t revision; /* the newest to tell; 0: none */
	bool probes;	   /* whether the store can be written again */
	bool saves;	   /* ends that were not stored are tried again */
	bool store_failed; /* one of them, once more */
};

static bool round_full(const struct round *round)
{
	return round->count == ROUND_MAX;
}

static struct chore *add_chore(struct round *round, enum chore_kind kind, struct job *job)
{
	struct chore *chore = &round->chores[round->count++];
	*chore = (struct chore){.kind = kind, .job = job_ref(job)};
	return chore;
}

static void add_row(struct agent *agent, struct round *round, enum chore_kind kind, struct job *job)
{
	struct chore *chore = add_chore(round, kind, job);
	chore->row = job_row(agent, job);
	job_row_hold(&chore->row);
}

static bool is_waiting(const struct job *job)
{
	return job->live->worker == SIZE_MAX && !job->live->ending;
}

/* A start_time comes near, has come, or is missed. */
static void on_start(struct agent *agent, struct round *round, struct job *job, int64_t now_ns)
{
	struct job_live *live = job->live;
	deadlines_remove(&agent->starts, &live->start);
	if (!is_waiting(job))
		return;
	if (!live->queued) {
		job_queue_add(&agent->queue, job);
		pthread_cond_signal(&agent->work);
	}
	if (now_ns < live->start_ns) {
		deadlines_set(&agent->starts, &live->start, live->start_ns);
		return;
	}
	if (job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_SCHEDULED)
		round->revision = job_enter(agent, job, job_fsm(job->state, JOB_EVENT_DUE));
	if (live->start_tolerance_ns < 0)
		return;
	if (now_ns - live->start_ns <= live->start_tolerance_ns) {
		deadlines_set(&agent->starts, &live->start,
			      live->start_ns + live->start_tolerance_ns + 1);
		return;
	}
	job_withdraw(agent, job);
	live->ending = true;
	add_chore(round, CHORE_FINISH_MISSED, job);
}

static void on_lease(struct agent *agent, struct round *round, struct job *job)
{
	bool mine;
	deadlines_remove(&agent->leases, &job->live->lease);
	job_stop(agent, job, SENDER_LEASE_EXPIRED, &mine);
	if (mine)
		add_chore(round, CHORE_FINISH_LEASE, job);
}

static void run_deadlines(struct agent *agent, struct round *round)
{
	int64_t realtime_ns = clock_realtime_ns(agent->clock);
	int64_t monotonic_ns = clock_monotonic_ns(agent->clock);
	struct deadline *first;
	while (!round_full(round) && (first = deadlines_first(&agent->starts)) &&
	       first->at_ns <= realtime_ns)
		on_start(agent, round, container_of(first, struct job_live, start)->job,
			 realtime_ns);
	while (!round_full(round) && (first = deadlines_first(&agent->leases)) &&
	       first->at_ns <= monotonic_ns)
		on_lease(agent, round, container_of(first, struct job_live, lease)->job);
}

static bool counts_moved(const struct account *a, const struct account *b)
{
	return account_attempted(a) != account_attempted(b) ||
	       a->packets_requested != b->packets_requested;
}

bool job_take_snapshot(struct job *job, bool *ret_moved)
{
	struct sender_snapshot snapshot;
	struct job_facts *facts = &job->live->facts;
	*ret_moved = false;
	sender_snapshot(job->live->sender, &snapshot);
	if (!snapshot.version)
		return false;
	struct account books = snapshot.account;
	account_add(&books, &job->live->earlier.books);
	*ret_moved = counts_moved(&books, &facts->account);
	if (!*ret_moved && strcmp(snapshot.waiting_for, facts->waiting_for) == 0 &&
	    snapshot.current_pps == facts->current_pps)
		return false;
	facts->account = snapshot.account;
	facts->account_ns = snapshot.taken_ns;
	facts->first_packet_ns = snapshot.first_packet_ns;
	facts->fraction = snapshot.fraction;
	facts->current_pps = snapshot.current_pps;
	facts->current_bps_l2 = snapshot.current_bps_l2;
	resume_add_facts(&job->live->earlier, facts);
	memcpy(facts->waiting_for, snapshot.waiting_for, sizeof facts->waiting_for);
	return true;
}

/* What has changed in a running job is shown; it is stored and told if a count moved. */
static void publish_one(struct agent *agent, struct round *round, struct job *job)
{
	bool moved;
	if (!job_take_snapshot(job, &moved))
		return;
	uint64_t revision = job_publish(agent, job, moved);
	if (!moved)
		return;
	round->revision = revision;
	add_row(agent, round, CHORE_ROW, job);
}

/* Return: is anything being sent? */
static bool publish(struct agent *agent, struct round *round, bool due)
{
	bool running = false;
	for (size_t i = 0; i < agent->worker_count; i++) {
		struct job *job = agent->workers[i].job;
		if (!job || !job->live || !job->live->sender || job->live->ending)
			continue;
		running = true;
		if (due && !round_full(round))
			publish_one(agent, round, job);
	}
	return running;
}

static bool too_old(const struct agent *agent, const struct job *job, int64_t now_ns)
{
	return job->end_ns < now_ns &&
	       (uint64_t)(now_ns - job->end_ns) / CLOCK_NS_PER_S > agent->history_max_age_s;
}

static void cut_history(struct agent *agent, struct round *round)
{
	int64_t now_ns = clock_realtime_ns(agent->clock);
	struct job *next;
	for (struct job *job = TAILQ_FIRST(&agent->finished); job && !round_full(round);
	     job = next) {
		next = TAILQ_NEXT(job, finished_link);
		if (!agent_history_full(agent) && !too_old(agent, job, now_ns))
			return;
		if (job->deleting || (job->live && job->live->unsaved))
			continue;
		add_chore(round, CHORE_REMOVE, job);
		job->deleting = true;
		round->revision = job_forget(agent, job);
	}
}

static void retry_unsaved(struct agent *agent, struct round *round)
{
	struct job *job;
	size_t left = agent->unsaved_count;
	TAILQ_FOREACH_REVERSE(job, &agent->finished, job_list, finished_link)
	{
		if (!left || round_full(round))
			return;
		if (!job->live || !job->live->unsaved)
			continue;
		left--;
		if (!job->deleting) {
			round->saves = true;
			add_row(agent, round, CHORE_SAVE_END, job);
		}
	}
}

static void finish_missed(struct agent *agent, struct job *job)
{
	struct problem_set problems = {.count = 0};
	agent_lock(agent);
	const char *why =
		agent->store_down ? "the store could not be written"
		: agent->short_of_share
			? "too little was left of the policy's maxTotalPps or maxTotalBpsL2"
			: "no worker was free";
	agent_unlock(agent);
	problem_add(&problems, PROBLEM_START_MISSED, PROBLEM_ERROR, "startTime", 0, 1,
		    "%s in time: startTime and startTolerance had passed", why);
	job_finish_unsent(agent, job, JOB_EVENT_FAIL, &problems);
}

static void finish_lease(struct agent *agent, struct job *job)
{
	struct problem_set problems = {.count = 0};
	problem_add(&problems, PROBLEM_LEASE_EXPIRED, PROBLEM_ERROR, "lease", 0, 1,
		    "the lease was not renewed in time (UpdateJob renews it)");
	job_finish_unsent(agent, job, JOB_EVENT_CANCEL, &problems);
}

/* Return: true when the store took the end of @job after all. */
static bool save_end(struct agent *agent, struct job *job, const struct store_job *row)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (agent->store->ops->update(agent->store, row, STORE_WAIT, &error))
		return false;
	agent_lock(agent);
	if (job->live && job->live->unsaved) {
		agent->unsaved_count--;
		job_end_live(job);
	}
	agent_unlock(agent);
	return true;
}

static void do_chore(struct agent *agent, struct chore *chore, enum store_wait removal,
		     bool *store_failed)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	switch (chore->kind) {
	case CHORE_FINISH_LEASE: finish_lease(agent, chore->job); return;
	case CHORE_FINISH_MISSED: finish_missed(agent, chore->job); return;
	case CHORE_ROW:
		agent->store->ops->update(agent->store, &chore->row, STORE_NO_WAIT, &error);
		return;
	case CHORE_SAVE_END:
		if (!*store_failed)
			*store_failed = !save_end(agent, chore->job, &chore->row);
		return;
	case CHORE_REMOVE:
		agent->store->ops->remove(agent->store, chore->job->id, removal, &error);
		agent_lock(agent);
		job_release_request(agent, chore->job);
		agent_unlock(agent);
		return;
	}
}

/* The last removal of a full round waits until the store has them all: behind a history of 100,000
 * that is cut at once, callers and the agent's end would wait for every one. */
static void do_chores(struct agent *agent, struct round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		struct chore *chore = &round->chores[i];
		do_chore(agent, chore, i == ROUND_MAX - 1 ? STORE_WAIT : STORE_NO_WAIT,
			 &round->store_failed);
		job_row_release(&chore->row);
		job_unref(chore->job);
	}
	if (round->revision)
		agent_notify(agent, round->revision);
}

/* Jobs wait for it: see worker.c. */
static void probe_store(struct agent *agent)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (agent->store->ops->check(agent->store, &error))
		return;
	agent_lock(agent);
	agent->store_down = false;
	pthread_cond_broadcast(&agent->work);
	agent_unlock(agent);
	log_event(LOG_LEVEL_INFO, "store_writable", "next", "queued jobs start", NULL);
}

/* When there is something to do again, if nothing happens before. @publish_ns, @retry_ns: known to
 * the caller, CLOCK_MONOTONIC. */
static void sleep_on(struct agent *agent, int64_t publish_ns, int64_t retry_ns)
{
	int64_t realtime_ns = clock_realtime_ns(agent->clock);
	int64_t monotonic_ns = clock_monotonic_ns(agent->clock);
	int64_t until_ns = MIN(publish_ns, retry_ns);
	const struct deadline *lease = deadlines_first(&agent->leases);
	const struct deadline *start = deadlines_first(&agent->starts);
	const struct job *oldest = TAILQ_FIRST(&agent->finished);
	if (lease)
		until_ns = MIN(until_ns, lease->at_ns);
	if (oldest) {
		int64_t age_s = (realtime_ns - oldest->end_ns) / CLOCK_NS_PER_S;
		int64_t left_s = (int64_t)agent->history_max_age_s - age_s + 1;
		until_ns = MIN(until_ns, monotonic_ns + MAX(left_s, 1) * CLOCK_NS_PER_S);
	}
	if (!start) {
		agent_wait(agent, &agent->tick, CLOCK_MONOTONIC, until_ns);
		return;
	}
	int64_t nap_ns = MIN(until_ns - monotonic_ns, REALTIME_NAP_NS);
	agent_wait(agent, &agent->tick, CLOCK_REALTIME, MIN(start->at_ns, realtime_ns + nap_ns));
}

void *scheduler_main(void *context)
{
	struct agent *agent = context;
	int64_t publish_ns = 0, retry_ns = NEVER_NS;
	pthread_setname_np(pthread_self(), "scheduler");
	agent_lock(agent);
	while (!agent->stopping) {
		struct round round;
		round.count = 0;
		round.revision = 0;
		round.saves = round.store_failed = round.probes = false;
		int64_t now_ns = clock_monotonic_ns(agent->clock);
		bool due = now_ns >= publish_ns;
		watchdog_busy(now_ns);
		run_deadlines(agent, &round);
		bool running = publish(agent, &round, due);
		if (due)
			publish_ns = now_ns + AGENT_PUBLISH_NS;
		cut_history(agent, &round);
		if (agent->unsaved_count && now_ns >= retry_ns)
			retry_unsaved(agent, &round);
		round.probes = agent->store_down && now_ns >= retry_ns;
		if (!agent->unsaved_count && !agent->store_down)
			retry_ns = NEVER_NS;
		else if (now_ns >= retry_ns || retry_ns == NEVER_NS)
			retry_ns = now_ns + RETRY_STORE_NS;
		if (round.count || round.revision || round.probes) {
			agent_unlock(agent);
			do_chores(agent, &round);
			if (round.probes)
				probe_store(agent);
			if (round.saves && !round.store_failed)
				retry_ns = now_ns; /* it works again: the next ones at once */
			agent_lock(agent);
			continue;
		}
		watchdog_rest();
		sleep_on(agent, running ? publish_ns : NEVER_NS, retry_ns);
	}
	agent_unlock(agent);
	return NULL;
}
