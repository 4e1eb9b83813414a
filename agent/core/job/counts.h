/*
 * counts: what is added up over the jobs that have ended. See pagecast/metrics.h for how it is
 * shown. Thread: the owner's lock.
 */
#pragma once
#include "pagecast/metrics.h"
#include "sender/sender.h"

struct counts {
	uint64_t jobs_ended[AGENT_JOB_STATES];
	struct agent_distribution gap_error, start_error;
	struct counts_failure {
		int error; /* 0: any other */
		uint64_t packets;
	} failures[AGENT_METRICS_ERRNOS];
	size_t failure_count;
};

/** counts_add_sent() - a job was sent: its timing, and what the kernel refused */
void counts_add_sent(struct counts *counts, const struct sender *sender,
		     const struct sender_report *report, bool had_start_time);
