/*
 * wait: see wait.h.
 *
 * The notifier sleeps on a word, not on a descriptor: the agent's workers, which wake it, have
 * descriptors of their own and do not see this room's.
 */
#include "api/live/wait.h"

#include "api/http/limits.h"
#include "api/http/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct waits {
	pthread_t thread;
	_Atomic uint32_t wakes; /* writers: any thread, release; reader: notifier, acquire */
	atomic_bool changed;	/* writer: agent's threads; reader: notifier, which clears it */
	atomic_size_t count;	/* of waiters held; writers: HTTP threads, notifier */
	pthread_mutex_t lock;
	struct waiter *incoming; /* under lock: added, not yet seen by the notifier */
	bool stop;		 /* under lock */
	bool joined;
	struct waiter *held; /* notifier only */
};

static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
		  const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

static void wake(struct waits *waits)
{
	atomic_fetch_add_explicit(&waits->wakes, 1, memory_order_release);
	futex(&waits->wakes, FUTEX_WAKE, INT_MAX, NULL);
}

void waits_changed(void *context, uint64_t revision)
{
	struct waits *waits = context;
	(void)revision;
	/* Sequentially consistent with waits_add(): either the waiter is counted here, or its first
	 * look comes after this change. */
	if (atomic_load(&waits->count) && !atomic_exchange(&waits->changed, true))
		wake(waits);
}

/* Returns whether the table takes no more. */
static bool take_incoming(struct waits *waits)
{
	pthread_mutex_lock(&waits->lock);
	while (waits->incoming) {
		struct waiter *waiter = waits->incoming;
		waits->incoming = waiter->next;
		waiter->next = waits->held;
		waits->held = waiter;
	}
	bool stop = waits->stop;
	pthread_mutex_unlock(&waits->lock);
	return stop;
}

static void look(struct waits *waits, int64_t now_ms, bool stop)
{
	for (struct waiter **at = &waits->held; *at;) {
		struct waiter *waiter = *at;
		bool expired = stop || waiter->until_ms <= now_ms;
		if (!expired && !waiter->ready(waiter)) {
			at = &waiter->next;
			continue;
		}
		*at = waiter->next;
		atomic_fetch_sub(&waits->count, 1);
		waiter->wake(waiter, expired);
	}
}

static int64_t next_ms(const struct waits *waits)
{
	int64_t next_ms = INT64_MAX;
	for (const struct waiter *waiter = waits->held; waiter; waiter = waiter->next)
		if (waiter->until_ms < next_ms)
			next_ms = waiter->until_ms;
	return next_ms;
}

/* Until there is a wake-up after the @seen ones, or the time of a waiter is up; or for no reason,
 * which a look too many answers. */
static void sleep_until_woken(struct waits *waits, uint32_t seen)
{
	int64_t until_ms = next_ms(waits), left_ms = until_ms - thread_now_ms();
	if (left_ms <= 0)
		return;
	struct timespec timeout = {left_ms / 1000, left_ms % 1000 * 1000000};
	futex(&waits->wakes, FUTEX_WAIT, seen, until_ms == INT64_MAX ? NULL : &timeout);
}

static void *waits_run(void *context)
{
	struct waits *waits = context;
	uint32_t seen = 0;
	for (;;) {
		sleep_until_woken(waits, seen);
		seen = atomic_load_explicit(&waits->wakes, memory_order_acquire);
		atomic_store(&waits->changed, false);
		bool stop = take_incoming(waits);
		look(waits, thread_now_ms(), stop);
		if (stop)
			return NULL;
		poll(NULL, 0, LIMIT_WAIT_SCAN_MS); /* many revisions, one look */
	}
}

int waits_start(struct waits **ret_waits, struct error *ret_error)
{
	struct waits *waits = calloc(1, sizeof *waits);
	if (!waits)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	pthread_mutex_init(&waits->lock, NULL);
	int r = thread_start(&waits->thread, waits_run, waits);
	if (r) {
		waits->joined = true;
		waits_free(waits);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "HTTP server: %s", strerror(r));
	}
	*ret_waits = waits;
	return 0;
}

int waits_add(struct waits *waits, struct waiter *waiter, struct error *ret_error)
{
	if (atomic_fetch_add(&waits->count, 1) >= LIMIT_WAITERS) {
		atomic_fetch_sub(&waits->count, 1);
		return error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
				 "already holding the maximum of %d waiting requests",
				 LIMIT_WAITERS);
	}
	pthread_mutex_lock(&waits->lock);
	bool stop = waits->stop;
	if (!stop) {
		waiter->next = waits->incoming;
		waits->incoming = waiter;
	}
	pthread_mutex_unlock(&waits->lock);
	if (stop) {
		atomic_fetch_sub(&waits->count, 1);
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "the agent is stopping");
	}
	wake(waits);
	return 0;
}

void waits_finish(struct waits *waits)
{
	pthread_mutex_lock(&waits->lock);
	waits->stop = true;
	pthread_mutex_unlock(&waits->lock);
	wake(waits);
	if (!waits->joined)
		pthread_join(waits->thread, NULL);
	waits->joined = true;
}

struct waits *waits_free(struct waits *waits)
{
	if (!waits)
		return NULL;
	if (!waits->joined)
		waits_finish(waits);
	pthread_mutex_destroy(&waits->lock);
	free(waits);
	return NULL;
}
