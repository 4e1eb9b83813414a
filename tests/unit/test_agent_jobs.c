/* What an agent takes, refuses, lists and forgets. */
#include "base/log.h"
#include "unit/agent_fixture.h"

#include <pthread.h>

static const char *const GATE = "\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":10}";

/* A job that keeps the only worker busy. */
static const char *close_gate(void)
{
	const char *id = submit(GATE, "\"labels\":[{\"key\":\"gate\",\"value\":\"yes\"}]");
	drop(wait_state(id, STATE(RUNNING)));
	return id;
}

static void refused(const char *json, int code, const char *with)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	expect_error(try_submit(&OPERATOR, json, "", &job, NULL, &error), &error, code, with);
}

TEST(agent_refuses_all_faults_of_a_spec_at_once)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	start_agent(NULL, 1);
	CHECK_INT(try_submit(&OPERATOR,
			     "{\"priority\":500,\"streams\":[{\"udp\":{\"address\":\"nowhere\","
			     "\"port\":70000}}]}",
			     "", &job, NULL, &error),
		  ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(error.violation_count, ==, 3);
	error_deinit(&error);
	refused("{}", ERROR_CODE_INVALID_ARGUMENT, "streams");
	Pagecast__V1__SubmitJobRequest empty = PAGECAST__V1__SUBMIT_JOB_REQUEST__INIT;
	expect_error(agent_submit_job(agent, &OPERATOR, &empty, &job, NULL, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "spec: missing");
	Pagecast__V1__ListJobsRequest list = PAGECAST__V1__LIST_JOBS_REQUEST__INIT;
	Pagecast__V1__ListJobsResponse *response = NULL;
	CHECK_INT(agent_list_jobs(agent, &VIEWER, &list, &response, &error), ==, 0);
	CHECK_INT(response->total_size, ==, 0);
	pagecast__v1__list_jobs_response__free_unpacked(response, NULL);
	end_agent();
}

TEST(agent_refuses_what_the_policy_forbids_and_names_the_rule)
{
	start_agent(NULL, 1);
	refused("{\"streams\":[{\"udp\":{\"address\":\"8.8.8.8\",\"port\":53}}]}",
		ERROR_CODE_PERMISSION_DENIED,
		"streams[0].udp.address: 8.8.8.8 is not in the policy's allowedNetworks");
	refused("{\"streams\":[{\"udp\":{\"address\":\"224.0.0.1\",\"port\":53}}]}",
		ERROR_CODE_PERMISSION_DENIED, "allowMulticast");
	refused("{\"streams\":[{\"rawIp\":{\"address\":\"10.0.0.1\",\"protocol\":4},"
		"\"payloads\":[{\"hex\":\"00\"}]}]}",
		ERROR_CODE_PERMISSION_DENIED, "allowHeaderIncluded");
	end_agent();
}

TEST(agent_looks_into_included_headers_before_it_takes_a_job)
{
	/* to 10.0.0.1, but as if it came from 8.8.4.4 */
	static const char SPEC[] =
		"{\"streams\":[{\"rawIp\":{\"address\":\"10.0.0.1\",\"headerIncluded\":true},"
		"\"payloads\":[{\"hex\":\"450000140000000040110000 08080404 0a000001\"}]}]}";
	start_agent("{\"allowHeaderIncluded\":true}", 1);
	refused(SPEC, ERROR_CODE_PERMISSION_DENIED,
		"streams[0].payloads[0]: 8.8.4.4 is neither an address of this host");
	end_agent();
}

TEST(agent_knows_who_may_do_what)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	open_receiver();
	start_agent(NULL, 1);
	const struct agent_caller nobody = {"nobody", AGENT_ROLE_NONE, "test"};
	expect_error(try_submit(&VIEWER, spec_text("", ""), "", &job, NULL, &error), &error,
		     ERROR_CODE_PERMISSION_DENIED,
		     "this needs the role operator; eve has the role viewer");
	const char *id = submit("", "");
	drop(wait_ended(id));
	Pagecast__V1__GetJobRequest get_request = PAGECAST__V1__GET_JOB_REQUEST__INIT;
	get_request.id = (char *)id;
	expect_error(agent_get_job(agent, &nobody, &get_request, &job, &error), &error,
		     ERROR_CODE_PERMISSION_DENIED, "needs the role viewer");
	Pagecast__V1__CancelJobRequest cancel_request = PAGECAST__V1__CANCEL_JOB_REQUEST__INIT;
	cancel_request.id = (char *)id;
	expect_error(agent_cancel_job(agent, &VIEWER, &cancel_request, &job, &error), &error,
		     ERROR_CODE_PERMISSION_DENIED, "needs the role operator");
	CHECK_INT(agent_cancel_job(agent, &OTHER, &cancel_request, &job, &error), ==, 0);
	drop(job); /* operators act on each other's jobs... */
	Pagecast__V1__DeleteJobRequest delete_request = PAGECAST__V1__DELETE_JOB_REQUEST__INIT;
	Pagecast__V1__DeleteJobResponse *deleted = NULL;
	delete_request.id = (char *)id;
	expect_error(agent_delete_job(agent, &OTHER, &delete_request, &deleted, &error), &error,
		     ERROR_CODE_PERMISSION_DENIED, "belongs to local"); /* ...but do not delete */
	CHECK_INT(agent_delete_job(agent, &ADMIN, &delete_request, &deleted, &error), ==, 0);
	pagecast__v1__delete_job_response__free_unpacked(deleted, NULL);
	expect_error(agent_get_job(agent, &VIEWER, &get_request, &job, &error), &error,
		     ERROR_CODE_NOT_FOUND, id);
	end_agent();
	close_receiver();
}

