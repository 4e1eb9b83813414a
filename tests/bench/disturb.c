/*
 * disturb: takes a core away from whoever else runs there, as a hypervisor or an interrupt storm
 * does: in real time, for STALL_US microseconds, TIMES times a second, for SECONDS seconds.
 *
 *   disturb CPU STALL_US TIMES SECONDS
 *
 * Says "disturbs" once it does, and ends by itself. Exit 1: not allowed to, or a wrong argument.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

enum { SECONDS_MAX = 600, TIMES_MAX = 10000 };

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = {ns / NS_PER_S, ns % NS_PER_S};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

/* Return: 0; -1, printed */
static int take_core(int cpu)
{
	struct sched_param parameter = {.sched_priority = 50};
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	if (sched_setaffinity(0, sizeof cpus, &cpus) == 0 &&
	    sched_setscheduler(0, SCHED_FIFO, &parameter) == 0)
		return 0;
	perror("disturb: the core cannot be taken");
	return -1;
}

int main(int argc, char **argv)
{
	int cpu = argc == 5 ? atoi(argv[1]) : -1;
	int64_t stall_ns = argc == 5 ? atoll(argv[2]) * 1000 : 0;
	long times = argc == 5 ? atol(argv[3]) : 0, seconds = argc == 5 ? atol(argv[4]) : 0;
	if (cpu < 0 || times < 1 || times > TIMES_MAX || seconds < 1 || seconds > SECONDS_MAX ||
	    stall_ns < 1000 || stall_ns * times > NS_PER_S / 2) {
		fprintf(stderr, "usage: disturb CPU STALL_US TIMES SECONDS, half of the time at "
				"most\n");
		return 1;
	}
	if (take_core(cpu))
		return 1;
	puts("disturbs");
	fflush(stdout);
	int64_t period_ns = NS_PER_S / times, at_ns = now_ns(), end_ns = at_ns + seconds * NS_PER_S;
	for (at_ns += period_ns; at_ns < end_ns; at_ns += period_ns) {
		sleep_until(at_ns);
		int64_t until_ns = now_ns() + stall_ns;
		while (now_ns() < until_ns)
			;
	}
	return 0;
}
