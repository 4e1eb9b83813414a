/*
 * slice: how long a thread runs before the scheduler looks for another. Thread: any.
 */
#pragma once

/**
 * slice_ask_short() - let the calling thread, and those it starts from here on, in soon after they
 * wake
 *
 * With short slices one that wakes does not wait for another's to end, 3 ms and more, when they
 * share a core; its share of the core stays as fair as it was. A wish: before Linux 6.12, or under
 * another policy than SCHED_OTHER, nothing changes.
 */
void slice_ask_short(void);
