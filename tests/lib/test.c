/* test: see test.h. */
#include "lib/test.h"

#include <linux/sock_diag.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SKIPPED = 77 };
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

static const char *running;

/* Only what a signal handler may call. */
static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

static void on_alarm(int number)
{
	(void)number;
	say(running);
	say(" hangs: it has taken longer than any case may\n");
	_exit(1);
}

static void run_case(const struct test_case *test)
{
	running = test->name;
	if (!getenv("PAGECAST_LONG"))
		alarm(TEST_CASE_MAX_S);
	if (setjmp(skip_case)) {
		skipped++;
	} else {
		test->run();
		ran++;
	}
	alarm(0);
}

int test_main(int argc, char **argv, const struct test_case *cases, size_t count)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, on_alarm);
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
