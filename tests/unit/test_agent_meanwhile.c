/* What comes while a worker is inside a call: nothing of it is lost, nothing old is obeyed. */
#include "base/log.h"
#include "base/sys.h"
#include "unit/agent_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

/* A call of the worker that takes until it is let go. */
static struct gate {
	struct sys_hook hook;
	enum sys_call call;
	ssize_t answer; /* of that call; 0: the kernel's */
	_Atomic bool armed, reached, open;
} gate;

static bool wait_at_gate(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
			 ssize_t *ret_result)
{
	(void)hook, (void)fd, (void)len;
	if (call != gate.call || !atomic_exchange(&gate.armed, false))
		return false;
	gate.reached = true;
	while (!gate.open)
		nap_ms(1);
	*ret_result = gate.answer;
	return gate.answer != 0;
}

static void shut_gate(enum sys_call call, ssize_t answer)
{
	gate = (struct gate){.hook.intercept = wait_at_gate, .call = call, .answer = answer};
	sys_set_hook(&gate.hook);
}

static void wait_reached(void)
{
	for (int64_t until = now_ms() + WEDGED_MS; !gate.reached; nap_ms(1))
		CHECK_INT(now_ms(), <, until);
}

TEST(agent_prepares_again_what_failed_while_the_policy_changed)
{
	struct error error = ERROR_NULL;
	open_receiver();
	shut_gate(SYS_CALL_PIPE, -EMFILE);
	start_agent("{}", 1);
	gate.armed = true;
	const char *id = submit("\"limit\":{\"packets\":3}", "\"engine\":\"SPLICE\"");
	wait_reached();
	CHECK_INT(agent_reload_policy(agent, &error), ==, 0);
	gate.open = true;
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	drop(job);
	CHECK_INT(count_received("hello"), ==, 3);
	end_agent();
	sys_set_hook(NULL);
	close_receiver();
}

/* RUNNING is told just ahead of the first packet. */
static void wait_sent(const char *id)
{
	for (uint64_t sent = 0; !sent; nap_ms(1)) {
		Pagecast__V1__Job *job = get(id);
		sent = job->account ? job->account->packets_sent : 0;
		drop(job);
	}
}

/* An agent whose worker is inside a splice() of an endless job, until the gate opens. */
static const char *held_while_sending(const char *more)
{
	open_receiver();
	shut_gate(SYS_CALL_SPLICE, 0);
	start_agent(NULL, 1);
	const char *id =
		submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":1000}", more);
	wait_sent(id);
	gate.armed = true;
	wait_reached();
	return id;
}

static void *stop_agent(void *context)
{
	(void)context;
	agent_stop(agent);
	return NULL;
}

static void *cancel_one(void *id)
{
	drop(cancel(id));
	return NULL;
}

/* Under the agent's lock: has it come that far? */
static void wait_until(bool (*true_now)(const char *id), const char *id)
{
	bool yes = false;
	for (int64_t until = now_ms() + WEDGED_MS; !yes; nap_ms(1)) {
		CHECK_INT(now_ms(), <, until);
		agent_lock(agent);
		yes = true_now(id);
		agent_unlock(agent);
	}
}

static bool is_stopping(const char *id)
{
	(void)id;
	return agent->stopping;
}

static bool is_told_to_stop(const char *id)
{
	struct error error = ERROR_NULL;
	return agent_find_job(agent, id, &error)->live->stop == SENDER_CANCELLED;
}

TEST(agent_that_stops_does_not_keep_for_later_what_is_cancelled)
{
	pthread_t stopper, canceller;
	const char *id = held_while_sending("\"engine\":\"SPLICE\",\"restartPolicy\":\"RESUME\"");
	CHECK_INT(pthread_create(&stopper, NULL, stop_agent, NULL), ==, 0);
	wait_until(is_stopping, id);
	CHECK_INT(pthread_create(&canceller, NULL, cancel_one, (void *)id), ==, 0);
	wait_until(is_told_to_stop, id);
	gate.open = true;
	pthread_join(canceller, NULL);
	pthread_join(stopper, NULL);
	CHECK_INT(state_of(id), ==, STATE(CANCELLED));
	end_agent();
	sys_set_hook(NULL);
	close_receiver();
}

TEST(agent_ends_what_it_cannot_judge_by_a_new_policy)
{
	struct error error = ERROR_NULL;
	open_receiver();
	start_agent(NULL, 1);
	const char *id = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":1000}", "");
	wait_sent(id);
	struct rlimit files;
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &files), ==, 0);
	struct rlimit none = {.rlim_max =
				      files.rlim_max}; /* nobody asks for the host's addresses */
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
	CHECK_INT(agent_reload_policy(agent, &error), ==, 0);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &files), ==, 0);
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "permission", "the new policy could not be checked"));
	check_books(job);
	drop(job);
	end_agent();
	close_receiver();
}

