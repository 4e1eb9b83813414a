/*
 * Back to zero: whatever becomes of a submission, a change, a cancel or a write, every count of the
 * agent is where it was once the jobs are gone; and what was refused a thousand times leaves room
 * for what is taken.
 */
#include "base/util.h"
#include "unit/agent_fixture.h"
#include "unit/moody_store.h"

enum { QUEUED_MAX = 3, REFUSALS = 1000, ROUNDS = 3 };

static const char *const POLICY = "{\"maxJobsQueued\":3,\"maxPps\":1000,\"maxTotalPps\":1500,"
				  "\"maxTotalBpsL2\":1e7,\"allowedNetworks\":[\"127.0.0.0/8\"]}";
#define ENDLESS "\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":100}"

struct books {
	size_t live, finished, unsaved, damaged, queued, known, starts, leases, previews, named;
	size_t states[AGENT_JOB_STATES];
	uint64_t live_bytes, finished_bytes;
	double pps, bps_l2;
};

static struct books books_now(void)
{
	struct books books;
	memset(&books, 0, sizeof books);
	agent_lock(agent);
	books.live = agent->live_count;
	books.finished = agent->finished_count;
	books.unsaved = agent->unsaved_count;
	books.damaged = agent->damaged_count;
	books.queued = agent->queue.count;
	books.known = agent->jobs.count;
	books.starts = agent->starts.count;
	books.leases = agent->leases.count;
	for (size_t i = 0; i < JOB_REQUESTS_BUCKETS; i++)
		for (const struct job *job = agent->requests.buckets[i]; job;
		     job = job->next_request)
			books.named++;
	memcpy(books.states, agent->state_counts, sizeof books.states);
	books.live_bytes = agent->live_bytes;
	books.finished_bytes = agent->finished_bytes;
	books.pps = agent->granted.pps;
	books.bps_l2 = agent->granted.bps_l2;
	agent_unlock(agent);
	pthread_mutex_lock(&agent->previews.lock);
	books.previews = agent->previews.taken;
	pthread_mutex_unlock(&agent->previews.lock);
	return books;
}

static void check_zero(const char *after)
{
	struct books books = books_now();
	const struct books zero = {0};
	if (memcmp(&books, &zero, sizeof books) != 0)
		test_fail(__FILE__, __LINE__,
			  "after %s: live %zu (%zu bytes), finished %zu (%zu bytes), unsaved %zu, "
			  "damaged %zu, queued %zu, known %zu, starts %zu, leases %zu, previews "
			  "%zu, request ids %zu, granted %g pps and %g bit/s",
			  after, books.live, (size_t)books.live_bytes, books.finished,
			  (size_t)books.finished_bytes, books.unsaved, books.damaged, books.queued,
			  books.known, books.starts, books.leases, books.previews, books.named,
			  books.pps, books.bps_l2);
}

static int try_json(const char *json, const char *request_id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	int r = try_submit(&OPERATOR, json, request_id, &job, NULL, &error);
	if (job)
		drop(job);
	error_deinit(&error);
	return r;
}

static int try_one(const char *of_stream, const char *of_job)
{
	return try_json(spec_text(of_stream, of_job), "");
}

static int try_change(const char *id, const char *json)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	int r = change(for_job(id, json), &job, &error);
	if (job)
		drop(job);
	error_deinit(&error);
	return r;
}

static int delete_one(const char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__DeleteJobRequest request = PAGECAST__V1__DELETE_JOB_REQUEST__INIT;
	Pagecast__V1__DeleteJobResponse *response = NULL;
	request.id = (char *)id;
	int r = agent_delete_job(agent, &OPERATOR, &request, &response, &error);
	if (!r)
		pagecast__v1__delete_job_response__free_unpacked(response, NULL);
	error_deinit(&error);
	return r;
}

static void end_and_delete(const char *id)
{
	drop(cancel(id));
	CHECK_INT(delete_one(id), ==, 0);
}

