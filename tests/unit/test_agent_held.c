/* Jobs that wait prepared (JobSpec.hold): when they are ready, what lets them go, how many may wait
 * so. */
#include "unit/agent_time.h"
#include "unit/moody_store.h"

static void begin(uint32_t workers)
{
	open_receiver();
	time_stands();
	start_agent(NULL, workers);
}

static void end(void)
{
	end_agent();
	close_receiver();
}

#define FIVE "\"limit\":{\"packets\":5}"

/* Until its pages and sockets stand. */
static Pagecast__V1__Job *wait_ready(const char *id)
{
	for (int64_t until = now_ms() + WEDGED_MS; now_ms() < until; nap_ms(2)) {
		Pagecast__V1__Job *job = wait_state(id, STATE(SCHEDULED));
		if (job->progress && job->progress->ready)
			return job;
		drop(job);
	}
	test_fail(__FILE__, __LINE__, "job %s did not get ready", id);
}

static const char *submit_ready(const char *of_job)
{
	const char *id = submit(FIVE, of_job);
	drop(wait_ready(id));
	return id;
}

/* @id ends SUCCEEDED. Return: its first packet, ns of CLOCK_REALTIME */
static int64_t wait_sent(const char *id)
{
	while (!job_state_ended(state_of(id))) {
		wake_all(); /* it may only now come to wait for the instant */
		nap_ms(1);
	}
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	CHECK_INT(job->account->packets_sent, ==, 5);
	int64_t ns =
		job->first_packet_time->seconds * CLOCK_NS_PER_S + job->first_packet_time->nanos;
	drop(job);
	return ns;
}

static Pagecast__V1__Job *release(const char *id, int64_t ms, const char *more)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	if (change(for_job(id, start_in_ms(ms, more)), &job, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return job;
}

static Pagecast__V1__Job *resume(const char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__ResumeJobRequest request = PAGECAST__V1__RESUME_JOB_REQUEST__INIT;
	request.id = (char *)id;
	if (agent_resume_job(agent, &OPERATOR, &request, &job, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return job;
}

TEST(a_held_job_waits_ready_and_starts_at_the_instant_it_is_given)
{
	begin(2);
	const char *id = submit(FIVE, "\"hold\":true");
	Pagecast__V1__Job *job = wait_ready(id);
	CHECK_HAS(job->progress->waiting_for, "release");
	CHECK(job->spec->hold && !job->spec->start_time);
	drop(job);
	time_passes_and_all_is_done(20000);
	CHECK_INT(state_of(id), ==, STATE(SCHEDULED));
	int64_t start_ns = clock_realtime_ns(&agent_time.clock) + 500 * CLOCK_NS_PER_MS;
	job = release(id, 500, "");
	CHECK_INT(job->state, ==, STATE(SCHEDULED));
	CHECK_STR(job->progress->waiting_for, "start_time");
	CHECK(job->progress->ready && !job->spec->hold && job->spec->start_time);
	drop(job);
	time_passes_and_all_is_done(499);
	CHECK_INT(count_received("hello"), ==, 0);
	time_passes(1);
	CHECK_INT(wait_sent(id), ==, start_ns);
	CHECK_INT(count_received("hello"), ==, 5);
	job = get(id);
	CHECK(job->report->start_error_ns == 0);
	CHECK(!job->progress->ready);
	drop(job);
	end();
}

TEST(a_held_job_that_is_resumed_starts_at_once)
{
	begin(2);
	const char *id = submit_ready("\"hold\":true,\"startTolerance\":\"0s\"");
	drop(resume(id));
	wait_sent(id);
	CHECK_INT(count_received("hello"), ==, 5);
	/* an instant that has just passed is at once, too */
	id = submit_ready("\"hold\":true");
	drop(release(id, -100, ""));
	wait_sent(id);
	end();
}

TEST(a_held_job_that_nobody_releases_fails_and_sends_nothing)
{
	begin(3);
	const char *id = submit_ready("\"hold\":true");
	const char *soon = submit_ready("\"hold\":true,\"holdTimeout\":\"0.5s\"");
	time_passes_and_all_is_done(499);
	CHECK_INT(state_of(soon), ==, STATE(SCHEDULED));
	time_passes(1);
	Pagecast__V1__Job *job = wait_ended(soon);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "hold_expired", "0.5 s"));
	CHECK_STR(job->problems[0]->field, "holdTimeout");
	CHECK_INT(job->account->packets_cancelled, ==, 5);
	check_books(job);
	drop(job);
	time_passes_and_all_is_done(29499);
	CHECK_INT(state_of(id), ==, STATE(SCHEDULED));
	time_passes(1);
	job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "hold_expired", "30 s"));
	drop(job);
	CHECK_INT(count_received(NULL), ==, 0);
	end();
}

