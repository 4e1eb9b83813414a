/*
 * histogram: fixed memory, HDR-like: 64 sub-buckets a power of two, so that a percentile is off by
 * at most 0.8 %; count, min, max and mean are exact. Values are u64 (here: ns).
 *
 * Thread: one writer; copy or merge it to hand it on.
 */
#pragma once
#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 6,
	/* Values below 64 have a bucket each; every power of two above has 64. */
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS
};

struct histogram {
	uint64_t count, min, max;
	double sum;
	uint64_t buckets[HISTOGRAM_BUCKETS]; /* 30 KiB; untouched pages of a calloc cost nothing */
};

struct histogram_summary {
	uint64_t count;
	double min, p50, p90, p99, p999, max, mean; /* all 0 where count is 0 */
};

/** histogram_reset() - empty; zeroed memory is an empty histogram too */
void histogram_reset(struct histogram *histogram);
/** histogram_add() - @value was seen @times times; 0 times changes nothing */
void histogram_add(struct histogram *histogram, uint64_t value, uint64_t times);
/** histogram_merge() - @into as if it had seen what @from saw too */
void histogram_merge(struct histogram *into, const struct histogram *from);
void histogram_summary(const struct histogram *histogram, struct histogram_summary *ret_summary);
/** histogram_each() - call @see for each bucket that is not empty, with the value it stands for */
void histogram_each(const struct histogram *histogram,
		    void (*see)(void *context, uint64_t value, uint64_t times), void *context);