TEST(agent_deletes_finished_jobs_only)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__DeleteJobRequest request = PAGECAST__V1__DELETE_JOB_REQUEST__INIT;
	Pagecast__V1__DeleteJobResponse *response = NULL;
	open_receiver();
	start_agent(NULL, 1);
	const char *id = close_gate();
	request.id = (char *)id;
	expect_error(agent_delete_job(agent, &OPERATOR, &request, &response, &error), &error,
		     ERROR_CODE_FAILED_PRECONDITION,
		     "is RUNNING; only a finished job can be deleted");
	drop(cancel(id));
	CHECK_INT(agent_delete_job(agent, &OPERATOR, &request, &response, &error), ==, 0);
	pagecast__v1__delete_job_response__free_unpacked(response, NULL);
	expect_error(agent_delete_job(agent, &OPERATOR, &request, &response, &error), &error,
		     ERROR_CODE_NOT_FOUND, id);
	end_agent();
	close_receiver();
}

TEST(agent_bounds_its_queue)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	open_receiver();
	start_agent("{\"maxJobsQueued\":3}", 1);
	const char *gate = close_gate(), *last = NULL;
	for (int i = 0; i < 3; i++)
		last = submit("", "");
	CHECK_INT(try_submit(&OPERATOR, spec_text("", ""), "", &job, NULL, &error), ==,
		  ERROR_CODE_RESOURCE_EXHAUSTED);
	CHECK_HAS(error_message(&error), "3 jobs wait (the policy's maxJobsQueued)");
	CHECK_INT(error.retry_after_s, >, 0);
	error_deinit(&error);
	drop(cancel(last));
	drop(wait_state(submit("", ""), STATE(QUEUED)));
	drop(cancel(gate));
	end_agent();
	close_receiver();
}

