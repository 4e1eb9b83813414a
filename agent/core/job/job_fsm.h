/* job_fsm: the life of a job as a pure function. See job_fsm.c for the table. */
#pragma once
#include "store/job_state.h"

enum job_event {
	JOB_EVENT_SCHEDULE, /* accepted with a start_time that is still to come */
	JOB_EVENT_DUE,	    /* start_time is near: may be taken by a worker */
	JOB_EVENT_START,    /* a worker begins to send */
	JOB_EVENT_PAUSE,
	JOB_EVENT_RESUME,
	JOB_EVENT_DONE,	     /* limit reached, nothing dropped, failed or cancelled */
	JOB_EVENT_FAIL,	     /* it ended in another way, without a call */
	JOB_EVENT_CANCEL,    /* by a call or a lease that ran out */
	JOB_EVENT_INTERRUPT, /* the agent ends */
	JOB_EVENT_SUSPEND,   /* the agent ends, and the job goes on when it comes back */
	JOB_EVENT_COUNT,
};

/**
 * job_fsm() - the state after @event
 *
 * Return: the new state; the same state where the event changes nothing; JOB_STATE_UNSPECIFIED
 * where it is not allowed.
 */
Pagecast__V1__JobState job_fsm(Pagecast__V1__JobState state, enum job_event event);