TEST(agent_that_cannot_tell_that_a_job_has_paused_does_not_say_so)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__PauseJobRequest request = PAGECAST__V1__PAUSE_JOB_REQUEST__INIT;
	struct agent_caller hurried = OPERATOR;
	const char *id = held_while_sending("\"engine\":\"SPLICE\"");
	request.id = (char *)id;
	hurried.deadline_ns = clock_monotonic_ns(clock_real()) + 50 * CLOCK_NS_PER_MS;
	for (int i = 0; i < 2; i++)
		expect_error(agent_pause_job(agent, &hurried, &request, &job, &error), &error,
			     ERROR_CODE_DEADLINE_EXCEEDED,
			     "was ordered to pause but has not done so yet");
	gate.open = true;
	CHECK_INT(agent_pause_job(agent, &OPERATOR, &request, &job, &error), ==, 0);
	CHECK_INT(job->state, ==, STATE(PAUSED));
	drop(job);
	drop(cancel(id));
	end_agent();
	sys_set_hook(NULL);
	close_receiver();
}

/* A worker that prepares a job of 3 packets, and is inside a pipe() until the gate opens. */
static const char *held_while_preparing(const char *of_stream)
{
	open_receiver();
	shut_gate(SYS_CALL_PIPE, 0);
	start_agent(NULL, 1);
	gate.armed = true;
	const char *id = submit(of_stream, "\"engine\":\"SPLICE\"");
	wait_reached();
	return id;
}

static void end_held(void)
{
	end_agent();
	sys_set_hook(NULL);
	close_receiver();
}

TEST(agent_that_is_told_to_cancel_while_it_prepares_sends_nothing)
{
	pthread_t canceller;
	const char *id = held_while_preparing("\"limit\":{\"packets\":3}");
	CHECK_INT(pthread_create(&canceller, NULL, cancel_one, (void *)id), ==, 0);
	wait_until(is_told_to_stop, id);
	gate.open = true;
	pthread_join(canceller, NULL);
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK_INT(job->account->packets_cancelled, ==, 3);
	check_books(job);
	drop(job);
	job = wait_ended(submit("\"limit\":{\"packets\":2}", "")); /* the worker is free again */
	drop(job);
	CHECK_INT(count_received("hello"), ==, 2);
	end_held();
}

TEST(agent_that_gets_a_new_rate_while_it_prepares_sends_at_that)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	const char *id = held_while_preparing("\"limit\":{\"packets\":3},\"rate\":{\"pps\":0.1}");
	CHECK_INT(change(for_job(id, "\"rate\":{\"pps\":1000}"), &job, &error), ==, 0);
	drop(job);
	gate.open = true;
	job = wait_ended(id); /* twenty seconds, at the old one */
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	CHECK(job->report->requested_pps == 1000);
	drop(job);
	CHECK_INT(count_received("hello"), ==, 3);
	end_held();
}

/* Callers that wait for the same end: each gets it. */
TEST(agent_answers_all_that_wait_for_one_end)
{
	enum { CANCELLERS = 4 };
	pthread_t cancellers[CANCELLERS];
	const char *id = held_while_sending("\"engine\":\"SPLICE\"");
	for (int i = 0; i < CANCELLERS; i++)
		CHECK_INT(pthread_create(&cancellers[i], NULL, cancel_one, (void *)id), ==, 0);
	wait_until(is_told_to_stop, id);
	gate.open = true;
	for (int i = 0; i < CANCELLERS; i++)
		pthread_join(cancellers[i], NULL);
	Pagecast__V1__Job *job = get(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK_INT(count_received(NULL), ==, job->account->packets_sent);
	drop(job);
	end_held();
}

TEST_MAIN(CASE(agent_prepares_again_what_failed_while_the_policy_changed),
	  CASE(agent_that_stops_does_not_keep_for_later_what_is_cancelled),
	  CASE(agent_ends_what_it_cannot_judge_by_a_new_policy),
	  CASE(agent_that_cannot_tell_that_a_job_has_paused_does_not_say_so),
	  CASE(agent_that_is_told_to_cancel_while_it_prepares_sends_nothing),
	  CASE(agent_that_gets_a_new_rate_while_it_prepares_sends_at_that),
	  CASE(agent_answers_all_that_wait_for_one_end))
