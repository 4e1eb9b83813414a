/* Orders from other threads: in effect within 10 ms at any speed, the first end wins, books
 * balance. */
#include "base/util.h"
#include "lib/sending.h"
#include "lib/test.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

#define AT_ONCE_NS (10 * CLOCK_NS_PER_MS)

static struct sending lab;

/* Stop a job of this rate (0: unlimited) after a while. Return: how long sender_run() went on. */
static int64_t stop_after(double pps, enum sender_end why)
{
	sending_init(&lab, 1);
	if (pps > 0)
		sending_rate(&lab, 0, pps);
	sending_start(&lab);
	sending_until_sent(&lab, 1);
	sending_sleep_ns(3 * CLOCK_NS_PER_MS);
	int64_t begin_ns = sending_now_ns();
	sender_stop(lab.sender, why);
	CHECK_INT(sending_join(&lab), ==, why);
	int64_t took_ns = sending_now_ns() - begin_ns;
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_cancelled, ==, 0); /* no number was asked for */
	sending_close(&lab);
	return took_ns;
}

static bool most_stops_are_quick(double pps)
{
	enum { STOPS = 20 };
	int quick = 0;
	for (int i = 0; i < STOPS; i++)
		quick += stop_after(pps, SENDER_CANCELLED) < AT_ONCE_NS;
	return quick >= STOPS * 9 / 10;
}

static bool stops_at_full_speed(void)
{
	return most_stops_are_quick(0);
}

static bool stops_at_one_packet_a_second(void)
{
	return most_stops_are_quick(1);
}

TEST(sender_stops_within_10_ms)
{
	sending_attempt(stops_at_full_speed);
	sending_attempt(stops_at_one_packet_a_second);
	stop_after(1000, SENDER_INTERRUPTED);
}

TEST(sender_cancelled_packets_are_those_not_attempted)
{
	sending_init(&lab, 2);
	sending_rate(&lab, 0, 200);
	sending_packets(&lab, 0, 1000);
	sending_rate(&lab, 1, 1);
	sending_packets(&lab, 1, 7);
	sending_start(&lab);
	sending_until_sent(&lab, 5);
	sender_stop(lab.sender, SENDER_CANCELLED);
	sender_stop(lab.sender, SENDER_INTERRUPTED); /* the first one wins */
	CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_requested, ==, 1007);
	CHECK_INT(lab.report.account.packets_sent, ==,
		  sending_received(&lab, 0) + sending_received(&lab, 1));
	CHECK_INT(lab.report.account.packets_cancelled, >, 0);
	sending_close(&lab);
}

TEST(sender_stopped_before_it_runs_sends_nothing_and_says_why)
{
	sending_init(&lab, 1);
	sending_packets(&lab, 0, 9);
	CHECK_INT(sending_open(&lab), ==, 0);
	sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(sending_run(&lab), ==, SENDER_CANCELLED);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_cancelled, ==, 9);
	CHECK_INT(sending_received(&lab, 0), ==, 0);
	CHECK_INT(lab.problems.count, ==, 1);
	sending_close(&lab);
}

TEST(sender_stops_while_it_waits_for_start_time)
{
	sending_init(&lab, 1);
	sending_packets(&lab, 0, 9);
	lab.plan.start_time_ns = clock_realtime_ns(clock_real()) + 3600 * CLOCK_NS_PER_S;
	sending_start(&lab);
	struct sender_snapshot snapshot;
	do {
		sending_sleep_ns(CLOCK_NS_PER_MS);
		sender_snapshot(lab.sender, &snapshot);
	} while (!snapshot.version);
	CHECK_STR(snapshot.waiting_for, "start_time");
	sender_pause(lab.sender);
	sender_resume(lab.sender);
	sender_stop(lab.sender, SENDER_LEASE_EXPIRED);
	CHECK_INT(sending_join(&lab), ==, SENDER_LEASE_EXPIRED);
	sending_check_books(&lab);
	CHECK(sending_problem(&lab, PROBLEM_LEASE_EXPIRED));
	sending_close(&lab);
}

static void until_obeyed(void)
{
	int64_t begin_ns = sending_now_ns();
	while (!sender_orders_applied(lab.sender)) {
		CHECK_INT(sending_now_ns() - begin_ns, <, 60 * CLOCK_NS_PER_S);
		sending_sleep_ns(CLOCK_NS_PER_MS / 10);
	}
}

TEST(sender_has_obeyed_once_orders_are_in_force_or_it_has_ended)
{
	sending_init(&lab, 1);
	CHECK_INT(sending_open(&lab), ==, 0);
	CHECK(sender_orders_applied(lab.sender)); /* there was nothing to obey */
	sender_pause(lab.sender);
	CHECK(!sender_orders_applied(lab.sender)); /* nobody runs it */
	sending_start(&lab);
	until_obeyed();
	struct sender_snapshot snapshot;
	sender_snapshot(lab.sender, &snapshot);
	CHECK(snapshot.paused);
	sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
	CHECK_INT(sending_received(&lab, 0), ==, 0);
	sender_resume(lab.sender); /* too late to change anything */
	CHECK(sender_orders_applied(lab.sender));
	sending_close(&lab);
}

