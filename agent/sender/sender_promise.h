/*
 * sender_promise: packets that a rate promised and nobody sent.
 *
 * A stream that is limited by time promises rate * time. What it owes when a stall is longer than
 * its schedule makes up for, or when its end comes, is never sent and never requested: nothing but
 * this tells of it. Pauses and the policy's maxima move the schedule and owe nothing; what a full
 * queue held back is told as no_room. Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/** sender_promise_missing() - packets that @stream owes, as the job's end finds it. Return: 0 where
 * a full queue explains them, or there is no promise */
uint64_t sender_promise_missing(const struct sender_stream *stream);
/** sender_promise_judge() - the problem rate_not_held for each stream that owes more than 2 packets
 * and a thousandth; at the job's end */
void sender_promise_judge(struct sender *sender);