/* ---- idempotency ---- */
TEST(agent_gives_the_first_job_for_the_same_request)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *first = NULL, *again = NULL, *other = NULL;
	bool created = false;
	open_receiver();
	start_agent(NULL, 1);
	const char *spec = spec_text("\"limit\":{\"packets\":3}", "");
	CHECK_INT(try_submit(&OPERATOR, spec, "run-1", &first, &created, &error), ==, 0);
	CHECK(created);
	CHECK_STR(first->request_id, "run-1");
	drop(wait_ended(first->id));
	CHECK_INT(try_submit(&OPERATOR, spec, "run-1", &again, &created, &error), ==, 0);
	CHECK(!created);
	CHECK_STR(again->id, first->id);
	CHECK_INT(again->state, ==, STATE(SUCCEEDED));
	CHECK_INT(try_submit(&OTHER, spec, "run-1", &other, &created, &error), ==, 0);
	CHECK(created); /* each caller has request_ids of his own */
	CHECK(strcmp(other->id, first->id) != 0);
	drop(wait_ended(other->id));
	drop(other);
	expect_error(try_submit(&OPERATOR, spec_text("\"limit\":{\"packets\":4}", ""), "run-1",
				&other, &created, &error),
		     &error, ERROR_CODE_ALREADY_EXISTS, first->id);
	CHECK_INT(count_received("hello"), ==, 6);
	/* it is remembered as long as the job */
	Pagecast__V1__DeleteJobRequest request = PAGECAST__V1__DELETE_JOB_REQUEST__INIT;
	Pagecast__V1__DeleteJobResponse *deleted = NULL;
	request.id = first->id;
	CHECK_INT(agent_delete_job(agent, &OPERATOR, &request, &deleted, &error), ==, 0);
	pagecast__v1__delete_job_response__free_unpacked(deleted, NULL);
	CHECK_INT(try_submit(&OPERATOR, spec_text("\"limit\":{\"packets\":4}", ""), "run-1", &other,
			     &created, &error),
		  ==, 0);
	CHECK(created);
	drop(other);
	drop(first);
	drop(again);
	end_agent();
	close_receiver();
}

TEST(agent_refuses_request_ids_that_are_none)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	char long_id[JOB_REQUEST_ID_MAX + 2];
	start_agent(NULL, 1);
	memset(long_id, 'x', sizeof long_id);
	long_id[sizeof long_id - 1] = '\0';
	expect_error(try_submit(&OPERATOR, spec_text("", ""), long_id, &job, NULL, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "requestId: 129 bytes are more than 128");
	expect_error(try_submit(&OPERATOR, spec_text("", ""), "a b", &job, NULL, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "requestId: has a character");
	long_id[JOB_REQUEST_ID_MAX] = '\0';
	CHECK_INT(try_submit(&OPERATOR, spec_text("", ""), long_id, &job, NULL, &error), ==, 0);
	drop(job);
	end_agent();
}

struct racer {
	pthread_t thread;
	char id[JOB_ID_LEN + 1];
	bool created;
};

static void *race(void *context)
{
	struct racer *racer = context;
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__SubmitJobRequest request = PAGECAST__V1__SUBMIT_JOB_REQUEST__INIT;
	char json[256], id[] = "same";
	snprintf(json, sizeof json,
		 "{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":%u}}]}",
		 receiver_port);
	request.request_id = id;
	request.spec = (Pagecast__V1__JobSpec *)parse(&pagecast__v1__job_spec__descriptor, json);
	CHECK_INT(agent_submit_job(agent, &OPERATOR, &request, &job, &racer->created, &error), ==,
		  0);
	pagecast__v1__job_spec__free_unpacked(request.spec, NULL);
	strcpy(racer->id, job->id);
	drop(job);
	return NULL;
}

TEST(agent_makes_one_job_of_many_equal_requests_at_once)
{
	enum { RACERS = 16 };
	struct racer racers[RACERS];
	size_t created = 0;
	open_receiver();
	start_agent(NULL, 1);
	for (int i = 0; i < RACERS; i++)
		CHECK_INT(pthread_create(&racers[i].thread, NULL, race, &racers[i]), ==, 0);
	for (int i = 0; i < RACERS; i++) {
		pthread_join(racers[i].thread, NULL);
		created += racers[i].created;
		CHECK_STR(racers[i].id, racers[0].id);
	}
	CHECK_INT(created, ==, 1);
	drop(wait_ended(racers[0].id));
	CHECK_INT(count_received(""), ==, 1);
	end_agent();
	close_receiver();
}

