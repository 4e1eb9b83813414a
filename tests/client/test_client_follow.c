/* Following a job, in the time of the test: when the lease is renewed, outages, cancels that fail.
 */
#include "client/follow.h"
#include "client/scripted_agent.h"

#include <sys/wait.h>

#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

enum { MAX_ASKED = 2000, TICK_MS = 100, LOST_MS = CLIENT_LOST_S * 1000 };

static struct http_peer peer = {.name = (char *)"lab", .base = (char *)"http://lab:8470"};
static struct client client = {.peers = &peer, .peer_count = 1};
static struct follow_options options;
static const struct http_exchange *asked[MAX_ASKED];
static int64_t job_ends_ms; /* and who polls is told */

static bool is(const struct http_exchange *exchange, const char *method, const char *part)
{
	return strcmp(exchange->method, method) == 0 && strstr(exchange->path, part);
}

/* As an agent does: a poll waits for up to 30 s, and for the end of the job at most. */
static void answer_poll(struct http_exchange *exchange, Pagecast__V1__JobState end)
{
	int64_t now_ms = scripted_ms(exchange->asked_ns);
	if (now_ms >= job_ends_ms)
		answer_job(exchange, 1, end, 9);
	else if (!exchange->if_none_match[0])
		answer_job(exchange, 1, STATE(RUNNING), 5);
	else if (!strstr(exchange->path, "wait=30"))
		answer_after(exchange, 1, 304);
	else if (job_ends_ms - now_ms <= 30000)
		answer_job(exchange, job_ends_ms - now_ms, end, 9);
	else
		answer_after(exchange, 30000, 304);
}

static int run_follow(void)
{
	struct follow *follow = follow_new(&client, &options);
	follow_add(follow, &peer, "JOB1", NULL);
	int code = follow_run(follow);
	follow_free(follow);
	return code;
}

/* Follow to the end. Return: what was told on standard error */
static const char *run(int want_code)
{
	int code;
	const char *told = scripted_told(run_follow, &code);
	if (code != want_code)
		test_fail(__FILE__, __LINE__, "ended with %d, not %d: %s", code, want_code, told);
	return told;
}

static void begin(void (*answer)(struct http_exchange *), int64_t ends_ms)
{
	scripted_begin(answer, 600000);
	options = (struct follow_options){.json_each = false};
	job_ends_ms = ends_ms;
}

/* ---- the lease ---- */
static int64_t renew_takes_ms;
static int renew_status;

static void answer_with_renewals(struct http_exchange *exchange)
{
	if (is(exchange, "PATCH", "JOB1"))
		answer_after(exchange, renew_takes_ms, renew_status);
	else
		answer_poll(exchange, STATE(SUCCEEDED));
}

TEST(follow_renews_a_lease_when_a_third_of_it_is_over)
{
	static const int64_t LEASES_MS[] = {900, 3000, 60000};
	for (size_t i = 0; i < ARRAY_SIZE(LEASES_MS); i++)
		for (renew_status = 0; renew_status <= 200; renew_status += 200) {
			int64_t third_ms = LEASES_MS[i] / 3;
			begin(answer_with_renewals, 130000);
			options.lease_ns = LEASES_MS[i] * MS;
			renew_takes_ms = 2;
			run(EXIT_DONE);
			size_t count = scripted_asked("PATCH", "/v1/jobs/JOB1", asked, MAX_ASKED);
			int64_t last_ms = 0;
			for (size_t at = 0; at < count; at++) {
				int64_t now_ms = scripted_ms(asked[at]->asked_ns);
				CHECK_INT(now_ms - last_ms, >=, third_ms);
				CHECK_INT(now_ms - last_ms, <=, third_ms + TICK_MS);
				last_ms = now_ms;
			}
			CHECK_INT(130000 - last_ms, <=, third_ms + TICK_MS);
		}
}

TEST(follow_renews_no_lease_twice_at_a_time)
{
	begin(answer_with_renewals, 20000);
	options.lease_ns = 900 * MS;
	renew_status = 200;
	renew_takes_ms = 2500; /* slow, but answered */
	run(EXIT_DONE);
	size_t count = scripted_asked("PATCH", "/v1/jobs/JOB1", asked, MAX_ASKED);
	CHECK_INT(count, >=, 7);
	for (size_t i = 1; i < count; i++)
		CHECK_INT(asked[i]->asked_ns, >=, asked[i - 1]->answer_ns);
	begin(answer_with_renewals, 20000); /* and none without one */
	run(EXIT_DONE);
	CHECK_INT(scripted_asked("PATCH", "", asked, MAX_ASKED), ==, 0);
}

