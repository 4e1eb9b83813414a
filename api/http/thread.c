/* thread: see thread.h. */
#include "api/http/thread.h"

#include "api/http/limits.h"

#include <time.h>

void thread_block_signals(sigset_t *ret_old)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, ret_old);
}

int thread_start(pthread_t *ret_thread, void *(*run)(void *), void *context)
{
	pthread_attr_t attributes;
	sigset_t old;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, LIMIT_THREAD_STACK_BYTES);
	thread_block_signals(&old);
	int r = pthread_create(ret_thread, &attributes, run, context);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return r;
}

int64_t thread_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t thread_now_ms(void)
{
	return thread_now_ns() / 1000000;
}
