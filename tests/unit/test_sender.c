/* A job on loopback: what arrives is what the books say, at the rate that was asked for. */
#include "base/util.h"
#include "lib/sending.h"
#include "lib/test.h"

#include <math.h>
#include <sys/resource.h>

static struct sending lab; /* one at a time; too large for a stack */

TEST(sender_sends_its_limit_and_balances)
{
	sending_init(&lab, 1);
	sending_packets(&lab, 0, 12345);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
	CHECK_INT(sending_received(&lab, 0), ==, 12345);
	const struct sender_report *report = &lab.report;
	CHECK_INT(report->account.packets_sent, ==, 12345);
	CHECK_INT(report->account.bytes_sent, ==, 1234500);
	CHECK_INT(report->account.packets_cancelled, ==, 0);
	CHECK(report->account.syscalls > 0 && report->account.pages > 0);
	CHECK(report->requested_pps == 0 && report->achieved_pps > 0);
	CHECK(report->cpu_seconds > 0 && report->cpu_seconds < 10);
	CHECK(report->first_packet_ns > 0 && report->first_packet_ns <= report->last_packet_ns);
	CHECK_INT(report->engine, ==, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE);
	CHECK_HAS(report->path, "splice");
	CHECK(report->why[0]);
	CHECK_INT(lab.problems.count, ==, 0);
	struct sender_snapshot snapshot;
	sender_snapshot(lab.sender, &snapshot);
	CHECK(snapshot.fraction == 1);
	CHECK_INT(snapshot.first_packet_ns, ==, report->first_packet_ns);
	CHECK_STR(snapshot.waiting_for, "");
	sending_close(&lab);
}

static bool keeps_a_rate_with_single_packets(void)
{
	sending_init(&lab, 1);
	sending_rate(&lab, 0, 2000);
	sending_packets(&lab, 0, 601);
	int64_t begin_ns = sending_now_ns();
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(sending_now_ns() - begin_ns, >=, 300 * CLOCK_NS_PER_MS);
	sending_check_books(&lab);
	const struct sender_report *report = &lab.report;
	CHECK(report->requested_pps == 2000);
	CHECK(report->requested_bps == 2000 * 142 * 8); /* L2 */
	bool held = fabs(report->achieved_pps / 2000 - 1) < 0.01 &&
		    fabs(report->achieved_bps / report->requested_bps - 1) < 0.01 &&
		    report->gap_error_ns.p50 < 250000 && report->cpu_seconds < 0.9 * 0.3;
	CHECK_INT(report->gap_error_ns.count, ==, 600);
	CHECK_INT(report->longest_burst, ==, 1);
	CHECK_HAS(report->why, "single packets");
	CHECK_HAS(report->path, "; single datagrams");
	sending_close(&lab);
	return held;
}

TEST(sender_keeps_a_rate_with_single_packets)
{
	sending_attempt(keeps_a_rate_with_single_packets);
}

static bool counts_exactly_the_packets_of_a_duration(void)
{
	sending_init(&lab, 1);
	sending_rate(&lab, 0, 1000);
	sending_duration(&lab, 0, 250 * CLOCK_NS_PER_MS);
	int64_t begin_ns = sending_now_ns();
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(sending_now_ns() - begin_ns, >=, 250 * CLOCK_NS_PER_MS);
	sending_check_books(&lab);
	uint64_t sent = lab.report.account.packets_sent;
	CHECK_INT(lab.report.account.packets_requested, ==, sent);
	CHECK_INT(sending_received(&lab, 0), ==, sent);
	CHECK_INT(sent, <=, 250);
	bool held = sent == 250;
	sending_close(&lab);
	return held;
}

TEST(sender_counts_exactly_the_packets_of_a_duration)
{
	sending_attempt(counts_exactly_the_packets_of_a_duration);
}

