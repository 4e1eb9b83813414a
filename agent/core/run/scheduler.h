/*
 * scheduler: the thread that watches the time for all jobs.
 *
 * It sleeps until the next start_time, lease, publication or cut of the history, and for ever when
 * there is none: an idle agent does nothing. Snapshots of running jobs are taken here and not by
 * the workers, which are never held up by those who watch. What has to be stored or notified is
 * gathered under the lock and done without it.
 */
#pragma once
#include <stddef.h>

struct agent;

/** scheduler_main() - until the agent stops. @context: the struct agent. Return: NULL */
void *scheduler_main(void *context);

/** scheduler_save_ends() - once more those that the store has not taken; after the scheduler's end.
 * Return: how many it still does not take */
size_t scheduler_save_ends(struct agent *agent);
