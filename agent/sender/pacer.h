/*
 * pacer: when the next packets of one stream are due. Arithmetic only: it reads no clock and never
 * sleeps.
 *
 * The schedule is absolute: packet k is due at start + cost(0..k-1) / rate, kept as whole ns and an
 * exact fraction, so that hours of sending do not drift by a nanosecond. Cost of a packet: 1 for
 * pps; its bits at the rate's layer for bps. A rate is taken to the nano-pps and the milli-bps.
 *
 * Packets leave in groups of max_back_to_back, together when the first of them is due: 1 wherever
 * single hand-overs hold the rate, so that gaps are even; else the fewest that hold it, judged by
 * what a hand-over costs, raised when sending flat out turns out to be no faster than the rate, and
 * tried smaller again later.
 *
 * A stream that fell behind catches up gently, by default: never more than a group in one go, and
 * gaps that are shorter by a part of debt / PACER_CATCH_UP_NS, and by the part of the time that it
 * has learned to be lost again and again, at most the half. It never makes up
 * for more than PACER_CATCH_UP_NS (of a slow stream a few packets more, see pacer.c): what a busy
 * or shared host takes, not a suspended one. What is older moves the schedule and is counted: no
 * flood after a stall. Rate.catch_up: BURST lets what is due leave at once, FORGIVE moves the
 * schedule by all that exceeds a late wake-up.
 *
 * Burst: its packets follow each other at the rate (or as fast as possible when unlimited); the
 * next burst starts gap_ns after the last packet of the one before was really handed over.
 *
 * All times CLOCK_MONOTONIC ns. Thread: one worker.
 */
#pragma once
#include "packet/plan.h"

#include <stdbool.h>
#include <stdint.h>

#define PACER_CATCH_UP_NS INT64_C(100000000)
/* A group never grows beyond this: what one flow_send() takes at most. */
enum { PACER_GROUP_MAX = 2048 };

struct pacer;

/**
 * pacer_new() - a schedule for @stream
 * @stream:       borrowed until pacer_free()
 * @handover_ns:  what one hand-over costs here: decides the fewest back to back that hold the rate
 * @line_bps:     speed of the line for line_percent; 0: unknown
 *
 * Return: 0; -EINVAL: not a rate (0, negative, not finite, line_percent of an unknown
 * line); -ENOMEM.
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
 * A stream of unequal sizes with a bit rate hands over packets of one length a go. Unlimited
 * streams are always due: *ret_packets = UINT64_MAX, or the rest of the burst.
 * Return: the instant the next hand-over is due; INT64_MAX while paused.
 */
int64_t pacer_next(struct pacer *pacer, int64_t now_ns, uint64_t *ret_packets);

/**
 * pacer_handed_over() - packets left (or were dropped or refused: the schedule goes on)
 * @packets: >= 1, one go
 * @len:     their payload length each (any, where the rate is pps)
 * @at_ns:   when the hand-over began
 * @done_ns: when it was done: a burst's gap starts here
 *
 * Return: |actual - ideal| of the gap since the hand-over before; -1 where there is no ideal gap
 * (unlimited, the first after start, resume or a new rate).
 */
int64_t pacer_handed_over(struct pacer *pacer, uint64_t packets, uint32_t len, int64_t at_ns,
			  int64_t done_ns);

/**
 * pacer_due_before() - how many packets of @len are due before @instant_ns, by the schedule
 *
 * For limits by duration. Return: 0 ..; UINT64_MAX for an unlimited stream whose time has come.
 */
uint64_t pacer_due_before(const struct pacer *pacer, int64_t instant_ns, uint32_t len);

/** pacer_blocked() - the stream waited for room: what follows says nothing of a hand-over's cost */
void pacer_blocked(struct pacer *pacer);

/**
 * pacer_set_rate() - from @now_ns on; the next packet is due one new gap after the last, not
 * earlier than now. In the gap between two bursts the next burst's start stands.
 *
 * Return: 0; -EINVAL as pacer_new(), nothing changed.
 */
int pacer_set_rate(struct pacer *pacer, const struct plan_rate *rate, int64_t now_ns);

/**
 * pacer_postpone() - what was due could not leave before @until_ns, and not for the pacer's sake:
 * the schedule moves there. The gap that grew is not compared with its ideal
 *
 * Return: by how much it moved; 0 without a rate.
 */
int64_t pacer_postpone(struct pacer *pacer, int64_t until_ns);

/** pacer_pause(), pacer_resume() - the time between them does not count. Idempotent */
void pacer_pause(struct pacer *pacer, int64_t now_ns);
void pacer_resume(struct pacer *pacer, int64_t now_ns);

bool pacer_unlimited(const struct pacer *pacer);

struct pacer_report {
	double requested_pps;	   /* 0: unlimited; with bursts: the mean over bursts and gaps */
	double requested_bps;	   /* at the rate's layer; 0: unlimited */
	uint64_t late_packets;	   /* handed over more than one ideal gap late; forgiven ones too */
	uint64_t forgiven_packets; /* debt older than PACER_CATCH_UP_NS */
	uint32_t max_back_to_back; /* in force; 0: unlimited */
	bool group_raised;	   /* single hand-overs could not hold the rate: measured */
	int64_t bursts_until_ns;   /* whole bursts, each with its gap, lie before this instant... */
	uint64_t burst_rest;	   /* ...and these packets behind it; without bursts both are 0 */
};
void pacer_report(const struct pacer *pacer, struct pacer_report *ret_report);