/* ---- lists ---- */
static Pagecast__V1__ListJobsResponse *list(const char *json)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__ListJobsResponse *response = NULL;
	Pagecast__V1__ListJobsRequest *request = (Pagecast__V1__ListJobsRequest *)parse(
		&pagecast__v1__list_jobs_request__descriptor, json);
	if (agent_list_jobs(agent, &VIEWER, request, &response, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	pagecast__v1__list_jobs_request__free_unpacked(request, NULL);
	return response;
}

static void done(Pagecast__V1__ListJobsResponse *response)
{
	pagecast__v1__list_jobs_response__free_unpacked(response, NULL);
}

static void list_refused(const char *json, const char *with)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__ListJobsResponse *response = NULL;
	Pagecast__V1__ListJobsRequest *request = (Pagecast__V1__ListJobsRequest *)parse(
		&pagecast__v1__list_jobs_request__descriptor, json);
	expect_error(agent_list_jobs(agent, &VIEWER, request, &response, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, with);
	pagecast__v1__list_jobs_request__free_unpacked(request, NULL);
}

TEST(agent_lists_newest_first_in_pages_that_neither_miss_nor_repeat)
{
	enum { JOBS = 25 };
	char query[256], names[JOBS][JOB_ID_LEN + 1];
	open_receiver();
	start_agent(NULL, 1);
	const char *gate = close_gate();
	for (int i = 0; i < JOBS; i++)
		strcpy(names[i],
		       submit("", i % 2 ? "\"labels\":[{\"key\":\"odd\",\"value\":\"1\"}]" : ""));
	Pagecast__V1__ListJobsResponse *page = list("{\"pageSize\":10}");
	CHECK_INT(page->n_jobs, ==, 10);
	CHECK_INT(page->total_size, ==, JOBS + 1);
	int next = JOBS - 1;
	for (int pages = 0;; pages++) {
		CHECK_INT(pages, <, 4);
		for (size_t i = 0; i < page->n_jobs && next >= 0; i++, next--)
			CHECK_STR(page->jobs[i]->id, names[next]);
		if (!page->next_page_token[0])
			break;
		/* the last one given goes away, a new one comes: neither moves what follows */
		drop(cancel(page->jobs[page->n_jobs - 1]->id));
		submit("", "");
		snprintf(query, sizeof query, "{\"pageSize\":10,\"pageToken\":\"%s\"}",
			 page->next_page_token);
		done(page);
		page = list(query);
	}
	CHECK_INT(next, ==, -1);
	CHECK_STR(page->jobs[page->n_jobs - 1]->id, gate);
	CHECK_INT(page->jobs[0]->spec->n_streams, ==, 0); /* BASIC */
	done(page);
	page = list("{\"pageSize\":1,\"view\":\"FULL\"}");
	CHECK_INT(page->jobs[0]->spec->n_streams, ==, 1);
	done(page);
	end_agent();
	close_receiver();
}

TEST(agent_lists_by_state_and_labels)
{
	open_receiver();
	start_agent(NULL, 1);
	drop(wait_ended(submit("", "\"labels\":[{\"key\":\"a\",\"value\":\"1\"}]")));
	close_gate();
	submit("", "\"labels\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":\"2\"}]");
	submit("", "\"labels\":[{\"key\":\"a\",\"value\":\"2\"}]");
	static const struct {
		const char *query;
		size_t count;
	} CASES[] = {
		{"{}", 4},
		{"{\"states\":[\"QUEUED\"]}", 2},
		{"{\"states\":[\"RUNNING\",\"SUCCEEDED\"]}", 2},
		{"{\"states\":[\"PAUSED\"]}", 0},
		{"{\"labels\":[{\"key\":\"a\",\"value\":\"1\"}]}", 2},
		{"{\"labels\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":\"2\"}]}",
		 1},
		{"{\"labels\":[{\"key\":\"a\",\"value\":\"1\"}],\"states\":[\"SUCCEEDED\"]}", 1},
		{"{\"labels\":[{\"key\":\"a\",\"value\":\"3\"}]}", 0},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		Pagecast__V1__ListJobsResponse *page = list(CASES[i].query);
		if (page->n_jobs != CASES[i].count || page->total_size != CASES[i].count)
			test_fail(__FILE__, __LINE__, "%s gives %zu of %u jobs, not %zu",
				  CASES[i].query, page->n_jobs, page->total_size, CASES[i].count);
		done(page);
	}
	end_agent();
	close_receiver();
}

TEST(agent_refuses_wrong_queries_by_name)
{
	char query[512];
	start_agent(NULL, 1);
	submit("", "");
	submit("", "");
	Pagecast__V1__ListJobsResponse *page = list("{\"pageSize\":1}");
	list_refused("{\"pageSize\":1001}", "pageSize: 1001 is not between 1 and 1000");
	list_refused("{\"pageToken\":\"x\"}", "pageToken: not a token of this agent");
	Pagecast__V1__ListJobsRequest request = PAGECAST__V1__LIST_JOBS_REQUEST__INIT;
	Pagecast__V1__JobState states[] = {STATE(QUEUED), 99}; /* protobuf lets it through */
	Pagecast__V1__ListJobsResponse *response = NULL;
	struct error error = ERROR_NULL;
	request.states = states;
	request.n_states = 2;
	expect_error(agent_list_jobs(agent, &VIEWER, &request, &response, &error), &error,
		     ERROR_CODE_INVALID_ARGUMENT, "states[1]: 99 is not a state of a job");
	list_refused("{\"states\":[0]}", "states[0]: 0 is not a state of a job");
	list_refused("{\"labels\":[{\"value\":\"1\"}]}", "labels[0].key: missing");
	snprintf(query, sizeof query, "{\"pageToken\":\"%s\",\"states\":[\"QUEUED\"]}",
		 page->next_page_token);
	list_refused(query, "the token of another query");
	done(page);
	end_agent();
}

/* ---- the stop button, the history, the agent itself ---- */
static uint32_t cancel_jobs(const char *json)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__CancelJobsResponse *response = NULL;
	Pagecast__V1__CancelJobsRequest *request = (Pagecast__V1__CancelJobsRequest *)parse(
		&pagecast__v1__cancel_jobs_request__descriptor, json);
	CHECK_INT(agent_cancel_jobs(agent, &OPERATOR, request, &response, NULL, &error), ==, 0);
	uint32_t cancelled = response->cancelled;
	pagecast__v1__cancel_jobs_response__free_unpacked(response, NULL);
	pagecast__v1__cancel_jobs_request__free_unpacked(request, NULL);
	return cancelled;
}

