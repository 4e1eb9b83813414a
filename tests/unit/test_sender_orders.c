/* When orders are in effect, in virtual time: within 10 ms at any speed, and what a pause or a new
 * rate changes is that alone. */
#include "base/util.h"
#include "unit/sending_virtual.h"

#include <math.h>

#define AT_ONCE_NS (10 * CLOCK_NS_PER_MS)

enum { SEEDS = 20 };

static struct sending lab;
static void (*orders)(void);
static int64_t ordered_ns;

static void give_orders(void *context)
{
	(void)context;
	orders();
}

/* @streams, each of @pps (0: unlimited) until it is stopped; @and_then is done beside them. */
static void begin(size_t streams, double pps, uint64_t seed, void (*and_then)(void))
{
	sending_virtual_begin(&lab, streams, seed, NULL);
	virtual.look_most_ns = pps > 0 ? 400 : 400000; /* else what leaves is millions of packets */
	virtual.stall_in = seed % 2 ? 1000 : 0;
	virtual.stall_most_ns = CLOCK_NS_PER_MS;
	for (size_t i = 0; pps > 0 && i < streams; i++)
		sending_rate(&lab, i, pps);
	orders = and_then;
	virtual_actor(give_orders, NULL, NULL);
}

static void sleep_ms(int64_t ms)
{
	virtual_sleep(ms * CLOCK_NS_PER_MS);
}

static struct sender_snapshot snapshot(void)
{
	struct sender_snapshot now;
	sender_snapshot(lab.sender, &now);
	return now;
}

static void stop(enum sender_end why)
{
	ordered_ns = virtual.now_ns;
	sender_stop(lab.sender, why);
}

/* It is due at once, and known to be from then on. */
static void until_applied(void)
{
	int64_t from_ns = virtual.now_ns;
	while (!sender_orders_applied(lab.sender)) {
		CHECK_INT(virtual.now_ns - from_ns, <=, AT_ONCE_NS);
		virtual_sleep(CLOCK_NS_PER_MS / 10);
	}
}

static void stop_in_the_middle(void)
{
	virtual_sleep((int64_t)virtual_random(50 * CLOCK_NS_PER_MS));
	stop(SENDER_CANCELLED);
}

TEST(sender_stops_within_10_ms)
{
	static const double RATES[] = {0, 1, 1000, 1 / 3600.};
	for (size_t i = 0; i < ARRAY_SIZE(RATES); i++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			begin(1, RATES[i], seed, stop_in_the_middle);
			CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
			CHECK_INT(sending_virtual.ended_ns - ordered_ns, <, AT_ONCE_NS);
			/* no number was asked for */
			CHECK_INT(lab.report.account.packets_cancelled, ==, 0);
			CHECK_INT(sending_received(&lab, 0), ==, lab.report.account.packets_sent);
			sending_close(&lab);
		}
}

static void expire_before_the_start(void)
{
	sleep_ms(60000);
	CHECK_STR(snapshot().waiting_for, "start_time");
	sender_pause(lab.sender);
	sleep_ms(1000);
	sender_resume(lab.sender);
	sleep_ms(1000);
	CHECK_STR(snapshot().waiting_for, "start_time");
	stop(SENDER_LEASE_EXPIRED);
}

TEST(sender_stops_while_it_waits_for_start_time)
{
	begin(1, 0, 0, expire_before_the_start);
	sending_packets(&lab, 0, 9);
	lab.plan.start_time_ns = VIRTUAL_START_NS + 3600 * CLOCK_NS_PER_S;
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LEASE_EXPIRED);
	CHECK_INT(sending_virtual.ended_ns - ordered_ns, <, AT_ONCE_NS);
	CHECK_INT(lab.report.account.packets_cancelled, ==, 9);
	CHECK(sending_problem(&lab, PROBLEM_LEASE_EXPIRED));
	sending_close(&lab);
}

static void pause_for_an_hour(void)
{
	sleep_ms(100);
	sender_pause(lab.sender);
	until_applied();
	struct sender_snapshot before = snapshot();
	CHECK(before.paused && before.current_pps == 0);
	CHECK_STR(before.waiting_for, "resume");
	uint64_t looks = virtual.looks;
	sleep_ms(3600 * 1000);
	CHECK_INT(virtual.looks - looks, <, 4 * 3600); /* it sleeps, and looks at links at most */
	CHECK_INT(snapshot().account.packets_sent, ==, before.account.packets_sent);
	sender_resume(lab.sender);
	until_applied();
	sleep_ms(100);
	CHECK(!snapshot().paused);
	CHECK_INT(snapshot().account.packets_sent, >, before.account.packets_sent);
	stop(SENDER_CANCELLED);
}

