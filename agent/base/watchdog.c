/*
 * watchdog: see watchdog.h. Each thread takes a slot at its first step and gives it back when it
 * ends.
 */
#include "pagecast/watchdog.h"

#include "base/util.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { SLOTS_MAX = 256 }; /* 64 workers and the threads of the HTTP side take about half */

struct slot {
	_Atomic bool taken;
	_Atomic int64_t since_ns; /* 0: idle. Writer: its thread; readers: any; relaxed */
};

static struct slot slots[SLOTS_MAX];
static _Thread_local struct slot *mine;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void give_back(void *slot)
{
	struct slot *given = slot;
	atomic_store_explicit(&given->since_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&given->taken, false, memory_order_release);
}

static void make_key(void)
{
	pthread_key_create(&key, give_back);
}

static struct slot *take(void)
{
	pthread_once(&once, make_key);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		bool free_slot = false;
		if (!atomic_compare_exchange_strong(&slots[i].taken, &free_slot, true))
			continue;
		pthread_setspecific(key, &slots[i]);
		return &slots[i];
	}
	return NULL; /* more threads than slots: not watched */
}

void watchdog_busy(int64_t now_ns)
{
	if (!mine)
		mine = take();
	if (mine)
		atomic_store_explicit(&mine->since_ns, now_ns, memory_order_relaxed);
}

void watchdog_rest(void)
{
	if (mine)
		atomic_store_explicit(&mine->since_ns, 0, memory_order_relaxed);
}

int64_t watchdog_oldest(void)
{
	int64_t oldest_ns = INT64_MAX;
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		int64_t since_ns = atomic_load_explicit(&slots[i].since_ns, memory_order_relaxed);
		if (since_ns)
			oldest_ns = MIN(oldest_ns, since_ns);
	}
	return oldest_ns;
}
