/* What a job of several streams reports, and shows while it runs, in virtual time: of each stream
 * what it was, of the job what they come to together. */
#include "base/util.h"
#include "unit/sending_virtual.h"

#include <math.h>

static struct sending lab;
static void (*look)(void);

static void look_at_it(void *context)
{
	(void)context;
	look();
}

static void begin(size_t streams, uint64_t seed)
{
	sending_virtual_begin(&lab, streams, seed, NULL);
}

static struct sender_report report_of(size_t stream)
{
	struct sender_report report;
	sender_report(lab.sender, stream, &report);
	return report;
}

static struct sender_snapshot snapshot(void)
{
	struct sender_snapshot now;
	sender_snapshot(lab.sender, &now);
	return now;
}

static void check_near(double value, double wanted, double part)
{
	if (!(fabs(value / wanted - 1) <= part))
		test_fail(__FILE__, __LINE__, "%g is not within %g of %g", value, part, wanted);
}

TEST(report_of_a_job_has_the_gaps_of_all_its_streams)
{
	begin(3, 1);
	static const double RATES[] = {2000, 200, 50};
	for (size_t i = 0; i < 3; i++) {
		sending_rate(&lab, i, RATES[i]);
		sending_packets(&lab, i, (uint64_t)RATES[i]);
	}
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
	const struct histogram_summary *job = &lab.report.gap_error_ns;
	double min = INFINITY, max = 0, sum = 0;
	uint64_t count = 0;
	for (size_t i = 0; i < 3; i++) {
		struct sender_report report = report_of(i);
		CHECK_INT(report.gap_error_ns.count, ==, (uint64_t)RATES[i] - 1);
		CHECK(report.gap_error_ns.min <= report.gap_error_ns.p50 &&
		      report.gap_error_ns.p50 <= report.gap_error_ns.p90 &&
		      report.gap_error_ns.p90 <= report.gap_error_ns.max);
		min = fmin(min, report.gap_error_ns.min);
		max = fmax(max, report.gap_error_ns.max);
		sum += report.gap_error_ns.mean * (double)report.gap_error_ns.count;
		count += report.gap_error_ns.count;
		check_near(report.achieved_pps, RATES[i], 0.01);
	}
	CHECK_INT(job->count, ==, count);
	CHECK(job->min == min && job->max == max);
	check_near(job->mean, sum / (double)count, 1e-6);
	sending_close(&lab);
}

TEST(report_of_delayed_streams_is_from_the_first_packet_to_the_last)
{
	begin(3, 2);
	for (size_t i = 0; i < 3; i++) { /* one after the other, the last one first */
		sending_rate(&lab, i, 1000);
		sending_packets(&lab, i, 200);
		lab.jobs[i].stream.start_delay_ns = (int64_t)(2 - i) * 300 * CLOCK_NS_PER_MS;
	}
	lab.plan.start_time_ns = VIRTUAL_START_NS + 50 * CLOCK_NS_PER_MS;
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
	for (size_t i = 0; i < 3; i++) {
		struct sender_report report = report_of(i);
		int64_t from_ns = lab.plan.start_time_ns + lab.jobs[i].stream.start_delay_ns;
		CHECK_INT(report.first_packet_ns - from_ns, >=, 0);
		CHECK_INT(report.first_packet_ns - from_ns, <, CLOCK_NS_PER_MS / 5);
		CHECK(report.start_error_ns == (double)(report.first_packet_ns - from_ns));
		check_near(report.achieved_pps, 1000, 0.01); /* the delay is no part of it */
		check_near((double)(report.last_packet_ns - report.first_packet_ns), 199e6, 0.01);
	}
	struct sender_report last = report_of(0), first = report_of(2);
	CHECK_INT(lab.report.first_packet_ns, ==, first.first_packet_ns);
	CHECK_INT(lab.report.last_packet_ns, ==, last.last_packet_ns);
	CHECK(lab.report.start_error_ns == first.start_error_ns);
	check_near(lab.report.achieved_pps, 597 / 0.799,
		   0.01); /* over all, with what lay between */
	CHECK(lab.report.requested_pps == 3000);
	sending_close(&lab);
}