static bool ends_a_duration_at_full_speed(void)
{
	sending_init(&lab, 1);
	sending_duration(&lab, 0, 50 * CLOCK_NS_PER_MS);
	int64_t begin_ns = sending_now_ns();
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	int64_t took_ns = sending_now_ns() - begin_ns;
	CHECK_INT(took_ns, >=, 50 * CLOCK_NS_PER_MS);
	CHECK_INT(took_ns, <, 60 * CLOCK_NS_PER_S);
	sending_check_books(&lab);
	bool held = lab.report.account.packets_sent > 1000 && lab.report.longest_burst > 1;
	sending_close(&lab);
	return held;
}

TEST(sender_ends_a_duration_at_full_speed)
{
	sending_attempt(ends_a_duration_at_full_speed);
}

static bool gives_each_stream_its_own_rate(void)
{
	static const double rates[] = {1000, 500, 20};
	sending_init(&lab, 3);
	for (size_t i = 0; i < 3; i++) {
		sending_rate(&lab, i, rates[i]);
		sending_duration(&lab, i, 300 * CLOCK_NS_PER_MS);
	}
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
	bool held = true;
	for (size_t i = 0; i < 3; i++) {
		held &= sending_received(&lab, i) == (uint64_t)(rates[i] * 0.3);
		struct sender_report report;
		sender_report(lab.sender, i, &report);
		CHECK(report.requested_pps == rates[i]);
		held &= fabs(report.achieved_pps / rates[i] - 1) < 0.02;
	}
	CHECK(lab.report.requested_pps == 1520);
	held &= fabs(lab.report.achieved_pps / 1520 - 1) < 0.1;
	sending_close(&lab);
	return held;
}

TEST(sender_gives_each_stream_its_own_rate)
{
	sending_attempt(gives_each_stream_its_own_rate);
}

static bool unlimited_streams_share_and_leave_the_paced_one_its_rate(void)
{
	sending_init(&lab, 3);
	sending_rate(&lab, 0, 1000);
	for (size_t i = 0; i < 3; i++)
		sending_duration(&lab, i, 200 * CLOCK_NS_PER_MS);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
	struct sender_report reports[3];
	for (size_t i = 0; i < 3; i++)
		sender_report(lab.sender, i, &reports[i]);
	bool held = reports[0].account.packets_sent == 200;
	double first = reports[1].account.packets_sent, second = reports[2].account.packets_sent;
	held &= first > 1000 && second > 1000 && first / second > 0.5 && first / second < 2;
	CHECK(lab.report.requested_pps == 0);
	sending_close(&lab);
	return held;
}

TEST(sender_unlimited_streams_share_and_leave_the_paced_one_its_rate)
{
	sending_attempt(unlimited_streams_share_and_leave_the_paced_one_its_rate);
}

TEST(sender_drives_1024_streams)
{
	enum { STREAMS = 1024 };
	struct rlimit files = {4096, 4096};
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < 2 * STREAMS)
		test_skip("only %llu files may be open", (unsigned long long)files.rlim_cur);
	sending_init(&lab, 1);
	sending_rate(&lab, 0, 20);
	sending_packets(&lab, 0, 5);
	struct plan_stream *streams = calloc(STREAMS, sizeof *streams);
	for (size_t i = 0; i < STREAMS; i++)
		streams[i] = lab.jobs[0].stream;
	lab.plan.streams = streams;
	lab.plan.stream_count = STREAMS;
	struct sender *sender;
	struct engine_choice choice;
	CHECK_INT(engine_choose(&lab.plan, NULL, 0, &choice, &lab.error), ==, 0);
	CHECK_INT(sender_new(&sender, &lab.plan, &choice, &lab.options, &lab.problems, &lab.error),
		  ==, 0);
	CHECK_INT(sender_run(sender), ==, SENDER_LIMIT_REACHED);
	sender_settle(sender);
	for (size_t i = 0; i < STREAMS; i++) {
		struct sender_report report;
		sender_report(sender, i, &report);
		CHECK_INT(report.account.packets_sent, ==, 5);
		CHECK(account_balanced(&report.account));
	}
	CHECK_INT(sending_received(&lab, 0), ==, 5 * STREAMS);
	sender_free(sender);
	free(streams);
	sending_close(&lab);
}

