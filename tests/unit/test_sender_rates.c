/* When the packets of a job leave, in virtual time: rates, durations, bursts, delays and maxima, to
 * the packet and in every run. */
#include "base/util.h"
#include "unit/sending_virtual.h"

#include <math.h>

static struct sending lab; /* one at a time; too large for a stack */

enum { SEEDS = 5 };

static void begin(size_t streams, uint64_t seed)
{
	sending_virtual_begin(&lab, streams, seed, NULL);
}

/* Until the limits are reached. */
static void run(void)
{
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
}

static struct sender_report report_of(size_t stream)
{
	struct sender_report report;
	sender_report(lab.sender, stream, &report);
	return report;
}

TEST(sender_keeps_a_rate_with_single_packets)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(1, seed);
		sending_rate(&lab, 0, 2000);
		sending_packets(&lab, 0, 601);
		run();
		const struct sender_report *report = &lab.report;
		int64_t took_ns = report->last_packet_ns - report->first_packet_ns;
		CHECK_INT(llabs(took_ns - 300 * CLOCK_NS_PER_MS), <, 100 * CLOCK_NS_PER_US);
		CHECK(report->requested_pps == 2000);
		CHECK(report->requested_bps == 2000 * 142 * 8); /* L2 */
		CHECK(fabs(report->achieved_pps / 2000 - 1) < 0.001);
		CHECK(fabs(report->achieved_bps / report->requested_bps - 1) < 0.001);
		CHECK_INT(report->gap_error_ns.count, ==, 600);
		CHECK(report->gap_error_ns.p50 < 60000); /* as late as a timer may be */
		CHECK_INT(report->longest_burst, ==, 1);
		/* it sleeps in between: its looks, of a quarter of a us in the mean, are a tenth */
		CHECK_INT(virtual.looks * 250, <, took_ns / 10);
		CHECK_HAS(report->why, "single packets");
		sending_close(&lab);
	}
}

TEST(sender_counts_exactly_the_packets_of_a_duration)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(1, seed);
		sending_rate(&lab, 0, 1000);
		sending_duration(&lab, 0, 250 * CLOCK_NS_PER_MS);
		run();
		CHECK_INT(sending_virtual_took_ns(), >=, 250 * CLOCK_NS_PER_MS);
		CHECK_INT(sending_virtual_took_ns(), <, 260 * CLOCK_NS_PER_MS);
		CHECK_INT(lab.report.account.packets_sent, ==, 250);
		CHECK_INT(lab.report.account.packets_requested, ==, 250);
		CHECK_INT(sending_received(&lab, 0), ==, 250);
		sending_close(&lab);
	}
}

TEST(sender_ends_a_duration_at_full_speed)
{
	begin(1, 1);
	virtual.look_most_ns = 200000; /* else a million packets leave, for nothing */
	sending_duration(&lab, 0, 50 * CLOCK_NS_PER_MS);
	run();
	CHECK_INT(sending_virtual_took_ns(), >=, 50 * CLOCK_NS_PER_MS);
	CHECK_INT(sending_virtual_took_ns(), <, 55 * CLOCK_NS_PER_MS);
	CHECK(lab.report.account.packets_sent > 1000 && lab.report.longest_burst > 1);
	sending_close(&lab);
}

TEST(sender_gives_each_stream_its_own_rate)
{
	static const double rates[] = {1000, 500, 20};
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(3, seed);
		for (size_t i = 0; i < 3; i++) {
			sending_rate(&lab, i, rates[i]);
			sending_duration(&lab, i, 300 * CLOCK_NS_PER_MS);
		}
		run();
		for (size_t i = 0; i < 3; i++) {
			struct sender_report report = report_of(i);
			CHECK_INT(sending_received(&lab, i), ==, (uint64_t)(rates[i] * 0.3));
			CHECK(report.requested_pps == rates[i]);
			CHECK(fabs(report.achieved_pps / rates[i] - 1) < 0.005);
		}
		CHECK(lab.report.requested_pps == 1520);
		CHECK(fabs(lab.report.achieved_pps / 1520 - 1) < 0.01);
		sending_close(&lab);
	}
}

