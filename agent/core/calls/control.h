/* control: what CancelJob has of the calls that control single streams. */
#pragma once
#include "core/state/agent_private.h"

/**
 * control_cancel_streams() - end the streams that @request names; without the lock
 * @job:    borrowed
 * @cancel: borrowed: record_cancel(), kept for the end of the job; NULL: out of memory
 *
 * Return: 0 with the job once they have stopped, or unchanged where it has ended;
 * FAILED_PRECONDITION: it does not run; INVALID_ARGUMENT: no such stream; DEADLINE_EXCEEDED.
 */
int control_cancel_streams(struct agent *agent, const struct agent_caller *caller, struct job *job,
			   const Pagecast__V1__CancelJobRequest *request, struct blob *cancel,
			   Pagecast__V1__Job **ret_job, struct error *ret_error);
