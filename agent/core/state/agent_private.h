/*
 * agent_private: the agent from inside: its structs and its lock, and no function of a module.
 *
 * One lock guards everything below "under the lock". It is held for look-ups and moves, never
 * during a system call that may wait, a call of the store, packing of more than a few hundred bytes
 * or a call of the listener. A function whose documentation says (L) is called with the lock and
 * checks that: AGENT_ASSERT_LOCKED(). A function that takes the lock releases it.
 */
#pragma once
#include "base/clock.h"
#include "core/job/counts.h"
#include "core/job/deletions.h"
#include "core/job/job.h"
#include "core/job/job_index.h"
#include "core/job/job_queue.h"
#include "core/state/preview_places.h"
#include "pagecast/agent.h"
#include "policy/policy.h"
#include "store/store.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>

struct worker;

/* The right to have a job that sends: there are as many as the user wants workers. */
struct lane {
	int cpu; /* of its worker; -1: any */
	/* under the lock */
	struct worker *worker; /* NULL: free */
	struct worker *ahead;  /* is about to send a job of a few packets: until it has, the other
				  prepares the next and does not begin; NULL: nobody */
};

/* A worker without a lane has a job that was sent, whose end is not known or not stored yet. */
enum { AGENT_SETTLING_MAX = 64 };

enum worker_state { WORKER_NONE, WORKER_RUNS, WORKER_ENDED };

struct worker {
	struct agent *agent;
	size_t number;
	pthread_t thread;
	/* under the lock */
	enum worker_state state;
	struct lane *lane;   /* NULL: none */
	bool idle;	     /* has a lane and takes what comes */
	struct job *job;     /* the one it has; NULL: none */
	pthread_cond_t wake; /* while it holds a job until its start_time */
};

struct link_listener { /* of the thread of core/run/links.h; descriptors, -1: not open */
	int kernel, stop;
	pthread_t thread;
	bool started;
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
	bool open; /* callers prove nothing */
	struct lane lanes[AGENT_WORKERS_MAX];
	size_t lane_count;
	cpu_set_t cpus; /* that the process may run on */
	void (*changed)(void *context, uint64_t revision);
	void *changed_context;
	pthread_t scheduler;
	bool scheduler_started;
	struct link_listener links;
	struct preview_places previews; /* with a lock of its own */

	pthread_mutex_t update_lock; /* UpdateJob one at a time: read, change, write */
	pthread_mutex_t lock;
	_Atomic(uintptr_t) lock_owner; /* pthread_self(); 0: nobody. Written by the owner, read by
					  any thread, relaxed: a thread asks only about itself */
	pthread_cond_t work;	       /* a worker may find something to take */
	pthread_cond_t free_lane;      /* for a worker that rests */
	pthread_cond_t tick;	       /* the scheduler may have to wake earlier */
	pthread_cond_t settled; /* a job has ended, its orders are in force, or a pending one is
				   known */

	/* under the lock */
	bool stopping;
	struct worker workers[AGENT_WORKERS_MAX + AGENT_SETTLING_MAX];
	size_t worker_count; /* that were ever started */
	size_t resting;	     /* workers with neither lane nor job */
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
	size_t damaged_count;	    /* of the finished: their rows are damaged */
	size_t unsaved_count;	    /* ended, but their ends are not stored yet */
	struct deletions deletions; /* for watchers */
	size_t state_counts[AGENT_JOB_STATES];
	struct counts counts;
	struct account totals;	      /* of jobs that have ended */
	struct job_grant granted;     /* sum over the running jobs */
	struct limiter_buckets total; /* the policy's totals, at the hand-over; any worker takes */
	size_t held_count;	      /* workers with jobs that are or were held; see hold.h */
	bool store_down;	      /* RUNNING could not be stored: no job starts */
	bool short_of_share; /* a worker is idle because too little is left of the totals */
};

static inline void agent_set_lock_owner(struct agent *agent, uintptr_t owner)
{
	atomic_store_explicit(&agent->lock_owner, owner, memory_order_relaxed);
}

static inline void agent_lock(struct agent *agent)
{
	pthread_mutex_lock(&agent->lock);
	agent_set_lock_owner(agent, (uintptr_t)pthread_self());
}

static inline bool agent_is_locked(const struct agent *agent)
{
	return atomic_load_explicit(&agent->lock_owner, memory_order_relaxed) ==
	       (uintptr_t)pthread_self();
}
/* The calling thread holds the lock. A load and a comparison: in Release too. */
#define AGENT_ASSERT_LOCKED(agent) assert(agent_is_locked(agent))

static inline void agent_unlock(struct agent *agent)
{
	AGENT_ASSERT_LOCKED(agent);
	agent_set_lock_owner(agent, 0);
	pthread_mutex_unlock(&agent->lock);
}
