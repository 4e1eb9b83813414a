/*
 * Hundreds of random jobs, steered at random by several callers at once: the books of each balance,
 * and a receiver that sorts by job finds of each job exactly what its account says was sent.
 */
#include "base/log.h"
#include "unit/agent_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { JOBS = 400, CALLERS = 4, TAG_BYTES = 10, NAPS_MS = 40 };

static _Atomic uint64_t arrived[JOBS];
static uint64_t sent[JOBS]; /* by the account; each written by the caller that made the job */
static Pagecast__V1__JobState ended[JOBS];
static _Atomic int next_job;
static _Atomic bool receiving;
static bool lossless; /* the receiver's buffer takes whatever comes */

static void *receive(void *context)
{
	char bytes[2048];
	(void)context;
	for (;;) {
		ssize_t n = recv(receiver, bytes, sizeof bytes, 0);
		if (n < 0) {
			struct pollfd poll_fd = {receiver, POLLIN, 0};
			if (!receiving)
				return NULL;
			poll(&poll_fd, 1, 10);
			continue;
		}
		CHECK_INT(n, >=, TAG_BYTES);
		CHECK(memcmp(bytes, "job-", 4) == 0);
		bytes[TAG_BYTES] = '\0';
		int job = atoi(bytes + 4);
		CHECK(job >= 0 && job < JOBS);
		arrived[job]++;
	}
}

struct caller {
	pthread_t thread;
	uint64_t seed;
};

static uint32_t pick(struct caller *caller, uint32_t below)
{
	caller->seed = caller->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(caller->seed >> 33) % below;
}

static void random_spec(struct caller *caller, int number, char text[static 1024])
{
	static const char *const ENGINES[] = {"SPLICE", "COPY", "ENGINE_KIND_UNSPECIFIED"};
	char limit[80], rate[80] = "";
	uint32_t size = TAG_BYTES + pick(caller, 1390);
	switch (pick(caller, 4)) {
	case 0: snprintf(limit, sizeof limit, "\"packets\":%u", 1 + pick(caller, 2000)); break;
	case 1:
		snprintf(limit, sizeof limit, "\"bytes\":%u", size * (1 + pick(caller, 1000)));
		break;
	case 2: snprintf(limit, sizeof limit, "\"loops\":%u", 1 + pick(caller, 500)); break;
	default:
		snprintf(limit, sizeof limit, "\"duration\":\"0.0%02us\"", 1 + pick(caller, 60));
		break;
	}
	if (pick(caller, 3) || strstr(limit, "duration"))
		snprintf(rate, sizeof rate, ",\"rate\":{\"pps\":%u}", 100 + pick(caller, 20000));
	bool textbook = pick(caller, 5) == 0;
	snprintf(text, 1024,
		 "{\"engine\":\"%s\",%s\"priority\":%d,\"streams\":[{\"udp\":{\"address\":"
		 "\"127.0.0.1\",\"port\":%u},\"payloads\":[{\"text\":\"job-%06d\",\"repeat\":%u}],"
		 "\"size\":{\"fixed\":%u},\"limit\":{%s}%s}]}",
		 textbook ? "SPLICE" : ENGINES[pick(caller, 3)],
		 textbook ? "\"pageLayout\":\"PAGE_PER_PACKET\"," : "",
		 (int)pick(caller, 201) - 100, receiver_port, number, 1 + pick(caller, 4), size,
		 limit, rate);
}

/* Refusals because of the job's state are as right as success; anything else is not. */
static void may_refuse(int r, struct error *error)
{
	if (r && r != ERROR_CODE_FAILED_PRECONDITION)
		test_fail(__FILE__, __LINE__, "%d: %s", r, error_message(error));
	error_deinit(error);
}