static bool paused_now(void)
{
	struct sender_snapshot snapshot;
	sender_snapshot(lab.sender, &snapshot);
	return snapshot.paused;
}

static void until_paused(bool paused)
{
	int64_t begin_ns = sending_now_ns();
	while (paused_now() != paused) {
		CHECK_INT(sending_now_ns() - begin_ns, <, 60 * CLOCK_NS_PER_S);
		sending_sleep_ns(CLOCK_NS_PER_MS / 10);
	}
}

static int64_t thread_cpu_ns(pthread_t thread)
{
	clockid_t id;
	struct timespec t;
	CHECK_INT(pthread_getcpuclockid(thread, &id), ==, 0);
	clock_gettime(id, &t);
	return t.tv_sec * CLOCK_NS_PER_S + t.tv_nsec;
}

TEST(sender_paused_sends_nothing_and_costs_nothing)
{
	sending_init(&lab, 1);
	sending_start(&lab);
	sending_until_sent(&lab, 1000);
	sender_pause(lab.sender);
	until_paused(true);
	struct sender_snapshot before, after;
	sender_snapshot(lab.sender, &before);
	CHECK_STR(before.waiting_for, "resume");
	CHECK(before.current_pps == 0);
	int64_t cpu_ns = thread_cpu_ns(lab.thread);
	sending_sleep_ns(50 * CLOCK_NS_PER_MS);
	CHECK_INT(thread_cpu_ns(lab.thread) - cpu_ns, <, 10 * CLOCK_NS_PER_MS);
	sender_snapshot(lab.sender, &after);
	CHECK_INT(before.account.packets_sent, ==, after.account.packets_sent);
	sender_resume(lab.sender);
	sending_until_sent(&lab, after.account.packets_sent + 1000);
	CHECK(!paused_now());
	sender_stop(lab.sender, SENDER_CANCELLED);
	sending_join(&lab);
	sending_check_books(&lab);
	sending_close(&lab);
}

static bool pauses_and_resumes_quickly(void)
{
	enum { ROUNDS = 20 };
	int quick = 0;
	sending_init(&lab, 1);
	sending_start(&lab);
	sending_until_sent(&lab, 1);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t begin_ns = sending_now_ns();
		sender_pause(lab.sender);
		until_paused(true);
		sender_resume(lab.sender);
		until_paused(false);
		quick += sending_now_ns() - begin_ns < 2 * AT_ONCE_NS;
	}
	sender_stop(lab.sender, SENDER_CANCELLED);
	sending_join(&lab);
	sending_check_books(&lab);
	sending_close(&lab);
	return quick >= ROUNDS * 9 / 10;
}

TEST(sender_pauses_and_resumes_within_10_ms)
{
	sending_attempt(pauses_and_resumes_quickly);
}

