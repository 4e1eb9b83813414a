/*
 * sender_wait: see sender_wait.h.
 *
 * The futex wait takes an absolute time (FUTEX_WAIT_BITSET), so being preempted between reading the
 * clock and going to sleep costs nothing. It honours the thread's timer slack, 50 us unless told
 * otherwise: sender_wait_prepare() sets 1 ns.
 */
#include "sender/sender_wait.h"

#include "base/util.h"
#include "pagecast/watchdog.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeping for less than this is not worth two switches of context. */
#define SLEEP_MIN_NS (10 * CLOCK_NS_PER_US)
/* Awake a little before the learned lateness: reading the clock and leaving the loop takes time. */
#define MARGIN_NS (5 * CLOCK_NS_PER_US)
/* Of a long sleep, this part may be spent awake: 2 % of a core. */
#define LONG_AWAKE_PART	   50
#define LONG_AWAKE_MOST_NS (2 * CLOCK_NS_PER_MS)
/* One late wake-up spoils its own gap, and what it was late by is worn off over some 30 (pacer.c).
 * So that nine gaps of ten are true and the lateness of several does not add up, at most one
 * wake-up in 30 may be late; where sleeps are long and the window is a small part of them, one in a
 * hundred. */
static const struct {
	int64_t sleep_ns; /* sleeps at least this long */
	int64_t least_ns, first_ns, most_ns;
	int one_late_in; /* wake-ups */
} windows[SENDER_SLEEPS] = {
	[SENDER_SLEEP_SHORT] = {0, 20000, 80000, 100000, 30},
	[SENDER_SLEEP_MIDDLE] = {CLOCK_NS_PER_MS / 2, 100000, 150000, 200000, 100},
	[SENDER_SLEEP_LONG] = {5 * CLOCK_NS_PER_MS, 150000, 200000, 300000, 100},
};

void sender_waiter_init(struct sender_waiter *waiter, const struct clock *clock)
{
	waiter->clock = clock;
	atomic_init(&waiter->orders, 0);
	for (int i = 0; i < SENDER_SLEEPS; i++)
		waiter->wake_late_ns[i] = windows[i].first_ns;
}

uint32_t sender_waiter_seen(struct sender_waiter *waiter)
{
	return atomic_load_explicit(&waiter->orders, memory_order_acquire);
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
		  const struct timespec *until)
{
	return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, until, NULL,
		       FUTEX_BITSET_MATCH_ANY);
}

void sender_waiter_wake(struct sender_waiter *waiter)
{
	atomic_fetch_add_explicit(&waiter->orders, 1, memory_order_release);
	futex(&waiter->orders, FUTEX_WAKE_BITSET, INT_MAX, NULL);
}

/* Return: true when the time ran out, false when woken, interrupted, or not put to sleep at all. */
static bool sleep_until(struct sender_waiter *waiter, int64_t until_ns, int clock_flag,
			uint32_t seen)
{
	struct timespec until = {until_ns / CLOCK_NS_PER_S, until_ns % CLOCK_NS_PER_S};
	return futex(&waiter->orders, FUTEX_WAIT_BITSET | clock_flag, seen, &until) < 0 &&
	       errno == ETIMEDOUT;
}

static enum sender_sleep class_of(int64_t sleep_ns)
{
	enum sender_sleep kind = SENDER_SLEEP_LONG;
	while (kind > SENDER_SLEEP_SHORT && sleep_ns < windows[kind].sleep_ns)
		kind--;
	return kind;
}

/* A step up for a late wake-up, by a sixteenth; down for another, by as much less as those are to
 * be more: comes to rest where one in one_late_in is late. One that is off by milliseconds (the
 * host took the core) moves it no further. */
static void learn(struct sender_waiter *waiter, enum sender_sleep kind, int64_t late_ns)
{
	int64_t *learned_ns = &waiter->wake_late_ns[kind];
	int64_t step_ns = *learned_ns / 16;
	*learned_ns += late_ns > *learned_ns ? step_ns : -step_ns / (windows[kind].one_late_in - 1);
	*learned_ns = MIN(MAX(*learned_ns, windows[kind].least_ns), windows[kind].most_ns);
}

/* A window as long as the waits leaves no sleep to learn from: it closes slowly until there is one.
 */
static void forget(struct sender_waiter *waiter, enum sender_sleep kind)
{
	int64_t *learned_ns = &waiter->wake_late_ns[kind];
	*learned_ns = MAX(*learned_ns - *learned_ns / 512, windows[kind].least_ns);
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* How long to stay awake. After a long sleep a part of it may be spent on being early: wake-ups are
 * late by more then, and a core needs a while to be warm. */
static int64_t awake_for(const struct sender_waiter *waiter, enum sender_sleep kind,
			 int64_t sleep_ns)
{
	int64_t awake_ns = waiter->wake_late_ns[kind] + MARGIN_NS;
	if (kind == SENDER_SLEEP_LONG)
		awake_ns = MAX(awake_ns, MIN(sleep_ns / LONG_AWAKE_PART, LONG_AWAKE_MOST_NS));
	return awake_ns;
}

int64_t sender_wait_until(struct sender_waiter *waiter, int64_t until_ns, bool precise,
			  uint32_t seen)
{
	int64_t now_ns = clock_monotonic_ns(waiter->clock);
	watchdog_rest();
	enum sender_sleep kind = class_of(until_ns - now_ns);
	int64_t wake_ns = until_ns - (precise ? awake_for(waiter, kind, until_ns - now_ns) : 0);
	if (precise && wake_ns - now_ns < SLEEP_MIN_NS)
		forget(waiter, kind);
	for (;; now_ns = clock_monotonic_ns(waiter->clock)) {
		if (now_ns >= until_ns || sender_waiter_seen(waiter) != seen)
			return now_ns;
		if (precise && wake_ns - now_ns < SLEEP_MIN_NS) {
			relax();
			continue;
		}
		if (sleep_until(waiter, wake_ns, 0, seen) && precise)
			learn(waiter, kind, clock_monotonic_ns(waiter->clock) - wake_ns);
	}
}

void sender_wait_realtime(struct sender_waiter *waiter, int64_t until_ns, uint32_t seen)
{
	while (clock_realtime_ns(waiter->clock) < until_ns && sender_waiter_seen(waiter) == seen)
		sleep_until(waiter, until_ns, FUTEX_CLOCK_REALTIME, seen);
}

void sender_wait_prepare(void)
{
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* refused: waits are up to 50 us later */
}
