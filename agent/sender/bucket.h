/*
 * bucket: a maximum rate as a token bucket that several threads take from.
 *
 * Its state is one instant: when the bucket will be full again. What is in it now follows from the
 * clock, so nothing has to fill it. A take moves the instant by what it costs, whether or not the
 * tokens are there, and learns from when on the packets may leave: takers form a line, in the order
 * of their takes, and nobody starves behind smaller ones.
 *
 * Depth: BUCKET_DEPTH_NS of the rate. One take is at most half of that, or one packet; what costs
 * more than half leaves as soon as half is there, and the rest is a debt that the next ones wait
 * for. With h half the depth, m the larger of h and the largest packet, and n threads that each
 * have one take at a time, this holds for every window of time t:
 *
 *   packets (or bits) that leave  <=  rate * t  +  h  +  n * m
 *
 * h + m is what may leave at once with the clock standing still; the other (n - 1) * m are takes
 * that were allowed before the window and left in it, because their threads were late. That the
 * first such take adds nothing is due to bucket_settle(): it dates a take after its hand-over, so
 * that the time a hand-over took fills the bucket no further than the packets allow.
 *
 * Costs are whole ns of the rate; a taker carries the fraction, so the rate is exact in the mean.
 *
 * All times CLOCK_MONOTONIC ns. Thread: any; lock-free, one compare-and-swap a take.
 */
#pragma once
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BUCKET_DEPTH_NS (10 * CLOCK_NS_PER_MS)
#define BUCKET_HALF_NS	(BUCKET_DEPTH_NS / 2)

struct bucket {
	_Atomic double unit_ns;	 /* what one packet (bit) costs; 0: no maximum. Relaxed */
	_Atomic int64_t full_ns; /* when it is full again. Relaxed: it guards no other memory */
};

struct bucket_take {	 /* of one taker from one bucket; {0} before the first */
	uint64_t units;	 /* taken and not settled; 0: none */
	double unit_ns;	 /* their cost then */
	double carry_ns; /* paid beyond what was taken so far, 0 .. 1 */
};

/** bucket_set_rate() - @rate packets (bits) a second from @now_ns on; 0 or less: no maximum. A debt
 * shrinks with a higher rate. Thread: one at a time */
void bucket_set_rate(struct bucket *bucket, double rate, int64_t now_ns);

/** bucket_limits() - is there a maximum? */
static inline bool bucket_limits(const struct bucket *bucket)
{
	return atomic_load_explicit(&bucket->unit_ns, memory_order_relaxed) > 0;
}

/** bucket_lot() - most packets (bits) one take may be of, unless it is of one packet; UINT64_MAX:
 * no maximum */
uint64_t bucket_lot(const struct bucket *bucket);

/** bucket_when() - from when on @units could leave, if they were taken at @now_ns; >= @now_ns */
int64_t bucket_when(const struct bucket *bucket, uint64_t units, int64_t now_ns);

/**
 * bucket_take() - take @units at @now_ns; they may leave from the returned instant on
 * @units: >= 1, bucket_lot() or one packet
 * @take:  the taker's; nothing unsettled in it
 *
 * Return: the instant, >= @now_ns.
 */
int64_t bucket_take(struct bucket *bucket, struct bucket_take *take, uint64_t units,
		    int64_t now_ns);

/** bucket_settle() - of what was taken @used left, in a hand-over that was done at @done_ns; the
 * rest is given back. Nothing to settle: no effect */
void bucket_settle(struct bucket *bucket, struct bucket_take *take, uint64_t used, int64_t done_ns);
