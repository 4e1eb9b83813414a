/* pool and wait: blocking work off the HTTP threads; requests held without a thread. */
#include "lib/test.h"

#include "api/http/limits.h"
#include "api/http/pool.h"
#include "api/http/thread.h"
#include "api/live/wait.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>

static sem_t gate, done;
static atomic_int ran;

struct job {
	struct pool_task task;
	bool gated;
};

static void run_job(struct pool_task *task)
{
	if (((struct job *)((char *)task - offsetof(struct job, task)))->gated)
		sem_wait(&gate);
	atomic_fetch_add(&ran, 1);
	sem_post(&done);
}

static struct pool *start_pool(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct pool *pool = NULL;
	sem_init(&gate, 0, 0);
	sem_init(&done, 0, 0);
	atomic_store(&ran, 0);
	CHECK_INT(pool_start(&pool, &error), ==, 0);
	return pool;
}

TEST(pool_runs_what_blocks_side_by_side)
{
	struct pool *pool = start_pool();
	struct job jobs[LIMIT_POOL_THREADS];
	for (int i = 0; i < LIMIT_POOL_THREADS; i++) {
		jobs[i] = (struct job){.task.run = run_job, .gated = i > 0};
		CHECK(pool_push(pool, &jobs[i].task));
	}
	sem_wait(&done); /* the one that does not block, though all others do */
	for (int i = 1; i < LIMIT_POOL_THREADS; i++)
		sem_post(&gate);
	pool_finish(pool);
	CHECK_INT(atomic_load(&ran), ==, LIMIT_POOL_THREADS);
	pool_free(pool);
}

TEST(pool_bounds_its_line_and_forgets_nothing_in_it)
{
	enum { MANY = LIMIT_POOL_THREADS + LIMIT_POOL_QUEUED + 50 };
	struct pool *pool = start_pool();
	static struct job jobs[MANY];
	int taken = 0;
	for (int i = 0; i < MANY; i++) {
		jobs[i] = (struct job){.task.run = run_job, .gated = true};
		taken += pool_push(pool, &jobs[i].task);
	}
	CHECK_INT(taken, >=, LIMIT_POOL_QUEUED);
	CHECK_INT(taken, <=, LIMIT_POOL_THREADS + LIMIT_POOL_QUEUED);
	for (int i = 0; i < taken; i++)
		sem_post(&gate);
	pool_finish(pool);
	CHECK_INT(atomic_load(&ran), ==, taken);
	CHECK(!pool_push(pool, &jobs[0].task));
	pool_free(pool);
}

struct held {
	struct waiter waiter;
	atomic_bool ready;
	atomic_int woken; /* 1: ready, 2: expired */
};

static bool held_ready(struct waiter *waiter)
{
	return atomic_load(&((struct held *)waiter)->ready);
}

static void held_wake(struct waiter *waiter, bool expired)
{
	atomic_store(&((struct held *)waiter)->woken, expired ? 2 : 1);
	sem_post(&done);
}

static void hold(struct held *held, int64_t in_ms)
{
	*held = (struct held){.waiter = {.until_ms = thread_now_ms() + in_ms,
					 .ready = held_ready,
					 .wake = held_wake}};
}

static struct waits *start_waits(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct waits *waits = NULL;
	sem_init(&done, 0, 0);
	CHECK_INT(waits_start(&waits, &error), ==, 0);
	return waits;
}

static struct error error; /* of waits_add() */

TEST(wait_wakes_whom_a_change_concerns)
{
	struct waits *waits = start_waits();
	struct held a, b;
	hold(&a, 60000);
	hold(&b, 60000);
	CHECK_INT(waits_add(waits, &a.waiter, &error), ==, 0);
	CHECK_INT(waits_add(waits, &b.waiter, &error), ==, 0);
	atomic_store(&b.ready, true);
	waits_changed(waits, 7);
	sem_wait(&done);
	CHECK_INT(atomic_load(&b.woken), ==, 1);
	CHECK_INT(atomic_load(&a.woken), ==, 0);
	waits_finish(waits);
	CHECK_INT(atomic_load(&a.woken), ==, 2);
	waits_free(waits);
}

TEST(wait_misses_no_change_that_comes_while_adding)
{
	struct waits *waits = start_waits();
	struct held held;
	for (int i = 0; i < 50; i++) {
		hold(&held, 60000);
		atomic_store(&held.ready, true); /* it happened before the waiter was there */
		CHECK_INT(waits_add(waits, &held.waiter, &error), ==, 0);
		sem_wait(&done);
		CHECK_INT(atomic_load(&held.woken), ==, 1);
	}
	waits_free(waits);
}

TEST(wait_ends_when_the_time_is_up)
{
	struct waits *waits = start_waits();
	struct held held;
	hold(&held, 30);
	int64_t from_ms = thread_now_ms();
	CHECK_INT(waits_add(waits, &held.waiter, &error), ==, 0);
	sem_wait(&done);
	CHECK_INT(atomic_load(&held.woken), ==, 2);
	CHECK_INT(thread_now_ms() - from_ms, >=, 29);
	waits_free(waits);
}

TEST(wait_bounds_the_number_held)
{
	static struct held held[LIMIT_WAITERS + 1];
	struct waits *waits = start_waits();
	for (int i = 0; i <= LIMIT_WAITERS; i++) {
		hold(&held[i], 60000);
		CHECK_INT(waits_add(waits, &held[i].waiter, &error), ==,
			  i < LIMIT_WAITERS ? 0 : ERROR_CODE_RESOURCE_EXHAUSTED);
	}
	error_deinit(&error);
	waits_finish(waits);
	for (int i = 0; i < LIMIT_WAITERS; i++)
		CHECK_INT(atomic_load(&held[i].woken), ==, 2);
	CHECK_INT(waits_add(waits, &held[LIMIT_WAITERS].waiter, &error), ==,
		  ERROR_CODE_UNAVAILABLE);
	error_deinit(&error);
	waits_free(waits);
}

TEST_MAIN(CASE(pool_runs_what_blocks_side_by_side),
	  CASE(pool_bounds_its_line_and_forgets_nothing_in_it),
	  CASE(wait_wakes_whom_a_change_concerns),
	  CASE(wait_misses_no_change_that_comes_while_adding), CASE(wait_ends_when_the_time_is_up),
	  CASE(wait_bounds_the_number_held))
