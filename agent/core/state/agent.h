/*
 * agent: the lowest functions on the agent: waiting under its lock, roles, look-ups, revisions.
 *
 * (L): called with the agent's lock. Thread: any.
 */
#pragma once
#include "core/state/agent_private.h"

/** agent_wait() - (L), released while it waits: until one of the agent's @condition is signalled */
void agent_wait(struct agent *agent, pthread_cond_t *condition);
/** agent_wait_until() - (L) the same, at most until @until_ns of @clock_id. Return: 0; ETIMEDOUT */
int agent_wait_until(struct agent *agent, pthread_cond_t *condition, clockid_t clock_id,
		     int64_t until_ns);

/** agent_start_thread() - one with a small stack. Without the lock. Return: 0; UNAVAILABLE */
int agent_start_thread(pthread_t *ret_thread, void *(*run)(void *), void *context,
		       struct error *ret_error);

/** agent_require() - does the caller have at least @role? Return: 0; PERMISSION_DENIED */
int agent_require(const struct agent_caller *caller, enum agent_role role, struct error *ret_error);
/** agent_notify() - call the listener; 0: nothing changed. Without the lock */
void agent_notify(struct agent *agent, uint64_t revision);
/** agent_policy() - a reference to the one in force. Without the lock */
struct policy *agent_policy(struct agent *agent);
/** agent_find_job() - (L) borrowed. Return: NULL with NOT_FOUND set */
struct job *agent_find_job(struct agent *agent, const char *id, struct error *ret_error);
/** agent_idle_workers() - (L) how many have nothing to do */
size_t agent_idle_workers(const struct agent *agent);
/** agent_touch() - (L) give @job a new revision. Return: it */
uint64_t agent_touch(struct agent *agent, struct job *job);
/** agent_totals() - (L) the account of all jobs that have ended, and of those that run so far.
 * A job counts as running until its end is stored, so that no count ever falls */
struct account agent_totals(const struct agent *agent);