TEST(sender_paused_sends_nothing_and_costs_nothing)
{
	for (int paced = 0; paced < 2; paced++) {
		begin(1, paced * 1000, 2, pause_for_an_hour);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
		CHECK_INT(sending_received(&lab, 0), ==, lab.report.account.packets_sent);
		sending_close(&lab);
	}
}

static void pause_and_resume_often(void)
{
	for (int i = 0; i < 50; i++) {
		virtual_sleep((int64_t)virtual_random(5 * CLOCK_NS_PER_MS));
		sender_pause(lab.sender);
		until_applied();
		CHECK(snapshot().paused);
		sender_resume(lab.sender);
		until_applied();
		CHECK(!snapshot().paused);
	}
	stop(SENDER_CANCELLED);
}

TEST(sender_pauses_and_resumes_within_10_ms)
{
	static const double RATES[] = {0, 1, 1000};
	for (size_t i = 0; i < ARRAY_SIZE(RATES); i++) {
		begin(1, RATES[i], i, pause_and_resume_often);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
		sending_close(&lab);
	}
}

static void pause_150_ms(void)
{
	sleep_ms(20);
	sender_pause(lab.sender);
	sleep_ms(150);
	sender_resume(lab.sender);
}

TEST(sender_pause_is_no_part_of_a_duration)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(1, 1000, seed, pause_150_ms);
		sending_duration(&lab, 0, 100 * CLOCK_NS_PER_MS);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
		CHECK_INT(sending_virtual_took_ns(), >=, 249 * CLOCK_NS_PER_MS);
		/* and what was late may leave behind its end */
		CHECK_INT(sending_virtual_took_ns(), <, 300 * CLOCK_NS_PER_MS);
		CHECK_INT(llabs((int64_t)lab.report.account.packets_sent - 100), <=, 1);
		CHECK_INT(sending_received(&lab, 0), ==, lab.report.account.packets_sent);
		sending_close(&lab);
	}
}

static void pause_for_good(void)
{
	sleep_ms(200);
	sender_pause(lab.sender);
}

TEST(sender_max_duration_counts_pauses_and_is_told)
{
	begin(1, 100, 0, pause_for_good);
	sending_packets(&lab, 0, 100000);
	lab.plan.max_duration_ns = 1500 * CLOCK_NS_PER_MS;
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_MAX_DURATION);
	CHECK_INT(sending_virtual_took_ns(), >=, 1500 * CLOCK_NS_PER_MS);
	CHECK_INT(sending_virtual_took_ns(), <, 1510 * CLOCK_NS_PER_MS);
	CHECK_INT(llabs((int64_t)lab.report.account.packets_sent - 20), <=, 1);
	const struct problem *problem = sending_problem(&lab, PROBLEM_MAX_DURATION);
	CHECK(problem && problem->severity == PROBLEM_ERROR);
	CHECK_INT(problem->count, ==, lab.report.account.packets_cancelled);
	CHECK_HAS(problem->message, "1.5 s");
	sending_close(&lab);
}

static const struct sender_limits AN_HOUR = {.max_duration_ns = INT64_C(3600) * CLOCK_NS_PER_S};

static void lower_it(void)
{
	sleep_ms(100);
	ordered_ns = virtual.now_ns;
	sender_limit(lab.sender, &AN_HOUR);
}

static void nothing(void)
{
}

TEST(sender_max_duration_counts_what_another_sender_took)
{
	for (int lowered = 0; lowered < 2; lowered++) { /* from the start, or while it runs */
		begin(1, 100, 0, lowered ? lower_it : nothing);
		ordered_ns = VIRTUAL_START_NS;
		lab.options.elapsed_ns = AN_HOUR.max_duration_ns;
		if (!lowered)
			lab.plan.max_duration_ns = AN_HOUR.max_duration_ns;
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_MAX_DURATION);
		CHECK_INT(sending_virtual.ended_ns - ordered_ns, <, AT_ONCE_NS);
		CHECK(sending_problem(&lab, PROBLEM_MAX_DURATION));
		CHECK_HAS(sending_problem(&lab, PROBLEM_MAX_DURATION)->message, "3600 s");
		sending_close(&lab);
	}
}

TEST(sender_max_duration_of_an_endless_stream_names_no_number_left)
{
	begin(1, 100, 0, nothing);
	lab.plan.max_duration_ns = 50 * CLOCK_NS_PER_MS;
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_MAX_DURATION);
	CHECK_INT(sending_virtual_took_ns(), <, 60 * CLOCK_NS_PER_MS);
	const struct problem *problem = sending_problem(&lab, PROBLEM_MAX_DURATION);
	CHECK(problem && problem->severity == PROBLEM_ERROR);
	CHECK_HAS(problem->message, "0.05 s");
	CHECK(!strstr(problem->message, "were not sent"));
	sending_close(&lab);
}

