/* What an agent does with its store: what survives, and what happens when the store fails. */
#include "base/log.h"
#include "base/util.h"
#include "unit/agent_fixture.h"
#include "unit/moody_store.h"

#include <pthread.h>
#include <time.h>

static const char *const GATE = "\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":1000}";

static void wait_sent(const char *id, uint64_t packets)
{
	for (uint64_t sent = 0; sent < packets; nap_ms(2)) {
		Pagecast__V1__Job *job = get(id);
		CHECK(!job_state_ended(job->state));
		sent = job->account->packets_sent;
		drop(job);
	}
}

TEST(agent_that_was_killed_finds_every_job_again)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL, *again = NULL;
	bool created = true;
	open_receiver();
	open_store();
	start_on_store();
	CHECK_INT(try_submit(&OPERATOR, spec_text("\"limit\":{\"packets\":2}", ""), "run-1", &job,
			     NULL, &error),
		  ==, 0);
	drop(wait_ended(job->id));
	const char *running = submit(GATE, "");
	drop(wait_state(running, STATE(RUNNING)));
	const char *waiting = submit("\"limit\":{\"packets\":3}", "\"priority\":7");
	uint64_t shown = 0, revision = 0;
	for (int64_t until = now_ms() + WEDGED_MS; shown < 200; nap_ms(10)) {
		CHECK_INT(now_ms(), <, until);
		Pagecast__V1__Job *now = get(running);
		shown = now->account->packets_sent;
		revision = now->revision;
		drop(now);
	}
	size_t stored = stored_count(); /* what was shown is stored, the next one surely so */
	for (int64_t until = now_ms() + WEDGED_MS; stored_count() < stored + 2; nap_ms(10))
		CHECK_INT(now_ms(), <, until);
	moody.frozen = true; /* what is written from here on is lost, as with kill -9 */
	end_agent();
	count_received(NULL);
	moody.frozen = false;

	start_on_store();
	again = get(running);
	CHECK_INT(again->state, ==, STATE(INTERRUPTED));
	CHECK(has_problem(again, "account_from_snapshot", "last stored ones"));
	CHECK_INT(again->account->packets_sent, >=, shown);
	CHECK(again->account->snapshot_time && again->end_time && again->first_packet_time);
	check_books(again);
	CHECK_INT(again->n_stream_results, ==,
		  1); /* of one stream all is known that is of the job */
	CHECK(again->stream_results[0]->account);
	CHECK_INT(again->stream_results[0]->account->packets_sent, ==,
		  again->account->packets_sent);
	CHECK_INT(again->revision, >, revision);
	CHECK_INT(again->spec->n_streams, ==, 1);
	drop(again);
	again = wait_ended(waiting); /* queued ones run */
	CHECK_INT(again->state, ==, STATE(SUCCEEDED));
	CHECK_INT(again->spec->priority, ==, 7);
	CHECK_INT(count_received("hello"), ==, 3);
	drop(again);
	CHECK_INT(try_submit(&OPERATOR, spec_text("\"limit\":{\"packets\":2}", ""), "run-1", &again,
			     &created, &error),
		  ==, 0);
	CHECK(!created); /* its request_id is remembered */
	CHECK_STR(again->id, job->id);
	CHECK_INT(again->account->packets_sent, ==, 2);
	drop(again);
	const char *next = submit("", "");
	CHECK(strcmp(next, waiting) > 0);
	drop(job);
	end_agent();
	close_store();
	close_receiver();
}

TEST(agent_that_was_stopped_goes_on_with_what_waited)
{
	open_receiver();
	open_store();
	start_on_store();
	const char *running = submit(GATE, "");
	drop(wait_state(running, STATE(RUNNING)));
	const char *waiting = submit("\"limit\":{\"packets\":3}", "");
	for (int64_t until = now_ms() + WEDGED_MS; count_received("hello") < 2; nap_ms(5))
		CHECK_INT(now_ms(), <, until);
	end_agent();
	start_on_store();
	Pagecast__V1__Job *job = get(running);
	CHECK_INT(job->state, ==, STATE(INTERRUPTED));
	CHECK(job->report && job->report->achieved_pps > 0); /* the whole result, no snapshot */
	check_books(job);
	drop(job);
	job = wait_ended(waiting);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	drop(job);
	end_agent();
	close_store();
	close_receiver();
}