TEST(held_jobs_leave_one_worker_to_the_others)
{
	begin(3);
	const char *first = submit_ready("\"hold\":true");
	const char *second = submit_ready("\"hold\":true");
	const char *third = submit(FIVE, "\"hold\":true,\"priority\":100");
	const char *other = submit(FIVE, "");
	drop(wait_ended(other)); /* which passes the third */
	Pagecast__V1__Job *job = get(third);
	CHECK_INT(job->state, ==, STATE(QUEUED));
	CHECK_HAS(job->progress->waiting_for, "held job");
	CHECK(!job->progress->ready);
	drop(job);
	drop(resume(first));
	wait_sent(first);
	drop(wait_ready(third));
	/* released in the queue, a job is one as any other */
	const char *fourth = submit(FIVE, "\"hold\":true");
	drop(resume(fourth));
	wait_sent(fourth);
	drop(cancel(second));
	job = cancel(third);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	drop(job);
	drop(wait_ready(submit(FIVE, "\"hold\":true"))); /* the places are free again */
	drop(wait_ready(submit(FIVE, "\"hold\":true")));
	end();
}

TEST(a_held_job_takes_changes_and_stays_held)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	open_receiver();
	time_stands();
	start_agent("{\"allowedNetworks\":[\"127.0.0.0/8\"]}", 2);
	const char *id = submit("\"limit\":{\"packets\":5},\"rate\":{\"pps\":1}", "\"hold\":true");
	drop(wait_ready(id));
	CHECK_INT(change(for_job(id, "\"rate\":{\"pps\":1000000},\"priority\":7"), &job, &error),
		  ==, 0);
	CHECK(job->spec->hold);
	drop(job);
	job = wait_ready(id);
	CHECK(job->spec->streams[0]->rate->pps == 1000000 && job->spec->priority == 7);
	drop(job);
	CHECK_INT(agent_reload_policy(agent, &error), ==, 0);
	drop(wait_ready(id)); /* it was put back into the queue, and prepared again */
	agent_lock(agent);
	CHECK_INT(agent->held_count, ==, 1);
	agent_unlock(agent);
	job = release(id, 100, ",\"rate\":{\"pps\":500000}"); /* both at once */
	CHECK(job->spec->streams[0]->rate->pps == 500000);
	drop(job);
	time_passes(100);
	while (!job_state_ended(state_of(id))) {
		time_passes(1); /* its packets have a rate */
		nap_ms(1);
	}
	wait_sent(id);
	end();
}

TEST(what_a_hold_cannot_be_is_refused_with_the_field)
{
	static const char *const rows[][2] = {
		{"\"hold\":true,\"startTime\":\"2100-01-01T00:00:00Z\"", "give one of the two"},
		{"\"holdTimeout\":\"5s\"", "needs hold"},
		{"\"hold\":true,\"holdTimeout\":\"0s\"", "holdTimeout"},
		{"\"hold\":true,\"holdTimeout\":\"-1s\"", "holdTimeout"},
	};
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	begin(2);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect_error(
			try_submit(&OPERATOR, spec_text(FIVE, rows[i][0]), "", &job, NULL, &error),
			&error, ERROR_CODE_INVALID_ARGUMENT, rows[i][1]);
	expect_error(try_submit(&OPERATOR, spec_text("\"hold\":true", ""), "", &job, NULL, &error),
		     &error, ERROR_CODE_INVALID_ARGUMENT, "no name");
	const char *id = submit(FIVE, start_in_ms(3600 * 1000, ""));
	expect_error(change(for_job(id, start_in_ms(10, "")), &job, &error), &error,
		     ERROR_CODE_FAILED_PRECONDITION, "only a held job can be given a start_time");
	id = submit_ready("\"hold\":true");
	expect_error(change(for_job(id, start_in_ms(-20000, "")), &job, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "20 s in the past");
	expect_error(change(for_job(id, "\"startTime\":\"1969-01-01T00:00:00Z\""), &job, &error),
		     &error, ERROR_CODE_INVALID_ARGUMENT, "startTime");
	CHECK_INT(state_of(id), ==, STATE(SCHEDULED)); /* and still held */
	drop(resume(id));
	wait_sent(id);
	end();
	begin(1);
	expect_error(
		try_submit(&OPERATOR, spec_text(FIVE, "\"hold\":true"), "", &job, NULL, &error),
		&error, ERROR_CODE_INVALID_ARGUMENT, "--workers 2");
	end();
}

TEST(an_agent_with_one_worker_ends_what_was_held_before)
{
	open_receiver();
	open_store();
	start_agent_on(&moody.store, NULL, 2, 0);
	const char *id = submit(FIVE, "\"hold\":true");
	drop(wait_ready(id));
	end_agent();
	start_agent_on(&moody.store, NULL, 2, 0);
	drop(wait_ready(id)); /* held again */
	end_agent();
	start_on_store();
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "hold_expired", "--workers 2"));
	check_books(job);
	drop(job);
	end_agent();
	close_store();
	close_receiver();
}

TEST_MAIN(CASE(a_held_job_waits_ready_and_starts_at_the_instant_it_is_given),
	  CASE(a_held_job_that_is_resumed_starts_at_once),
	  CASE(a_held_job_that_nobody_releases_fails_and_sends_nothing),
	  CASE(held_jobs_leave_one_worker_to_the_others),
	  CASE(a_held_job_takes_changes_and_stays_held),
	  CASE(an_agent_with_one_worker_ends_what_was_held_before),
	  CASE(what_a_hold_cannot_be_is_refused_with_the_field))
