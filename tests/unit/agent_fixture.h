/*
 * agent_fixture: an agent for one case, jobs from JSON, and a socket on loopback that counts what
 * arrives. Every helper fails the case on what it does not expect.
 */
#pragma once
#include "api/codec/json_read.h"
#include "api/rest/policy_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/start.h"
#include "core/state/agent.h"
#include "lib/test.h"
#include "store/job_state.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNUSED	    __attribute__((unused))
#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

static const struct agent_caller OPERATOR = {"local", AGENT_ROLE_OPERATOR, "test"};
static const struct agent_caller VIEWER UNUSED = {"eve", AGENT_ROLE_VIEWER, "test"};
static const struct agent_caller ADMIN UNUSED = {"root", AGENT_ROLE_ADMIN, "test"};
static const struct agent_caller OTHER UNUSED = {"bob", AGENT_ROLE_OPERATOR, "test"};

static struct agent *agent;

UNUSED static int64_t now_ms(void)
{
	return clock_monotonic_ns(clock_real()) / CLOCK_NS_PER_MS;
}

/* Nothing that works takes as long, however busy the machine. */
enum { WEDGED_MS = 60000 };

UNUSED static void nap_ms(int ms)
{
	usleep((useconds_t)ms * 1000);
}

/* ---- the agent ---- */
static const struct clock *agent_clock; /* of the next agent that starts; NULL: the real one */
static char policy_file_name[64];

UNUSED static void write_policy(const char *json)
{
	FILE *file = fopen(policy_file_name, "w");
	CHECK(file);
	fputs(json, file);
	fclose(file);
}

UNUSED static void start_agent_on(struct store *store, const char *policy, uint32_t workers,
				  uint32_t history)
{
	struct error error = ERROR_NULL;
	struct agent_options options = {.name = "lab",
					.version = "1.2.3",
					.parse_policy = policy_json_parse,
					.workers = workers,
					.clock = agent_clock,
					.history_max_jobs = history};
	if (policy) {
		strcpy(policy_file_name, "/tmp/pagecast-policy-XXXXXX");
		close(mkstemp(policy_file_name));
		write_policy(policy);
		options.policy_file = policy_file_name;
	} else {
		policy_file_name[0] = '\0';
	}
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_KV);
	int r = store ? agent_new_on(&agent, &options, store, &error)
		      : agent_new(&agent, &options, &error);
	if (!r)
		r = agent_start(agent, &error);
	if (r)
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
}

UNUSED static void start_agent(const char *policy, uint32_t workers)
{
	start_agent_on(NULL, policy, workers, 0);
}

UNUSED static void end_agent(void)
{
	agent_stop(agent);
	agent = agent_free(agent);
	if (policy_file_name[0])
		unlink(policy_file_name);
}

/* ---- the receiver ---- */
static int receiver = -1;
static uint16_t receiver_port;

static uint64_t turned_away; /* of the receiver's, those counted already */
UNUSED static void open_receiver(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof address;
	int room = 64 << 20;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	receiver = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	CHECK(receiver >= 0);
	setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	CHECK_INT(bind(receiver, (struct sockaddr *)&address, sizeof address), ==, 0);
	CHECK_INT(getsockname(receiver, (struct sockaddr *)&address, &len), ==, 0);
	receiver_port = ntohs(address.sin_port);
	turned_away = 0;
}

/* How many datagrams arrived since the last call; each that had room must be @text if that is not
 * NULL. */
UNUSED static uint64_t count_received(const char *text)
{
	uint64_t count = 0;
	char bytes[2048];
	for (ssize_t n; (n = recv(receiver, bytes, sizeof bytes, 0)) >= 0; count++)
		CHECK(!text || ((size_t)n == strlen(text) && !memcmp(bytes, text, (size_t)n)));
	uint64_t before = turned_away;
	turned_away = test_turned_away(receiver);
	return count + turned_away - before;
}

UNUSED static void close_receiver(void)
{
	close(receiver);
	receiver = -1;
}

