/* What needs the agent's lock does not run without it. */
#include "unit/agent_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void look_up(void)
{
	struct error error = ERROR_NULL;
	agent_find_job(agent, "01BX5ZZKBKACTAV9WEVGEMMVRZ", &error);
	error_deinit(&error);
}

static void unlock(void)
{
	agent_unlock(agent);
}

/* Return: the signal that ended a process that does it; 0: none */
static int signal_of(void (*doing)(void))
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		doing();
		_exit(0);
	}
	int status = 0;
	CHECK_INT(waitpid(child, &status, 0), ==, child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void *look_from_another_thread(void *context)
{
	*(bool *)context = agent_is_locked(agent);
	return NULL;
}

TEST(agent_stops_what_looks_into_it_without_the_lock)
{
	start_agent(NULL, 1);
	CHECK_INT(signal_of(look_up), ==, SIGABRT);
	CHECK_INT(signal_of(unlock), ==, SIGABRT);
	agent_lock(agent);
	look_up();
	agent_unlock(agent);
	CHECK_INT(signal_of(look_up), ==, SIGABRT); /* no more */
	end_agent();
}

TEST(agent_lock_belongs_to_one_thread)
{
	pthread_t thread;
	bool others = true;
	start_agent(NULL, 1);
	CHECK(!agent_is_locked(agent));
	agent_lock(agent);
	CHECK(agent_is_locked(agent));
	CHECK_INT(pthread_create(&thread, NULL, look_from_another_thread, &others), ==, 0);
	pthread_join(thread, NULL);
	CHECK(!others);
	agent_unlock(agent);
	CHECK(!agent_is_locked(agent));
	end_agent();
}

TEST_MAIN(CASE(agent_stops_what_looks_into_it_without_the_lock),
	  CASE(agent_lock_belongs_to_one_thread))
