/* The held GET: while a request waits, the agent is asked where the job is, and builds no Job. */
#include "agent_fixture.h"
#include "api/server.h"
#include "pagecast/agent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/un.h>

/* The linker sends every call of the two through here (--wrap). */
static atomic_int jobs_built, positions_asked;
int __real_agent_get_job(struct agent *asked, const struct agent_caller *caller,
			 const Pagecast__V1__GetJobRequest *request, Pagecast__V1__Job **ret_job,
			 struct error *ret_error);
int __wrap_agent_get_job(struct agent *asked, const struct agent_caller *caller,
			 const Pagecast__V1__GetJobRequest *request, Pagecast__V1__Job **ret_job,
			 struct error *ret_error);
int __real_agent_job_position(struct agent *asked, const struct agent_caller *caller,
			      const char *id, struct agent_job_position *ret_position,
			      struct error *ret_error);
int __wrap_agent_job_position(struct agent *asked, const struct agent_caller *caller,
			      const char *id, struct agent_job_position *ret_position,
			      struct error *ret_error);

/* Behind the look of this number, ahead of what is made of it, the job is cancelled; 0: never. */
static atomic_int cancel_behind;

static void *cancel_it(void *id)
{
	drop(cancel(id));
	return NULL;
}

static void cancel_in_a_thread(const char *id)
{
	pthread_t thread;
	CHECK_INT(pthread_create(&thread, NULL, cancel_it, (void *)id), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

int __wrap_agent_get_job(struct agent *asked, const struct agent_caller *caller,
			 const Pagecast__V1__GetJobRequest *request, Pagecast__V1__Job **ret_job,
			 struct error *ret_error)
{
	atomic_fetch_add(&jobs_built, 1);
	return __real_agent_get_job(asked, caller, request, ret_job, ret_error);
}

int __wrap_agent_job_position(struct agent *asked, const struct agent_caller *caller,
			      const char *id, struct agent_job_position *ret_position,
			      struct error *ret_error)
{
	int r = __real_agent_job_position(asked, caller, id, ret_position, ret_error);
	if (atomic_fetch_add(&positions_asked, 1) + 1 == atomic_load(&cancel_behind))
		cancel_in_a_thread(id);
	return r;
}

static struct server *server;
static char where[64];

/* The agent's listener is set before its threads run. */
static void start(void)
{
	struct error error = ERROR_NULL;
	const char *const listen[] = {where};
	const struct agent_options agent_options = {.name = "lab", .version = "1", .workers = 1};
	const struct server_options options = {.listen = listen, .listen_count = 1};
	struct server_options with_agent = options;
	snprintf(where, sizeof where, "unix:/tmp/test_held_get_%d.sock", (int)getpid());
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_KV);
	CHECK_INT(agent_new(&agent, &agent_options, &error), ==, 0);
	with_agent.agent = agent;
	CHECK_INT(server_start(&server, &with_agent, &error), ==, 0);
	CHECK_INT(agent_start(agent, &error), ==, 0);
	atomic_store(&jobs_built, 0);
	atomic_store(&positions_asked, 0);
}

static void stop(void)
{
	agent_stop(agent);
	server = server_stop(server);
	agent = agent_free(agent);
}

/* Return: a socket on which the answer to a GET of @path will come */
static int ask(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[256];
	strcpy(address.sun_path, where + strlen("unix:"));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
	int len = snprintf(text, sizeof text,
			   "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	CHECK_INT(send(fd, text, (size_t)len, MSG_NOSIGNAL), ==, len);
	return fd;
}

static bool has_answer(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	return poll(&poll_fd, 1, 0) == 1;
}

static void check_answer(int fd, const char *status, const char *holds)
{
	char text[16384];
	size_t len = 0;
	for (ssize_t n; len < sizeof text - 1; len += (size_t)n)
		if ((n = recv(fd, text + len, sizeof text - 1 - len, 0)) <= 0)
			break;
	text[len] = '\0';
	close(fd);
	CHECK_HAS(text, status);
	CHECK_HAS(text, holds);
}

static void until_asked(int times)
{
	for (int64_t until = now_ms() + WEDGED_MS; atomic_load(&positions_asked) < times; nap_ms(1))
		CHECK_INT(now_ms(), <, until);
}

/* A job that stays where it is: it waits for its time. */
static const char *submit_waiting(void)
{
	char when[128], stamp[32];
	time_t start = time(NULL) + 3600;
	struct tm utc;
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&start, &utc));
	snprintf(when, sizeof when, "\"startTime\":\"%s\"", stamp);
	return submit("", when);
}

