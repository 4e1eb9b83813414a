/*
 * pool: a few threads for calls that block, so that HTTP threads never do.
 *
 * Threads start when there is work and none is free, up to LIMIT_POOL_THREADS, and then stay. At
 * most LIMIT_POOL_QUEUED tasks stand in line. Thread: pool_push() from any.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>

struct pool;

struct pool_task {
	struct pool_task *next; /* the pool's */
	void (*run)(struct pool_task *task);
};

int pool_start(struct pool **ret_pool, struct error *ret_error);

/** pool_push() - have @task (borrowed until it ran) run. Return: false when the line is full */
bool pool_push(struct pool *pool, struct pool_task *task);

/** pool_finish() - run what is in line, then end the threads; pool_push() refuses from here on */
void pool_finish(struct pool *pool);
/** pool_free() - after pool_finish(). Return: NULL */
struct pool *pool_free(struct pool *pool);
