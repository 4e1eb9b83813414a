/* job_fsm: see job_fsm.h. Each state lists all events: an event that is added later
 * does not compile until every state handles it. */
#include "core/job/job_fsm.h"

#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

static Pagecast__V1__JobState from_queued(enum job_event event)
{
	switch (event) {
	case JOB_EVENT_SCHEDULE: return STATE(SCHEDULED);
	case JOB_EVENT_DUE: return STATE(QUEUED);
	case JOB_EVENT_START: return STATE(RUNNING);
	case JOB_EVENT_PAUSE: return STATE(UNSPECIFIED);
	case JOB_EVENT_RESUME: return STATE(UNSPECIFIED);
	case JOB_EVENT_DONE: return STATE(UNSPECIFIED);
	case JOB_EVENT_FAIL: return STATE(FAILED);
	case JOB_EVENT_CANCEL: return STATE(CANCELLED);
	case JOB_EVENT_INTERRUPT: return STATE(QUEUED); /* still queued when the agent comes back */
	case JOB_EVENT_SUSPEND: return STATE(QUEUED);
	case JOB_EVENT_COUNT: break;
	}
	return STATE(UNSPECIFIED);
}

static Pagecast__V1__JobState from_scheduled(enum job_event event)
{
	switch (event) {
	case JOB_EVENT_SCHEDULE: return STATE(SCHEDULED);
	case JOB_EVENT_DUE: return STATE(QUEUED);
	case JOB_EVENT_START: return STATE(RUNNING);
	case JOB_EVENT_PAUSE: return STATE(UNSPECIFIED);
	case JOB_EVENT_RESUME: return STATE(UNSPECIFIED);
	case JOB_EVENT_DONE: return STATE(UNSPECIFIED);
	case JOB_EVENT_FAIL: return STATE(FAILED);
	case JOB_EVENT_CANCEL: return STATE(CANCELLED);
	case JOB_EVENT_INTERRUPT: return STATE(SCHEDULED);
	case JOB_EVENT_SUSPEND: return STATE(SCHEDULED);
	case JOB_EVENT_COUNT: break;
	}
	return STATE(UNSPECIFIED);
}

static Pagecast__V1__JobState from_running(enum job_event event)
{
	switch (event) {
	case JOB_EVENT_SCHEDULE: return STATE(UNSPECIFIED);
	case JOB_EVENT_DUE: return STATE(UNSPECIFIED);
	case JOB_EVENT_START: return STATE(UNSPECIFIED);
	case JOB_EVENT_PAUSE: return STATE(PAUSED);
	case JOB_EVENT_RESUME: return STATE(RUNNING);
	case JOB_EVENT_DONE: return STATE(SUCCEEDED);
	case JOB_EVENT_FAIL: return STATE(FAILED);
	case JOB_EVENT_CANCEL: return STATE(CANCELLED);
	case JOB_EVENT_INTERRUPT: return STATE(INTERRUPTED);
	case JOB_EVENT_SUSPEND: return STATE(QUEUED);
	case JOB_EVENT_COUNT: break;
	}
	return STATE(UNSPECIFIED);
}

static Pagecast__V1__JobState from_paused(enum job_event event)
{
	switch (event) {
	case JOB_EVENT_SCHEDULE: return STATE(UNSPECIFIED);
	case JOB_EVENT_DUE: return STATE(UNSPECIFIED);
	case JOB_EVENT_START: return STATE(UNSPECIFIED);
	case JOB_EVENT_PAUSE: return STATE(PAUSED);
	case JOB_EVENT_RESUME: return STATE(RUNNING);
	case JOB_EVENT_DONE: return STATE(SUCCEEDED); /* the last packet left as the pause came */
	case JOB_EVENT_FAIL: return STATE(FAILED);    /* max_duration counts pauses */
	case JOB_EVENT_CANCEL: return STATE(CANCELLED);
	case JOB_EVENT_INTERRUPT: return STATE(INTERRUPTED);
	case JOB_EVENT_SUSPEND: return STATE(QUEUED);
	case JOB_EVENT_COUNT: break;
	}
	return STATE(UNSPECIFIED);
}

Pagecast__V1__JobState job_fsm(Pagecast__V1__JobState state, enum job_event event)
{
	if (state == STATE(QUEUED))
		return from_queued(event);
	if (state == STATE(SCHEDULED))
		return from_scheduled(event);
	if (state == STATE(RUNNING))
		return from_running(event);
	if (state == STATE(PAUSED))
		return from_paused(event);
	if (job_state_ended(state)) /* terminal: cancel and the end of the agent change nothing, the
				       rest is wrong */
		return event == JOB_EVENT_CANCEL || event == JOB_EVENT_INTERRUPT
			       ? state
			       : STATE(UNSPECIFIED);
	return STATE(UNSPECIFIED);
}
