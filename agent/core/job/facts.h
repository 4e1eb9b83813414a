/*
 * facts: the changing part of a job, out of what its sender published last.
 *
 * Where a job goes on after a restart, the facts are those of all its time: what was sent before is
 * added (resume.h). Thread: the agent's lock, for facts_take_snapshot().
 */
#pragma once
#include "core/job/job.h"

/** facts_of_snapshot() - how far a job is: @snapshot, after @earlier; nothing is being sent just
 * now, and nothing is waited for */
struct job_facts facts_of_snapshot(const struct sender_snapshot *snapshot,
				   const struct job_earlier *earlier);
/** facts_take_snapshot() - of a running job: what its sender published last, into its facts and
 * its streams. Return: has anything changed? *ret_counted: a count has */
bool facts_take_snapshot(struct job *job, bool *ret_counted);
/** facts_suspend() - the same of a sender that has stopped: nothing is being sent just now, and
 * nothing is waited for */
void facts_suspend(struct job *job);
