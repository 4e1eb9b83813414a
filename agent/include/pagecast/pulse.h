/*
 * pulse: which threads are at work, and since when at the same step: what the watchdog looks at.
 *
 * A thread that does work for others says when it begins a step and when it rests. One that hangs
 * inside a step is seen by how long ago that began; one that waits for work never is. Told so are
 * the store's writer, the scheduler, workers while they send, and the HTTP side's threads and pool.
 * Thread: any; each tells of itself.
 */
#pragma once
#include <stdint.h>

/** pulse_busy() - the calling thread began a step at @now_ns, CLOCK_MONOTONIC */
void pulse_busy(int64_t now_ns);
/** pulse_rest() - it waits for work */
void pulse_rest(void);
/** pulse_oldest() - the beginning of the oldest step that has not ended; INT64_MAX: all rest */
int64_t pulse_oldest(void);
