/*
 * distribution: how often a duration fell into each of a few fixed ranges, as /metrics shows it.
 *
 * Thread: the owner of the struct locks it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { AGENT_DISTRIBUTION_BOUNDS = 19 };

/* 1 µs … 1 s in steps of 1, 2, 5; the last bucket is what is longer. */
extern const uint64_t AGENT_DISTRIBUTION_BOUNDS_NS[AGENT_DISTRIBUTION_BOUNDS];

struct agent_distribution {
	uint64_t buckets[AGENT_DISTRIBUTION_BOUNDS + 1]; /* not cumulated */
	uint64_t count;
	double sum_ns;
};

/** distribution_add() - one more duration of @value_ns */
void distribution_add(struct agent_distribution *distribution, uint64_t value_ns);
/** distribution_add_times() - @times durations of @value_ns */
void distribution_add_times(struct agent_distribution *distribution, uint64_t value_ns,
			    uint64_t times);