/* ---- outages ---- */
static struct {
	int64_t from_ms, to_ms;
} outages[2];

static void answer_but_in_outages(struct http_exchange *exchange)
{
	int64_t now_ms = scripted_ms(exchange->asked_ns);
	answer_poll(exchange, STATE(SUCCEEDED));
	for (size_t i = 0; i < ARRAY_SIZE(outages); i++) {
		int64_t answer_ms = scripted_ms(exchange->answer_ns);
		if (now_ms >= outages[i].to_ms || answer_ms < outages[i].from_ms)
			continue;
		http_response_deinit(&exchange->response);
		memset(&exchange->response, 0, sizeof exchange->response);
		answer_after(exchange, MAX(outages[i].from_ms - now_ms, 1), 0);
		return;
	}
}

static void set_outages(int64_t from_ms, int64_t for_ms, int64_t again_ms, int64_t for_again_ms)
{
	outages[0].from_ms = from_ms;
	outages[0].to_ms = from_ms + for_ms;
	outages[1].from_ms = again_ms;
	outages[1].to_ms = again_ms + for_again_ms;
}

TEST(follow_goes_on_after_outages_and_counts_each_by_itself)
{
	set_outages(5000, LOST_MS - 600, 25000, LOST_MS - 600);
	begin(answer_but_in_outages, 50000);
	const char *told = run(EXIT_DONE);
	CHECK_INT(scripted_times(told, "does not answer about job JOB1: connection refused; "
				       "retrying for 10 s"),
		  ==, 2);
	CHECK(!strstr(told, "lost contact"));
	/* what is known stays known: each poll names the revision */
	size_t count = scripted_asked("GET", "", asked, MAX_ASKED);
	for (size_t i = 1; i + 1 < count; i++)
		CHECK_STR(asked[i]->if_none_match, "\"5\"");
	CHECK_INT(count, <, 60); /* two a second while it is gone */
	CHECK_INT(count, >, 30);
}

TEST(follow_gives_up_when_an_outage_does_not_end)
{
	for (int64_t first = 0; first < 2; first++) {
		set_outages(first ? 3000 : -1, first ? 4000 : 0, 20000, 100000);
		begin(answer_but_in_outages, 90000);
		const char *told = run(EXIT_NO_AGENT);
		CHECK_INT(scripted_ms(scripted.now_ns), >=, 20000 + LOST_MS);
		CHECK_INT(scripted_ms(scripted.now_ns), <=, 20000 + LOST_MS + 600);
		CHECK_HAS(told, "lost contact with job JOB1: it continues if the agent runs");
		CHECK_INT(scripted_times(told, "retrying for"), ==, 1 + (size_t)first);
	}
}

TEST(follow_of_an_agent_that_never_answered_ends_at_once)
{
	set_outages(0, 100000, -1, 0);
	begin(answer_but_in_outages, 90000);
	const char *told = run(EXIT_NO_AGENT);
	CHECK_INT(scripted.count, ==, 1);
	CHECK(!strstr(told, "retrying") && !strstr(told, "lost contact"));
}

/* ---- cancels ---- */
static int failing_cancels, cancel_status;

static void answer_cancel(struct http_exchange *exchange)
{
	if (!is(exchange, "POST", ":cancel")) {
		answer_poll(exchange, STATE(CANCELLED));
	} else if (failing_cancels > 0) {
		failing_cancels--;
		answer_after(exchange, 3, cancel_status);
	} else {
		answer_after(exchange, 3, 200);
		job_ends_ms = scripted_ms(exchange->answer_ns);
		for (size_t i = 0; i < scripted.count; i++) { /* who polls hears of it */
			struct http_exchange *poll = &scripted.asked[i];
			if (!poll->open || poll == exchange ||
			    poll->answer_ns < exchange->answer_ns)
				continue;
			http_response_deinit(&poll->response);
			memset(&poll->response, 0, sizeof poll->response);
			answer_job(poll, job_ends_ms - scripted_ms(poll->asked_ns),
				   STATE(CANCELLED), 9);
		}
	}
}