static void open_all(void)
{
	open_receiver();
	open_store();
	start_agent_on(&moody.store, POLICY, 2, 0);
	check_zero("the start");
}

static void close_all(void)
{
	end_agent();
	close_store();
	close_receiver();
}

/* Every way to be refused that needs no other job. */
static void be_refused(void)
{
	CHECK_INT(try_one("\"limit\":{\"packets\":0}", ""), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(try_one("\"rate\":{\"pps\":1001}", ""), ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_INT(try_one("", "\"startTime\":\"2020-01-01T00:00:00Z\""), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(try_one("", "\"engine\":\"TXRING\""), ==, ERROR_CODE_FAILED_PRECONDITION);
	CHECK_INT(try_json("{\"streams\":[]}", "once"), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(try_json("{\"streams\":[{\"udp\":{\"address\":\"198.18.0.1\",\"port\":9},"
			   "\"payloads\":[{\"text\":\"x\"}]}]}",
			   "once"),
		  ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_INT(try_json("{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":9,"
			   "\"interface\":\"not-here\"},\"payloads\":[{\"text\":\"x\"}]}]}",
			   "once"),
		  ==, ERROR_CODE_NOT_FOUND);
}

TEST(agent_keeps_nothing_of_what_it_refuses)
{
	open_all();
	for (int i = 0; i < REFUSALS / 7 + 1; i++)
		be_refused();
	check_zero("a thousand refusals");
	moody.fail_creates = true;
	for (int i = 0; i < REFUSALS; i++)
		CHECK_INT(try_json(spec_text("", ""), "once"), ==, ERROR_CODE_UNAVAILABLE);
	check_zero("a thousand writes that failed");
	moody.fail_creates = false;
	const char *id = submit("\"limit\":{\"packets\":3}", "");
	drop(wait_ended(id));
	CHECK_INT(delete_one(id), ==, 0);
	check_zero("a job that was taken then");
	close_all();
}

TEST(agent_has_room_again_after_a_full_queue)
{
	const char *running[2], *waiting[QUEUED_MAX];
	open_all();
	for (int i = 0; i < 2; i++) {
		running[i] = submit(ENDLESS, "");
		drop(wait_state(running[i], STATE(RUNNING)));
	}
	for (int i = 0; i < QUEUED_MAX; i++)
		waiting[i] = submit(ENDLESS, "\"lease\":\"3600s\"");
	struct books before = books_now();
	CHECK_INT(before.queued, ==, QUEUED_MAX);
	for (int i = 0; i < REFUSALS; i++)
		CHECK_INT(try_json(spec_text(ENDLESS, ""), "once"), ==,
			  ERROR_CODE_RESOURCE_EXHAUSTED);
	struct books after = books_now();
	CHECK_INT(after.live, ==, before.live);
	CHECK_INT(after.live_bytes, ==, before.live_bytes);
	CHECK_INT(after.named, ==, before.named);
	end_and_delete(waiting[1]);
	waiting[1] = submit(ENDLESS, ""); /* just one more again */
	CHECK_INT(try_one(ENDLESS, ""), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	for (int i = 0; i < QUEUED_MAX; i++)
		end_and_delete(waiting[i]);
	for (int i = 0; i < 2; i++)
		end_and_delete(running[i]);
	check_zero("a full queue");
	close_all();
}

/* Of a running job and of a waiting one: taken, refused, and not stored. */
TEST(agent_gives_back_what_changes_took)
{
	open_all();
	for (int round = 0; round < ROUNDS; round++) {
		const char *running = submit(ENDLESS, "\"lease\":\"3600s\"");
		drop(wait_state(running, STATE(RUNNING)));
		const char *other = submit("\"limit\":{\"untilCancelled\":true},\"rate\":"
					   "{\"pps\":900}",
					   "");
		drop(wait_state(other, STATE(RUNNING)));
		const char *later = submit(ENDLESS, "\"startTime\":\"2199-01-01T00:00:00Z\"");
		CHECK(books_now().pps == 1000);
		CHECK_INT(try_change(running, "\"rate\":{\"pps\":600}"), ==, 0);
		CHECK(books_now().pps == 1500);
		CHECK_INT(try_change(running, "\"rate\":{\"pps\":601}"), ==,
			  ERROR_CODE_RESOURCE_EXHAUSTED);
		CHECK_INT(try_change(running, "\"rate\":{\"pps\":-1}"), ==,
			  ERROR_CODE_INVALID_ARGUMENT);
		CHECK_INT(try_change(running, "\"stream\":\"none\",\"rate\":{\"pps\":1}"), ==,
			  ERROR_CODE_INVALID_ARGUMENT);
		CHECK_INT(try_change(running, "\"rate\":{\"pps\":50}"), ==, 0);
		CHECK(books_now().pps == 950);
		CHECK_INT(try_change(later, "\"rate\":{\"pps\":1001}"), !=, 0);
		CHECK_INT(try_change(later, "\"rate\":{\"pps\":999},\"priority\":9"), ==, 0);
		moody.fail_updates = true;
		try_change(running, "\"rate\":{\"pps\":70}");
		try_change(later, "\"rate\":{\"pps\":70}");
		moody.fail_updates = false;
		CHECK_INT(books_now().starts, ==, 1);
		end_and_delete(later);
		end_and_delete(other);
		CHECK_INT(books_now().live, ==, 1);
		end_and_delete(running);
		check_zero("changes");
	}
	close_all();
}

TEST(agent_gives_back_what_ended_in_any_way)
{
	struct error error = ERROR_NULL;
	struct sockaddr_in taken = {.sin_family = AF_INET};
	socklen_t len = sizeof taken;
	char of_udp[256];
	open_all();
	taken.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(other, (struct sockaddr *)&taken, sizeof taken), ==, 0);
	CHECK_INT(getsockname(other, (struct sockaddr *)&taken, &len), ==, 0);
	snprintf(of_udp, sizeof of_udp,
		 "{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":%u,\"sourcePort\":%u},"
		 "\"payloads\":[{\"text\":\"x\"}]}]}",
		 receiver_port, ntohs(taken.sin_port));
	for (int round = 0; round < ROUNDS; round++) {
		Pagecast__V1__Job *job = NULL;
		CHECK_INT(try_submit(&OPERATOR, of_udp, "unfit", &job, NULL, &error), ==, 0);
		char unfit[JOB_ID_LEN + 1];
		strcpy(unfit, job->id);
		drop(job);
		job = wait_ended(unfit);
		CHECK_INT(job->state, ==, STATE(FAILED)); /* another has the port */
		drop(job);
		const char *done = submit("\"limit\":{\"packets\":5}", "");
		job = wait_ended(done);
		CHECK_INT(job->state, ==, STATE(SUCCEEDED));
		drop(job);
		const char *unstored = submit(ENDLESS, "");
		drop(wait_state(unstored, STATE(RUNNING)));
		moody.fail_updates = true;
		drop(cancel(unstored));
		CHECK_INT(books_now().unsaved, ==, 1);
		CHECK_INT(books_now().live, ==, 0);
		CHECK(books_now().pps == 0);
		moody.fail_updates = false;
		for (int64_t until = now_ms() + WEDGED_MS; books_now().unsaved; nap_ms(5))
			CHECK_INT(now_ms(), <, until);
		CHECK_INT(delete_one(unstored), ==, 0);
		CHECK_INT(delete_one(done), ==, 0);
		CHECK_INT(books_now().named, ==, 1);
		CHECK_INT(delete_one(unfit), ==, 0);
		CHECK_INT(delete_one(unfit), ==, ERROR_CODE_NOT_FOUND);
		check_zero("ends");
	}
	close(other);
	close_all();
}

TEST_MAIN(CASE(agent_keeps_nothing_of_what_it_refuses),
	  CASE(agent_has_room_again_after_a_full_queue), CASE(agent_gives_back_what_changes_took),
	  CASE(agent_gives_back_what_ended_in_any_way))
