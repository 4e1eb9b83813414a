/* An agent's times: a lease that ends, a start at an instant, the longest that a job may last. */
#include "base/log.h"
#include "unit/agent_fixture.h"

/* Return: whether each renewal came in time, so that there was a lease to renew */
static bool ends_a_job_whose_lease_is_not_renewed(void)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	open_receiver();
	start_agent(NULL, 1);
	int64_t renewed = now_ms();
	const char *id = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":100}",
				"\"lease\":\"1s\"");
	const char *waiting = submit("\"limit\":{\"packets\":3}", "\"lease\":\"0.2s\"");
	while (state_of(id) == STATE(QUEUED))
		nap_ms(1);
	bool held = true;
	for (int i = 0; i < 3 && held; i++) {
		nap_ms(400);
		int64_t begun = now_ms();
		int r = change(for_job(id, ""), &job, &error);
		held = now_ms() - renewed < 1000;
		renewed = begun;
		CHECK(!held || (r == 0 && job->state == STATE(RUNNING)));
		if (r == 0)
			drop(job);
		error_deinit(&error);
	}
	job = wait_ended(waiting);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK(has_problem(job, "lease_expired", "lease"));
	CHECK_INT(job->account->packets_cancelled, ==, 3);
	drop(job);
	job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK(has_problem(job, "lease_expired", "lease"));
	check_books(job);
	drop(job);
	end_agent();
	close_receiver();
	return held;
}

TEST(agent_ends_a_job_whose_lease_is_not_renewed)
{
	attempt(ends_a_job_whose_lease_is_not_renewed);
}

static const char *start_in_ms(int64_t ms, const char *more)
{
	static char text[200];
	char stamp[40];
	int64_t at_ns = clock_realtime_ns(clock_real()) + ms * CLOCK_NS_PER_MS;
	time_t seconds = (time_t)(at_ns / CLOCK_NS_PER_S);
	struct tm utc;
	gmtime_r(&seconds, &utc);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof text, "\"startTime\":\"%s.%09ldZ\"%s", stamp,
		 (long)(at_ns % CLOCK_NS_PER_S), more);
	return text;
}

/* Return: whether there was time for another job before it */
static bool starts_at_the_given_instant_and_not_before(void)
{
	open_receiver();
	start_agent(NULL, 1);
	int64_t before = now_ms();
	const char *id = submit("\"limit\":{\"packets\":5}", start_in_ms(2600, ""));
	Pagecast__V1__Job *job = get(id);
	if (now_ms() - before < 2600) {
		CHECK_INT(job->state, ==, STATE(SCHEDULED));
		CHECK_STR(job->progress->waiting_for, "start_time");
	}
	drop(job);
	nap_ms(200);
	const char *now =
		submit("\"limit\":{\"packets\":5}", ""); /* the worker is free till then */
	job = wait_ended(now);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	drop(job);
	while (now_ms() - before < 2300)
		nap_ms(20);
	uint64_t arrived = count_received("hello");
	Pagecast__V1__JobState state = state_of(id);
	bool held = now_ms() - before < 2600; /* else the machine took its time */
	if (held) {
		CHECK_INT(state, ==, STATE(SCHEDULED));
		CHECK_INT(arrived, ==, 5);
	}
	job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	CHECK_INT(now_ms() - before, >=, 2600);
	CHECK(job->report->start_error_ns >= 0); /* how small it is: test_sender */
	CHECK_INT(arrived + count_received("hello"), ==, 10);
	drop(job);
	end_agent();
	close_receiver();
	return held;
}

TEST(agent_starts_at_the_given_instant_and_not_before)
{
	attempt(starts_at_the_given_instant_and_not_before);
}

/* Return: whether the cancel came before the start */
static bool cancels_a_job_that_holds_a_worker_for_its_start(void)
{
	open_receiver();
	start_agent(NULL, 1);
	int64_t before = now_ms();
	const char *id = submit("\"limit\":{\"packets\":5}", start_in_ms(1900, ""));
	nap_ms(200);			     /* taken and prepared by now */
	Pagecast__V1__Job *job = cancel(id); /* which does not wait for the start: */
	bool held = now_ms() - before < 1900;
	if (held) {
		CHECK_INT(job->state, ==, STATE(CANCELLED));
		CHECK_INT(job->account->packets_cancelled, ==, 5);
	}
	drop(job);
	job = wait_ended(submit("\"limit\":{\"packets\":1}", ""));
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	drop(job);
	end_agent();
	close_receiver();
	return held;
}

TEST(agent_cancels_a_job_that_holds_a_worker_for_its_start)
{
	attempt(cancels_a_job_that_holds_a_worker_for_its_start);
}

TEST(agent_fails_a_start_that_no_worker_was_free_for)
{
	open_receiver();
	start_agent(NULL, 1);
	const char *gate = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":10}", "");
	drop(wait_state(gate, STATE(RUNNING)));
	const char *strict = submit("\"limit\":{\"packets\":5}",
				    start_in_ms(100, ",\"startTolerance\":\"0.1s\""));
	const char *patient = submit("\"limit\":{\"packets\":5}", start_in_ms(100, ""));
	Pagecast__V1__Job *job = wait_ended(strict);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "start_missed", "no worker was free: startTime was "));
	CHECK_INT(job->account->packets_cancelled, ==, 5);
	drop(job);
	job = get(patient); /* due, and waiting */
	CHECK_INT(job->state, ==, STATE(QUEUED));
	CHECK_INT(job->queue_position, ==, 1);
	drop(job);
	drop(cancel(gate));
	job = wait_ended(patient);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	CHECK(has_problem(job, "start_missed", "after start_time"));
	drop(job);
	end_agent();
	close_receiver();
}