TEST(agent_accepts_nothing_that_was_not_stored)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	bool created = false;
	open_receiver();
	open_store();
	start_on_store();
	moody.fail_creates = true;
	for (int i = 0; i < 1500; i++) /* more than fit in the queue: no place is lost */
		CHECK_INT(try_submit(&OPERATOR, spec_text("", ""), "run-1", &job, NULL, &error), ==,
			  ERROR_CODE_UNAVAILABLE);
	CHECK_HAS(error_message(&error), "the disk is full");
	error_deinit(&error);
	expect_error(agent_check_ready(agent, &error), &error, ERROR_CODE_UNAVAILABLE,
		     "the disk is full");
	nap_ms(50);
	CHECK_INT(count_received(NULL), ==, 0);
	Pagecast__V1__ListJobsRequest list = PAGECAST__V1__LIST_JOBS_REQUEST__INIT;
	Pagecast__V1__ListJobsResponse *response = NULL;
	CHECK_INT(agent_list_jobs(agent, &VIEWER, &list, &response, &error), ==, 0);
	CHECK_INT(response->n_jobs + response->total_size, ==, 0);
	pagecast__v1__list_jobs_response__free_unpacked(response, NULL);
	moody.fail_creates = false;
	CHECK_INT(try_submit(&OPERATOR, spec_text("", ""), "run-1", &job, &created, &error), ==, 0);
	CHECK(created);
	drop(wait_ended(job->id));
	drop(job);
	end_agent();
	close_store();
	close_receiver();
}

static Pagecast__V1__JobState stored_state(const char *id)
{
	Pagecast__V1__JobState state = STATE(UNSPECIFIED);
	pthread_mutex_lock(&moody.lock);
	for (size_t i = 0; i < moody.stored_count; i++)
		if (strcmp(moody.stored[i].id, id) == 0)
			state = moody.stored[i].state; /* the last one counts */
	pthread_mutex_unlock(&moody.lock);
	return state;
}

TEST(agent_ends_and_cancels_jobs_while_the_store_fails_and_stores_it_later)
{
	open_receiver();
	open_store();
	start_on_store();
	const char *running = submit(GATE, ""), *waiting = submit("", "");
	drop(wait_state(running, STATE(RUNNING)));
	moody.fail_updates = true;
	Pagecast__V1__Job *job = cancel(waiting);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	drop(job);
	job = cancel(running);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK(job->report);
	check_books(job);
	drop(job);
	CHECK_INT(stored_state(running), ==, STATE(RUNNING));
	const char *patient = submit("\"limit\":{\"packets\":2}", "");
	int64_t until_ms = now_ms() + WEDGED_MS;
	for (bool known = false; !known; nap_ms(2)) { /* RUNNING cannot be stored: it waits */
		CHECK_INT(now_ms(), <, until_ms);
		job = get(patient);
		CHECK_INT(job->state, ==, STATE(QUEUED));
		known = strcmp(job->progress->waiting_for, "store not writable") == 0;
		drop(job);
	}
	const char *other = submit("", "");
	job = cancel(other);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	drop(job);
	count_received(NULL);
	nap_ms(50);
	CHECK_INT(count_received(NULL), ==, 0); /* not a packet leaves */
	moody.fail_updates = false;
	job = wait_ended(patient);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	drop(job);
	CHECK_INT(count_received("hello"), ==, 2);
	for (int64_t until = now_ms() + WEDGED_MS;
	     stored_state(running) != STATE(CANCELLED) ||
	     stored_state(waiting) != STATE(CANCELLED) || stored_state(patient) != STATE(SUCCEEDED);
	     nap_ms(20))
		CHECK_INT(now_ms(), <, until);
	CHECK_INT(state_of(running), ==, STATE(CANCELLED));
	end_agent();
	close_store();
	close_receiver();
}

