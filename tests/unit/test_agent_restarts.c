/* A job that resumes, over two restarts in a row and more: nothing is lost or sent twice, and what
 * was so before is so afterwards. */
#include "base/util.h"
#include "unit/agent_time.h"
#include "unit/moody_store.h"

enum { PACKETS = 600, RESTARTS = 3 };

static const char *const COUNTED = "\"limit\":{\"packets\":600},\"rate\":{\"pps\":1500}";
#define RESUMES "\"restartPolicy\":\"RESUME\""

static void restart(void)
{
	end_agent();
	start_on_store();
}

static uint64_t sent_of(const char *id)
{
	Pagecast__V1__Job *job = get(id);
	uint64_t sent = job->account->packets_sent;
	drop(job);
	return sent;
}

/* Until the receiver has @count in all. */
static void receive(uint64_t *received, uint64_t count)
{
	for (int64_t until = now_ms() + WEDGED_MS; *received < count; nap_ms(1)) {
		CHECK_INT(now_ms(), <, until);
		*received += count_received("hello");
	}
}

static Google__Protobuf__Timestamp first_packet(const char *id)
{
	Pagecast__V1__Job *job = get(id);
	CHECK(job->first_packet_time);
	Google__Protobuf__Timestamp time = *job->first_packet_time;
	drop(job);
	return time;
}

static void check_done(const char *id, uint64_t received)
{
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(SUCCEEDED));
	CHECK_INT(job->account->packets_sent, ==, PACKETS);
	check_books(job);
	drop(job);
	received += count_received("hello");
	CHECK_INT(received, ==, PACKETS);
}

TEST(restarts_in_a_row_lose_and_repeat_nothing)
{
	uint64_t received = 0;
	begin_on_store();
	const char *id = submit(COUNTED, RESUMES);
	receive(&received, 10);
	for (int64_t until = now_ms() + WEDGED_MS; !sent_of(id); nap_ms(2))
		CHECK_INT(now_ms(), <, until); /* it is published */
	Google__Protobuf__Timestamp first = first_packet(id);
	for (int i = 0; i < RESTARTS; i++) {
		restart(); /* also before it could send again */
		restart();
		Google__Protobuf__Timestamp now = first_packet(id);
		CHECK_INT(now.seconds, ==, first.seconds);
		CHECK_INT(now.nanos, ==, first.nanos);
		if (i + 1 < RESTARTS)
			receive(&received, received + 20);
	}
	check_done(id, received);
	end_on_store();
}

TEST(a_paused_job_is_paused_after_each_restart_and_sends_nothing)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__PauseJobRequest pause = PAGECAST__V1__PAUSE_JOB_REQUEST__INIT;
	Pagecast__V1__ResumeJobRequest resume = PAGECAST__V1__RESUME_JOB_REQUEST__INIT;
	uint64_t received = 0;
	begin_on_store();
	const char *id = submit(COUNTED, RESUMES);
	receive(&received, 10);
	pause.id = resume.id = (char *)id;
	CHECK_INT(agent_pause_job(agent, &OPERATOR, &pause, &job, &error), ==, 0);
	drop(job);
	received += count_received("hello");
	uint64_t sent = sent_of(id);
	CHECK_INT(received, ==, sent);
	for (int i = 0; i < RESTARTS; i++) {
		restart();
		drop(wait_state(id, STATE(PAUSED)));
		CHECK_INT(sent_of(id), ==, sent);
		CHECK_INT(count_received(NULL), ==, 0);
	}
	CHECK_INT(agent_resume_job(agent, &OPERATOR, &resume, &job, &error), ==, 0);
	drop(job);
	check_done(id, received);
	end_on_store();
}

/* Never seen to wait for its start again, until one more packet has come. */
static void go_on_without_delay(const char *id, uint64_t *received)
{
	uint64_t before = *received;
	for (int64_t until = now_ms() + WEDGED_MS; *received == before; nap_ms(1)) {
		CHECK_INT(now_ms(), <, until);
		Pagecast__V1__Job *job = get(id);
		if (job->progress)
			CHECK(strcmp(job->progress->waiting_for, "start_delay") != 0);
		drop(job);
		*received += count_received("hello");
	}
}

/* A delay before the first packet is waited for once, and a job that had not begun waits anew. */
TEST(a_start_delay_is_waited_for_once)
{
	uint64_t received = 0;
	begin_on_store();
	const char *id = submit("\"limit\":{\"packets\":600},\"rate\":{\"pps\":1500},"
				"\"startDelay\":\"0.5s\"",
				RESUMES);
	drop(wait_state(id, STATE(RUNNING)));
	restart();
	receive(&received, 10);
	for (int i = 0; i < 2; i++) {
		restart();
		received += count_received("hello");
		go_on_without_delay(id, &received);
	}
	check_done(id, received);
	end_on_store();
}

/* Of its last agent's time the job knows how long it had been sent; each restart takes up that. */
TEST(a_max_duration_holds_over_restarts)
{
	uint64_t received = 0;
	begin_on_store();
	const char *id = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":200}",
				RESUMES ",\"maxDuration\":\"1s\"");
	int64_t begun = now_ms();
	receive(&received, 5);
	for (int i = 0; i < RESTARTS; i++) {
		restart();
		receive(&received, received + 5);
	}
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK(has_problem(job, "max_duration", "1 s"));
	CHECK_INT(now_ms() - begun, >=, 1000);
	/* 200 a second for one second at most, and one for each time that it began anew */
	CHECK_INT(job->account->packets_sent, <=, 200 + RESTARTS + 1);
	received += count_received("hello");
	CHECK_INT(received, ==, job->account->packets_sent);
	check_books(job);
	drop(job);
	end_on_store();
}

/* What was is not undone by a clock that somebody sets back while the agent is down. */
TEST(a_clock_that_is_set_back_repeats_and_loses_nothing)
{
	uint64_t received = 0;
	time_stands();
	begin_on_store();
	const char *id = submit(COUNTED, RESUMES ",\"maxDuration\":\"60s\"");
	const char *later = submit(COUNTED, start_in_ms(86400 * 1000, ""));
	receive(&received, 1);
	drop(wait_state(id, STATE(RUNNING)));
	Pagecast__V1__Job *job = get(id);
	uint64_t revision = job->revision;
	drop(job);
	for (int i = 0; i < RESTARTS; i++) {
		end_agent();
		atomic_fetch_sub(&agent_time.realtime_ns, 3600 * CLOCK_NS_PER_S);
		start_on_store();
		receive(&received, received + 1);
		job = wait_state(id, STATE(RUNNING));
		CHECK_INT(job->revision, >, revision); /* newer, whatever the time is */
		CHECK_INT(first_packet(id).seconds, >,
			  clock_realtime_ns(&agent_time.clock) / CLOCK_NS_PER_S);
		revision = job->revision;
		drop(job);
		CHECK_INT(state_of(later), ==, STATE(SCHEDULED));
	}
	for (int64_t until = now_ms() + WEDGED_MS; !job_state_ended(state_of(id)); nap_ms(1)) {
		CHECK_INT(now_ms(), <, until);
		time_passes(10);
	}
	check_done(id, received);
	drop(cancel(later));
	end_on_store();
	agent_clock = NULL;
}

TEST_MAIN(CASE(restarts_in_a_row_lose_and_repeat_nothing),
	  CASE(a_paused_job_is_paused_after_each_restart_and_sends_nothing),
	  CASE(a_start_delay_is_waited_for_once), CASE(a_max_duration_holds_over_restarts),
	  CASE(a_clock_that_is_set_back_repeats_and_loses_nothing))
