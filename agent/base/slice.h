/*
 * slice: how long the scheduler lets a thread run before it looks for another. Thread: any.
 */
#pragma once

/**
 * slice_ask_short() - have the calling thread, and threads that it creates from now on, scheduled
 * soon after they wake
 *
 * A thread with a short slice that wakes on a busy core need not wait until the slice of the
 * running thread ends, 3 ms and more; its share of the core does not change. Before Linux 6.12, or
 * under another policy than SCHED_OTHER, nothing changes.
 */
void slice_ask_short(void);
