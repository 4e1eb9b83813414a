/* Streams of a running job, by their names: what the calls take and refuse, what a job shows of
 * them, and what a restart keeps. */
#include "base/util.h"
#include "unit/agent_fixture.h"
#include "unit/moody_store.h"

#define STREAM_IS(name) PAGECAST__V1__STREAM_STATE__STREAM_STATE_##name

/* A job of three streams of 100 pps each: voice and data endless, late held. */
static const char *submit_three(const char *of_job)
{
	static const char ONE[] = "{\"name\":\"%s\",\"udp\":{\"address\":\"127.0.0.1\","
				  "\"port\":%u},\"payloads\":[{\"text\":\"hello\"}],"
				  "\"rate\":{\"pps\":100},\"limit\":{%s}%s}";
	static char id[JOB_ID_LEN + 1];
	char streams[3][300], text[1200];
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	snprintf(streams[0], sizeof streams[0], ONE, "voice", receiver_port,
		 "\"untilCancelled\":true", "");
	snprintf(streams[1], sizeof streams[1], ONE, "data", receiver_port, "\"packets\":1000000",
		 "");
	snprintf(streams[2], sizeof streams[2], ONE, "late", receiver_port, "\"packets\":3",
		 ",\"hold\":true");
	snprintf(text, sizeof text, "{\"streams\":[%s,%s,%s]%s}", streams[0], streams[1],
		 streams[2], of_job);
	if (try_submit(&OPERATOR, text, "", &job, NULL, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	strcpy(id, job->id);
	drop(job);
	drop(wait_state(id, STATE(RUNNING)));
	return id;
}

enum verb { PAUSE, RESUME, CANCEL };

static int control(enum verb verb, const struct agent_caller *caller, const char *id,
		   const char *const *names, size_t count, Pagecast__V1__Job **ret_job,
		   struct error *error)
{
	Pagecast__V1__PauseJobRequest pause = PAGECAST__V1__PAUSE_JOB_REQUEST__INIT;
	Pagecast__V1__ResumeJobRequest resume = PAGECAST__V1__RESUME_JOB_REQUEST__INIT;
	Pagecast__V1__CancelJobRequest stop = PAGECAST__V1__CANCEL_JOB_REQUEST__INIT;
	pause.id = resume.id = stop.id = (char *)id;
	pause.streams = resume.streams = stop.streams = (char **)names;
	pause.n_streams = resume.n_streams = stop.n_streams = count;
	stop.reason = (char *)"enough";
	switch (verb) {
	case PAUSE: return agent_pause_job(agent, caller, &pause, ret_job, error);
	case RESUME: return agent_resume_job(agent, caller, &resume, ret_job, error);
	case CANCEL: break;
	}
	return agent_cancel_job(agent, caller, &stop, ret_job, error);
}

/* The job as the call answers. */
static Pagecast__V1__Job *order(enum verb verb, const char *id, const char *name)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	if (control(verb, &OPERATOR, id, &name, 1, &job, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return job;
}

static void check_states(const Pagecast__V1__Job *job, Pagecast__V1__StreamState voice,
			 Pagecast__V1__StreamState data, Pagecast__V1__StreamState late)
{
	static const char *const NAMES[] = {"voice", "data", "late"};
	uint64_t sent = 0;
	CHECK_INT(job->n_stream_results, ==, 3);
	for (size_t i = 0; i < 3; i++) {
		CHECK_STR(job->stream_results[i]->name, NAMES[i]);
		sent += job->stream_results[i]->account->packets_sent;
	}
	CHECK_INT(job->account->packets_sent, ==, sent); /* of one moment */
	CHECK_INT(job->stream_results[0]->state, ==, voice);
	CHECK_INT(job->stream_results[1]->state, ==, data);
	CHECK_INT(job->stream_results[2]->state, ==, late);
}

static uint64_t sent_of(const char *id, size_t stream)
{
	Pagecast__V1__Job *job = get(id);
	uint64_t sent =
		job->n_stream_results ? job->stream_results[stream]->account->packets_sent : 0;
	drop(job);
	return sent;
}

static void until_sent(const char *id, size_t stream, uint64_t more_than)
{
	for (int64_t until = now_ms() + WEDGED_MS; sent_of(id, stream) <= more_than; nap_ms(2))
		CHECK_INT(now_ms(), <, until);
}

TEST(a_job_shows_what_each_of_its_streams_does)
{
	begin_on_store();
	const char *id = submit_three("");
	until_sent(id, 1, 5);
	Pagecast__V1__Job *job = order(PAUSE, id, "data");
	CHECK_INT(job->state, ==, STATE(RUNNING));
	check_states(job, STREAM_IS(RUNNING), STREAM_IS(PAUSED), STREAM_IS(PAUSED));
	CHECK(job->stream_results[1]->held && job->stream_results[2]->held);
	CHECK(!job->stream_results[0]->held && !job->stream_results[1]->baseline);
	uint64_t paused_at = job->stream_results[1]->account->packets_sent;
	uint64_t revision = job->revision;
	drop(job);
	until_sent(id, 0, sent_of(id, 0) + 20);
	CHECK_INT(sent_of(id, 1), ==, paused_at);
	job = order(RESUME, id, "data");
	CHECK_INT(job->revision, >, revision);
	CHECK_INT(job->stream_results[1]->baseline->packets_sent, ==, paused_at);
	CHECK(job->stream_results[1]->baseline->balanced);
	drop(job);
	until_sent(id, 1, paused_at + 5);
	drop(order(RESUME, id, "late"));
	until_sent(id, 2, 2);
	job = order(CANCEL, id, "data");
	check_states(job, STREAM_IS(RUNNING), STREAM_IS(CANCELLED), STREAM_IS(ENDED));
	CHECK_INT(job->stream_results[2]->account->packets_sent, ==, 3);
	CHECK(job->stream_results[2]->progress->fraction == 1);
	CHECK(job->stream_results[1]->account->balanced);
	drop(job);
	job = order(CANCEL, id, "voice"); /* the last one: the answer is the end */
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	check_states(job, STREAM_IS(CANCELLED), STREAM_IS(CANCELLED), STREAM_IS(ENDED));
	CHECK_STR(job->cancelled_by, "local");
	CHECK_STR(job->cancel_reason, "enough");
	CHECK_INT(job->stream_results[1]->baseline->packets_sent, ==, paused_at);
	check_books(job);
	drop(job);
	end_on_store();
}

TEST(calls_refuse_streams_that_are_none)
{
	static const char *const TWO[] = {"data", "vioce"};
	const char *none = "";
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	begin_on_store();
	const char *id = submit_three("");
	until_sent(id, 1, 0);
	expect_error(control(PAUSE, &OPERATOR, id, TWO, 2, &job, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT,
		     "streams[1]: no stream of the job is named "
		     "\"vioce\"; its names: \"voice\", \"data\"");
	expect_error(control(CANCEL, &OPERATOR, id, &none, 1, &job, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "streams[0]");
	job = get(id);
	CHECK_INT(job->stream_results[1]->state, ==, STREAM_IS(RUNNING)); /* all or nothing */
	drop(job);
	expect_error(control(PAUSE, &VIEWER, id, TWO, 1, &job, &error), &error,
		     ERROR_CODE_PERMISSION_DENIED, "");
	expect_error(control(PAUSE, &OPERATOR, "01BX5ZZKBKACTAV9WEVGEMMVRZ", TWO, 1, &job, &error),
		     &error, ERROR_CODE_NOT_FOUND, "");
	const char *waits = submit("\"name\":\"data\"", ""); /* the only worker is busy */
	expect_error(control(PAUSE, &OPERATOR, waits, TWO, 1, &job, &error), &error,
		     ERROR_CODE_FAILED_PRECONDITION,
		     "QUEUED; only the streams of a running job can be paused");
	drop(cancel(id));
	expect_error(control(RESUME, &OPERATOR, id, TWO, 1, &job, &error), &error,
		     ERROR_CODE_FAILED_PRECONDITION, "CANCELLED; only");
	CHECK_INT(control(CANCEL, &OPERATOR, id, TWO, 1, &job, &error), ==, 0); /* unchanged */
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	drop(job);
	drop(wait_ended(waits));
	end_on_store();
}

/* A job of a few packets lets the next be prepared on its lane while it is stored: not one that
 * will not leave at once. */
TEST(a_held_stream_of_few_packets_lets_other_jobs_run)
{
	open_receiver();
	start_agent(NULL, 2);
	const char *held = submit("\"name\":\"late\",\"hold\":true,\"limit\":{\"packets\":3}", "");
	drop(wait_state(held, STATE(RUNNING)));
	for (int i = 0; i < 8; i++) {
		const char *other = submit("\"limit\":{\"packets\":100}", "");
		Pagecast__V1__Job *job = wait_ended(other);
		CHECK_INT(job->state, ==, STATE(SUCCEEDED));
		drop(job);
	}
	drop(order(RESUME, held, "late"));
	Pagecast__V1__Job *job = wait_ended(held);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	CHECK_INT(count_received("hello"), ==, 803);
	drop(job);
	end_agent();
	close_receiver();
}

TEST(who_cancelled_a_stream_is_not_who_ended_the_job)
{
	begin_on_store();
	const char *id = submit_three(",\"lease\":\"1s\"");
	until_sent(id, 0, 0);
	drop(order(CANCEL, id, "data"));
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK(has_problem(job, "lease_expired", "lease"));
	CHECK_STR(job->cancelled_by, "");
	CHECK_STR(job->cancel_reason, "");
	drop(job);
	end_on_store();
}

TEST(what_streams_were_they_are_after_a_restart)
{
	begin_on_store();
	const char *id = submit_three(",\"restartPolicy\":\"RESUME\"");
	until_sent(id, 1, 5);
	drop(order(PAUSE, id, "data"));
	Pagecast__V1__Job *job = order(RESUME, id, "data"); /* for its baseline */
	uint64_t baseline = job->stream_results[1]->baseline->packets_sent;
	drop(job);
	until_sent(id, 1, baseline + 5);
	drop(order(PAUSE, id, "voice"));
	job = order(CANCEL, id, "data");
	CHECK(!job->stream_results[1]->held);
	uint64_t voice = job->stream_results[0]->account->packets_sent;
	uint64_t data = job->stream_results[1]->account->packets_sent;
	drop(job);
	for (int i = 0; i < 2; i++) {
		end_agent();
		start_on_store();
		job = wait_state(id, STATE(RUNNING));
		while (job->stream_results[1]->state != STREAM_IS(CANCELLED)) {
			drop(job); /* it has not begun yet */
			nap_ms(2);
			job = get(id);
		}
		check_states(job, STREAM_IS(PAUSED), STREAM_IS(CANCELLED), STREAM_IS(PAUSED));
		CHECK_INT(job->stream_results[0]->account->packets_sent, ==, voice);
		CHECK_INT(job->stream_results[1]->account->packets_sent, ==, data);
		CHECK_INT(job->stream_results[1]->baseline->packets_sent, ==, baseline);
		drop(job);
	}
	drop(order(RESUME, id, "late"));
	until_sent(id, 2, 2);
	job = order(RESUME, id, "voice");
	CHECK_INT(job->stream_results[0]->baseline->packets_sent, ==, voice);
	drop(job);
	until_sent(id, 0, voice + 5);
	drop(order(CANCEL, id, "voice"));
	job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK_INT(job->stream_results[0]->baseline->packets_sent, ==, voice);
	CHECK_INT(job->stream_results[1]->account->packets_sent, ==, data);
	CHECK_INT(job->stream_results[1]->account->packets_requested, ==, 1000000);
	check_books(job);
	CHECK_INT(count_received("hello"), ==, job->account->packets_sent);
	drop(job);
	end_on_store();
}

TEST_MAIN(CASE(a_job_shows_what_each_of_its_streams_does), CASE(calls_refuse_streams_that_are_none),
	  CASE(a_held_stream_of_few_packets_lets_other_jobs_run),
	  CASE(who_cancelled_a_stream_is_not_who_ended_the_job),
	  CASE(what_streams_were_they_are_after_a_restart))
