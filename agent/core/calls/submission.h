/*
 * submission: a spec that passed the checks, packed: what SubmitJob makes a job of, and what
 * UpdateJob replaces a job's spec with.
 */
#pragma once
#include "core/state/agent_private.h"
#include "packet/plan.h"

struct submission {
	struct plan *plan; /* an outline */
	struct blob *spec, *basic;
};

/** submission_check() - spec, policy, line rates and engine; without the lock. Return: 0; an
 * error_code with fields named from the spec on */
int submission_check(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     struct submission *ret_submission, struct error *ret_error);
/**
 * submission_check_start() - a new job's start_time is not further in the past than
 * start_tolerance, 10 s where none is given
 * @start_ns, @tolerance_ns: as in struct plan; @now_ns: CLOCK_REALTIME
 *
 * Return: 0; INVALID_ARGUMENT for startTime.
 */
int submission_check_start(int64_t start_ns, int64_t tolerance_ns, int64_t now_ns,
			   struct error *ret_error);
void submission_deinit(struct submission *submission);
