/*
 * history: the jobs that have ended, in the order of their ends, until they are deleted or cut off.
 *
 * (L): under the agent's lock.
 */
#pragma once
#include "core/state/agent_private.h"

/* Used where the options name no bound. */
enum { HISTORY_JOBS_DEFAULT = 1000 };
#define HISTORY_AGE_S_DEFAULT (UINT64_C(7) * 86400)

/** history_add() - (L) @job has ended */
void history_add(struct agent *agent, struct job *job);
/** history_note_damaged() - (L) the row of a finished job is found damaged: it is FAILED from here
 * on, whatever it was */
void history_note_damaged(struct agent *agent, struct job *job);
/** history_is_full() - (L) more jobs than are kept, by count or, where the store is this process's
 * memory, by bytes */
bool history_is_full(const struct agent *agent);
/** history_forget() - (L) remove @job from the agent's memory, with its revision for watchers; its
 * row is removed by the caller. Its request_id stays taken until history_release_request(). Return:
 * the revision to notify */
uint64_t history_forget(struct agent *agent, struct job *job);
/** history_release_request() - (L) the store has the order to remove the row: from here on a new
 * job of the same request_id does not meet it there */
void history_release_request(struct agent *agent, struct job *job);
