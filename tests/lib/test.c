/* test: see test.h. */
#include "lib/test.h"

#include <linux/sock_diag.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SKIPPED = 77 };
#if defined __SANITIZE_THREAD__
enum { WATCHES = false }; /* the child of a process with threads could start none of its own */
#else
enum { WATCHES = true };
#endif
static jmp_buf skip_case;
static size_t ran, skipped;

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void test_skip(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("  skipped: ");
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	longjmp(skip_case, 1);
}

uint64_t test_turned_away(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t size = sizeof memory;
	CHECK_INT(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size), ==, 0);
	return memory[SK_MEMINFO_DROPS];
}

static bool wanted(int argc, char **argv, const struct test_case *test)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], test->name) == 0)
			return true;
	return argc < 2 && !test->apart;
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Of the running case, under the lock: its name, NULL between two; where the process' CPU time was
 * at its start; and where and when it last moved by a second. */
static struct {
	pthread_mutex_t lock;
	const char *name;
	int64_t started_cpu_ms, moved_cpu_ms, moved_ms;
} running = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void set_running(const char *name)
{
	pthread_mutex_lock(&running.lock);
	running.name = name;
	running.started_cpu_ms = running.moved_cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	running.moved_ms = clock_ms(CLOCK_MONOTONIC);
	pthread_mutex_unlock(&running.lock);
}

static void look_at_running(void)
{
	int64_t cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID), now_ms = clock_ms(CLOCK_MONOTONIC);
	pthread_mutex_lock(&running.lock);
	if (cpu_ms - running.moved_cpu_ms >= 1000) {
		running.moved_cpu_ms = cpu_ms;
		running.moved_ms = now_ms;
	}
	bool hangs = now_ms - running.moved_ms >= TEST_HANGS_S * INT64_C(1000) ||
		     cpu_ms - running.started_cpu_ms >= TEST_CPU_MAX_S * INT64_C(1000);
	if (running.name && hangs) {
		fprintf(stderr, "%s hangs\n", running.name);
		_exit(1);
	}
	pthread_mutex_unlock(&running.lock);
}

/* No signal: it would interrupt the calls that a case is about. */
static void *watch_cases(void *context)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
		look_at_running();
	}
	return context;
}

static void run_case(const struct test_case *test)
{
	set_running(test->name);
	if (setjmp(skip_case)) {
		skipped++;
	} else {
		test->run();
		ran++;
	}
	set_running(NULL);
}

int test_main(int argc, char **argv, const struct test_case *cases, size_t count)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_t watcher;
	if (WATCHES && !getenv("PAGECAST_LONG") &&
	    pthread_create(&watcher, NULL, watch_cases, NULL) == 0)
		pthread_detach(watcher);
	for (size_t i = 0; i < count; i++) {
		if (!wanted(argc, argv, &cases[i])) {
			if (argc < 2)
				printf("%s stands apart\n", cases[i].name);
			continue;
		}
		printf("%s\n", cases[i].name);
		run_case(&cases[i]);
	}
	printf("%zu ran, %zu skipped\n", ran, skipped);
	if (skipped)
		return SKIPPED;
	return ran ? 0 : 1; /* a name that matches no case is a mistake */
}
