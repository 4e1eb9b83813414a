/*
 * job_run: one job in a worker: prepare it (compile, judge again, sockets, pages), hold it until
 * its start_time, store that it runs, send, store how it ended.
 *
 * Whatever changes the job during this goes through the lock: until there is a sender, orders are
 * left in job->live->stop and as a new job->live->spec; from then on the sender takes them itself.
 */
#pragma once
#include "core/state/agent_private.h"

/** job_run() - until @job has ended, waits again in the queue, or is left for the next start of the
 * agent. @sent: called once nothing (more) of it is sent and its end is still to be found out and
 * stored; its worker may lose its lane there. Thread: @worker's, which has taken @job; without the
 * lock */
void job_run(struct worker *worker, struct job *job, void (*sent)(struct worker *worker));