TEST(sender_unlimited_streams_share_and_leave_the_paced_one_its_rate)
{
	begin(3, 1);
	virtual.look_most_ns = 200000;
	sending_rate(&lab, 0, 1000);
	for (size_t i = 0; i < 3; i++)
		sending_duration(&lab, i, 200 * CLOCK_NS_PER_MS);
	run();
	CHECK_INT(report_of(0).account.packets_sent, ==, 200);
	double first = (double)report_of(1).account.packets_sent;
	double second = (double)report_of(2).account.packets_sent;
	CHECK(first > 1000 && second > 1000);
	CHECK(first / second > 0.9 && first / second < 1.1);
	CHECK(lab.report.requested_pps == 0);
	sending_close(&lab);
}

TEST(sender_charges_unequal_sizes_by_their_bits)
{
	begin(1, 1);
	job_add(&lab.jobs[0], 1100, 1); /* 100 and 1,100 B in turn: 600 in the mean */
	lab.jobs[0].stream.rate = (struct plan_rate){.kind = PLAN_RATE_BPS,
						     .value = 600 * 8 * 1000,
						     .layer = PAGECAST__V1__LAYER__LAYER_PAYLOAD};
	sending_packets(&lab, 0, 300);
	run();
	CHECK_INT(lab.report.account.bytes_sent, ==, 300 * 600);
	CHECK_INT(lab.report.layer, ==, PAGECAST__V1__LAYER__LAYER_PAYLOAD);
	CHECK(fabs(lab.report.achieved_pps / 1000 - 1) < 0.01);
	CHECK(fabs(lab.report.achieved_bps / 4.8e6 - 1) < 0.01);
	sending_close(&lab);
}

TEST(sender_sends_bursts_with_their_gap)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(1, seed);
		lab.jobs[0].stream.burst = (struct plan_burst){.packets = 50, .gap_ns = 20000000};
		sending_packets(&lab, 0, 500);
		run();
		int64_t took_ns = lab.report.last_packet_ns - lab.report.first_packet_ns;
		CHECK_INT(took_ns, >=, 9 * 20000000);
		CHECK_INT(took_ns, <, 9 * 20100000);
		CHECK_INT(sending_received(&lab, 0), ==, 500);
		CHECK_INT(lab.report.gap_error_ns.count, ==, 9);
		CHECK(lab.report.gap_error_ns.max < 100000);
		sending_close(&lab);
	}
}

/* What was asked and what was reached compare: a burst stands for the gap behind it too, and one
 * that was cut short for nothing. */
TEST(sender_reports_the_rate_over_whole_bursts)
{
	for (uint64_t packets = 5; packets <= 18; packets += 13) {
		begin(1, packets);
		sending_rate(&lab, 0, 1000);
		lab.jobs[0].stream.burst = (struct plan_burst){.packets = 5, .gap_ns = 20000000};
		sending_packets(&lab, 0, packets);
		run();
		double asked = lab.report.requested_pps, achieved = lab.report.achieved_pps;
		CHECK(fabs(asked - 5 / 0.024) < 0.01);
		CHECK(fabs(lab.report.requested_bps / asked - lab.report.achieved_bps / achieved) <
		      0.01);
		CHECK(fabs(achieved / asked - 1) < 0.01);
		sending_close(&lab);
	}
}

TEST(sender_starts_a_delayed_stream_later)
{
	begin(2, 1);
	for (size_t i = 0; i < 2; i++) {
		sending_rate(&lab, i, 1000);
		sending_packets(&lab, i, 20);
		lab.jobs[i].stream.start_delay_ns = (int64_t)i * 60 * CLOCK_NS_PER_MS;
	}
	run();
	int64_t first_ns = report_of(0).first_packet_ns, second_ns = report_of(1).first_packet_ns;
	CHECK_INT(first_ns - VIRTUAL_START_NS, <, CLOCK_NS_PER_MS);
	CHECK_INT(second_ns - VIRTUAL_START_NS, >=, 60 * CLOCK_NS_PER_MS);
	CHECK_INT(second_ns - VIRTUAL_START_NS, <, 61 * CLOCK_NS_PER_MS);
	sending_close(&lab);
}

TEST(sender_starts_at_start_time_and_says_how_exactly)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(1, seed);
		sending_packets(&lab, 0, 1);
		int64_t start_ns = VIRTUAL_START_NS + 80 * CLOCK_NS_PER_MS;
		lab.plan.start_time_ns = start_ns;
		run();
		CHECK_INT(lab.report.first_packet_ns, >=, start_ns);
		CHECK_INT(lab.report.first_packet_ns, <, start_ns + 100 * CLOCK_NS_PER_US);
		CHECK(lab.report.start_error_ns == (double)(lab.report.first_packet_ns - start_ns));
		sending_close(&lab);
	}
}