TEST(agent_that_was_stopped_and_then_killed_tells_of_no_crash_where_there_was_none)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__UpdateJobRequest slower = PAGECAST__V1__UPDATE_JOB_REQUEST__INIT;
	open_receiver();
	open_store();
	start_agent_on(&moody.store, NULL, 2, 0);
	const char *first = submit(GATE, "\"restartPolicy\":\"RESUME\"");
	const char *second = submit(GATE, "\"restartPolicy\":\"RESUME\"");
	wait_sent(first, 1);
	wait_sent(second, 1);
	end_agent();
	start_agent_on(&moody.store, NULL, 1, 0); /* for one of them only */
	drop(wait_state(first, STATE(RUNNING)));
	slower.id = (char *)second;
	slower.rate = (Pagecast__V1__Rate *)parse(&pagecast__v1__rate__descriptor, "{\"pps\":10}");
	CHECK_INT(agent_update_job(agent, &OPERATOR, &slower, &job, &error), ==, 0);
	CHECK_INT(job->state, ==, STATE(QUEUED));
	uint64_t sent = job->account->packets_sent;
	drop(job);
	pagecast__v1__rate__free_unpacked(slower.rate, NULL);
	moody.frozen = true;
	end_agent();
	moody.frozen = false;
	start_agent_on(&moody.store, NULL, 2, 0);
	wait_sent(second, sent + 1);
	job = cancel(second);
	CHECK_INT(job->n_problems, ==, 0);
	CHECK_HAS(job->report->why, "since the restart");
	CHECK_HAS(job->stream_results[0]->report->why, "since the restart");
	check_books(job);
	drop(job);
	job = cancel(first);
	CHECK(has_problem(job, "account_from_snapshot", "resumed after a crash"));
	drop(job);
	end_agent();
	close_store();
	close_receiver();
}

TEST(agent_says_why_a_start_was_missed_while_the_store_failed)
{
	char when[96], text[32];
	time_t soon = time(NULL) + 3;
	struct tm utc;
	open_receiver();
	open_store();
	start_on_store();
	moody.fail_updates = true;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&soon, &utc));
	snprintf(when, sizeof when, "\"startTime\":\"%s\",\"startTolerance\":\"0.1s\"", text);
	Pagecast__V1__Job *job = wait_ended(submit("", when));
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "start_missed", "the store was not writable: "));
	drop(job);
	end_agent();
	close_store();
	close_receiver();
}

static void *submit_slowly(void *context)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	CHECK_INT(try_submit(&OTHER, context, "", &job, NULL, &error), ==, 0);
	drop(job);
	return NULL;
}

TEST(agent_is_not_held_up_by_a_slow_store)
{
	char json[512];
	pthread_t thread;
	open_receiver();
	open_store();
	start_on_store();
	const char *running = submit(GATE, "");
	drop(wait_state(running, STATE(RUNNING)));
	strcpy(json, spec_text("", ""));
	moody.hold_creates = true;
	int before = moody.creating;
	CHECK_INT(pthread_create(&thread, NULL, submit_slowly, json), ==, 0);
	for (int64_t until = now_ms() + WEDGED_MS; moody.creating == before; nap_ms(1))
		CHECK_INT(now_ms(), <, until);
	for (int i = 0; i < 10; i++)
		CHECK_INT(state_of(running), ==, STATE(RUNNING));
	drop(cancel(running)); /* were it held up, it would be so for ever */
	moody.hold_creates = false;
	pthread_join(thread, NULL);
	end_agent();
	close_store();
	close_receiver();
}

TEST(agent_that_cuts_a_long_history_lets_callers_between)
{
	enum { JOBS = 300, KEPT = 5, ROUND = 64 };
	open_receiver();
	open_store();
	start_on_store();
	for (int i = 0; i < JOBS; i++)
		drop(wait_ended(submit("", "")));
	end_agent();
	CHECK_INT(moody.removed, ==, 0);
	start_agent_on(&moody.store, NULL, 1, KEPT);
	for (int64_t until = now_ms() + WEDGED_MS; moody.removed < JOBS - KEPT; nap_ms(5))
		CHECK_INT(now_ms(), <, until);
	CHECK_INT(moody.unwaited_max, <, ROUND);
	end_agent();
	CHECK_INT(moody.removed, ==, JOBS - KEPT);
	close_store();
	close_receiver();
}

