/*
 * enforce: a policy that comes into force while jobs run.
 *
 * What waits is judged when it starts. What runs is judged here: a job that the new policy forbids,
 * or that cannot be judged by it, is ended and says by which rule; the others are held below the
 * new maxima, and the totals are shared again, by priority and then by age, so that their sum holds
 * from now on. A job that is just being prepared was judged by the old policy, and goes back into
 * the queue.
 */
#pragma once
#include "core/state/agent_private.h"

/** enforce_policy() - the running jobs obey the policy in force, or end; without the lock. Thread:
 * the one that reloads */
void enforce_policy(struct agent *agent);
