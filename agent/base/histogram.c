/*
 * histogram: see histogram.h.
 *
 * A value of at least 64 is cut to its 7 leading bits: the first of them and the power of two name
 * the group, the other six the bucket. What a bucket stands for is its middle, kept within the
 * exact min and max.
 */
#include "base/histogram.h"

#include "base/util.h"

#include <string.h>

enum { SUB_BUCKETS = 1 << HISTOGRAM_SUB_BITS };

static unsigned int shift_of(uint64_t value)
{
	unsigned int top_bit = 63 - (unsigned int)__builtin_clzll(value | 1);
	return top_bit > HISTOGRAM_SUB_BITS ? top_bit - HISTOGRAM_SUB_BITS : 0;
}

static size_t bucket_of(uint64_t value)
{
	unsigned int shift = shift_of(value);
	return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

/* The middle of a bucket: buckets below 128 hold one value each. */
static double value_of(size_t bucket)
{
	if (bucket < 2 * SUB_BUCKETS)
		return (double)bucket;
	unsigned int shift = (unsigned int)(bucket >> HISTOGRAM_SUB_BITS) - 1;
	uint64_t leading = SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1));
	double width = (double)(UINT64_C(1) << shift);
	return (double)leading * width + (width - 1) / 2;
}

void histogram_reset(struct histogram *histogram)
{
	memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t value, uint64_t times)
{
	if (!times)
		return;
	if (!histogram->count || value < histogram->min)
		histogram->min = value;
	histogram->max = MAX(histogram->max, value);
	histogram->count += times;
	histogram->sum += (double)value * (double)times;
	histogram->buckets[bucket_of(value)] += times;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (!from->count)
		return;
	into->min = into->count ? MIN(into->min, from->min) : from->min;
	into->max = MAX(into->max, from->max);
	into->count += from->count;
	into->sum += from->sum;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

/* The smallest value that at least @fraction of all are not above. */
static double percentile(const struct histogram *histogram, double fraction)
{
	double wanted = fraction * (double)histogram->count;
	uint64_t seen = 0;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (histogram->buckets[i] && (double)seen >= wanted) {
			double value = value_of(i);
			value = MAX(value, (double)histogram->min);
			return MIN(value, (double)histogram->max);
		}
	}
	return (double)histogram->max;
}

void histogram_summary(const struct histogram *histogram, struct histogram_summary *ret_summary)
{
	*ret_summary = (struct histogram_summary){.count = histogram->count};
	if (!histogram->count)
		return;
	ret_summary->min = (double)histogram->min;
	ret_summary->p50 = percentile(histogram, 0.5);
	ret_summary->p90 = percentile(histogram, 0.9);
	ret_summary->p99 = percentile(histogram, 0.99);
	ret_summary->p999 = percentile(histogram, 0.999);
	ret_summary->max = (double)histogram->max;
	ret_summary->mean = histogram->sum / (double)histogram->count;
}

void histogram_each(const struct histogram *histogram,
		    void (*see)(void *context, uint64_t value, uint64_t times), void *context)
{
	for (size_t i = 0; histogram->count && i < HISTOGRAM_BUCKETS; i++)
		if (histogram->buckets[i])
			see(context, (uint64_t)value_of(i), histogram->buckets[i]);
}
