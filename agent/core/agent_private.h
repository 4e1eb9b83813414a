/*
 * agent_private: the agent from inside, for the files of core that are the agent.
 *
 *   agent.c       making, starting, stopping, reloading
 *   agent_info.c  AgentService: agent, policy, interfaces, engines
 *   submit.c      SubmitJob: check, store, enqueue; idempotency
 *   browse.c      GetJob, ListJobs
 *   control.c     PauseJob, ResumeJob, UpdateJob
 *   cancel.c      CancelJob, CancelJobs, DeleteJob
 *   lifecycle.c   the changes of a job's state, each in one place; its end
 *   untold.c      ends of which no sender can tell
 *   view.c        a Job message out of what memory and store hold
 *   watch.c       what has changed since a revision, for live streams
 *   metrics.c     what the agent counts about itself
 *   scheduler.c   thread: start times, leases, snapshots, history
 *   prepare.c     from a spec to a sender that could start now
 *   preview.c     PreviewJob: what would be sent, without sending
 *   worker.c      threads: one job each, from spec to result
 *   enforce.c     a new policy, and the jobs that run
 *   budget.c      the policy's max_total_*, shared by the running jobs
 *   recover.c     what was stored, at start
 *   resume.c      jobs that go on where they were when the agent ended
 *
 * One lock guards everything below "under the lock". It is held for look-ups and moves, never
 * during a system call that may wait, a call of the store, packing of more than a few hundred bytes
 * or a call of the listener.
 */
#pragma once
#include "base/clock.h"
#include "core/calls/metrics.h"
#include "core/calls/preview_places.h"
#include "core/job/job.h"
#include "core/job/job_fsm.h"
#include "core/job/job_index.h"
#include "core/job/job_queue.h"
#include "core/job/record.h"
#include "pagecast/agent.h"
#include "policy/demand.h"
#include "policy/policy.h"
#include "store/store.h"

#include <pthread.h>

enum {
	AGENT_WORKERS_MAX = 64,
	AGENT_STATES = 9, /* of JobState, UNSPECIFIED counted */
	AGENT_HISTORY_JOBS_DEFAULT = 1000,
	AGENT_HISTORY_JOBS_MAX = 1000000,
};
#define AGENT_HISTORY_AGE_S_DEFAULT (UINT64_C(7) * 86400)
/* Specs of jobs that have not ended: a full queue of 4 MiB specs would be 4 GiB. */
#define AGENT_LIVE_BYTES_MAX (UINT64_C(256) << 20)
/* Finished jobs where the store is this process's memory. */
#define AGENT_HISTORY_BYTES_MAX (UINT64_C(64) << 20)
#define AGENT_PREPARE_AHEAD_NS	(2 * CLOCK_NS_PER_S) /* a worker is held this long at most */
#define AGENT_PUBLISH_NS	(100 * CLOCK_NS_PER_MS)
#define AGENT_CANCEL_WAIT_NS	(2 * CLOCK_NS_PER_S)
#define AGENT_STOP_WAIT_NS	(2500 * CLOCK_NS_PER_MS)

/* Deletions that watchers can still be told of; who was away for longer starts anew. */
enum { WATCH_DELETIONS_MAX = 1024 };
struct watch_deletion {
	char id[JOB_ID_LEN + 1];
	uint64_t revision; /* 0: none yet */
};

struct worker {
	struct agent *agent;
	size_t number;
	int cpu; /* -1: any */
	pthread_t thread;
	bool started;
	bool ended;	     /* under the lock */
	bool idle;	     /* under the lock: takes what comes */
	struct job *job;     /* under the lock: that it took; NULL: none */
	pthread_cond_t wake; /* for the one that waits for a start_time */
};

struct agent {
	/* constant after agent_new() */
	char *name, *version, *policy_file;
	char kernel[128];
	int (*parse_policy)(const char *json, size_t len, Pagecast__V1__Policy **ret_policy,
			    struct error *ret_error);
	const struct clock *clock;
	struct store *store; /* owned */
	int64_t start_ns;    /* CLOCK_REALTIME */
	uint32_t history_max_jobs;
	uint64_t history_max_age_s;
	struct worker workers[AGENT_WORKERS_MAX];
	size_t worker_count;
	void (*changed)(void *context, uint64_t revision);
	void *changed_context;
	pthread_t scheduler;
	bool scheduler_started;
	struct preview_places previews;