static bool charges_unequal_sizes_by_their_bits(void)
{
	sending_init(&lab, 1);
	job_add(&lab.jobs[0], 1100, 1); /* 100 and 1,100 B in turn: 600 in the mean */
	lab.jobs[0].stream.rate = (struct plan_rate){.kind = PLAN_RATE_BPS,
						     .value = 600 * 8 * 1000,
						     .layer = PAGECAST__V1__LAYER__LAYER_PAYLOAD};
	sending_packets(&lab, 0, 300);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.bytes_sent, ==, 300 * 600);
	CHECK_INT(lab.report.layer, ==, PAGECAST__V1__LAYER__LAYER_PAYLOAD);
	bool held = fabs(lab.report.achieved_pps / 1000 - 1) < 0.02 &&
		    fabs(lab.report.achieved_bps / 4.8e6 - 1) < 0.02;
	sending_close(&lab);
	return held;
}

TEST(sender_charges_unequal_sizes_by_their_bits)
{
	sending_attempt(charges_unequal_sizes_by_their_bits);
}

TEST(sender_repacks_fresh_arenas_without_a_seam)
{
	sending_init(&lab, 1);
	sending_need_room(&lab, 32 << 20);
	struct job *job = &lab.jobs[0];
	job_free(job);
	job->stream.item_count = 0;
	job->stream.pass_packets = job->stream.pass_bytes = 0;
	for (uint32_t i = 0; i < 40; i++)
		job_add(job, 1000 + i, 1000); /* 40 MB a pass: more than a template holds */
	sending_packets(&lab, 0, 9001);	      /* five arenas, sizes 1,000 to 1,009 */
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
	static uint8_t buffer[2000];
	for (uint32_t i = 0; i < 9001; i++) {
		ssize_t len = receiver_take(lab.receivers[0], buffer, sizeof buffer, 30000);
		CHECK_INT(len, ==, 1000 + i / 1000);
		CHECK(memcmp(buffer, job->items[i / 1000].bytes, (size_t)len) == 0);
	}
	CHECK_INT(sending_received(&lab, 0), ==, 0);
	sending_close(&lab);
}

static bool sends_bursts_with_their_gap(void)
{
	sending_init(&lab, 1);
	lab.jobs[0].stream.burst = (struct plan_burst){.packets = 50, .gap_ns = 20000000};
	sending_packets(&lab, 0, 500);
	int64_t begin_ns = sending_now_ns();
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(sending_now_ns() - begin_ns, >=, 9 * 20000000);
	CHECK_INT(sending_received(&lab, 0), ==, 500);
	CHECK_INT(lab.report.gap_error_ns.count, ==, 9);
	bool held = lab.report.gap_error_ns.p50 < 2000000;
	sending_close(&lab);
	return held;
}

/* What was asked and what was reached compare: a burst stands for the gap behind it too, and one
 * that was cut short for nothing. */
static bool reports_the_rate_over_whole_bursts(void)
{
	bool held = true;
	for (uint64_t packets = 5; packets <= 18; packets += 13) {
		sending_init(&lab, 1);
		sending_rate(&lab, 0, 1000);
		lab.jobs[0].stream.burst = (struct plan_burst){.packets = 5, .gap_ns = 20000000};
		sending_packets(&lab, 0, packets);
		CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
		double asked = lab.report.requested_pps, achieved = lab.report.achieved_pps;
		CHECK(fabs(asked - 5 / 0.024) < 0.01);
		CHECK(fabs(lab.report.requested_bps / asked - lab.report.achieved_bps / achieved) <
		      0.01);
		held &= achieved > asked * 0.9 && achieved < asked * 1.1;
		sending_close(&lab);
	}
	return held;
}

