/*
 * metrics: what the agent counts about itself, as numbers; how they are written is api/'s business.
 */
#pragma once
#include "pagecast/distribution.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;

enum {
	AGENT_JOB_STATES = 9,	   /* of JobState, UNSPECIFIED counted */
	AGENT_METRICS_ERRNOS = 32, /* different ones; more are added to the last, "other" */
	AGENT_METRICS_ENGINES = 8,
};

struct agent_metrics {
	uint64_t jobs_by_state[AGENT_JOB_STATES]; /* that are known now */
	uint64_t jobs_ended[AGENT_JOB_STATES];	  /* since the start, by the state they ended in */
	uint64_t packets_sent, packets_dropped, packets_failed, packets_cancelled, bytes_sent;
	uint64_t syscalls, pages;
	double current_pps, current_bps_l2; /* of all that runs */
	size_t workers, workers_busy, queue_depth;
	struct agent_distribution gap_error, start_error, store_wait;
	uint64_t store_refusals, store_commits;
	struct {
		const char *name; /* "ENOBUFS"; static */
		uint64_t packets;
	} failures[AGENT_METRICS_ERRNOS];
	size_t failure_count;
	struct {
		const char *name; /* "splice"; static */
		bool available;
	} engines[AGENT_METRICS_ENGINES];
	size_t engine_count;
	int64_t start_ns; /* CLOCK_REALTIME */
};

/** agent_metrics() - Thread: any */
void agent_metrics(struct agent *agent, struct agent_metrics *ret_metrics);
