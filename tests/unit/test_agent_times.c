/* An agent's times: a lease that ends, a start at an instant, the longest that a job may last. */
#include "base/log.h"
#include "unit/agent_time.h"

static void begin(const char *policy, uint32_t workers)
{
	open_receiver();
	time_stands();
	start_agent(policy, workers);
}

static void end(void)
{
	end_agent();
	close_receiver();
}

static int64_t first_packet_ns(const Pagecast__V1__Job *job)
{
	CHECK(job->first_packet_time);
	return job->first_packet_time->seconds * CLOCK_NS_PER_S + job->first_packet_time->nanos;
}

TEST(agent_ends_a_job_whose_lease_is_not_renewed)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	begin(NULL, 1);
	const char *id = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":100}",
				"\"lease\":\"1s\"");
	drop(wait_state(id, STATE(RUNNING)));
	const char *waiting = submit("\"limit\":{\"packets\":3}", "\"lease\":\"0.2s\"");
	time_passes_and_all_is_done(199);
	CHECK_INT(state_of(waiting), ==, STATE(QUEUED));
	time_passes(1);
	job = wait_ended(waiting);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK(has_problem(job, "lease_expired", "lease"));
	CHECK_INT(job->account->packets_cancelled, ==, 3);
	drop(job);
	for (int i = 0; i < 3; i++) { /* each change renews it */
		time_passes_and_all_is_done(799);
		CHECK_INT(change(for_job(id, ""), &job, &error), ==, 0);
		CHECK_INT(job->state, ==, STATE(RUNNING));
		drop(job);
	}
	time_passes_and_all_is_done(999);
	CHECK_INT(state_of(id), ==, STATE(RUNNING));
	time_passes(1);
	job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK(has_problem(job, "lease_expired", "lease"));
	check_books(job);
	drop(job);
	end();
}

TEST(agent_starts_at_the_given_instant_and_not_before)
{
	begin(NULL, 1);
	int64_t start_ns = clock_realtime_ns(&agent_time.clock) + 2600 * CLOCK_NS_PER_MS;
	const char *id = submit("\"limit\":{\"packets\":5}", start_in_ms(2600, ""));
	Pagecast__V1__Job *job = get(id);
	CHECK_INT(job->state, ==, STATE(SCHEDULED));
	CHECK_STR(job->progress->waiting_for, "start_time");
	drop(job);
	time_passes_and_all_is_done(599); /* a worker takes it two seconds ahead, and is free
					     till then */
	const char *now = submit("\"limit\":{\"packets\":5}", "");
	job = wait_ended(now);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	drop(job);
	time_passes_and_all_is_done(2000);
	CHECK_INT(count_received("hello"), ==, 5);
	CHECK(!job_state_ended(state_of(id)));
	time_passes(1);
	for (Pagecast__V1__JobState state = STATE(SCHEDULED); !job_state_ended(state); nap_ms(1)) {
		wake_all(); /* it may only now come to wait for that instant */
		state = state_of(id);
	}
	job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	CHECK_INT(first_packet_ns(job), ==, start_ns);
	CHECK(job->report->start_error_ns == 0);
	CHECK_INT(count_received("hello"), ==, 5);
	drop(job);
	end();
}

static bool a_worker_holds(const char *id)
{
	agent_lock(agent);
	const struct job *job = agent->workers[0].job;
	bool holds = job && strcmp(job->id, id) == 0;
	agent_unlock(agent);
	return holds;
}

TEST(agent_cancels_a_job_that_holds_a_worker_for_its_start)
{
	begin(NULL, 1);
	const char *id = submit("\"limit\":{\"packets\":5}", start_in_ms(1900, ""));
	for (int64_t until = now_ms() + WEDGED_MS; !a_worker_holds(id); nap_ms(1))
		CHECK_INT(now_ms(), <, until);
	Pagecast__V1__Job *job = cancel(id); /* which does not wait for the start */
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK_INT(job->account->packets_cancelled, ==, 5);
	drop(job);
	job = wait_ended(submit("\"limit\":{\"packets\":1}", ""));
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	drop(job);
	end();
}

