/*
 * watchdog: which threads are at work, and since when at the same step: what the service manager is
 * told by.
 *
 * A thread that does work for others says when it begins a step and when it rests. One that hangs
 * inside a step is seen by how long ago that began; one that waits for work never is. Told so are
 * the store's writer, the scheduler, workers while they send, and the HTTP side's threads and pool.
 * Thread: any; each tells of itself.
 */
#pragma once
#include <stdint.h>

/** watchdog_busy() - the calling thread began a step at @now_ns, CLOCK_MONOTONIC */
void watchdog_busy(int64_t now_ns);
/** watchdog_rest() - it waits for work */
void watchdog_rest(void);
/** watchdog_oldest() - the beginning of the oldest step that has not ended; INT64_MAX: all rest */
int64_t watchdog_oldest(void);