static void set_rate(size_t stream, double pps)
{
	struct plan_rate rate = {.kind = pps > 0 ? PLAN_RATE_PPS : PLAN_RATE_UNLIMITED,
				 .value = pps};
	CHECK_INT(sender_set_rate(lab.sender, stream, &rate, &lab.error), ==, 0);
	until_applied();
}

static uint64_t sent_in_ms(int64_t ms)
{
	uint64_t sent = snapshot().account.packets_sent;
	sleep_ms(ms);
	return snapshot().account.packets_sent - sent;
}

/* A snapshot is up to 10 ms old: a window has so much more or less. */
static void check_rate(double pps)
{
	double sent = (double)sent_in_ms(1000);
	if (fabs(sent - pps) > pps / 100 + 1)
		test_fail(__FILE__, __LINE__, "%g in a second at %g pps", sent, pps);
}

static void from_a_minute_to_a_millisecond_and_back(void)
{
	sleep_ms(100);
	CHECK_INT(snapshot().account.packets_sent, ==, 2);
	set_rate(1, 1000);
	check_rate(1000);
	CHECK_INT(sending_received(&lab, 0), ==, 1); /* only the one that was named */
	set_rate(SIZE_MAX, 1000);
	check_rate(2000);
	CHECK_INT(sending_received(&lab, 0), >, 980);
	set_rate(SIZE_MAX, 1 / 60.);
	sleep_ms(20);
	CHECK_INT(sent_in_ms(50000), ==, 0); /* a new gap of a minute after the last packet */
	CHECK_INT(sent_in_ms(10100), ==, 2);
	stop(SENDER_CANCELLED);
}

TEST(sender_takes_a_new_rate_at_one_packet_in_a_minute)
{
	for (uint64_t seed = 0; seed < 4; seed += 2) {
		begin(2, 1 / 60., seed, from_a_minute_to_a_millisecond_and_back);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
		CHECK_HAS(lab.report.why, "rate changed while sending: 2");
		sending_close(&lab);
	}
}

static void from_full_speed_to_100_and_back(void)
{
	sleep_ms(100);
	CHECK_INT(snapshot().account.packets_sent, >, 1000);
	set_rate(0, 100);
	sleep_ms(20);
	check_rate(100);
	set_rate(0, 0);
	CHECK_INT(sent_in_ms(100), >, 1000);
	stop(SENDER_CANCELLED);
}

TEST(sender_takes_a_new_rate_at_full_speed)
{
	begin(1, 0, 0, from_full_speed_to_100_and_back);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
	sending_close(&lab);
}

static int publications;

static void count_publication(void *context)
{
	(void)context;
	publications++;
}

TEST(sender_publishes_every_10_ms)
{
	for (uint64_t pps = 0; pps <= 1000; pps += 1000) {
		begin(1, (double)pps, 0, nothing);
		sending_duration(&lab, 0, 500 * CLOCK_NS_PER_MS);
		lab.options.published = count_publication;
		publications = 0;
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
		sending_close(&lab);
		CHECK_INT(publications, <=, 55);
		CHECK_INT(publications, >=, 42);
	}
}

static void look_at_the_middle(void)
{
	sleep_ms(400);
	struct sender_snapshot now = snapshot();
	CHECK(now.fraction >= 0.48 && now.fraction <= 0.52);
	CHECK(fabs(now.current_pps / 500 - 1) < 0.01);
	CHECK(fabs(now.current_bps_l2 / (now.current_pps * 142 * 8) - 1) < 1e-9);
	CHECK_INT(virtual.now_ns - now.taken_ns, <=, AT_ONCE_NS);
}

TEST(sender_shows_the_current_rate_and_the_fraction)
{
	begin(1, 500, 0, look_at_the_middle);
	sending_packets(&lab, 0, 400);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_close(&lab);
}

TEST_MAIN(CASE(sender_stops_within_10_ms), CASE(sender_stops_while_it_waits_for_start_time),
	  CASE(sender_paused_sends_nothing_and_costs_nothing),
	  CASE(sender_pauses_and_resumes_within_10_ms), CASE(sender_pause_is_no_part_of_a_duration),
	  CASE(sender_max_duration_counts_pauses_and_is_told),
	  CASE(sender_max_duration_counts_what_another_sender_took),
	  CASE(sender_max_duration_of_an_endless_stream_names_no_number_left),
	  CASE(sender_takes_a_new_rate_at_one_packet_in_a_minute),
	  CASE(sender_takes_a_new_rate_at_full_speed), CASE(sender_publishes_every_10_ms),
	  CASE(sender_shows_the_current_rate_and_the_fraction))
