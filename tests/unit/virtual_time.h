/*
 * virtual_time: senders on threads of their own, of which one runs at a time, in a time that exists
 * in this process only. A seed decides who runs, how long a look at the clock takes, who is stalled
 * and for how long: the same seed, the same run; hours pass in moments.
 *
 * An actor gives up its turn where it looks at its clock (virtual_clock()) or waits on a futex.
 * When nobody can run, time moves to where the first may. This file defines syscall(), which is how
 * the sender waits: include it in one file of a program only.
 */
#pragma once
#include "base/clock.h"
#include "base/util.h"
#include "lib/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

enum { VIRTUAL_ACTORS_MAX = 16 };
#define VIRTUAL_START_NS (10 * CLOCK_NS_PER_S)

enum virtual_state { VIRTUAL_READY, VIRTUAL_ASLEEP, VIRTUAL_ENDED };

struct virtual_actor {
	struct clock clock;
	pthread_t thread;
	pthread_cond_t turn;
	enum virtual_state state;
	int64_t wake_ns;   /* ASLEEP: not later */
	const void *futex; /* ASLEEP: on this one; NULL: on none */
	bool woken;
	void (*run)(void *context);
	void (*looked)(void *context); /* at each look at the clock, after what that takes */
	void *context;
};

static struct {
	pthread_mutex_t lock;
	struct virtual_actor actors[VIRTUAL_ACTORS_MAX];
	size_t count;
	struct virtual_actor *running;
	pthread_cond_t all_ended;
	int64_t now_ns;
	uint64_t looks; /* at a clock: what a thread that spins is found by */
	uint64_t random;
	uint64_t stall_in; /* one look in so many is stalled; 0: none */
	int64_t stall_most_ns, look_most_ns, late_most_ns;
} virtual = {.lock = PTHREAD_MUTEX_INITIALIZER, .all_ended = PTHREAD_COND_INITIALIZER};

static __thread struct virtual_actor *virtual_self;

static inline uint64_t virtual_random(uint64_t bound)
{
	uint64_t z = (virtual.random += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % bound;
}

/* With the lock: somebody who can run; time moves where nobody can. NULL: all have ended. */
static inline struct virtual_actor *virtual_next(void)
{
	struct virtual_actor *ready[VIRTUAL_ACTORS_MAX], *first = NULL;
	size_t count = 0;
	for (size_t i = 0; i < virtual.count; i++) {
		struct virtual_actor *actor = &virtual.actors[i];
		if (actor->state == VIRTUAL_ASLEEP && (!first || actor->wake_ns < first->wake_ns))
			first = actor;
		if (actor->state == VIRTUAL_READY)
			ready[count++] = actor;
	}
	if (first && (!count || first->wake_ns <= virtual.now_ns)) {
		virtual.now_ns = MAX(virtual.now_ns, first->wake_ns);
		first->state = VIRTUAL_READY;
		return first;
	}
	return count ? ready[virtual_random(count)] : NULL;
}

/* With the lock: until it is this actor's turn again. */
static inline void virtual_yield(void)
{
	virtual.running = virtual_next();
	if (!virtual.running)
		pthread_cond_signal(&virtual.all_ended);
	else if (virtual.running != virtual_self)
		pthread_cond_signal(&virtual.running->turn);
	while (virtual_self->state != VIRTUAL_ENDED && virtual.running != virtual_self)
		pthread_cond_wait(&virtual_self->turn, &virtual.lock);
}

static inline void virtual_sleep_locked(int64_t span_ns)
{
	virtual_self->state = VIRTUAL_ASLEEP;
	virtual_self->futex = NULL;
	virtual_self->wake_ns = virtual.now_ns + span_ns;
	virtual_yield();
}

/** virtual_sleep() - an actor does nothing for @span_ns */
static inline void virtual_sleep(int64_t span_ns)
{
	pthread_mutex_lock(&virtual.lock);
	virtual_sleep_locked(span_ns);
	pthread_mutex_unlock(&virtual.lock);
}

static inline int64_t virtual_look(const struct clock *clock)
{
	if (!virtual_self || clock != &virtual_self->clock)
		return virtual.now_ns; /* before the actors run, and behind them */
	pthread_mutex_lock(&virtual.lock);
	virtual.looks++;
	bool stalled = virtual.stall_in && !virtual_random(virtual.stall_in);
	bool before = virtual_random(2);
	if (before && virtual_self->looked) /* what left before the stall, and what left in it */
		virtual_self->looked(virtual_self->context);
	if (stalled)
		virtual_sleep_locked((int64_t)virtual_random((uint64_t) virtual.stall_most_ns));
	else if (!virtual_random(16))
		virtual_yield();
	virtual.now_ns += 50 + (int64_t)virtual_random((uint64_t) virtual.look_most_ns);
	if (virtual_self->looked)
		virtual_self->looked(virtual_self->context);
	int64_t now_ns = virtual.now_ns;
	pthread_mutex_unlock(&virtual.lock);
	return now_ns;
}

static inline long virtual_wait(const uint32_t *word, uint32_t value, const struct timespec *until)
{
	long result = 0;
	pthread_mutex_lock(&virtual.lock);
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value) {
		pthread_mutex_unlock(&virtual.lock);
		errno = EAGAIN;
		return -1;
	}
	virtual_self->state = VIRTUAL_ASLEEP;
	virtual_self->futex = word;
	virtual_self->woken = false;
	virtual_self->wake_ns = INT64_MAX;
	if (until && until->tv_sec < INT64_MAX / CLOCK_NS_PER_S - 1) /* later is never */
		virtual_self->wake_ns = until->tv_sec * CLOCK_NS_PER_S + until->tv_nsec +
					(int64_t)virtual_random((uint64_t) virtual.late_most_ns);
	virtual_yield();
	if (!virtual_self->woken) {
		errno = ETIMEDOUT;
		result = -1;
	}
	pthread_mutex_unlock(&virtual.lock);
	return result;
}