TEST(agent_stops_everything_or_what_carries_the_labels)
{
	open_receiver();
	start_agent(NULL, 1);
	const char *gate = close_gate();
	const char *kept = submit(GATE, "");
	const char *labelled = submit("", "\"labels\":[{\"key\":\"run\",\"value\":\"7\"}]");
	CHECK_INT(cancel_jobs("{\"labels\":[{\"key\":\"run\",\"value\":\"7\"}]}"), ==, 1);
	CHECK_INT(state_of(labelled), ==, STATE(CANCELLED));
	CHECK_INT(state_of(gate), ==, STATE(RUNNING));
	CHECK_INT(state_of(kept), ==, STATE(QUEUED));
	CHECK_INT(cancel_jobs("{\"all\":true}"), ==, 2);
	CHECK_INT(state_of(gate), ==, STATE(CANCELLED));
	CHECK_INT(state_of(kept), ==, STATE(CANCELLED));
	CHECK_INT(cancel_jobs("{\"all\":true}"), ==, 0);
	end_agent();
	close_receiver();
}

TEST(agent_keeps_so_many_finished_jobs)
{
	open_receiver();
	start_agent_on(NULL, NULL, 1, 5);
	char names[12][JOB_ID_LEN + 1];
	for (int i = 0; i < 12; i++) {
		strcpy(names[i], submit("", ""));
		drop(wait_ended(names[i]));
	}
	Pagecast__V1__ListJobsResponse *page;
	for (int64_t until = now_ms() + WEDGED_MS;; nap_ms(5)) {
		page = list("{}");
		if (page->total_size == 5)
			break;
		CHECK_INT(now_ms(), <, until);
		done(page);
	}
	CHECK_INT(page->n_jobs, ==, 5);
	CHECK_STR(page->jobs[0]->id, names[11]);
	CHECK_STR(page->jobs[4]->id, names[7]);
	done(page);
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__GetJobRequest request = PAGECAST__V1__GET_JOB_REQUEST__INIT;
	request.id = names[6];
	expect_error(agent_get_job(agent, &VIEWER, &request, &job, &error), &error,
		     ERROR_CODE_NOT_FOUND, names[6]);
	end_agent();
	close_receiver();
}

