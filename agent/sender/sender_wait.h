/*
 * sender_wait: how the worker waits for an instant: asleep while it is far, awake for the last
 * stretch, and back at once when another thread gives an order.
 *
 * The control word counts orders. A wait is over when the instant has come or the word is no longer
 * what the worker last saw; waking is one futex call. How long before the instant to stay awake is
 * learned from the wake-ups seen: a kernel that wakes on time costs less. Sleeps of different
 * length wake differently late (a core that slept long left its idle state), so each class learns
 * alone.
 */
#pragma once
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum sender_sleep { SENDER_SLEEP_SHORT, SENDER_SLEEP_MIDDLE, SENDER_SLEEP_LONG, SENDER_SLEEPS };

struct sender_waiter {
	const struct clock *clock;
	_Atomic uint32_t orders; /* writers: control calls, release; reader: worker, acquire */
	int64_t wake_late_ns[SENDER_SLEEPS]; /* worker only: a high percentile of what was seen */
};

void sender_waiter_init(struct sender_waiter *waiter, const struct clock *clock);

/** sender_waiter_seen() - the orders given so far; look at them after this, then wait on it */
uint32_t sender_waiter_seen(struct sender_waiter *waiter);

/** sender_waiter_wake() - an order was given. Thread: any */
void sender_waiter_wake(struct sender_waiter *waiter);

/**
 * sender_wait_until() - until @until_ns, or an order newer than @seen
 * @precise: stay awake for the last stretch; false: a wake-up's lateness does not matter
 *
 * Return: now.
 */
int64_t sender_wait_until(struct sender_waiter *waiter, int64_t until_ns, bool precise,
			  uint32_t seen);

/** sender_wait_realtime() - until CLOCK_REALTIME shows @until_ns, also when that clock
 * is set while waiting; or an order newer than @seen. Not precise */
void sender_wait_realtime(struct sender_waiter *waiter, int64_t until_ns, uint32_t seen);

/** sender_wait_prepare() - the calling thread's timers fire without slack from here on */
void sender_wait_prepare(void);
