/*
 * pacer: when the next packets of one stream are due. Arithmetic only: it reads no clock and never
 * sleeps.
 *
 * The schedule is absolute: packet k is due at base + cost(0..k-1) / rate, in exact integers, so
 * that hours of sending do not drift by a nanosecond. A stream that fell behind catches up gently
 * (never more than max_back_to_back in one go, never faster than twice the rate, never more than
 * PACER_CATCH_UP_NS of debt; what is older moves the schedule and is counted): no flood after a
 * stall. Cost of a packet: 1 for pps; its bits at the rate's layer for bps. All times
 * CLOCK_MONOTONIC ns. Thread: one worker.
 */
#pragma once
#include "packet/plan.h"

#include <stdbool.h>
#include <stdint.h>

#define PACER_CATCH_UP_NS INT64_C(20000000)

struct pacer;

/**
 * pacer_new() - a schedule for @stream
 * @handover_ns:  what one hand-over costs here (from the probe): decides the fewest back to back
 * that hold the rate
 * @line_bps:     speed of the line for line_percent, 0 unknown (line_percent was refused before)
 */
int pacer_new(struct pacer **ret_pacer, const struct plan_stream *stream, int64_t handover_ns,
	      uint64_t line_bps);
struct pacer *pacer_free(struct pacer *pacer);

/** pacer_start() - the first packet is due at @start_ns (start_delay already added) */
void pacer_start(struct pacer *pacer, int64_t start_ns);

/**
 * pacer_next() - what may leave at @now_ns
 * @ret_packets: how many in one go (>= 1) if the result is <= @now_ns, else how many will at that
 * time
 *
 * Unlimited streams are always due: *ret_packets = UINT64_MAX.
 * Return: the instant the next hand-over is due.
 */
int64_t pacer_next(struct pacer *pacer, int64_t now_ns, uint64_t *ret_packets);

/**
 * pacer_handed_over() - @packets left (or were dropped or refused: the schedule goes on) at @now_ns
 * @len: their payload length each
 */
void pacer_handed_over(struct pacer *pacer, uint64_t packets, uint32_t len, int64_t now_ns);

/** pacer_set_rate() - from @now_ns on; the next packet is due one new gap after the last */
void pacer_set_rate(struct pacer *pacer, const struct plan_rate *rate, int64_t now_ns);

/** pacer_pause(), pacer_resume() - the time between them does not count */
void pacer_pause(struct pacer *pacer, int64_t now_ns);
void pacer_resume(struct pacer *pacer, int64_t now_ns);

struct pacer_report {
	double requested_pps;	   /* 0: unlimited */
	double requested_bps;	   /* at the rate's layer; 0: unlimited */
	uint64_t late_packets;	   /* handed over more than one ideal gap late */
	uint64_t forgiven_packets; /* debt older than PACER_CATCH_UP_NS */
	uint32_t max_back_to_back; /* in force */
};
void pacer_report(const struct pacer *pacer, struct pacer_report *ret_report);