	pthread_mutex_t update_lock; /* UpdateJob one at a time: read, change, write */
	pthread_mutex_t lock;
	pthread_cond_t work;	/* a worker may find something to take */
	pthread_cond_t tick;	/* the scheduler may have to wake earlier */
	pthread_cond_t settled; /* a job has ended or obeyed, or a pending one is known */

	/* under the lock */
	bool stopping;
	struct policy *policy;
	struct job_ids ids;
	uint64_t revision;
	struct job_index jobs;
	struct job_requests requests;
	struct job_queue queue;
	struct deadlines starts; /* CLOCK_REALTIME */
	struct deadlines leases; /* CLOCK_MONOTONIC */
	struct job_list live, finished;
	size_t live_count;   /* pending ones too */
	uint64_t live_bytes; /* of their specs */
	size_t finished_count;
	uint64_t finished_bytes;
	size_t unsaved_count; /* ended, but the store did not take it */
	struct watch_deletion deletions[WATCH_DELETIONS_MAX]; /* ring */
	size_t deletion_count;				      /* ever */
	uint64_t watch_floor; /* deletions up to this revision are forgotten */
	size_t state_counts[AGENT_STATES];
	struct metrics metrics;
	struct account totals;	  /* of jobs that have ended */
	struct job_grant granted; /* sum over the running jobs */
	bool store_down;	  /* RUNNING could not be stored: no job starts */
	bool short_of_share;	  /* a worker is idle because too little is left of the totals */
};

/* ---- agent.c ---- */
/** agent_new_on() - agent_new() with a store of the caller's, which is consumed, also on failure */
int agent_new_on(struct agent **ret_agent, const struct agent_options *options, struct store *store,
		 struct error *ret_error);
/** agent_require() - does the caller have at least @role? Return: 0; PERMISSION_DENIED */
int agent_require(const struct agent_caller *caller, enum agent_role role, struct error *ret_error);
static inline void agent_lock(struct agent *agent)
{
	pthread_mutex_lock(&agent->lock);
}
static inline void agent_unlock(struct agent *agent)
{
	pthread_mutex_unlock(&agent->lock);
}
/** agent_notify() - tell the listener, without the lock */
void agent_notify(struct agent *agent, uint64_t revision);
/** agent_wait() - on one of the agent's conditions until an instant of @clock_id. Return: 0;
 * ETIMEDOUT */
int agent_wait(struct agent *agent, pthread_cond_t *condition, clockid_t clock_id,
	       int64_t until_ns);
/** agent_policy() - a reference to the one in force. Thread: any, without the lock */
struct policy *agent_policy(struct agent *agent);

/* ---- lifecycle.c ---- (L): under the lock */
/** job_find() - (L) borrowed. Return: NULL with NOT_FOUND set */
struct job *job_find(struct agent *agent, const char *id, struct error *ret_error);
/** job_refuse() - "job 01… is SUCCEEDED; only …". Return: FAILED_PRECONDITION */
int job_refuse(const struct job *job, const char *only, struct error *ret_error);
/** job_touch() - (L) a new revision. Return: it */
uint64_t job_touch(struct agent *agent, struct job *job);
/** job_enter() - (L) set the state; keeps the counts, takes a revision. Return: it */
uint64_t job_enter(struct agent *agent, struct job *job, Pagecast__V1__JobState state);
/** job_admit() - (L) a stored job joins the agent: index, lists, queue or start times */
uint64_t job_admit(struct agent *agent, struct job *job);
/** job_renew_lease() - (L) */
void job_renew_lease(struct agent *agent, struct job *job);
/** job_withdraw() - (L) out of queue, start times and leases: nobody takes it any more */
void job_withdraw(struct agent *agent, struct job *job);
/** job_stop() - (L) end it: a waiting job is withdrawn and marked, @ret_mine says that the caller
 * must job_finish_unsent() it; a taken one is told and its worker ends it */
void job_stop(struct agent *agent, struct job *job, enum sender_end why, bool *ret_mine);
/** job_publish() - (L) facts have changed: a new record, and a revision where @counted */
uint64_t job_publish(struct agent *agent, struct job *job, bool counted);
/** job_row() - (L) the row as it is now, of a new version; blobs and strings are borrowed from @job
 */