static bool pause_is_no_part_of_a_duration(void)
{
	sending_init(&lab, 1);
	sending_rate(&lab, 0, 1000);
	sending_duration(&lab, 0, 100 * CLOCK_NS_PER_MS);
	int64_t begin_ns = sending_now_ns();
	sending_start(&lab);
	sending_until_sent(&lab, 20);
	sender_pause(lab.sender);
	until_paused(true);
	sending_sleep_ns(150 * CLOCK_NS_PER_MS);
	sender_resume(lab.sender);
	CHECK_INT(sending_join(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(sending_now_ns() - begin_ns, >=, 250 * CLOCK_NS_PER_MS);
	sending_check_books(&lab);
	uint64_t received = sending_received(&lab, 0);
	CHECK_INT(received, ==, lab.report.account.packets_sent);
	CHECK_INT(received, <=, 101);
	sending_close(&lab);
	return received >= 99;
}

TEST(sender_pause_is_no_part_of_a_duration)
{
	sending_attempt(pause_is_no_part_of_a_duration);
}

TEST(sender_max_duration_counts_pauses_and_is_told)
{
	sending_init(&lab, 1);
	sending_rate(&lab, 0, 100);
	sending_packets(&lab, 0, 100000);
	lab.plan.max_duration_ns = 1500 * CLOCK_NS_PER_MS;
	sending_start(&lab);
	sending_until_sent(&lab, 1);
	sender_pause(lab.sender);
	CHECK_INT(sending_join(&lab), ==, SENDER_MAX_DURATION);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_sent, <=, 151);
	const struct problem *problem = sending_problem(&lab, PROBLEM_MAX_DURATION);
	CHECK(problem && problem->severity == PROBLEM_ERROR);
	CHECK_INT(problem->count, ==, lab.report.account.packets_cancelled);
	CHECK_HAS(problem->message, "1.5 s");
	sending_close(&lab);
}

TEST(sender_max_duration_counts_what_another_sender_took)
{
	struct sender_limits limits = {.max_duration_ns = INT64_C(3600) * CLOCK_NS_PER_S};
	for (int lowered = 0; lowered < 2; lowered++) { /* from the start, or while it runs */
		sending_init(&lab, 1);
		sending_rate(&lab, 0, 100);
		lab.options.elapsed_ns = limits.max_duration_ns;
		if (!lowered)
			lab.plan.max_duration_ns = limits.max_duration_ns;
		sending_start(&lab);
		if (lowered) {
			sending_until_sent(&lab, 1);
			sender_limit(lab.sender, &limits);
		}
		CHECK_INT(sending_join(&lab), ==, SENDER_MAX_DURATION);
		CHECK(sending_problem(&lab, PROBLEM_MAX_DURATION));
		CHECK_HAS(sending_problem(&lab, PROBLEM_MAX_DURATION)->message, "3600 s");
		sending_close(&lab);
	}
}

TEST(sender_max_duration_of_an_endless_stream_names_no_number_left)
{
	sending_init(&lab, 1);
	sending_rate(&lab, 0, 100);
	sending_endless(&lab, 0);
	lab.plan.max_duration_ns = 50 * CLOCK_NS_PER_MS;
	sending_start(&lab);
	CHECK_INT(sending_join(&lab), ==, SENDER_MAX_DURATION);
	sending_check_books(&lab);
	const struct problem *problem = sending_problem(&lab, PROBLEM_MAX_DURATION);
	CHECK(problem && problem->severity == PROBLEM_ERROR);
	CHECK_HAS(problem->message, "0.05 s");
	CHECK(!strstr(problem->message, "were not sent"));
	sending_close(&lab);
}

TEST(sender_takes_a_new_rate_at_one_packet_in_a_minute)
{
	sending_init(&lab, 2);
	sending_rate(&lab, 0, 1 / 60.);
	sending_rate(&lab, 1, 1 / 60.);
	sending_start(&lab);
	sending_until_sent(&lab, 2);
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 1000};
	CHECK_INT(sender_set_rate(lab.sender, 1, &rate, &lab.error), ==, 0);
	sending_until_sent(&lab, 30);
	CHECK_INT(sending_received(&lab, 0), ==, 1); /* only the one that was named */
	CHECK_INT(sender_set_rate(lab.sender, SIZE_MAX, &rate, &lab.error), ==, 0);
	sending_until_sent(&lab, 200);
	CHECK_INT(sending_received(&lab, 0), >, 10);
	rate.value = 1 / 60.;
	CHECK_INT(sender_set_rate(lab.sender, SIZE_MAX, &rate, &lab.error), ==, 0);
	until_obeyed();
	sending_sleep_ns(10 * AT_ONCE_NS);
	uint64_t sent = sending_sent(&lab);
	sending_sleep_ns(50 * CLOCK_NS_PER_MS);
	CHECK_INT(sending_sent(&lab), <=, sent + 2);
	sender_stop(lab.sender, SENDER_CANCELLED);
	sending_join(&lab);
	sending_check_books(&lab);
	CHECK_HAS(lab.report.why, "rate changed while sending: 2");
	sending_close(&lab);
}

TEST(sender_takes_a_new_rate_at_full_speed)
{
	sending_init(&lab, 1);
	sending_start(&lab);
	sending_until_sent(&lab, 10000);
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 100};
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==, 0);
	until_obeyed();
	int64_t begin_ns = sending_now_ns();
	sending_sleep_ns(100 * CLOCK_NS_PER_MS);
	uint64_t sent = sending_sent(&lab);
	sending_sleep_ns(100 * CLOCK_NS_PER_MS);
	CHECK_INT(sending_sent(&lab) - sent, <=,
		  20 + (sending_now_ns() - begin_ns) / (10 * CLOCK_NS_PER_MS));
	rate = (struct plan_rate){.kind = PLAN_RATE_UNLIMITED};
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==, 0);
	sending_until_sent(&lab, sent + 10000);
	sender_stop(lab.sender, SENDER_CANCELLED);
	sending_join(&lab);
	sending_check_books(&lab);
	sending_close(&lab);
}

TEST(sender_refuses_rates_that_are_none)
{
	sending_init(&lab, 1);
	CHECK_INT(sending_open(&lab), ==, 0);
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 5};
	CHECK_INT(sender_set_rate(lab.sender, 1, &rate, &lab.error), ==, ERROR_CODE_NOT_FOUND);
	CHECK_HAS(error_message(&lab.error), "no such stream: 1");
	rate.value = 0;
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	rate.value = NAN;
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	rate = (struct plan_rate){.kind = PLAN_RATE_LINE_PERCENT, .value = 10};
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==,
		  ERROR_CODE_FAILED_PRECONDITION);
	sending_close(&lab);
}

