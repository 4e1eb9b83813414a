/* A job on loopback: what arrives is what the books say. When it leaves: test_sender_rates. */
#include "base/util.h"
#include "lib/sending.h"
#include "lib/test.h"

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

TEST_MAIN(CASE(sender_sends_its_limit_and_balances), CASE_APART(sender_drives_1024_streams),
	  CASE_APART(sender_repacks_fresh_arenas_without_a_seam),
	  CASE(sender_late_for_start_time_fails_or_says_so),
	  CASE(sender_refuses_percent_of_an_unknown_line), CASE(sender_tells_that_nothing_listens))