struct store_job job_row(struct agent *agent, struct job *job);
/** job_row_hold(), job_row_release() - keep the blobs of a row beyond the lock */
void job_row_hold(struct store_job *row);
void job_row_release(struct store_job *row);
/** job_save() - store the job as it is; without the lock */
int job_save(struct agent *agent, struct job *job, enum store_wait wait, struct error *ret_error);

struct job_end {
	enum job_event event; /* DONE, FAIL, CANCEL, INTERRUPT */
	struct job_facts facts;
	const struct problem_set *problems; /* borrowed; NULL: none */
	const struct record_results *results;
};
/** job_finish() - store the end of a job whose `ending` the caller has set, then show it; without
 * the lock. The job's reference is the caller's still. */
void job_finish(struct agent *agent, struct job *job, struct job_end *end);
/** job_wait_ended() - (L) until it has ended, or CLOCK_MONOTONIC @until_ns. Return: has it? */
bool job_wait_ended(struct agent *agent, struct job *job, int64_t until_ns);
/** agent_cancel_deadline() - how long a call of @caller (borrowed) may wait for an end, or for an
 * order to be in force, CLOCK_MONOTONIC */
static inline int64_t agent_cancel_deadline(const struct agent_caller *caller)
{
	int64_t until_ns = clock_monotonic_ns(clock_real()) + AGENT_CANCEL_WAIT_NS;
	return caller->deadline_ns && caller->deadline_ns < until_ns ? caller->deadline_ns
								     : until_ns;
}
/** agent_history_full() - (L) more finished jobs than are kept, by count or (in memory) by bytes */
static inline bool agent_history_full(const struct agent *agent)
{
	return agent->finished_count > agent->history_max_jobs ||
	       (agent->store->in_memory && agent->finished_bytes > AGENT_HISTORY_BYTES_MAX);
}
/** lifecycle_join_finished() - (L) among the finished, in the order of their ends */
void lifecycle_join_finished(struct agent *agent, struct job *job);
/** job_forget() - (L) remove it from the agent's memory; its row is gone or going. Its request_id
 * stays taken until job_release_request() */
uint64_t job_forget(struct agent *agent, struct job *job);
/** job_release_request() - (L) the store has been told to remove the row: from here on a new one of
 * the same request_id does not meet it there */
void job_release_request(struct agent *agent, struct job *job);

/* ---- untold.c ---- */
/** job_finish_unsent() - job_finish() of one that never had a sender; @problems NULL: none */
void job_finish_unsent(struct agent *agent, struct job *job, enum job_event event,
		       const struct problem_set *problems);
/** job_record_interrupted() - the record of a job that was running when the agent ended without
 * stopping it: as it was stored, closed, with account_from_snapshot. Return: owned; NULL: out of
 * memory, or the stored record is none */
struct blob *job_record_interrupted(const struct job *job, int64_t end_ns,
				    struct account *ret_account);

/* ---- metrics.c ---- */
/** agent_totals() - (L) jobs that have ended, and what those that run did so far: until
 * the end of one is stored too, so that no count ever falls */
struct account agent_totals(const struct agent *agent);

/* ---- watch.c ---- */
/** watch_note_deletion() - (L) @job was forgotten at @revision */
void watch_note_deletion(struct agent *agent, const struct job *job, uint64_t revision);

/* ---- view.c ---- */
struct job_view { /* what one message is made of; taken under the lock, used without */
	struct job *job;
	Pagecast__V1__JobState state;
	uint64_t revision;
	size_t queue_position;
	const char *waiting_for; /* static; NULL: the record says */
	struct blob *basic, *spec, *record;
	bool in_store; /* record and spec are to be read there */
	bool full;
	size_t message_bytes; /* of the message, once it was made */
};
/** view_take() - (L) references to everything */
void view_take(struct agent *agent, struct job *job, bool full, struct job_view *ret_view);
/** view_message() - Return: 0 with *ret_job owned; NOT_FOUND: deleted meanwhile; UNAVAILABLE */
int view_message(struct agent *agent, struct job_view *view, Pagecast__V1__Job **ret_job,
		 struct error *ret_error);
void view_release(struct job_view *view);
/** view_job() - take, unlock, build, release: called with the lock, returns without */
int view_job(struct agent *agent, struct job *job, Pagecast__V1__Job **ret_job,
	     struct error *ret_error);