TEST(agent_keeps_finished_jobs_so_long)
{
	struct error error = ERROR_NULL;
	struct agent_options options = {.name = "lab",
					.version = "1",
					.parse_policy = policy_json_parse,
					.history_max_age_s = 1};
	open_receiver();
	policy_file_name[0] = '\0';
	CHECK_INT(agent_new(&agent, &options, &error), ==, 0);
	CHECK_INT(agent_start(agent, &error), ==, 0);
	int64_t before = now_ms();
	drop(wait_ended(submit("", "")));
	for (size_t left = 1; left; nap_ms(20)) {
		Pagecast__V1__ListJobsResponse *page = list("{}");
		left = page->n_jobs;
		done(page);
		CHECK_INT(now_ms() - before, <, WEDGED_MS);
	}
	CHECK_INT(now_ms() - before, >=, 950);
	end_agent();
	close_receiver();
}

static _Atomic uint64_t newest_revision, changes;

static void on_change(void *context, uint64_t revision)
{
	(void)context;
	changes++;
	if (revision > newest_revision)
		newest_revision = revision;
}

TEST(agent_tells_its_listener_of_every_revision)
{
	struct error error = ERROR_NULL;
	struct agent_options options = {
		.name = "lab", .version = "1", .parse_policy = policy_json_parse};
	open_receiver();
	CHECK_INT(agent_new(&agent, &options, &error), ==, 0);
	agent_set_listener(agent, on_change, NULL);
	CHECK_INT(agent_start(agent, &error), ==, 0);
	int64_t before = now_ms();
	const char *id = submit("\"limit\":{\"packets\":100},\"rate\":{\"pps\":200}", "");
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(changes, >=, 3); /* queued, running, ended */
	/* and at most ten a second between */
	CHECK_INT(changes, <=, 5 + (now_ms() - before) / 100);
	for (int64_t until = now_ms() + WEDGED_MS; newest_revision != job->revision; nap_ms(1))
		CHECK_INT(now_ms(), <, until);
	drop(job);
	policy_file_name[0] = '\0';
	end_agent();
	close_receiver();
}