/* ---- jobs ---- */
UNUSED static ProtobufCMessage *parse(const ProtobufCMessageDescriptor *type, const char *json)
{
	struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	if (json_read(type, json, strlen(json), NULL, &message, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", json, error_message(&error));
	return message;
}

/* A JobSpec as JSON: one stream of "hello" to the receiver, with more of the stream and of the job.
 */
UNUSED static const char *spec_text(const char *of_stream, const char *of_job)
{
	static char text[4096];
	snprintf(text, sizeof text,
		 "{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":%u},"
		 "\"payloads\":[{\"text\":\"hello\"}]%s%s}]%s%s}",
		 receiver_port ? receiver_port : 9, *of_stream ? "," : "", of_stream,
		 *of_job ? "," : "", of_job);
	return text;
}

UNUSED static int try_submit(const struct agent_caller *caller, const char *json,
			     const char *request_id, Pagecast__V1__Job **ret_job, bool *ret_created,
			     struct error *ret_error)
{
	Pagecast__V1__SubmitJobRequest request = PAGECAST__V1__SUBMIT_JOB_REQUEST__INIT;
	request.spec = (Pagecast__V1__JobSpec *)parse(&pagecast__v1__job_spec__descriptor, json);
	request.request_id = (char *)request_id;
	int r = agent_submit_job(agent, caller, &request, ret_job, ret_created, ret_error);
	pagecast__v1__job_spec__free_unpacked(request.spec, NULL);
	return r;
}

/* Return: its name, in one of a few buffers that are used in turn */
UNUSED static const char *submit(const char *of_stream, const char *of_job)
{
	static char names[64][JOB_ID_LEN + 1];
	static int turn;
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	if (try_submit(&OPERATOR, spec_text(of_stream, of_job), "", &job, NULL, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	char *name = names[turn++ % 64];
	strcpy(name, job->id);
	pagecast__v1__job__free_unpacked(job, NULL);
	return name;
}

UNUSED static Pagecast__V1__Job *get(const char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__GetJobRequest request = PAGECAST__V1__GET_JOB_REQUEST__INIT;
	Pagecast__V1__Job *job = NULL;
	request.id = (char *)id;
	if (agent_get_job(agent, &VIEWER, &request, &job, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return job;
}

UNUSED static void drop(Pagecast__V1__Job *job)
{
	pagecast__v1__job__free_unpacked(job, NULL);
}

UNUSED static Pagecast__V1__JobState state_of(const char *id)
{
	Pagecast__V1__Job *job = get(id);
	Pagecast__V1__JobState state = job->state;
	drop(job);
	return state;
}

/* Until it is in @state. */
UNUSED static Pagecast__V1__Job *wait_state(const char *id, Pagecast__V1__JobState state)
{
	for (int64_t until = now_ms() + WEDGED_MS; now_ms() < until; nap_ms(2)) {
		Pagecast__V1__Job *job = get(id);
		if (job->state == state)
			return job;
		if (job_state_ended(job->state))
			test_fail(__FILE__, __LINE__, "job ended as %d instead of %d: %s",
				  job->state, state,
				  job->n_problems ? job->problems[0]->message : "no problem");
		drop(job);
	}
	test_fail(__FILE__, __LINE__, "job did not get into state %d", state);
}

UNUSED static Pagecast__V1__Job *wait_ended(const char *id)
{
	for (int64_t until = now_ms() + WEDGED_MS; now_ms() < until; nap_ms(2)) {
		Pagecast__V1__Job *job = get(id);
		if (job_state_ended(job->state))
			return job;
		drop(job);
	}
	test_fail(__FILE__, __LINE__, "job did not end");
}

UNUSED static Pagecast__V1__Job *cancel(const char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__CancelJobRequest request = PAGECAST__V1__CANCEL_JOB_REQUEST__INIT;
	Pagecast__V1__Job *job = NULL;
	request.id = (char *)id;
	if (agent_cancel_job(agent, &OPERATOR, &request, &job, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return job;
}

UNUSED static int change(const char *json, Pagecast__V1__Job **ret_job, struct error *error)
{
	Pagecast__V1__UpdateJobRequest *request = (Pagecast__V1__UpdateJobRequest *)parse(
		&pagecast__v1__update_job_request__descriptor, json);
	int r = agent_update_job(agent, &OPERATOR, request, ret_job, error);
	pagecast__v1__update_job_request__free_unpacked(request, NULL);
	return r;
}

/* The JSON of a change of it. */
UNUSED static const char *for_job(const char *id, const char *rest)
{
	static char text[512];
	snprintf(text, sizeof text, "{\"id\":\"%s\"%s%s}", id, *rest ? "," : "", rest);
	return text;
}

UNUSED static bool has_problem(const Pagecast__V1__Job *job, const char *code, const char *with)
{
	for (size_t i = 0; i < job->n_problems; i++)
		if (strcmp(job->problems[i]->code, code) == 0 &&
		    strstr(job->problems[i]->message, with))
			return true;
	for (size_t i = 0; i < job->n_problems; i++)
		fprintf(stderr, "problem %s: %s\n", job->problems[i]->code,
			job->problems[i]->message);
	return false;
}

/* requested = sent + dropped + failed + cancelled, and the job says so itself. */
UNUSED static void check_books(const Pagecast__V1__Job *job)
{
	const Pagecast__V1__Account *account = job->account;
	CHECK(account);
	CHECK_INT(account->packets_requested, ==,
		  account->packets_sent + account->packets_dropped + account->packets_failed +
			  account->packets_cancelled);
	CHECK(account->balanced);
}

UNUSED static void expect_error(int r, struct error *error, int code, const char *with)
{
	if (r != code)
		test_fail(__FILE__, __LINE__, "%d instead of %d: %s", r, code,
			  error_message(error));
	CHECK_INT(error->code, ==, code);
	CHECK_HAS(error_message(error), with);
	error_deinit(error);
}
