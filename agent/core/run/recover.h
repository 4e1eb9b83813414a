/*
 * recover: the stored jobs, at start.
 *
 * Finished jobs join the history; waiting ones queue up again in their old order; those that were
 * running are INTERRUPTED with the last account that was stored, or queue up too, to go on
 * (resume.h).
 *
 * A job's row is written before what it says is shown, and what is shown takes a revision of its
 * own: a client may have seen a higher one than is stored. So every job gets a new one.
 */
#pragma once
#include "core/state/agent_private.h"

/** recover_jobs() - load the store; before the threads start. Return: 0; DATA_LOSS; UNAVAILABLE;
 * FAILED_PRECONDITION */
int recover_jobs(struct agent *agent, struct error *ret_error);
