/* clock: see clock.h. The real clock goes through the vDSO: about 25 ns a call, no system call. */
#include "base/clock.h"

#include "base/util.h"

#include <stdio.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * CLOCK_NS_PER_S + t.tv_nsec;
}

static int64_t real_monotonic_ns(const struct clock *clock)
{
	(void)clock;
	return read_ns(CLOCK_MONOTONIC);
}

static int64_t real_realtime_ns(const struct clock *clock)
{
	(void)clock;
	return read_ns(CLOCK_REALTIME);
}

const struct clock *clock_real(void)
{
	static const struct clock real = {real_monotonic_ns, real_realtime_ns};
	return &real;
}

const char *clock_text(int64_t realtime_ns, char text[CLOCK_TEXT_BYTES])
{
	time_t seconds = (time_t)(realtime_ns / CLOCK_NS_PER_S);
	struct tm utc;
	gmtime_r(&seconds, &utc);
	size_t len = strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, CLOCK_TEXT_BYTES - len, ".%03dZ",
		 (int)(realtime_ns / CLOCK_NS_PER_MS % 1000));
	return text;
}

static int64_t manual_monotonic_ns(const struct clock *clock)
{
	const struct clock_manual *manual = container_of(clock, struct clock_manual, clock);
	return atomic_load_explicit(&manual->monotonic_ns, memory_order_relaxed);
}

static int64_t manual_realtime_ns(const struct clock *clock)
{
	const struct clock_manual *manual = container_of(clock, struct clock_manual, clock);
	return atomic_load_explicit(&manual->realtime_ns, memory_order_relaxed);
}

void clock_manual_init(struct clock_manual *manual, int64_t monotonic_ns, int64_t realtime_ns)
{
	manual->clock = (struct clock){manual_monotonic_ns, manual_realtime_ns};
	atomic_init(&manual->monotonic_ns, monotonic_ns);
	atomic_init(&manual->realtime_ns, realtime_ns);
}

void clock_manual_advance(struct clock_manual *manual, int64_t by_ns)
{
	atomic_fetch_add_explicit(&manual->monotonic_ns, by_ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&manual->realtime_ns, by_ns, memory_order_relaxed);
}
