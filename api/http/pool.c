/* pool: see pool.h. */
#include "api/http/pool.h"

#include "api/http/limits.h"
#include "api/http/thread.h"
#include "pagecast/watchdog.h"

#include <stdlib.h>

struct pool {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	struct pool_task *first, **last;
	size_t queued;
	size_t idle;
	pthread_t threads[LIMIT_POOL_THREADS];
	size_t thread_count;
	bool stop;
};

static void *pool_run(void *context)
{
	struct pool *pool = context;
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct pool_task *task = pool->first;
		if (!task) {
			if (pool->stop)
				break;
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
			continue;
		}
		pool->first = task->next;
		if (!pool->first)
			pool->last = &pool->first;
		pool->queued--;
		pthread_mutex_unlock(&pool->lock);
		watchdog_busy(thread_now_ns());
		task->run(task);
		watchdog_rest();
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

int pool_start(struct pool **ret_pool, struct error *ret_error)
{
	struct pool *pool = calloc(1, sizeof *pool);
	if (!pool)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pool->last = &pool->first;
	*ret_pool = pool;
	return 0;
}

bool pool_push(struct pool *pool, struct pool_task *task)
{
	pthread_mutex_lock(&pool->lock);
	bool more = !pool->stop && pool->queued >= pool->idle &&
		    pool->thread_count < LIMIT_POOL_THREADS;
	if (more && thread_start(&pool->threads[pool->thread_count], pool_run, pool) == 0)
		pool->thread_count++;
	bool room = pool->queued < LIMIT_POOL_QUEUED && pool->thread_count && !pool->stop;
	if (room) {
		task->next = NULL;
		*pool->last = task;
		pool->last = &task->next;
		pool->queued++;
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->lock);
	return room;
}

void pool_finish(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	size_t count = pool->thread_count;
	pool->thread_count = 0;
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < count; i++)
		pthread_join(pool->threads[i], NULL);
}

struct pool *pool_free(struct pool *pool)
{
	if (!pool)
		return NULL;
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	return NULL;
}
