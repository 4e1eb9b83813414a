/*
 * resume: jobs with RESTART_POLICY_RESUME, which go on where they were when the agent ended.
 *
 * While such a job runs its record says where each stream is. After a start the job waits in the
 * queue again, and its plan is shortened by what the record says was sent: the sender knows nothing
 * of that, and what it counts is added to the earlier account. An end that was no crash stores the
 * exact account, and nothing is sent twice; after a crash, at most what the last stored account
 * lacked. An exact account is one with an end time, unless a crash came before; the row keeps it
 * until the job goes on.
 */
#pragma once
#include "core/job/job.h"

/* The path of what was sent before the agent was restarted. */
#define RESUME_PATH_UNKNOWN "not known: the agent was restarted"

/** resume_read() - into @job->live: what the stored record says was sent. Before the threads start.
 * Return: 0; -ENOMEM; -EBADMSG */
int resume_read(struct job *job);
/** resume_shorten() - what was sent before is not asked for again. Call once. Return: ns from its
 * first packet to @now_ns (CLOCK_REALTIME), which max_duration counts */
int64_t resume_shorten(const struct job_earlier *earlier, struct plan *plan, int64_t now_ns);
/** resume_record() - the facts, with where its streams are; under the agent's lock. Return: owned;
 * NULL: out of memory */
struct blob *resume_record(const struct job *job);
/** resume_add_facts(), resume_add_report() - what was sent before, into facts or reports of what
 * was sent since; @streams: [count], may be NULL */
void resume_add_facts(const struct job_earlier *earlier, struct job_facts *facts);
void resume_add_report(const struct job_earlier *earlier, struct sender_report *job,
		       struct sender_report *streams, size_t count);
/** resume_add_streams() - the same for where its streams are, [@count] */
void resume_add_streams(const struct job_earlier *earlier, struct sender_progress *streams,
			size_t count);
/** resume_cancel_streams() - those that a call had cancelled before stay so: orders for @sender
 * ahead of its run */
void resume_cancel_streams(const struct job_earlier *earlier, struct sender *sender);
/** resume_fraction() - the job's, of its streams' with what was before; @fraction: of what was sent
 * since */
double resume_fraction(const struct job_earlier *earlier, const struct sender_progress *streams,
		       size_t count, double fraction);
/** resume_add_problems() - it went on, and what that means for the counts */
void resume_add_problems(const struct job_earlier *earlier, struct problem_set *problems);
