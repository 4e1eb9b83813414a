/* A table of descriptors of a thread's own: nobody else's is reached, standard error stays. */
#include "base/sys.h"
#include "lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

struct told {
	int fd; /* in: opened by the other thread */
	int result;
	bool seen, error_seen;
	int opened; /* the number that the thread was given; left open */
};

static void *look_around(void *context)
{
	struct told *told = context;
	told->result = sys_own_descriptors();
	told->seen = fcntl(told->fd, F_GETFD) >= 0;
	told->error_seen = fcntl(STDERR_FILENO, F_GETFD) >= 0;
	told->opened = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return NULL;
}

/* In a thread that ends: its table goes with it. */
static struct told in_a_thread(int fd)
{
	struct told told = {.fd = fd};
	pthread_t thread;
	CHECK_INT(pthread_create(&thread, NULL, look_around, &told), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	if (told.result < 0)
		test_skip("one table for all threads here: %s", strerror(-told.result));
	return told;
}

TEST(sys_own_descriptors_hides_those_of_other_threads)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CHECK_INT(fd, >, STDERR_FILENO);
	struct told told = in_a_thread(fd);
	CHECK(!told.seen);
	CHECK(told.error_seen);
	close(fd);
}

TEST(sys_own_descriptors_leaves_those_of_other_threads_open)
{
	char byte = 1;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CHECK_INT(fd, >, STDERR_FILENO);
	int free_number = dup(fd);
	close(free_number);
	struct told told = in_a_thread(fd);
	CHECK_INT(told.opened, ==, STDERR_FILENO + 1); /* numbers begin anew */
	CHECK_INT(read(fd, &byte, 1), ==, 1);
	CHECK_INT(byte, ==, 0);
	int next = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK_INT(next, ==, free_number); /* what the thread opened takes no number here */
	close(next);
	close(fd);
}

TEST_MAIN(CASE(sys_own_descriptors_hides_those_of_other_threads),
	  CASE(sys_own_descriptors_leaves_those_of_other_threads_open))