TEST(held_get_builds_no_job_while_others_change)
{
	enum { CHANGES = 20 };
	char path[96];
	start();
	const char *id = submit_waiting();
	snprintf(path, sizeof path, "/v1/jobs/%s?wait=60&until=end", id);
	int fd = ask(path);
	until_asked(2); /* at arrival, and once held */
	for (int i = 0; i < CHANGES; i++) {
		int before = atomic_load(&positions_asked);
		submit_waiting();
		until_asked(before + 1);
	}
	CHECK_INT(atomic_load(&jobs_built), ==, 0);
	CHECK(!has_answer(fd));
	drop(cancel(id));
	check_answer(fd, "HTTP/1.1 200 ", "\"state\":\"JOB_STATE_CANCELLED\"");
	CHECK_INT(atomic_load(&jobs_built), ==, 1);
	stop();
}

TEST(held_get_is_answered_by_the_next_revision_of_its_job)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	char path[96];
	start();
	const char *id = submit_waiting();
	snprintf(path, sizeof path, "/v1/jobs/%s?wait=60", id);
	int fd = ask(path);
	until_asked(2);
	CHECK(!has_answer(fd));
	if (change(for_job(id, "\"priority\":7"), &job, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	drop(job);
	check_answer(fd, "HTTP/1.1 200 ", "\"priority\":7");
	stop();
}

/* What comes between a look and the wait for the next change is not missed. */
TEST(held_get_hears_of_what_happens_while_it_looks)
{
	for (int look = 1; look <= 2; look++) { /* at arrival, and once held */
		char path[96];
		start();
		const char *id = submit_waiting();
		atomic_store(&cancel_behind, look);
		snprintf(path, sizeof path, "/v1/jobs/%s?wait=60&until=end", id);
		int64_t before = now_ms();
		check_answer(ask(path), "HTTP/1.1 200 ", "\"state\":\"JOB_STATE_CANCELLED\"");
		CHECK_INT(now_ms() - before, <, 50000); /* not when its time was up */
		atomic_store(&cancel_behind, 0);
		stop();
	}
}

TEST(held_gets_of_one_end_are_all_answered)
{
	enum { WAITERS = 5 };
	int fds[WAITERS];
	char path[96];
	start();
	const char *id = submit_waiting();
	snprintf(path, sizeof path, "/v1/jobs/%s?wait=60&until=end", id);
	for (int i = 0; i < WAITERS; i++)
		fds[i] = ask(path);
	until_asked(2 * WAITERS);
	drop(cancel(id));
	for (int i = 0; i < WAITERS; i++)
		check_answer(fds[i], "HTTP/1.1 200 ", "\"state\":\"JOB_STATE_CANCELLED\"");
	stop();
}

TEST(held_get_of_what_is_wrong_is_not_held)
{
	start();
	check_answer(ask("/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV?wait=60"), "HTTP/1.1 404 ",
		     "\"code\":\"not_found\"");
	const char *id = submit_waiting();
	char path[96];
	snprintf(path, sizeof path, "/v1/jobs/%s?wait=60&colour=red", id);
	check_answer(ask(path), "HTTP/1.1 400 ", "colour");
	snprintf(path, sizeof path, "/v1/jobs/%s?wait=61", id);
	check_answer(ask(path), "HTTP/1.1 400 ", "\"field\":\"wait\"");
	stop();
}

TEST_MAIN(CASE(held_get_builds_no_job_while_others_change),
	  CASE(held_get_is_answered_by_the_next_revision_of_its_job),
	  CASE(held_get_hears_of_what_happens_while_it_looks),
	  CASE(held_gets_of_one_end_are_all_answered), CASE(held_get_of_what_is_wrong_is_not_held))
