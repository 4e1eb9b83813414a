/* update: what ResumeJob has of UpdateJob. */
#pragma once
#include "core/state/agent_private.h"

/** update_release() - the held job @id starts at once. Without the lock. Return: 0 with the job;
 * FAILED_PRECONDITION: it is not held; as UpdateJob */
int update_release(struct agent *agent, const struct agent_caller *caller, const char *id,
		   Pagecast__V1__Job **ret_job, struct error *ret_error);
