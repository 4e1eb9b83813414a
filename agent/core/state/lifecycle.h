/*
 * lifecycle: the changes of a job's state, each in one place.
 *
 * The end of a job goes: lifecycle_begin_end() under the lock (from then on one thread alone
 * changes it), lifecycle_finish() stores the end without the lock, then shows it. So nobody sees an
 * end that a crash could take back; if the store fails, the job ends all the same, stays in memory,
 * and is stored later. (L): under the agent's lock.
 */
#pragma once
#include "core/job/job_fsm.h"
#include "core/job/record.h"
#include "core/state/agent_private.h"

/* A worker takes a job with a start_time this long before it, and is held as long at most. */
#define LIFECYCLE_PREPARE_AHEAD_NS (2 * CLOCK_NS_PER_S)

/** lifecycle_enter() - (L) set the state; keeps the counts, takes a revision. Return: it */
uint64_t lifecycle_enter(struct agent *agent, struct job *job, Pagecast__V1__JobState state);
/** lifecycle_reserve() - (L) room for one job more, so that lifecycle_admit() cannot fail. Return:
 * 0; -ENOMEM */
int lifecycle_reserve(struct agent *agent);
/** lifecycle_admit() - (L) a stored job joins the agent: index, lists, queue or start times.
 * Return: its revision */
uint64_t lifecycle_admit(struct agent *agent, struct job *job);
/** lifecycle_take() - (L) a worker has taken @job; a held one waits there, SCHEDULED. Return: the
 * revision to notify; 0: nothing to be seen has changed */
uint64_t lifecycle_take(struct agent *agent, struct job *job);
/** lifecycle_put_back() - (L) it has given up @job, which is not stopped: into the queue, as if
 * none had had it. Return: its revision */
uint64_t lifecycle_put_back(struct agent *agent, struct job *job);
/** lifecycle_prepare_again() - (L) the spec of @job has changed: a worker that has prepared it, and
 * has not begun to send it, does that again now */
void lifecycle_prepare_again(struct agent *agent, struct job *job);
/** lifecycle_release() - (L) @job, which is held and waits, may start at @start_ns (CLOCK_REALTIME;
 * 0: at once). @tolerance_ns: -1: none */
void lifecycle_release(struct agent *agent, struct job *job, int64_t start_ns,
		       int64_t tolerance_ns);
/** lifecycle_renew_lease() - (L) it begins again from now; without one: nothing */
void lifecycle_renew_lease(struct agent *agent, struct job *job);
/** lifecycle_publish() - (L) facts have changed: a new record, and a revision where @counted.
 * Return: the revision; 0: none */
uint64_t lifecycle_publish(struct agent *agent, struct job *job, bool counted);

/** lifecycle_is_waiting() - under the lock: no worker has it, and it may still start */
bool lifecycle_is_waiting(const struct job *job);
/** lifecycle_is_stopped() - under the lock: it was stopped while it waited: no worker takes it any
 * more, and end_without_sender_if_stopped() ends it */
bool lifecycle_is_stopped(const struct job *job);
/**
 * lifecycle_stop() - (L) order the end of a job; harmless where it is ending already
 *
 * A waiting job leaves queue, start times and leases and is then *stopped*. One that a worker has
 * is ended by that worker. The first reason given counts.
 */
void lifecycle_stop(struct agent *agent, struct job *job, enum sender_end why);

/** lifecycle_cancel() - (L) lifecycle_stop() by a call. @cancel: record_cancel(), of which the job
 * takes a reference if this call is the first to stop it; NULL: it is not kept who did */
void lifecycle_cancel(struct agent *agent, struct job *job, struct blob *cancel);

struct job_end {
	enum job_event event; /* DONE, FAIL, CANCEL, INTERRUPT */
	struct job_facts facts;
	const struct problem_set *problems;   /* borrowed; NULL: none */
	const struct record_results *results; /* borrowed; NULL: not known */
};
/** lifecycle_begin_end() - (L) the calling thread ends @job: from here on nobody else changes it or
 * reaches its sender. Return: false: another thread ends it, or has */
bool lifecycle_begin_end(struct agent *agent, struct job *job);
/** lifecycle_finish() - store the end of a job after lifecycle_begin_end(), then show it. Without
 * the lock; the caller keeps its reference */
void lifecycle_finish(struct agent *agent, struct job *job, struct job_end *end);
/** lifecycle_log_end() - one line, at info: what became of @job, and who cancelled it. Without the
 * lock. @cancel: as lifecycle_cancel() had it; NULL: no call did */
void lifecycle_log_end(const struct job *job, Pagecast__V1__JobState state,
		       const struct account *account, const struct blob *cancel, bool stored);
/** lifecycle_wait_ended() - (L), released while it waits: until @job has ended, or CLOCK_MONOTONIC
 * @until_ns. Return: has it? */
bool lifecycle_wait_ended(struct agent *agent, struct job *job, int64_t until_ns);
/** lifecycle_wait_deadline() - how long a call of @caller (borrowed) may wait for an end, or for
 * an order to be in force. Return: CLOCK_MONOTONIC */
int64_t lifecycle_wait_deadline(const struct agent_caller *caller);
