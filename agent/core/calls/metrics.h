/*
 * metrics: what is added up over jobs that are over. See pagecast/metrics.h for what is told.
 */
#pragma once
#include "base/problem.h"
#include "pagecast/metrics.h"
#include "sender/sender.h"

struct metrics { /* under the agent's lock */
	uint64_t jobs_ended[AGENT_METRICS_STATES];
	struct agent_distribution gap_error, start_error;
	struct metrics_failure {
		int error; /* 0: any other */
		uint64_t packets;
	} failures[AGENT_METRICS_ERRNOS];
	size_t failure_count;
};

/** metrics_add_job() - (L) a job was sent */
void metrics_add_job(struct metrics *metrics, const struct sender *sender,
		     const struct sender_report *report, bool had_start_time);
