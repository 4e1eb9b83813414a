/*
 * wait: requests that are held until the agent's revision counter has moved far enough for them.
 *
 * A held request costs a table entry and a suspended connection, no thread. One notifier thread
 * looks at them: when something changed (at most every LIMIT_WAIT_SCAN_MS), and when the time of
 * one is up. Waiters are added by HTTP threads and removed by the notifier alone. waits_changed()
 * takes no lock: it is called by the agent's workers.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>

struct waits;

struct waiter {
	struct waiter *next; /* the table's */
	int64_t until_ms;    /* thread_now_ms() */
	/* Is it time to answer? Must be quick; asked by the notifier after each change. */
	bool (*ready)(struct waiter *waiter);
	/* Answer: @expired when the time is up. The waiter is off the table and may be freed. */
	void (*wake)(struct waiter *waiter, bool expired);
};

int waits_start(struct waits **ret_waits, struct error *ret_error);

/** waits_add() - hold @waiter (borrowed until its wake()). Return: 0; RESOURCE_EXHAUSTED:
 * LIMIT_WAITERS; UNAVAILABLE: stopping */
int waits_add(struct waits *waits, struct waiter *waiter, struct error *ret_error);

/** waits_changed() - for agent_set_listener(); @context is the struct waits */
void waits_changed(void *context, uint64_t revision);

/** waits_finish() - wake all as expired; nothing is taken any more */
void waits_finish(struct waits *waits);
/** waits_free() - after waits_finish(), and when waits_changed() is called no more. Return: NULL */
struct waits *waits_free(struct waits *waits);