static inline long virtual_wake(const void *word)
{
	long woken = 0;
	pthread_mutex_lock(&virtual.lock);
	for (size_t i = 0; i < virtual.count; i++) {
		struct virtual_actor *actor = &virtual.actors[i];
		if (actor->state != VIRTUAL_ASLEEP || actor->futex != word)
			continue;
		actor->state = VIRTUAL_READY;
		actor->woken = true;
		woken++;
	}
	pthread_mutex_unlock(&virtual.lock);
	return woken;
}

long syscall(long number, ...) /* the one that this program calls instead of libc's */
{
	long a[6];
	va_list args;
	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	int operation = (int)a[1] & FUTEX_CMD_MASK;
	if (number == SYS_futex && virtual_self && operation == FUTEX_WAIT_BITSET)
		return virtual_wait((const uint32_t *)a[0], (uint32_t)a[2],
				    (const struct timespec *)a[3]);
	if (number == SYS_futex && virtual_self && operation == FUTEX_WAKE_BITSET)
		return virtual_wake((const void *)a[0]);
	static long (*real)(long, ...);
	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/** virtual_begin() - no actors, time at its start */
static inline void virtual_begin(uint64_t seed)
{
	virtual.count = 0;
	virtual.now_ns = VIRTUAL_START_NS;
	virtual.looks = 0;
	virtual.random = seed;
	virtual.stall_in = 0;
	virtual.stall_most_ns = 1;
	virtual.look_most_ns = 400;
	virtual.late_most_ns = 60000;
}

/** virtual_actor() - one more; its clock goes into the sender's options. It runs with
 * virtual_run() */
static inline struct virtual_actor *virtual_actor(void (*run)(void *), void (*looked)(void *),
						  void *context)
{
	CHECK_INT(virtual.count, <, VIRTUAL_ACTORS_MAX);
	struct virtual_actor *actor = &virtual.actors[virtual.count++];
	*actor = (struct virtual_actor){
		.clock = {virtual_look, virtual_look},
		.turn = PTHREAD_COND_INITIALIZER,
		.run = run,
		.looked = looked,
		.context = context,
	};
	return actor;
}

static inline void *virtual_thread(void *context)
{
	virtual_self = context;
	pthread_mutex_lock(&virtual.lock);
	while (virtual.running != virtual_self)
		pthread_cond_wait(&virtual_self->turn, &virtual.lock);
	pthread_mutex_unlock(&virtual.lock);
	virtual_self->run(virtual_self->context);
	pthread_mutex_lock(&virtual.lock);
	virtual_self->state = VIRTUAL_ENDED;
	virtual_yield();
	pthread_mutex_unlock(&virtual.lock);
	return NULL;
}

/** virtual_run() - all actors, until they have ended */
static inline void virtual_run(void)
{
	virtual.running = NULL;
	for (size_t i = 0; i < virtual.count; i++)
		CHECK_INT(pthread_create(&virtual.actors[i].thread, NULL, virtual_thread,
					 &virtual.actors[i]),
			  ==, 0);
	pthread_mutex_lock(&virtual.lock);
	virtual.running = virtual_next();
	pthread_cond_signal(&virtual.running->turn);
	while (virtual.running)
		pthread_cond_wait(&virtual.all_ended, &virtual.lock);
	pthread_mutex_unlock(&virtual.lock);
	for (size_t i = 0; i < virtual.count; i++)
		pthread_join(virtual.actors[i].thread, NULL);
}