TEST(sender_reports_the_rate_over_whole_bursts)
{
	sending_attempt(reports_the_rate_over_whole_bursts);
}

TEST(sender_sends_bursts_with_their_gap)
{
	sending_attempt(sends_bursts_with_their_gap);
}

static bool starts_a_delayed_stream_later(void)
{
	sending_init(&lab, 2);
	for (size_t i = 0; i < 2; i++) {
		sending_rate(&lab, i, 1000);
		sending_packets(&lab, i, 20);
		lab.jobs[i].stream.start_delay_ns = i * 60 * CLOCK_NS_PER_MS;
	}
	int64_t begin_ns = clock_realtime_ns(clock_real());
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	struct sender_report reports[2];
	for (size_t i = 0; i < 2; i++)
		sender_report(lab.sender, i, &reports[i]);
	int64_t apart_ns = reports[1].first_packet_ns - reports[0].first_packet_ns;
	CHECK_INT(reports[1].first_packet_ns - begin_ns, >, 59 * CLOCK_NS_PER_MS);
	bool held = apart_ns > 55 * CLOCK_NS_PER_MS && apart_ns < 65 * CLOCK_NS_PER_MS;
	sending_close(&lab);
	return held;
}

TEST(sender_starts_a_delayed_stream_later)
{
	sending_attempt(starts_a_delayed_stream_later);
}

static bool starts_at_start_time_and_says_how_exactly(void)
{
	sending_init(&lab, 1);
	sending_packets(&lab, 0, 1);
	int64_t start_ns = clock_realtime_ns(clock_real()) + 80 * CLOCK_NS_PER_MS;
	lab.plan.start_time_ns = start_ns;
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(lab.report.first_packet_ns, >=, start_ns - 1000);
	CHECK(lab.report.start_error_ns == (double)(lab.report.first_packet_ns - start_ns));
	bool held = lab.report.start_error_ns < 1e6;
	sending_close(&lab);
	return held;
}

TEST(sender_starts_at_start_time_and_says_how_exactly)
{
	sending_attempt(starts_at_start_time_and_says_how_exactly);
}

TEST(sender_late_for_start_time_fails_or_says_so)
{
	sending_init(&lab, 1);
	sending_packets(&lab, 0, 3);
	lab.plan.start_time_ns = clock_realtime_ns(clock_real()) - CLOCK_NS_PER_S;
	lab.plan.start_tolerance_ns = 500 * CLOCK_NS_PER_MS;
	CHECK_INT(sending_run(&lab), ==, SENDER_START_MISSED);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_cancelled, ==, 3);
	CHECK_INT(sending_received(&lab, 0), ==, 0);
	const struct problem *problem = sending_problem(&lab, PROBLEM_START_MISSED);
	CHECK(problem && problem->severity == PROBLEM_ERROR);
	CHECK_HAS(problem->message, "start_tolerance is 0.5 s");
	sending_close(&lab);

	sending_init(&lab, 1);
	sending_packets(&lab, 0, 3);
	lab.plan.start_time_ns = clock_realtime_ns(clock_real()) - CLOCK_NS_PER_S;
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(sending_received(&lab, 0), ==, 3);
	CHECK(lab.report.start_error_ns > 0.99e9);
	problem = sending_problem(&lab, PROBLEM_START_MISSED);
	CHECK(problem && problem->severity == PROBLEM_WARNING);
	sending_close(&lab);
}

