/*
 * watchdog: which threads are at work, and since when at the same step. The agent withholds the
 * service manager's keep-alive when a step takes too long.
 *
 * A thread that works for others reports when it begins a step and when it becomes idle. A thread
 * that hangs inside a step is detected by the age of the step; an idle one is not. These report:
 * the store's writer, the scheduler, workers while they send, and the threads of the HTTP side.
 * Thread: any; each reports for itself.
 */
#pragma once
#include <stdint.h>

/** watchdog_busy() - the calling thread began a step at @now_ns, CLOCK_MONOTONIC */
void watchdog_busy(int64_t now_ns);
/** watchdog_rest() - the calling thread waits for work */
void watchdog_rest(void);
/** watchdog_oldest() - the beginning of the oldest step that has not ended; INT64_MAX: all are idle
 */
int64_t watchdog_oldest(void);