/* ---- prepare.c ---- */
struct preparation { /* a spec made ready to send: everything but the sending */
	struct policy *policy;
	struct plan *plan;
	struct sender *sender; /* borrows the plan */
	struct problem_set problems;
	/* set by the caller: */
	const struct job_earlier *earlier; /* borrowed: the rest is to be sent; NULL: everything */
	struct engine_choice engine;	   /* that the plan got */
	bool tell_streams;		   /* where each stream is will be asked for */
	Pagecast__V1__JobSpec *spec;	   /* owned: freed with the plan, which reads it; NULL: the
					      caller keeps it until then */
};
/**
 * preparation_make() - compile, judge, open sockets, pack pages; without the lock
 * @grant: its share of the policy's totals; NULL: none taken
 *
 * Return: 0; an error_code with @ret_error, and problems where they say more. Either way
 * preparation_deinit().
 */
int preparation_make(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     const struct job_grant *grant, struct preparation *preparation,
		     struct error *ret_error);
/** preparation_tell() - put @error into words of the closed list of problems */
void preparation_tell(struct preparation *preparation, const struct error *error);
void preparation_deinit(struct preparation *preparation);

/* ---- submit.c ---- */
struct submission {	   /* a spec that passed the checks, packed */
	struct plan *plan; /* an outline */
	struct blob *spec, *basic;
};
/** submission_check() - spec, policy and engine; without the lock */
int submission_check(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     struct submission *ret_submission, struct error *ret_error);
void submission_deinit(struct submission *submission);
/** submission_requested() - packets that the limits name; streams without one add none */
uint64_t submission_requested(const struct plan *plan);
/** job_set_plan() - times and demand of an outline, into job->live */
void job_set_plan(struct job *job, const struct plan *plan);

/** submission_judge() - does @policy allow @spec, of which @outline was made? Headers inside
 * payloads only where the bytes are there. Return: 0; PERMISSION_DENIED; others */
int submission_judge(const struct policy *policy, const struct plan *outline,
		     struct error *ret_error);

/* ---- enforce.c ---- */
/** enforce_policy() - what runs obeys the policy in force, or ends; without the lock */
void enforce_policy(struct agent *agent);

/* ---- budget.c ---- (L) */
/** budget_take() - a share for @job, if there is one now. Return: false: it has to wait */
bool budget_take(struct agent *agent, struct job *job);
/** budget_take_among() - the same, where a job without a rate shares what is left with others:
 * @sharers in all */
bool budget_take_among(struct agent *agent, struct job *job, size_t sharers);
void budget_give_back(struct agent *agent, struct job *job);
/** budget_limits() - what a sender with this share is held below; 0: nothing. No lock needed */
void budget_limits(const struct policy *policy, const struct job_grant *grant, double *ret_pps,
		   double *ret_bps_l2);
/** budget_change() - for a new demand of a running job. Return: 0; RESOURCE_EXHAUSTED */
int budget_change(struct agent *agent, struct job *job, const struct policy_demand *demand,
		  struct error *ret_error);

/** job_take_snapshot() - (L) of a running job: what its sender published last, into its facts.
 * Return: has anything changed? *ret_moved: a count has */
bool job_take_snapshot(struct job *job, bool *ret_moved);

/* ---- threads ---- */
void *scheduler_main(void *agent);
void *worker_main(void *worker);

/* ---- resume.c ---- */
/** resume_read() - into @job->live: what the stored record says was sent. Before the threads start.
 * Return: 0; -ENOMEM; -EBADMSG */
int resume_read(struct job *job);
/** resume_shorten() - what was sent before is not asked for again. Call once. Return: ns since its
 * first packet, which max_duration counts */
int64_t resume_shorten(const struct job_earlier *earlier, struct plan *plan);
/** resume_record() - (L) the facts, with where its streams are. Return: owned; NULL */
struct blob *resume_record(const struct job *job);
/** resume_add() - what was sent before, into books or facts of what was sent since */
void resume_add_facts(const struct job_earlier *earlier, struct job_facts *facts);
void resume_add_report(const struct job_earlier *earlier, struct sender_report *job,
		       struct sender_report *streams, size_t count);
/** resume_tell() - it went on, and what that means for the counts */
void resume_tell(const struct job_earlier *earlier, struct problem_set *problems);

/* ---- recover.c ---- */
/** recover() - load the store; before the threads start */
int recover(struct agent *agent, struct error *ret_error);
