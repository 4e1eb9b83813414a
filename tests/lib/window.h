/*
 * window: holds what left, packet by packet or lot by lot, against a maximum, in every window of
 * every length at once.
 *
 * A window's excess over rate * time is a difference of two values of one running sum, so the
 * largest excess of all windows that end now is that sum less its lowest value so far.
 */
#pragma once
#include <stdint.h>

struct window {
	double rate; /* a second */
	int64_t last_ns;
	double sum, lowest; /* what left less rate * time; before anything left */
	double excess;	    /* the most of any window; what the bound is for */
	double total;
};

/** window_init() - nothing left yet; windows that begin before @now_ns are none */
static inline struct window window_init(double rate, int64_t now_ns)
{
	return (struct window){.rate = rate, .last_ns = now_ns};
}

/** window_add() - @count left at @at_ns, not before what was added last */
static inline void window_add(struct window *window, int64_t at_ns, double count)
{
	window->sum -= window->rate * (double)(at_ns - window->last_ns) / 1e9;
	window->last_ns = at_ns;
	if (window->sum < window->lowest)
		window->lowest = window->sum;
	window->sum += count;
	window->total += count;
	if (window->sum - window->lowest > window->excess)
		window->excess = window->sum - window->lowest;
}