TEST(sender_holds_a_job_to_its_maximum)
{
	begin(3, 1);
	sending_rate(&lab, 0, 100);
	for (size_t i = 0; i < 3; i++)
		sending_duration(&lab, i, 300 * CLOCK_NS_PER_MS);
	lab.options.max_pps = 2100; /* 100 as asked, and 1,000 for each without a rate */
	run();
	CHECK_INT(sending_received(&lab, 0), ==, 30);
	CHECK_INT(sending_received(&lab, 1), ==, 300);
	CHECK_INT(sending_received(&lab, 2), ==, 300);
	struct sender_report report = report_of(1);
	CHECK(report.requested_pps == 0); /* as asked: without a rate */
	CHECK_HAS(report.why, "held to");
	CHECK_HAS(report.why, "by the policy's maxPps");
	sending_close(&lab);
}

TEST(sender_shares_bits_too_and_gives_on_what_an_ended_stream_had)
{
	begin(2, 1);
	sending_duration(&lab, 0, 200 * CLOCK_NS_PER_MS);
	sending_duration(&lab, 1, 400 * CLOCK_NS_PER_MS);
	lab.options.max_bps_l2 = 142 * 8 * 2000; /* 2,000 pps of 142 B */
	run();
	CHECK_INT(sending_received(&lab, 0), ==, 200);
	uint64_t second = sending_received(&lab, 1); /* 200, then 400 */
	CHECK_INT(second, <=, 601);
	CHECK_INT(second, >=, 598);
	sending_close(&lab);
}

/* A maximum that is not reached changes nothing, whichever of the two. */
TEST(sender_below_its_maxima_is_left_alone)
{
	for (int bits = 0; bits < 2; bits++) {
		begin(1, 1);
		sending_rate(&lab, 0, 1000);
		sending_duration(&lab, 0, 200 * CLOCK_NS_PER_MS);
		if (bits)
			lab.options.max_bps_l2 = 142 * 8 * 4000;
		else
			lab.options.max_pps = 4000;
		run();
		CHECK_INT(sending_received(&lab, 0), ==, 200);
		struct sender_report report = report_of(0);
		CHECK(report.requested_pps == 1000);
		CHECK(strstr(report.why, "held to") == NULL);
		sending_close(&lab);
	}
}

/* Both are exceeded: the lower one holds, and is the one that is named. */
TEST(sender_is_held_by_the_lower_of_two_maxima)
{
	static const struct {
		double pps, bps_as_pps;
		const char *rule;
	} rows[] = {{1000, 2000, "maxPps"}, {2000, 1000, "maxBps"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(1, 1);
		sending_duration(&lab, 0, 200 * CLOCK_NS_PER_MS);
		lab.options.max_pps = rows[i].pps;
		lab.options.max_bps_l2 = 142 * 8 * rows[i].bps_as_pps;
		run();
		CHECK_INT(sending_received(&lab, 0), ==, 200);
		CHECK_HAS(report_of(0).why, rows[i].rule);
		sending_close(&lab);
	}
}

TEST_MAIN(CASE(sender_keeps_a_rate_with_single_packets),
	  CASE(sender_counts_exactly_the_packets_of_a_duration),
	  CASE(sender_ends_a_duration_at_full_speed), CASE(sender_gives_each_stream_its_own_rate),
	  CASE(sender_unlimited_streams_share_and_leave_the_paced_one_its_rate),
	  CASE(sender_charges_unequal_sizes_by_their_bits),
	  CASE(sender_sends_bursts_with_their_gap), CASE(sender_reports_the_rate_over_whole_bursts),
	  CASE(sender_starts_a_delayed_stream_later),
	  CASE(sender_starts_at_start_time_and_says_how_exactly),
	  CASE(sender_holds_a_job_to_its_maximum),
	  CASE(sender_shares_bits_too_and_gives_on_what_an_ended_stream_had),
	  CASE(sender_below_its_maxima_is_left_alone),
	  CASE(sender_is_held_by_the_lower_of_two_maxima))