static const char *interrupt(int fail_times, int fail_status, int want_code)
{
	begin(answer_cancel, 100000);
	failing_cancels = fail_times;
	cancel_status = fail_status;
	options.cancel = true;
	scripted.signal_at_ns[0] = scripted.now_ns + 2000 * MS;
	return run(want_code);
}

/* The signals of a process are counted as long as it lives: each check has one of its own. */
static void in_a_process(void (*check)(int number), int number)
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		check(number);
		exit(0);
	}
	CHECK_INT(waitpid(child, &status, 0), ==, child);
	CHECK_INT(status, ==, 0);
}

static void check_cancel_that_fails(int times)
{
	const char *told = interrupt(times, 0, EXIT_INTERRUPTED);
	size_t count = scripted_asked("POST", "/v1/jobs/JOB1:cancel", asked, MAX_ASKED);
	CHECK_INT(count, ==, (size_t)times + 1);
	CHECK_INT(scripted_ms(asked[0]->asked_ns), ==, 2000);
	CHECK_INT(scripted_times(told, "cancelling"), ==, 1);
	CHECK_INT(scripted_times(told, "connection refused"), ==, times ? 1 : 0);
	for (size_t i = 1; i < count; i++) { /* twice a second */
		CHECK_INT(asked[i]->asked_ns - asked[i - 1]->answer_ns, >=, 500 * MS);
		CHECK_INT(asked[i]->asked_ns - asked[i - 1]->answer_ns, <=, (500 + TICK_MS) * MS);
	}
	CHECK_INT(scripted_ms(scripted.now_ns), <=, 2000 + times * (500 + TICK_MS) + 100);
}

TEST(follow_cancels_once_and_again_what_did_not_arrive)
{
	for (int times = 0; times <= 4; times++)
		in_a_process(check_cancel_that_fails, times);
}

static void check_cancel_that_is_refused(int status)
{
	const char *told = interrupt(1, status, EXIT_INTERRUPTED);
	CHECK_INT(scripted_asked("POST", "/v1/jobs/JOB1:cancel", asked, MAX_ASKED), ==, 1);
	CHECK_HAS(told, "HTTP status 403");
	CHECK_INT(scripted_ms(scripted.now_ns), >=, 100000); /* to its own end */
}

TEST(follow_tells_of_a_cancel_that_is_refused_and_goes_on)
{
	in_a_process(check_cancel_that_is_refused, 403);
}

static void check_second_signal(int unused)
{
	(void)unused;
	begin(answer_cancel, 100000);
	failing_cancels = 1000;
	options.cancel = true;
	scripted.signal_at_ns[0] = scripted.now_ns + 2000 * MS;
	scripted.signal_at_ns[1] = scripted.now_ns + 5000 * MS;
	const char *told = run(EXIT_INTERRUPTED);
	CHECK_INT(scripted_ms(scripted.now_ns), ==, 5000);
	CHECK_HAS(told, "job JOB1 is left running; see `pagecast get JOB1`");
}

TEST(follow_leaves_it_running_at_the_second_signal)
{
	in_a_process(check_second_signal, 0);
}

/* ---- an agent that does not wait ---- */
static void answer_without_waiting(struct http_exchange *exchange)
{
	if (scripted_ms(exchange->asked_ns) >= job_ends_ms)
		answer_job(exchange, 1, STATE(SUCCEEDED), 9);
	else if (exchange->if_none_match[0])
		answer_after(exchange, 1, 304);
	else
		answer_job(exchange, 1, STATE(RUNNING), 5);
}

TEST(follow_does_not_flood_an_agent_that_does_not_wait)
{
	begin(answer_without_waiting, 30000);
	run(EXIT_DONE);
	CHECK_INT(scripted.count, <=, 30000 / 50 + 3); /* 20 a second, and the result */
	CHECK_INT(scripted.count, >, 200);
}

TEST_MAIN(CASE(follow_renews_a_lease_when_a_third_of_it_is_over),
	  CASE(follow_renews_no_lease_twice_at_a_time),
	  CASE(follow_goes_on_after_outages_and_counts_each_by_itself),
	  CASE(follow_gives_up_when_an_outage_does_not_end),
	  CASE(follow_of_an_agent_that_never_answered_ends_at_once),
	  CASE(follow_cancels_once_and_again_what_did_not_arrive),
	  CASE(follow_tells_of_a_cancel_that_is_refused_and_goes_on),
	  CASE(follow_leaves_it_running_at_the_second_signal),
	  CASE(follow_does_not_flood_an_agent_that_does_not_wait))
