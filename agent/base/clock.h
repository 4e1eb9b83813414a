/*
 * clock: the time as an object that a test can replace, so that schedules are tested without
 * sleeping.
 *
 * clock_real() reads CLOCK_MONOTONIC for intervals and CLOCK_REALTIME for time stamps; a manual
 * clock moves only when a test says so. All values are nanoseconds in int64_t: good until the year
 * 2262. Thread: the real clock is stateless; a manual clock may be read by any thread.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#define CLOCK_NS_PER_S	INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_US INT64_C(1000)

struct clock {
	int64_t (*monotonic_ns)(const struct clock *clock);
	int64_t (*realtime_ns)(const struct clock *clock);
};

struct clock_manual {
	struct clock clock;
	_Atomic int64_t monotonic_ns; /* written by the test, read by any thread; relaxed */
	_Atomic int64_t realtime_ns;
};

const struct clock *clock_real(void);

enum { CLOCK_TEXT_BYTES = 32 };
/** clock_text() - CLOCK_REALTIME as people read it: "2026-11-26T16:01:02.345Z". Return: @text */
const char *clock_text(int64_t realtime_ns, char text[CLOCK_TEXT_BYTES]);

static inline int64_t clock_monotonic_ns(const struct clock *clock)
{
	return clock->monotonic_ns(clock);
}

static inline int64_t clock_realtime_ns(const struct clock *clock)
{
	return clock->realtime_ns(clock);
}

/** clock_manual_init() - a clock that shows the given times until it is advanced */
void clock_manual_init(struct clock_manual *manual, int64_t monotonic_ns, int64_t realtime_ns);

/** clock_manual_advance() - move both times by @by_ns (>= 0) */
void clock_manual_advance(struct clock_manual *manual, int64_t by_ns);