static void *submit_again(void *context)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	bool created = false;
	CHECK_INT(try_submit(&OPERATOR, context, "again", &job, &created, &error), ==, 0);
	CHECK(created);
	drop(job);
	return NULL;
}

static void *delete_job(void *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__DeleteJobRequest request = PAGECAST__V1__DELETE_JOB_REQUEST__INIT;
	Pagecast__V1__DeleteJobResponse *response = NULL;
	request.id = id;
	CHECK_INT(agent_delete_job(agent, &OPERATOR, &request, &response, &error), ==, 0);
	pagecast__v1__delete_job_response__free_unpacked(response, NULL);
	return NULL;
}

/* The store takes a request_id once: a job that is being removed has it still. */
static void submit_during_removal(pthread_t *deleter, const char *id)
{
	char json[512];
	pthread_t submitter;
	strcpy(json, spec_text("", ""));
	moody.hold_removes = true;
	if (id)
		CHECK_INT(pthread_create(deleter, NULL, delete_job, (void *)id), ==, 0);
	else
		drop(wait_ended(submit("", ""))); /* one too many: the first one goes */
	for (int64_t until = now_ms() + WEDGED_MS; !moody.removing; nap_ms(1))
		CHECK_INT(now_ms(), <, until);
	CHECK_INT(pthread_create(&submitter, NULL, submit_again, json), ==, 0);
	nap_ms(50);
	moody.hold_removes = false;
	pthread_join(submitter, NULL);
	if (id)
		pthread_join(*deleter, NULL);
	CHECK(!moody.overtaken);
}

TEST(agent_takes_a_request_id_anew_when_its_job_is_gone_also_from_the_store)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	pthread_t deleter;
	open_receiver();
	open_store();
	start_agent_on(&moody.store, NULL, 1, 1);
	CHECK_INT(try_submit(&OPERATOR, spec_text("", ""), "again", &job, NULL, &error), ==, 0);
	drop(wait_ended(job->id));
	submit_during_removal(&deleter, job->id);
	drop(job);
	end_agent();
	close_store();

	open_store();
	start_agent_on(&moody.store, NULL, 1, 1);
	CHECK_INT(try_submit(&OPERATOR, spec_text("", ""), "again", &job, NULL, &error), ==, 0);
	drop(wait_ended(job->id));
	drop(job);
	submit_during_removal(&deleter, NULL);
	end_agent();
	close_store();
	close_receiver();
}

/* A row of a job that runs is on its way to the store when the job ends, and comes there later. */
TEST(agent_whose_older_row_comes_after_a_newer_keeps_the_newer)
{
	open_receiver();
	open_store();
	start_on_store();
	const char *id = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":1000}",
				"\"restartPolicy\":\"RESUME\"");
	wait_sent(id, 1);
	moody.hold_next = true;
	for (int64_t until = now_ms() + WEDGED_MS; !moody.holding; nap_ms(1))
		CHECK_INT(now_ms(), <, until);
	Pagecast__V1__Job *job = cancel(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	uint64_t sent = job->account->packets_sent;
	drop(job);
	CHECK_INT(stored_state(id), ==, STATE(CANCELLED)); /* and only now the older one: */
	moody.hold_next = false;
	end_agent();
	start_on_store();
	job = get(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK_INT(job->account->packets_sent, ==, sent);
	drop(job);
	CHECK_INT(count_received("hello"), ==, sent);
	end_agent();
	close_store();
	close_receiver();
}

TEST_MAIN(CASE(agent_that_was_killed_finds_every_job_again),
	  CASE(agent_that_was_stopped_goes_on_with_what_waited),
	  CASE(agent_accepts_nothing_that_was_not_stored),
	  CASE(agent_ends_and_cancels_jobs_while_the_store_fails_and_stores_it_later),
	  CASE(agent_is_not_held_up_by_a_slow_store),
	  CASE(agent_that_cuts_a_long_history_lets_callers_between),
	  CASE(agent_takes_a_request_id_anew_when_its_job_is_gone_also_from_the_store),
	  CASE(agent_that_was_stopped_and_then_killed_tells_of_no_crash_where_there_was_none),
	  CASE(agent_says_why_a_start_was_missed_while_the_store_failed),
	  CASE(agent_whose_older_row_comes_after_a_newer_keeps_the_newer))
