/* Who is at work since when: the oldest step counts, and ends with its rest or its thread. */
#include "lib/test.h"
#include "pagecast/watchdog.h"

#include <pthread.h>

static void *work_since(void *since_ns)
{
	watchdog_busy((int64_t)(intptr_t)since_ns);
	return NULL;
}

static void *rest_after(void *barrier)
{
	watchdog_busy(100);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	watchdog_busy(300);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	watchdog_rest();
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	return NULL;
}

TEST(pulse_tells_the_oldest_step)
{
	pthread_t thread;
	pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, 2);
	CHECK_INT(watchdog_oldest(), ==, INT64_MAX);
	watchdog_busy(200);
	CHECK_INT(pthread_create(&thread, NULL, rest_after, &barrier), ==, 0);
	pthread_barrier_wait(&barrier);
	CHECK_INT(watchdog_oldest(), ==, 100);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	CHECK_INT(watchdog_oldest(), ==, 200);
	watchdog_rest();
	CHECK_INT(watchdog_oldest(), ==, 300);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	CHECK_INT(watchdog_oldest(), ==, INT64_MAX);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
}

TEST(pulse_ends_with_the_thread)
{
	for (int i = 1; i < 1000; i++) { /* more than there are slots */
		pthread_t thread;
		CHECK_INT(pthread_create(&thread, NULL, work_since, (void *)(intptr_t)i), ==, 0);
		pthread_join(thread, NULL);
		CHECK_INT(watchdog_oldest(), ==, INT64_MAX);
	}
	watchdog_busy(7);
	CHECK_INT(watchdog_oldest(), ==, 7);
	watchdog_rest();
}

TEST_MAIN(CASE(pulse_tells_the_oldest_step), CASE(pulse_ends_with_the_thread))