TEST(report_of_a_stream_that_sent_nothing_changes_nothing)
{
	begin(2, 3);
	sending_rate(&lab, 0, 1000);
	sending_packets(&lab, 0, 0);
	sending_rate(&lab, 1, 500);
	sending_packets(&lab, 1, 101);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
	struct sender_report none = report_of(0), some = report_of(1);
	CHECK_INT(none.first_packet_ns, ==, 0);
	CHECK(none.achieved_pps == 0 && none.gap_error_ns.count == 0);
	CHECK_STR(none.path, SENDER_PATH_NONE);
	CHECK_INT(lab.report.first_packet_ns, ==, some.first_packet_ns);
	CHECK_STR(lab.report.path, some.path);
	check_near(lab.report.achieved_pps, 500, 0.01);
	CHECK_INT(lab.report.gap_error_ns.count, ==, 100);
	sending_close(&lab);
}

static void look_at_the_middle(void)
{
	virtual_sleep(500 * CLOCK_NS_PER_MS);
	struct sender_snapshot now = snapshot();
	/* half of the first, a quarter of the second, none of the third: a third of their sum */
	check_near(now.fraction, (0.5 + 0.25 + 0) / 3, 0.03);
	check_near(now.current_pps, 2000, 0.01);
	/* the third begins in half a second, and then takes two */
	check_near((double)now.remaining_ns, 2.5e9, 0.02);
}

TEST(fraction_of_a_job_is_the_mean_of_its_streams)
{
	begin(3, 4);
	sending_rate(&lab, 0, 1000);
	sending_packets(&lab, 0, 1000);
	sending_rate(&lab, 1, 1000);
	sending_duration(&lab, 1, 2 * CLOCK_NS_PER_S);
	sending_rate(&lab, 2, 100);
	sending_packets(&lab, 2, 200);
	lab.jobs[2].stream.start_delay_ns = CLOCK_NS_PER_S;
	look = look_at_the_middle;
	virtual_actor(look_at_it, NULL, NULL);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK(snapshot().fraction == 1);
	CHECK_INT(snapshot().remaining_ns, ==, 0);
	sending_close(&lab);
}

static void pause_for_10_s(void)
{
	virtual_sleep(300 * CLOCK_NS_PER_MS);
	sender_pause(lab.sender);
	virtual_sleep(20 * CLOCK_NS_PER_MS);
	double fraction = snapshot().fraction;
	virtual_sleep(10 * CLOCK_NS_PER_S);
	CHECK(snapshot().paused);
	check_near(snapshot().fraction, fraction, 1e-9); /* it stands, also of a duration */
	sender_resume(lab.sender);
}

TEST(report_counts_no_pause_as_a_gap)
{
	begin(3, 5);
	for (size_t i = 0; i < 3; i++)
		sending_rate(&lab, i, 100);
	sending_packets(&lab, 0, 100);
	sending_duration(&lab, 1, CLOCK_NS_PER_S);
	sending_packets(&lab, 2, 50);
	lab.jobs[2].stream.start_delay_ns = 400 * CLOCK_NS_PER_MS; /* it begins after the pause */
	look = pause_for_10_s;
	virtual_actor(look_at_it, NULL, NULL);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(sending_virtual_took_ns(), <, 11200 * CLOCK_NS_PER_MS);
	CHECK_INT(report_of(0).account.packets_sent, ==, 100);
	CHECK_INT(llabs((int64_t)report_of(1).account.packets_sent - 100), <=, 1);
	CHECK_INT(report_of(2).account.packets_sent, ==, 50);
	for (size_t i = 0; i < 3; i++)
		CHECK(report_of(i).gap_error_ns.max < 20e6); /* a gap is 10 ms */
	CHECK(lab.report.gap_error_ns.max < 20e6);
	/* the delay goes on behind the pause: 300 ms of it were over */
	CHECK_INT(report_of(2).first_packet_ns - VIRTUAL_START_NS, >=, 10400 * CLOCK_NS_PER_MS);
	CHECK_INT(report_of(2).first_packet_ns - VIRTUAL_START_NS, <, 10450 * CLOCK_NS_PER_MS);
	sending_close(&lab);
}

TEST_MAIN(CASE(report_of_a_job_has_the_gaps_of_all_its_streams),
	  CASE(report_of_delayed_streams_is_from_the_first_packet_to_the_last),
	  CASE(report_of_a_stream_that_sent_nothing_changes_nothing),
	  CASE(fraction_of_a_job_is_the_mean_of_its_streams), CASE(report_counts_no_pause_as_a_gap))
