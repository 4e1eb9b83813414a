/* scheduler: see scheduler.h. */
#include "core/run/scheduler.h"

#include "base/log.h"
#include "base/util.h"
#include "core/job/facts.h"
#include "core/state/agent.h"
#include "core/state/end_without_sender.h"
#include "core/state/history.h"
#include "core/state/lifecycle.h"
#include "core/state/row.h"
#include "pagecast/watchdog.h"

enum { ROUND_MAX = 64 }; /* jobs dealt with before the lock is let go and taken again */
#define PUBLISH_NS     (100 * CLOCK_NS_PER_MS) /* between two snapshots of a running job */
#define RETRY_STORE_NS (1 * CLOCK_NS_PER_S)
/* A realtime clock may be set while we sleep: look again at least this often then. */
#define REALTIME_NAP_NS (5 * CLOCK_NS_PER_S)
#define NEVER_NS	INT64_MAX

enum chore_kind {
	CHORE_END, /* of a job that was stopped while it waited */
	CHORE_ROW,
	CHORE_SAVE_END,
	CHORE_REMOVE
};

struct chore { /* to be done without the lock */
	enum chore_kind kind;
	struct job *job;      /* a reference */
	struct store_job row; /* ROW, SAVE_END: to be stored */
};

struct round {
	struct chore chores[ROUND_MAX];
	size_t count;
	uint64_t revision; /* the newest to notify; 0: none */
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
	chore->row = row_take(agent, job);
}

/* A start_time comes near, has come, or is missed. */
static void on_start(struct agent *agent, struct round *round, struct job *job, int64_t now_ns)
{
	struct job_live *live = job->live;
	deadlines_remove(&agent->starts, &live->start);
	if (!lifecycle_is_waiting(job))
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
		round->revision = lifecycle_enter(agent, job, job_fsm(job->state, JOB_EVENT_DUE));
	if (live->start_tolerance_ns < 0)
		return;
	if (now_ns - live->start_ns <= live->start_tolerance_ns) {
		deadlines_set(&agent->starts, &live->start,
			      live->start_ns + live->start_tolerance_ns + 1);
		return;
	}
	lifecycle_stop(agent, job, SENDER_START_MISSED);
	add_chore(round, CHORE_END, job);
}

static void on_lease(struct agent *agent, struct round *round, struct job *job)
{
	deadlines_remove(&agent->leases, &job->live->lease);
	lifecycle_stop(agent, job, SENDER_LEASE_EXPIRED);
	if (lifecycle_is_stopped(job))
		add_chore(round, CHORE_END, job);
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

/* What has changed in a running job is shown; it is stored and notified if a count changed. */
static void publish_one(struct agent *agent, struct round *round, struct job *job)
{
	bool counted;
	if (!facts_take_snapshot(job, &counted))
		return;
	uint64_t revision = lifecycle_publish(agent, job, counted);
	if (!counted)
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
		if (!history_is_full(agent) && !too_old(agent, job, now_ns))
			return;
		if (job->deleting || job->damaged || (job->live && job->live->unsaved))
			continue; /* what is damaged stays until somebody has seen it */
		add_chore(round, CHORE_REMOVE, job);
		job->deleting = true;
		round->revision = history_forget(agent, job);
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

/* Return: did the store take the end of @job this time? Consumes @row. */
static bool save_end(struct agent *agent, struct job *job, struct store_job *row)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (row_store(agent, row, STORE_WAIT, &error))
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
	case CHORE_END: end_without_sender_if_stopped(agent, chore->job); return;
	case CHORE_ROW: row_store(agent, &chore->row, STORE_NO_WAIT, &error); return;
	case CHORE_SAVE_END:
		if (*store_failed)
			row_release(&chore->row);
		else
			*store_failed = !save_end(agent, chore->job, &chore->row);
		return;
	case CHORE_REMOVE:
		agent->store->ops->remove(agent->store, chore->job->id, removal, &error);
		agent_lock(agent);
		history_release_request(agent, chore->job);
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
		job_unref(chore->job);
	}
	agent_notify(agent, round->revision);
}

size_t scheduler_save_ends(struct agent *agent)
{
	struct round round = {.count = 0};
	agent_lock(agent);
	size_t left = agent->unsaved_count;
	do {
		retry_unsaved(agent, &round);
		bool tried = round.count > 0;
		agent_unlock(agent);
		do_chores(agent, &round);
		round.count = 0;
		agent_lock(agent);
		left = tried ? agent->unsaved_count : 0; /* the rest were being deleted */
	} while (left && !round.store_failed);
	agent_unlock(agent);
	return left;
}

/* Jobs wait for it: see note_store_down() of worker.c. */
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
		agent_wait_until(agent, &agent->tick, CLOCK_MONOTONIC, until_ns);
		return;
	}
	int64_t nap_ns = MIN(until_ns - monotonic_ns, REALTIME_NAP_NS);
	agent_wait_until(agent, &agent->tick, CLOCK_REALTIME,
			 MIN(start->at_ns, realtime_ns + nap_ns));
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
			publish_ns = now_ns + PUBLISH_NS;
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
