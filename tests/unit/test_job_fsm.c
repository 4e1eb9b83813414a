/* The life of a job: every event in every state, as a table a person can check. */
#include "base/util.h"
#include "core/job/job_fsm.h"
#include "lib/test.h"

#define S(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

enum { STATE_COUNT = 9 };
#define NO S(UNSPECIFIED) /* not allowed */

static const Pagecast__V1__JobState TABLE[STATE_COUNT][JOB_EVENT_COUNT] = {
	/* SCHEDULE, DUE, START, PAUSE, RESUME, DONE, FAIL, CANCEL, INTERRUPT, SUSPEND */
	[S(UNSPECIFIED)] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
	[S(QUEUED)] = {S(SCHEDULED), S(QUEUED), S(RUNNING), NO, NO, NO, S(FAILED), S(CANCELLED),
		       S(QUEUED), S(QUEUED)},
	[S(SCHEDULED)] = {S(SCHEDULED), S(QUEUED), S(RUNNING), NO, NO, NO, S(FAILED), S(CANCELLED),
			  S(SCHEDULED), S(SCHEDULED)},
	[S(RUNNING)] = {NO, NO, NO, S(PAUSED), S(RUNNING), S(SUCCEEDED), S(FAILED), S(CANCELLED),
			S(INTERRUPTED), S(QUEUED)},
	[S(PAUSED)] = {NO, NO, NO, S(PAUSED), S(RUNNING), S(SUCCEEDED), S(FAILED), S(CANCELLED),
		       S(INTERRUPTED), S(QUEUED)},
	[S(SUCCEEDED)] = {NO, NO, NO, NO, NO, NO, NO, S(SUCCEEDED), S(SUCCEEDED), NO},
	[S(FAILED)] = {NO, NO, NO, NO, NO, NO, NO, S(FAILED), S(FAILED), NO},
	[S(CANCELLED)] = {NO, NO, NO, NO, NO, NO, NO, S(CANCELLED), S(CANCELLED), NO},
	[S(INTERRUPTED)] = {NO, NO, NO, NO, NO, NO, NO, S(INTERRUPTED), S(INTERRUPTED), NO},
};

TEST(job_fsm_follows_the_table)
{
	for (int state = 0; state < STATE_COUNT; state++)
		for (int event = 0; event < JOB_EVENT_COUNT; event++)
			if (job_fsm(state, event) != TABLE[state][event])
				test_fail(__FILE__, __LINE__, "state %d, event %d: %d, not %d",
					  state, event, job_fsm(state, event), TABLE[state][event]);
}

TEST(job_fsm_never_leaves_an_ended_state)
{
	for (int state = 0; state < STATE_COUNT; state++)
		for (int event = 0; event < JOB_EVENT_COUNT; event++)
			if (job_state_ended(state))
				CHECK(job_fsm(state, event) == state ||
				      job_fsm(state, event) == NO);
	CHECK(!job_state_ended(S(PAUSED)) && !job_state_ended(S(SCHEDULED)));
	CHECK(job_state_ended(S(SUCCEEDED)) && job_state_ended(S(INTERRUPTED)));
}

TEST(job_fsm_takes_any_number_without_falling_over)
{
	CHECK_INT(job_fsm(99, JOB_EVENT_START), ==, NO);
	CHECK_INT(job_fsm(S(QUEUED), JOB_EVENT_COUNT), ==, NO);
	CHECK_INT(job_fsm(S(RUNNING), 77), ==, NO);
}

TEST_MAIN(CASE(job_fsm_follows_the_table), CASE(job_fsm_never_leaves_an_ended_state),
	  CASE(job_fsm_takes_any_number_without_falling_over))
