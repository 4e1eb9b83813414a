/* A job that has nothing more to send, and whose end is not stored yet, holds nobody up. */
#include "pagecast/metrics.h"
#include "unit/agent_fixture.h"
#include "unit/moody_store.h"

enum { SETTLING = 64, NUMBERED = 100 }; /* and one that keeps its lane */

static const char *submit_numbered(int number)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	static char ids[NUMBERED][JOB_ID_LEN + 1];
	char text[256];
	snprintf(text, sizeof text,
		 "{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":%u},"
		 "\"payloads\":[{\"text\":\"%d\"}],\"limit\":{\"packets\":1}}]}",
		 receiver_port, number);
	if (try_submit(&OPERATOR, text, "", &job, NULL, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	strcpy(ids[number], job->id);
	drop(job);
	return ids[number];
}

static bool came[NUMBERED];

/* Until @count numbers have come, each once. They leave in their order, but loopback may deliver
 * what was sent on two processors in another. */
static void receive_numbers(int *received, int count)
{
	if (!*received)
		memset(came, 0, sizeof came);
	for (int64_t until = now_ms() + WEDGED_MS; *received < count;) {
		char bytes[64] = "";
		if (recv(receiver, bytes, sizeof bytes - 1, 0) < 0) {
			CHECK_INT(now_ms(), <, until);
			nap_ms(1);
			continue;
		}
		int number = atoi(bytes);
		CHECK_INT(number, <, NUMBERED);
		CHECK(!came[number]);
		came[number] = true;
		++*received;
	}
}

static int64_t first_packet_ns(const Pagecast__V1__Job *job)
{
	CHECK(job->first_packet_time);
	return job->first_packet_time->seconds * CLOCK_NS_PER_S + job->first_packet_time->nanos;
}

/* An agent of one worker whose store takes no end, and the numbered jobs. */
static void begin(const char *ids[static NUMBERED])
{
	open_receiver();
	open_store();
	start_on_store();
	moody.hold_ends = true;
	for (int i = 0; i < NUMBERED; i++)
		ids[i] = submit_numbered(i);
}

TEST(agent_of_one_worker_goes_on_while_ends_are_being_stored)
{
	struct agent_metrics metrics;
	const char *ids[NUMBERED];
	int64_t last_ns = 0;
	int received = 0;
	begin(ids);
	receive_numbers(&received, SETTLING + 1);
	nap_ms(50);
	CHECK_INT(count_received(NULL), ==, 0); /* there is a limit to it */
	agent_metrics(agent, &metrics);
	CHECK_INT(metrics.workers, ==, 1);
	CHECK_INT(metrics.workers_busy, ==, 1);
	for (int i = 0; i < NUMBERED; i++)
		CHECK_INT(state_of(ids[i]), ==, i <= SETTLING ? STATE(RUNNING) : STATE(QUEUED));
	moody.hold_ends = false;
	receive_numbers(&received, NUMBERED);
	for (int i = 0; i < NUMBERED; i++) {
		Pagecast__V1__Job *job = wait_ended(ids[i]);
		CHECK_INT(job->state, ==, STATE(SUCCEEDED));
		CHECK_INT(job->account->packets_sent, ==, 1);
		CHECK_INT(first_packet_ns(job), >=, last_ns); /* they were sent in their order */
		last_ns = first_packet_ns(job);
		check_books(job);
		drop(job);
	}
	CHECK_INT(count_received(NULL), ==, 0);
	end_agent();
	close_store();
	close_receiver();
}

TEST(agent_that_stops_while_ends_are_being_stored_loses_none)
{
	const char *ids[NUMBERED];
	int received = 0;
	begin(ids);
	receive_numbers(&received, SETTLING / 2);
	moody.hold_ends = false;
	end_agent();
	start_on_store();
	int sent = 0, interrupted = 0;
	for (int i = 0; i < NUMBERED; i++) {
		Pagecast__V1__Job *job = wait_ended(ids[i]);
		if (job->state != STATE(INTERRUPTED))
			CHECK_INT(job->state, ==, STATE(SUCCEEDED));
		interrupted += job->state == STATE(INTERRUPTED);
		sent += (int)job->account->packets_sent;
		check_books(job);
		drop(job);
	}
	CHECK_INT(interrupted, <=, 1); /* the one that was sending, or about to */
	CHECK_INT(sent, >=, NUMBERED - interrupted);
	receive_numbers(&received, sent);
	CHECK_INT(count_received(NULL), ==, 0); /* nothing twice */
	end_agent();
	close_store();
	close_receiver();
}

TEST_MAIN(CASE(agent_of_one_worker_goes_on_while_ends_are_being_stored),
	  CASE(agent_that_stops_while_ends_are_being_stored_loses_none))
