/*
 * agent_time: an agent whose time stands until the test moves it. Whatever it then does, it does at
 * that instant: nothing depends on how long the machine takes.
 *
 * The time stands a day ahead of the real one: who waits for a later instant by the kernel's clock
 * sleeps until time_passes() wakes it.
 */
#pragma once
#include "base/clock.h"
#include "sender/sender_private.h"
#include "unit/agent_fixture.h"

static struct clock_manual agent_time;

/* Before the agent starts. */
UNUSED static void time_stands(void)
{
	int64_t ahead_ns = 86400 * CLOCK_NS_PER_S;
	clock_manual_init(&agent_time, clock_monotonic_ns(clock_real()) + ahead_ns,
			  clock_realtime_ns(clock_real()) + ahead_ns);
	agent_clock = &agent_time.clock;
}

/* All that may wait for an instant look at the clock again. */
static void wake_all(void)
{
	agent_lock(agent);
	for (size_t i = 0; i < agent->worker_count; i++) {
		struct job *job = agent->workers[i].job;
		if (job && job->live && job->live->sender)
			sender_waiter_wake(&job->live->sender->waiter);
		pthread_cond_broadcast(&agent->workers[i].wake);
	}
	pthread_cond_broadcast(&agent->tick);
	agent_unlock(agent);
}

UNUSED static void time_passes(int64_t ms)
{
	clock_manual_advance(&agent_time, ms * CLOCK_NS_PER_MS);
	wake_all();
}

/* A job's startTime, in @ms from now, and more of the job. */
UNUSED static const char *start_in_ms(int64_t ms, const char *more)
{
	static char text[200];
	char stamp[40];
	int64_t at_ns = clock_realtime_ns(&agent_time.clock) + ms * CLOCK_NS_PER_MS;
	time_t seconds = (time_t)(at_ns / CLOCK_NS_PER_S);
	struct tm utc;
	gmtime_r(&seconds, &utc);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof text, "\"startTime\":\"%s.%09ldZ\"%s", stamp,
		 (long)(at_ns % CLOCK_NS_PER_S), more);
	return text;
}

/* @ms pass, the last of them with a lease that ends then: what else was due by then is done. */
UNUSED static void time_passes_and_all_is_done(int64_t ms)
{
	char lease[64];
	snprintf(lease, sizeof lease, ",\"lease\":\"%.3fs\"", (double)ms / 1000);
	const char *last = submit("\"limit\":{\"packets\":1}", start_in_ms(86400 * 1000, lease));
	time_passes(ms);
	Pagecast__V1__Job *job = wait_ended(last);
	CHECK(has_problem(job, "lease_expired", "lease"));
	drop(job);
}