TEST(agent_says_what_it_is_allows_and_can)
{
	struct error error = ERROR_NULL;
	open_receiver();
	start_agent("{\"allowedInterfaces\":[\"lo\"]}", 2);
	drop(wait_ended(submit("\"limit\":{\"packets\":7}", "")));
	Pagecast__V1__GetAgentRequest get_agent = PAGECAST__V1__GET_AGENT_REQUEST__INIT;
	Pagecast__V1__Agent *message = NULL;
	CHECK_INT(agent_get_agent(agent, &VIEWER, &get_agent, &message, &error), ==, 0);
	CHECK_STR(message->name, "lab");
	CHECK_STR(message->version, "1.2.3");
	CHECK_HAS(message->kernel, "Linux ");
	CHECK_INT(message->workers, ==, 2);
	CHECK_INT(message->totals->packets_sent, ==, 7);
	CHECK(message->totals->balanced && message->start_time && message->now);
	pagecast__v1__agent__free_unpacked(message, NULL);
	Pagecast__V1__GetPolicyRequest get_policy = PAGECAST__V1__GET_POLICY_REQUEST__INIT;
	Pagecast__V1__Policy *policy = NULL;
	CHECK_INT(agent_get_policy(agent, &VIEWER, &get_policy, &policy, &error), ==, 0);
	CHECK_INT(policy->n_allowed_networks, ==, 15); /* the built-in ones, filled in */
	CHECK_STR(policy->allowed_interfaces[0], "lo");
	pagecast__v1__policy__free_unpacked(policy, NULL);
	Pagecast__V1__ListInterfacesRequest interfaces =
		PAGECAST__V1__LIST_INTERFACES_REQUEST__INIT;
	Pagecast__V1__ListInterfacesResponse *found = NULL;
	bool seen = false;
	CHECK_INT(agent_list_interfaces(agent, &VIEWER, &interfaces, &found, &error), ==, 0);
	for (size_t i = 0; i < found->n_interfaces; i++) {
		const Pagecast__V1__Interface *one = found->interfaces[i];
		bool loopback = strcmp(one->name, "lo") == 0;
		CHECK(one->allowed == loopback);
		seen |= loopback;
		if (loopback)
			CHECK_STR(one->addresses[0], "127.0.0.1/8");
	}
	CHECK(seen);
	pagecast__v1__list_interfaces_response__free_unpacked(found, NULL);
	Pagecast__V1__ListEnginesRequest engines = PAGECAST__V1__LIST_ENGINES_REQUEST__INIT;
	Pagecast__V1__ListEnginesResponse *able = NULL;
	CHECK_INT(agent_list_engines(agent, &VIEWER, &engines, &able, &error), ==, 0);
	CHECK_INT(able->n_engines, ==, 5);
	pagecast__v1__list_engines_response__free_unpacked(able, NULL);
	CHECK_INT(agent_check_ready(agent, &error), ==, 0);
	end_agent();
	close_receiver();
}

TEST(agent_refuses_to_be_made_of_wrong_options)
{
	struct error error = ERROR_NULL;
	struct agent *made = NULL;
	int cpu = 4000;
	struct agent_options options = {
		.name = "lab", .version = "1", .parse_policy = policy_json_parse, .workers = 65};
	expect_error(agent_new(&made, &options, &error), &error, ERROR_CODE_INVALID_ARGUMENT,
		     "workers: 65 is not between 1 and 64");
	options.workers = 1;
	options.pin_cpus = &cpu;
	options.pin_count = 1;
	expect_error(agent_new(&made, &options, &error), &error, ERROR_CODE_INVALID_ARGUMENT,
		     "pin: CPU 4000");
	options.pin_count = 0;
	options.policy_file = "/nonexistent/policy.json";
	expect_error(agent_new(&made, &options, &error), &error, ERROR_CODE_NOT_FOUND,
		     "/nonexistent/policy.json: No such file");
	CHECK(!made);
}

TEST_MAIN(CASE(agent_refuses_all_faults_of_a_spec_at_once),
	  CASE(agent_refuses_what_the_policy_forbids_and_names_the_rule),
	  CASE(agent_looks_into_included_headers_before_it_takes_a_job),
	  CASE(agent_knows_who_may_do_what), CASE(agent_deletes_finished_jobs_only),
	  CASE(agent_bounds_its_queue), CASE(agent_gives_the_first_job_for_the_same_request),
	  CASE(agent_refuses_request_ids_that_are_none),
	  CASE(agent_makes_one_job_of_many_equal_requests_at_once),
	  CASE(agent_lists_newest_first_in_pages_that_neither_miss_nor_repeat),
	  CASE(agent_lists_by_state_and_labels), CASE(agent_refuses_wrong_queries_by_name),
	  CASE(agent_stops_everything_or_what_carries_the_labels),
	  CASE(agent_keeps_so_many_finished_jobs), CASE(agent_keeps_finished_jobs_so_long),
	  CASE(agent_tells_its_listener_of_every_revision),
	  CASE(agent_says_what_it_is_allows_and_can),
	  CASE(agent_refuses_to_be_made_of_wrong_options))
