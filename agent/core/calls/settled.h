/*
 * settled: jobs for calls that change them: found once no end of theirs is being stored, and stored
 * again after the change. (L): under the agent's lock.
 */
#pragma once
#include "core/state/agent_private.h"

/** settled_await() - (L), released while it waits: until @job has ended, if it is ending. Return:
 * 0; DEADLINE_EXCEEDED */
int settled_await(struct agent *agent, const struct agent_caller *caller, struct job *job,
		  struct error *ret_error);
/** settled_find() - (L) the same, of the job @id. Return: 0 with a reference; NOT_FOUND;
 * PERMISSION_DENIED: not @caller's to change; DEADLINE_EXCEEDED */
int settled_find(struct agent *agent, const struct agent_caller *caller, const char *id,
		 struct job **ret_job, struct error *ret_error);
/**
 * settled_orders() - (L), released while it waits: until what a running job's sender was ordered is
 * in force, 10 ms unless its thread gets no core; then what was sent by then is published
 * @ret_revision: of that, if a count changed; else left as it is
 *
 * Return: are the orders in force?
 */
bool settled_orders(struct agent *agent, const struct agent_caller *caller, struct job *job,
		    uint64_t *ret_revision);
/** settled_save() - store a change that is in force; a failure is logged, for the change stands.
 * Without the lock */
void settled_save(struct agent *agent, struct job *job, enum store_wait wait);
