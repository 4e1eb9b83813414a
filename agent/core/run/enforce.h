/*
 * enforce: a policy that comes into force while jobs run.
 *
 * What waits is judged when it starts. What runs is judged here: a job that the new policy forbids,
 * or that cannot be judged by it, is ended and says by which rule. How fast a job sends forbids
 * nothing: it is held below the new maxima, and the totals are divided again. A job that is just
 * being prepared was judged by the old policy, and goes back into the queue.
 */
#pragma once
#include "core/state/agent_private.h"

/** enforce_policy() - the running jobs obey the policy in force, or end; without the lock. Thread:
 * the one that reloads */
void enforce_policy(struct agent *agent);
/** enforce_raise() - (L) a job has ended: what it leaves of the totals goes to running jobs that
 * were given less than the rate they asked for, if there are any */
void enforce_raise(struct agent *agent);
