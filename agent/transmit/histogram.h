/*
 * histogram: fixed memory, HDR-like: 64 sub-buckets a power of two (1.6 % error), exact min, max,
 * mean. Thread: one writer; copy it to hand it on.
 */
#pragma once
#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 6,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS
};

struct histogram {
	uint64_t count, min, max;
	double sum;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

struct histogram_summary {
	uint64_t count;
	double min, p50, p90, p99, p999, max, mean;
};

void histogram_reset(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value, uint64_t times);
void histogram_merge(struct histogram *into, const struct histogram *from);
void histogram_summary(const struct histogram *histogram, struct histogram_summary *ret_summary);
