/*
 * hold: the workers that held jobs may have (JobSpec.hold): all but one, so that other jobs always
 * find one. A job keeps its place until it begins: released, it still waits there for its
 * start_time. (L): under the agent's lock.
 */
#pragma once
#include "core/state/agent_private.h"

/** hold_has_place() - (L) may another held job have a worker? */
bool hold_has_place(const struct agent *agent);
/** hold_take() - (L) @job, which is held, has been given a worker */
void hold_take(struct agent *agent, struct job *job);
/** hold_give_back() - (L) @job does not wait in a worker any more; nothing where it had no place */
void hold_give_back(struct agent *agent, struct job *job);