static bool holds_a_job_to_its_maximum(void)
{
	sending_init(&lab, 3);
	sending_rate(&lab, 0, 100);
	for (size_t i = 0; i < 3; i++)
		sending_duration(&lab, i, 300 * CLOCK_NS_PER_MS);
	lab.options.max_pps = 2100; /* 100 as asked, and 1,000 for each without a rate */
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
	uint64_t counts[3];
	for (size_t i = 0; i < 3; i++)
		counts[i] = sending_received(&lab, i);
	CHECK(counts[0] <= 30 && counts[1] <= 300 && counts[2] <= 300);
	bool held = counts[0] == 30 && counts[1] == 300 && counts[2] == 300;
	struct sender_report report;
	sender_report(lab.sender, 1, &report);
	CHECK(report.requested_pps == 0); /* as asked: without a rate */
	CHECK_HAS(report.why, "held to");
	CHECK_HAS(report.why, "by the policy's maxPps");
	sending_close(&lab);
	return held;
}

TEST(sender_holds_a_job_to_its_maximum)
{
	sending_attempt(holds_a_job_to_its_maximum);
}

static bool shares_bits_too_and_gives_on_what_an_ended_stream_had(void)
{
	sending_init(&lab, 2);
	sending_duration(&lab, 0, 200 * CLOCK_NS_PER_MS);
	sending_duration(&lab, 1, 400 * CLOCK_NS_PER_MS);
	lab.options.max_bps_l2 = 142 * 8 * 2000; /* 2,000 pps of 142 B */
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	bool held = sending_received(&lab, 0) == 200;
	uint64_t second = sending_received(&lab, 1); /* 200, then 400 */
	CHECK_INT(second, <=, 602);
	held &= second >= 590;
	sending_close(&lab);
	return held;
}

TEST(sender_shares_bits_too_and_gives_on_what_an_ended_stream_had)
{
	sending_attempt(shares_bits_too_and_gives_on_what_an_ended_stream_had);
}

TEST(sender_refuses_percent_of_an_unknown_line)
{
	sending_init(&lab, 1);
	lab.jobs[0].stream.rate.kind = PLAN_RATE_LINE_PERCENT;
	lab.jobs[0].stream.rate.value = 50;
	CHECK_INT(sending_open(&lab), ==,
		  ERROR_CODE_FAILED_PRECONDITION); /* loopback has no speed */
	CHECK_HAS(error_message(&lab.error),
		  "streams[0].rate.linePercent: the speed of lo is not known");
	CHECK_INT(lab.problems.count, ==, 1);
	sending_close(&lab);
}

TEST(sender_tells_that_nothing_listens)
{
	sending_init(&lab, 1);
	close(lab.receivers[0]);
	lab.receivers[0] = dup(2);
	sending_rate(&lab, 0, 1000);
	sending_packets(&lab, 0, 50);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_sent, ==, 50);
	const struct problem *problem = sending_problem(&lab, PROBLEM_PORT_UNREACHABLE);
	CHECK(problem && problem->severity == PROBLEM_WARNING);
	CHECK_INT(problem->count, ==, 50);
	CHECK_HAS(problem->message, "(50 refusals)");
	sending_close(&lab);
}

TEST_MAIN(CASE(sender_sends_its_limit_and_balances), CASE(sender_keeps_a_rate_with_single_packets),
	  CASE(sender_counts_exactly_the_packets_of_a_duration),
	  CASE(sender_ends_a_duration_at_full_speed), CASE(sender_gives_each_stream_its_own_rate),
	  CASE(sender_unlimited_streams_share_and_leave_the_paced_one_its_rate),
	  CASE(sender_drives_1024_streams), CASE(sender_charges_unequal_sizes_by_their_bits),
	  CASE(sender_repacks_fresh_arenas_without_a_seam),
	  CASE(sender_sends_bursts_with_their_gap), CASE(sender_reports_the_rate_over_whole_bursts),
	  CASE(sender_starts_a_delayed_stream_later),
	  CASE(sender_starts_at_start_time_and_says_how_exactly),
	  CASE(sender_late_for_start_time_fails_or_says_so),
	  CASE(sender_holds_a_job_to_its_maximum),
	  CASE(sender_shares_bits_too_and_gives_on_what_an_ended_stream_had),
	  CASE(sender_refuses_percent_of_an_unknown_line), CASE(sender_tells_that_nothing_listens))