static int try_start(int64_t ms, const char *more, const char *request_id, bool *ret_created,
		     struct error *error)
{
	Pagecast__V1__Job *job = NULL;
	int r = try_submit(&OPERATOR, spec_text("\"limit\":{\"packets\":1}", start_in_ms(ms, more)),
			   request_id, &job, ret_created, error);
	if (job)
		drop(job);
	return r;
}

TEST(agent_refuses_a_start_in_the_past)
{
	struct error error = ERROR_NULL;
	bool created = false;
	open_receiver();
	start_agent(NULL, 1);
	expect_error(try_start(-11000, "", "", NULL, &error), &error, ERROR_CODE_INVALID_ARGUMENT,
		     "spec.startTime: is ");
	expect_error(try_start(-2000, ",\"startTolerance\":\"1s\"", "", NULL, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "startTolerance of 1 s");
	expect_error(try_start(-1, ",\"startTolerance\":\"0s\"", "", NULL, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "startTolerance of 0 s");
	expect_error(try_submit(&OPERATOR, spec_text("", "\"startTime\":\"2020-01-01T00:00:00Z\""),
				"", &(Pagecast__V1__Job *){NULL}, NULL, &error),
		     &error, ERROR_CODE_INVALID_ARGUMENT, "the default of 10 s");
	CHECK_INT(agent->live_count, ==, 0);
	/* within: another machine's "now" */
	CHECK_INT(try_start(-3000, "", "", NULL, &error), ==, 0);
	CHECK_INT(try_start(-11000, ",\"startTolerance\":\"1000s\"", "", NULL, &error), ==, 0);
	/* the same request again, when its time has passed, gives the same job */
	char spec[4096];
	strcpy(spec, spec_text("\"limit\":{\"packets\":1}",
			       start_in_ms(20, ",\"startTolerance\":\"0.01s\"")));
	Pagecast__V1__Job *first = NULL, *again = NULL;
	CHECK_INT(try_submit(&OPERATOR, spec, "once", &first, &created, &error), ==, 0);
	CHECK(created);
	drop(wait_ended(first->id));
	nap_ms(40); /* past its tolerance */
	CHECK_INT(try_submit(&OPERATOR, spec, "once", &again, &created, &error), ==, 0);
	CHECK(!created);
	CHECK_STR(again->id, first->id);
	drop(first);
	drop(again);
	Pagecast__V1__PreviewJobRequest request = PAGECAST__V1__PREVIEW_JOB_REQUEST__INIT;
	Pagecast__V1__PreviewJobResponse *preview = NULL;
	request.spec = (Pagecast__V1__JobSpec *)parse(
		&pagecast__v1__job_spec__descriptor,
		spec_text("", "\"startTime\":\"2020-01-01T00:00:00Z\""));
	expect_error(agent_preview_job(agent, &OPERATOR, &request, &preview, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "spec.startTime: is ");
	pagecast__v1__job_spec__free_unpacked(request.spec, NULL);
	end_agent();
	close_receiver();
}

static void keep(struct store *store)
{
	(void)store;
}

TEST(agent_says_that_it_was_not_running_when_a_start_was_missed)
{
	struct error error = ERROR_NULL;
	struct store *store = NULL;
	open_receiver();
	CHECK_INT(store_memory_new(&store, &error), ==, 0);
	const struct store_ops *ops = store->ops;
	struct store_ops lasting = *ops;
	lasting.free = keep;
	store->ops = &lasting;
	start_agent_on(store, NULL, 1, 0);
	const char *id = submit("\"limit\":{\"packets\":5}",
				start_in_ms(500, ",\"startTolerance\":\"0.1s\""));
	bool waits = state_of(id) == STATE(SCHEDULED);
	end_agent();
	nap_ms(700);
	start_agent_on(store, NULL, 1, 0);
	Pagecast__V1__Job *job = wait_ended(id);
	if (waits) { /* else the machine took its time, and it ran before */
		CHECK_INT(job->state, ==, STATE(FAILED));
		CHECK(has_problem(job, "start_missed", "the agent was not running then"));
		CHECK(has_problem(job, "start_missed", "startTolerance is 0.1 s"));
	}
	drop(job);
	end_agent();
	store->ops = ops;
	store->ops->free(store);
	close_receiver();
}

TEST(agent_holds_jobs_to_the_lower_max_duration)
{
	open_receiver();
	start_agent("{\"maxDuration\":\"0.3s\"}", 2);
	const char *by_policy = submit("\"limit\":{\"packets\":1000},\"rate\":{\"pps\":100}",
				       "\"maxDuration\":\"5s\"");
	const char *by_spec = submit("\"limit\":{\"packets\":1000},\"rate\":{\"pps\":100}",
				     "\"maxDuration\":\"0.1s\"");
	Pagecast__V1__Job *job = wait_ended(by_policy);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "max_duration", "0.3 s"));
	check_books(job);
	drop(job);
	job = wait_ended(by_spec);
	CHECK(has_problem(job, "max_duration", "0.1 s"));
	drop(job);
	end_agent();
	close_receiver();
}

TEST_MAIN(CASE(agent_ends_a_job_whose_lease_is_not_renewed),
	  CASE(agent_starts_at_the_given_instant_and_not_before),
	  CASE(agent_cancels_a_job_that_holds_a_worker_for_its_start),
	  CASE(agent_fails_a_start_that_no_worker_was_free_for),
	  CASE(agent_refuses_a_start_in_the_past),
	  CASE(agent_says_that_it_was_not_running_when_a_start_was_missed),
	  CASE(agent_holds_jobs_to_the_lower_max_duration))
