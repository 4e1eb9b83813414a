/*
 * pacer_rate: a rate as an exact fraction, and what a packet costs by it.
 *
 * The rate is `units / scale` packets or bits a second (units: packets in nano, bits in milli), so
 * that a cost lasts cost * ns a second * scale / units. Bounds: cost <= 2^33 bits a go, ns a second
 * * scale <= 10^18 < 2^60: far below 128 bits. Arithmetic only. Thread: any.
 */
#pragma once
#include "packet/plan.h"

#include <stdbool.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 pacer_wide;

/* Later than any real instant, with room for adding to it. */
#define PACER_NEVER_NS (INT64_MAX / 2)

struct pacer_rate {
	struct plan_rate asked;
	bool unlimited;	   /* then nothing below holds */
	uint64_t units;	   /* > 0 */
	uint64_t ns_units; /* ns a second * scale */
	double gap_ns;	   /* ideal time from one mean packet to the next */
};

/** pacer_rate_init() - of @stream. Return: 0; -EINVAL as pacer_new(), nothing changed */
int pacer_rate_init(struct pacer_rate *rate, const struct plan_stream *stream,
		    const struct plan_rate *asked, uint64_t line_bps);

/** pacer_rate_cost() - what one packet of @len costs, in ns * units */
pacer_wide pacer_rate_cost(const struct pacer_rate *rate, const struct plan_stream *stream,
			   uint32_t len);

/** pacer_rate_ns() - a cost in whole ns, rounded down; PACER_NEVER_NS at most */
int64_t pacer_rate_ns(const struct pacer_rate *rate, pacer_wide cost);

/** pacer_mean_bits() - bits a packet of @stream counts at @layer, in the mean over a pass */
double pacer_mean_bits(const struct plan_stream *stream, Pagecast__V1__Layer layer);
/** pacer_rate_pps() - what @rate asks of @stream, in mean packets a second; 0: unlimited */
double pacer_rate_pps(const struct plan_stream *stream, const struct plan_rate *rate,
		      uint64_t line_bps);
