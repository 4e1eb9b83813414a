/*
 * end_without_sender: the end of a job that no sender can report: it never had one, or the agent
 * ended without stopping it.
 *
 * It gets the report and the stream results that every end has, out of its spec and of the account
 * as it was known last. What is not known stays out: rates, path and counts are never made up.
 */
#pragma once
#include "core/job/job_fsm.h"
#include "core/state/agent_private.h"

/** end_without_sender() - end @job, of which the caller has a reference; harmless where another
 * thread does. Without the lock. @problems: why; NULL: none */
void end_without_sender(struct agent *agent, struct job *job, enum job_event event,
			const struct problem_set *problems);
/** end_without_sender_stopped() - the same, of a job that was stopped for @why before it was sent:
 * CANCELLED, LEASE_EXPIRED, START_MISSED, HOLD_EXPIRED */
void end_without_sender_stopped(struct agent *agent, struct job *job, enum sender_end why);
/** end_without_sender_if_stopped() - the same, where lifecycle_is_stopped(); else nothing */
void end_without_sender_if_stopped(struct agent *agent, struct job *job);

/** end_without_sender_record() - the record of a job that was running when the agent ended without
 * stopping it: as it was stored, closed, with account_from_snapshot. Return: owned; NULL: out of
 * memory, or the stored record cannot be read */
struct blob *end_without_sender_record(const struct job *job, int64_t end_ns,
				       struct account *ret_account);
