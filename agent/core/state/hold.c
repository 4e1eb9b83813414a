/* hold: see hold.h. */
#include "core/state/hold.h"

#include "core/state/agent.h"

bool hold_has_place(const struct agent *agent)
{
	AGENT_ASSERT_LOCKED(agent);
	return agent->held_count + 1 < agent->lane_count;
}

void hold_take(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	job->live->in_hold_place = true;
	agent->held_count++;
}

void hold_give_back(struct agent *agent, struct job *job)
{
	AGENT_ASSERT_LOCKED(agent);
	struct job_live *live = job->live;
	live->ready = false;
	if (!live->in_hold_place)
		return;
	live->in_hold_place = false;
	agent->held_count--;
	pthread_cond_broadcast(&agent->work); /* another held job may be taken */
}