static void steer(struct caller *caller, char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__PauseJobRequest pause = PAGECAST__V1__PAUSE_JOB_REQUEST__INIT;
	Pagecast__V1__ResumeJobRequest resume = PAGECAST__V1__RESUME_JOB_REQUEST__INIT;
	Pagecast__V1__UpdateJobRequest update = PAGECAST__V1__UPDATE_JOB_REQUEST__INIT;
	Pagecast__V1__Rate rate = PAGECAST__V1__RATE__INIT;
	nap_ms((int)pick(caller, NAPS_MS));
	switch (pick(caller, 5)) {
	case 0: job = cancel(id); break;
	case 1:
		pause.id = resume.id = id;
		may_refuse(agent_pause_job(agent, &OPERATOR, &pause, &job, &error), &error);
		if (job)
			drop(job);
		job = NULL;
		nap_ms((int)pick(caller, NAPS_MS));
		may_refuse(agent_resume_job(agent, &OPERATOR, &resume, &job, &error), &error);
		break;
	case 2:
		update.id = id;
		update.rate = &rate;
		rate.kind_case = PAGECAST__V1__RATE__KIND_PPS;
		rate.pps = 500 + pick(caller, 50000);
		may_refuse(agent_update_job(agent, &OPERATOR, &update, &job, &error), &error);
		break;
	case 3:
		update.id = id;
		update.new_priority_case = PAGECAST__V1__UPDATE_JOB_REQUEST__NEW_PRIORITY_PRIORITY;
		update.priority = (int32_t)pick(caller, 201) - 100;
		may_refuse(agent_update_job(agent, &OPERATOR, &update, &job, &error), &error);
		break;
	default: break;
	}
	if (job)
		drop(job);
}

static void finish(struct caller *caller, int number, char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__DeleteJobRequest request = PAGECAST__V1__DELETE_JOB_REQUEST__INIT;
	Pagecast__V1__DeleteJobResponse *response = NULL;
	Pagecast__V1__Job *job = wait_ended(id);
	check_books(job);
	CHECK(job->state == STATE(SUCCEEDED) || job->state == STATE(CANCELLED));
	if (job->state == STATE(SUCCEEDED))
		CHECK_INT(job->account->packets_sent, ==, job->account->packets_requested);
	if (!job->account->packets_sent)
		CHECK_INT(job->n_problems, >, 0);
	sent[number] = job->account->packets_sent;
	ended[number] = job->state;
	drop(job);
	if (pick(caller, 3))
		return;
	request.id = id;
	CHECK_INT(agent_delete_job(agent, &OPERATOR, &request, &response, &error), ==, 0);
	pagecast__v1__delete_job_response__free_unpacked(response, NULL);
}

static void *call(void *context)
{
	struct caller *caller = context;
	for (int number; (number = next_job++) < JOBS;) {
		struct error error = ERROR_NULL;
		Pagecast__V1__Job *job = NULL;
		char text[1024], id[JOB_ID_LEN + 1];
		random_spec(caller, number, text);
		if (try_submit(&OPERATOR, text, "", &job, NULL, &error))
			test_fail(__FILE__, __LINE__, "%s: %s", text, error_message(&error));
		strcpy(id, job->id);
		drop(job);
		steer(caller, id);
		finish(caller, number, id);
	}
	return NULL;
}

TEST(agent_sends_of_each_job_what_its_account_says)
{
	struct caller callers[CALLERS];
	pthread_t thread;
	int room = 256 << 20;
	open_receiver();
	lossless = setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0;
	start_agent_on(NULL, NULL, 2, JOBS);
	receiving = true;
	CHECK_INT(pthread_create(&thread, NULL, receive, NULL), ==, 0);
	for (int i = 0; i < CALLERS; i++) {
		callers[i].seed = 77 + (uint64_t)i;
		CHECK_INT(pthread_create(&callers[i].thread, NULL, call, &callers[i]), ==, 0);
	}
	for (int i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	end_agent();
	receiving = false; /* what is on loopback is in the buffer already */
	pthread_join(thread, NULL);
	uint64_t all = 0, cancelled = 0;
	for (int i = 0; i < JOBS; i++) {
		if (lossless ? arrived[i] != sent[i] : arrived[i] > sent[i])
			test_fail(__FILE__, __LINE__,
				  "job %d: %" PRIu64 " sent, %" PRIu64 " arrived", i, sent[i],
				  (uint64_t)arrived[i]);
		all += sent[i];
		cancelled += ended[i] == STATE(CANCELLED);
	}
	printf("  %" PRIu64 " datagrams of %d jobs, %" PRIu64 " cancelled%s\n", all, JOBS,
	       cancelled,
	       lossless ? "" : "; without CAP_NET_ADMIN some may be lost at the receiver");
	CHECK_INT(all, >, 10000);
	CHECK_INT(cancelled, >, 5);
	close_receiver();
}

TEST_MAIN(CASE(agent_sends_of_each_job_what_its_account_says))
