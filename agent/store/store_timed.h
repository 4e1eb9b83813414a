/*
 * store_timed: measures the store that it is put around: how long callers wait for a write, how
 * many are refused.
 */
#pragma once
#include "pagecast/metrics.h"
#include "store/store.h"

/** store_timed_new() - takes @inner over. Return: owned (ops->free); NULL: out of memory, @inner is
 * the caller's */
struct store *store_timed_new(struct store *inner);

/** store_timed_read() - @store: from store_timed_new() */
void store_timed_read(struct store *store, struct agent_distribution *ret_waits,
		      uint64_t *ret_refusals, uint64_t *ret_commits);
