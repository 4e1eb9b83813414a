/*
 * job_run: one job in a worker: prepare it (compile, judge again, sockets, pages), hold it until
 * its start_time, store that it runs, send, store how it ended.
 *
 * Whatever changes the job during this goes through the lock: until there is a sender, orders are
 * left in job->live->stop and as a new job->live->spec; from then on the sender takes them itself.
 */
#pragma once
#include "core/state/agent_private.h"

struct job_run_steps { /* on the worker's thread, without the lock */
	/* It is about to send a few packets at once, as soon as the store has that */
	void (*about_to_send)(struct worker *worker);
	/* Nothing (more) of it is sent: its end is still to be found out and stored */
	void (*sent)(struct worker *worker);
};

/** job_run() - until @job has ended, waits again in the queue, or is left for the next start of the
 * agent. Thread: @worker's, which has taken @job and may lose its lane in @steps; without the lock
 */
void job_run(struct worker *worker, struct job *job, const struct job_run_steps *steps);