/* Readers, orders and the worker at once: what a reader keeps is whole and never goes back. */
static _Atomic bool reading;

static void *read_snapshots(void *context)
{
	(void)context;
	struct sender_snapshot last = {0}, now;
	while (atomic_load(&reading)) {
		sender_snapshot(lab.sender, &now);
		CHECK_INT(now.version, >=, last.version);
		CHECK_INT(now.account.packets_sent, >=, last.account.packets_sent);
		CHECK_INT(now.account.bytes_sent, ==, now.account.packets_sent * 100);
		last = now;
	}
	return NULL;
}

TEST(sender_snapshots_are_whole_while_orders_rain)
{
	pthread_t readers[2];
	sending_init(&lab, 2);
	sending_rate(&lab, 1, 5000);
	CHECK_INT(sending_open(&lab), ==, 0);
	atomic_store(&reading, true);
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&readers[i], NULL, read_snapshots, NULL), ==, 0);
	sending_start(&lab);
	for (int i = 0; i < 200; i++) {
		struct plan_rate rate = {.kind = i % 3 ? PLAN_RATE_PPS : PLAN_RATE_UNLIMITED,
					 .value = 1000.0 * (i + 1)};
		CHECK_INT(sender_set_rate(lab.sender, (size_t)i % 2, &rate, &lab.error), ==, 0);
		if (i % 5 == 0)
			sender_pause(lab.sender);
		sending_sleep_ns(CLOCK_NS_PER_MS / 4);
		sender_resume(lab.sender);
	}
	sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
	atomic_store(&reading, false);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	sending_check_books(&lab);
	sending_close(&lab);
}

static _Atomic int publications;

static void count_publication(void *context)
{
	(void)context;
	atomic_fetch_add(&publications, 1);
}

static bool publishes_every_10_ms(void)
{
	sending_init(&lab, 1);
	sending_duration(&lab, 0, 200 * CLOCK_NS_PER_MS);
	lab.options.published = count_publication;
	atomic_store(&publications, 0);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_close(&lab);
	int count = atomic_load(&publications);
	CHECK_INT(count, <=, 25);
	return count >= 18;
}

TEST(sender_publishes_every_10_ms)
{
	sending_attempt(publishes_every_10_ms);
}

static bool shows_the_current_rate(void)
{
	sending_init(&lab, 1);
	sending_rate(&lab, 0, 500);
	sending_packets(&lab, 0, 400);
	sending_start(&lab);
	sending_until_sent(&lab, 200);
	struct sender_snapshot snapshot;
	sender_snapshot(lab.sender, &snapshot);
	CHECK(snapshot.fraction >= 0.5 && snapshot.fraction <= 1);
	bool held = snapshot.current_pps > 450 && snapshot.current_pps < 550;
	CHECK(fabs(snapshot.current_bps_l2 / (snapshot.current_pps * 142 * 8) - 1) < 1e-9);
	CHECK_INT(llabs(clock_realtime_ns(clock_real()) - snapshot.taken_ns), <,
		  60 * CLOCK_NS_PER_S);
	sender_stop(lab.sender, SENDER_CANCELLED);
	sending_join(&lab);
	sending_close(&lab);
	return held;
}

TEST(sender_shows_the_current_rate_and_the_fraction)
{
	sending_attempt(shows_the_current_rate);
}

TEST_MAIN(CASE(sender_stops_within_10_ms), CASE(sender_cancelled_packets_are_those_not_attempted),
	  CASE(sender_stopped_before_it_runs_sends_nothing_and_says_why),
	  CASE(sender_stops_while_it_waits_for_start_time),
	  CASE(sender_has_obeyed_once_orders_are_in_force_or_it_has_ended),
	  CASE(sender_paused_sends_nothing_and_costs_nothing),
	  CASE(sender_pauses_and_resumes_within_10_ms), CASE(sender_pause_is_no_part_of_a_duration),
	  CASE(sender_max_duration_counts_pauses_and_is_told),
	  CASE(sender_max_duration_counts_what_another_sender_took),
	  CASE(sender_max_duration_of_an_endless_stream_names_no_number_left),
	  CASE(sender_takes_a_new_rate_at_one_packet_in_a_minute),
	  CASE(sender_takes_a_new_rate_at_full_speed), CASE(sender_refuses_rates_that_are_none),
	  CASE(sender_snapshots_are_whole_while_orders_rain), CASE(sender_publishes_every_10_ms),
	  CASE(sender_shows_the_current_rate_and_the_fraction))