TEST(agent_fails_a_start_that_no_worker_was_free_for)
{
	begin(NULL, 1);
	const char *gate = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":10}", "");
	drop(wait_state(gate, STATE(RUNNING)));
	const char *strict = submit("\"limit\":{\"packets\":5}",
				    start_in_ms(100, ",\"startTolerance\":\"0.1s\""));
	const char *patient = submit("\"limit\":{\"packets\":5}", start_in_ms(100, ""));
	time_passes_and_all_is_done(99);
	CHECK_INT(state_of(patient), ==, STATE(SCHEDULED));
	time_passes_and_all_is_done(1);
	CHECK_INT(state_of(patient), ==, STATE(QUEUED));
	time_passes_and_all_is_done(100); /* the last moment of the tolerance */
	CHECK_INT(state_of(strict), ==, STATE(QUEUED));
	time_passes(1);
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
	end();
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
	begin(NULL, 1);
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
	for (Pagecast__V1__JobState state = STATE(SCHEDULED); !job_state_ended(state); nap_ms(1)) {
		time_passes(1);
		state = state_of(first->id);
	}
	time_passes(40); /* past its tolerance */
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
	end();
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
	time_stands();
	CHECK_INT(store_memory_new(&store, &error), ==, 0);
	const struct store_ops *ops = store->ops;
	struct store_ops lasting = *ops;
	lasting.free = keep;
	store->ops = &lasting;
	start_agent_on(store, NULL, 1, 0);
	const char *id = submit("\"limit\":{\"packets\":5}",
				start_in_ms(500, ",\"startTolerance\":\"0.1s\""));
	CHECK_INT(state_of(id), ==, STATE(SCHEDULED));
	end_agent();
	clock_manual_advance(&agent_time, 700 * CLOCK_NS_PER_MS);
	start_agent_on(store, NULL, 1, 0);
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "start_missed", "the agent was not running then"));
	CHECK(has_problem(job, "start_missed", "startTolerance is 0.1 s"));
	drop(job);
	end_agent();
	store->ops = ops;
	store->ops->free(store);
	close_receiver();
}

TEST(agent_holds_jobs_to_the_lower_max_duration)
{
	agent_clock = NULL;
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

/* Sent within one instant: there is no span to divide by. */
TEST(agent_reports_no_rate_of_what_took_no_time)
{
	struct error error = ERROR_NULL;
	begin(NULL, 1);
	for (int streams = 1; streams <= 2; streams++) {
		Pagecast__V1__Job *job = NULL;
		char one[256], text[1024];
		snprintf(one, sizeof one,
			 "{\"udp\":{\"address\":\"127.0.0.1\",\"port\":%u},\"payloads\":[{\"text\":"
			 "\"hello\"}],\"limit\":{\"packets\":5}}",
			 receiver_port);
		snprintf(text, sizeof text, "{\"streams\":[%s%s%s]}", one, streams > 1 ? "," : "",
			 streams > 1 ? one : "");
		CHECK_INT(try_submit(&OPERATOR, text, "", &job, NULL, &error), ==, 0);
		char id[JOB_ID_LEN + 1];
		strcpy(id, job->id);
		drop(job);
		job = wait_ended(id);
		CHECK_INT(job->account->packets_sent, ==, 5 * streams);
		CHECK(job->report->achieved_pps == 0 && job->report->achieved_bps == 0);
		CHECK_INT(job->n_stream_results, ==, streams);
		drop(job);
	}
	end();
}

TEST_MAIN(CASE(agent_ends_a_job_whose_lease_is_not_renewed),
	  CASE(agent_starts_at_the_given_instant_and_not_before),
	  CASE(agent_cancels_a_job_that_holds_a_worker_for_its_start),
	  CASE(agent_fails_a_start_that_no_worker_was_free_for),
	  CASE(agent_refuses_a_start_in_the_past),
	  CASE(agent_says_that_it_was_not_running_when_a_start_was_missed),
	  CASE(agent_holds_jobs_to_the_lower_max_duration),
	  CASE(agent_reports_no_rate_of_what_took_no_time))
