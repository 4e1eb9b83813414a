/* The schedule in virtual time when it changes: bursts, new rates, pauses, the ends of numbers. */
#include "unit/pacer_lab.h"

#include <math.h>

TEST(pacer_burst_gap_runs_from_its_last_packet_to_the_next_first)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1000);
	stream.burst = (struct plan_burst){.packets = 3, .gap_ns = 50 * CLOCK_NS_PER_MS};
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	for (int burst = 0; burst < 10000; burst++)
		for (int i = 0; i < 3; i++)
			CHECK_INT(step(pacer, &now_ns, NULL), ==,
				  (burst * INT64_C(52) + i) * CLOCK_NS_PER_MS);
	struct pacer_report report;
	pacer_report(pacer, &report);
	CHECK(fabs(report.requested_pps - 3 / 0.052) < 1e-6);
	pacer_free(pacer);
}

TEST(pacer_burst_gap_starts_when_the_hand_over_was_done)
{
	struct plan_stream stream = stream_of(PLAN_RATE_UNLIMITED, 0);
	stream.burst = (struct plan_burst){.packets = 100, .gap_ns = CLOCK_NS_PER_MS};
	struct pacer *pacer = pacer_for(&stream);
	uint64_t packets;
	CHECK_INT(pacer_next(pacer, 0, &packets), ==, 0);
	CHECK_INT(packets, ==, 100);
	CHECK_INT(pacer_handed_over(pacer, 64, 100, 10, 5000), ==, -1);
	CHECK_INT(pacer_next(pacer, 5000, &packets), <=, 5000); /* on at once */
	CHECK_INT(packets, ==, 36);
	pacer_handed_over(pacer, 36, 100, 5000, 9000);
	CHECK_INT(pacer_next(pacer, 9001, &packets), ==, 9000 + CLOCK_NS_PER_MS);
	CHECK_INT(packets, ==, 100);
	/* the gap has an ideal, so its error is known */
	CHECK_INT(pacer_handed_over(pacer, 1, 100, 9070 + CLOCK_NS_PER_MS, 1010000), ==, 70);
	pacer_free(pacer);
}

TEST(pacer_burst_gap_is_no_debt)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1000);
	stream.burst = (struct plan_burst){.packets = 2, .gap_ns = CLOCK_NS_PER_MS};
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	step(pacer, &now_ns, NULL); /* at 1 ms; the next burst is due at 2 ms */
	now_ns = 3 * CLOCK_NS_PER_S;
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 3 * CLOCK_NS_PER_S);
	struct pacer_report report;
	pacer_report(pacer, &report);
	CHECK_INT(report.forgiven_packets, ==, 0);
	pacer_free(pacer);
}

TEST(pacer_new_rate_holds_one_new_gap_after_the_last_packet)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 10);
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 100 * CLOCK_NS_PER_MS);
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 50};
	now_ns += CLOCK_NS_PER_MS;
	CHECK_INT(pacer_set_rate(pacer, &rate, now_ns), ==, 0);
	for (int i = 1; i < 100; i++)
		CHECK_INT(step(pacer, &now_ns, NULL), ==, (100 + i * 20) * CLOCK_NS_PER_MS);
	rate.value = 0.1; /* slower: from the last packet too */
	CHECK_INT(pacer_set_rate(pacer, &rate, now_ns + 5), ==, 0);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 2080 * CLOCK_NS_PER_MS + 10 * CLOCK_NS_PER_S);
	pacer_free(pacer);
}

TEST(pacer_new_rate_does_not_make_a_debt_of_the_past)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 0.1);
	struct run run = run_of(pacer_for(&stream));
	run_until(&run, 0);
	run.now_ns = 9 * CLOCK_NS_PER_S;
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 1000};
	CHECK_INT(pacer_set_rate(run.pacer, &rate, run.now_ns), ==, 0);
	run.sent = 0;
	run_until(&run, 10 * CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 1000); /* the first at once, then evenly */
	CHECK_INT(run.shortest_gap_ns, >=, 999999);
	pacer_free(run.pacer);
}

TEST(pacer_new_rate_does_not_wait_for_a_large_group_of_the_old)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 10);
	stream.rate.max_back_to_back = 2000; /* the next group would be due in 200 s */
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 1000};
	CHECK_INT(pacer_set_rate(pacer, &rate, 5000000), ==, 0);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 6000000);
	pacer_free(pacer);
}

TEST(pacer_many_rate_changes_do_not_drift)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1000);
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	for (int i = 1; i <= 10000; i++) {
		struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = i % 2 ? 500 : 1000};
		pacer_set_rate(pacer, &rate, now_ns + 1000);
		int64_t expect_ns = (i / 2 * INT64_C(3) + i % 2 * 2) * CLOCK_NS_PER_MS;
		CHECK_INT(step(pacer, &now_ns, NULL), ==, expect_ns);
	}
	pacer_free(pacer);
}

TEST(pacer_changes_between_paced_and_unlimited)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1);
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	struct plan_rate rate = {.kind = PLAN_RATE_UNLIMITED};
	CHECK_INT(pacer_set_rate(pacer, &rate, 1000), ==, 0);
	uint64_t packets;
	CHECK_INT(pacer_next(pacer, 1000, &packets), <=, 1000);
	CHECK(packets == UINT64_MAX);
	pacer_handed_over(pacer, 500, 100, 2000, 3000);
	rate = (struct plan_rate){.kind = PLAN_RATE_PPS, .value = 1000};
	CHECK_INT(pacer_set_rate(pacer, &rate, 4000), ==, 0);
	CHECK_INT(pacer_next(pacer, 4000, &packets), ==, 2000 + CLOCK_NS_PER_MS);
	CHECK_INT(packets, ==, 1);
	pacer_free(pacer);
}

TEST(pacer_pause_does_not_count)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 10);
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	pacer_pause(pacer, 30 * CLOCK_NS_PER_MS);
	pacer_pause(pacer, 60 * CLOCK_NS_PER_MS); /* twice is once */
	uint64_t packets;
	CHECK_INT(pacer_next(pacer, 5 * CLOCK_NS_PER_S, &packets), ==, INT64_MAX);
	now_ns = 10 * CLOCK_NS_PER_S;
	pacer_resume(pacer, now_ns);
	pacer_resume(pacer, now_ns + 1);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 10 * CLOCK_NS_PER_S + 70 * CLOCK_NS_PER_MS);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 10 * CLOCK_NS_PER_S + 170 * CLOCK_NS_PER_MS);
	struct pacer_report report;
	pacer_report(pacer, &report);
	CHECK_INT(report.late_packets + report.forgiven_packets, ==, 0);
	pacer_free(pacer);
}

TEST(pacer_new_rate_during_a_pause_holds_after_it)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1);
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	pacer_pause(pacer, 100 * CLOCK_NS_PER_MS);
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 4};
	pacer_set_rate(pacer, &rate, 7 * CLOCK_NS_PER_S);
	now_ns = 8 * CLOCK_NS_PER_S;
	pacer_resume(pacer, now_ns);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 8 * CLOCK_NS_PER_S + 150 * CLOCK_NS_PER_MS);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, 8 * CLOCK_NS_PER_S + 400 * CLOCK_NS_PER_MS);
	pacer_free(pacer);
}

TEST(pacer_survives_the_ends_of_its_numbers)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1e-9); /* one in 32 years */
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0;
	step(pacer, &now_ns, NULL);
	CHECK_INT(step(pacer, &now_ns, NULL), ==, INT64_C(1000000000) * CLOCK_NS_PER_S);
	for (int i = 0; i < 20; i++) { /* saturates, never wraps into the past */
		uint64_t packets;
		int64_t due_ns = pacer_next(pacer, now_ns, &packets);
		CHECK_INT(due_ns, >=, now_ns);
		now_ns = due_ns;
		pacer_handed_over(pacer, 2048, 100, now_ns, now_ns);
	}
	pacer_pause(pacer, now_ns);
	pacer_resume(pacer, now_ns + HOUR_NS);
	uint64_t packets;
	CHECK_INT(pacer_next(pacer, now_ns, &packets), >=, now_ns);
	pacer_free(pacer);

	stream = stream_of(PLAN_RATE_PPS, 1e300); /* as fast as numbers go: never stuck, never 0 */
	pacer = pacer_for(&stream);
	now_ns = 0;
	for (int i = 0; i < 1000; i++) {
		step(pacer, &now_ns, &packets);
		CHECK_INT(packets, ==, PACER_GROUP_MAX);
	}
	CHECK_INT(now_ns, <, CLOCK_NS_PER_S);
	pacer_free(pacer);

	stream = stream_of(PLAN_RATE_BPS, 1e13); /* 10 Tbit/s of empty payloads */
	stream.rate.layer = PAGECAST__V1__LAYER__LAYER_PAYLOAD;
	pacer = pacer_for(&stream);
	pacer_handed_over(pacer, 2048, 0, 0, 0);
	CHECK_INT(pacer_next(pacer, 0, &packets), >=, 0);
	pacer_free(pacer);

	stream = stream_of(PLAN_RATE_UNLIMITED, 0); /* a burst counter at the end of u32 */
	stream.burst = (struct plan_burst){.packets = UINT32_MAX, .gap_ns = INT64_MAX};
	pacer = pacer_for(&stream);
	pacer_handed_over(pacer, UINT32_MAX, 100, 5, 6);
	CHECK_INT(pacer_next(pacer, 7, &packets), >, HOUR_NS);
	CHECK_INT(packets, ==, UINT32_MAX);
	pacer_free(pacer);
}

TEST_MAIN(CASE(pacer_burst_gap_runs_from_its_last_packet_to_the_next_first),
	  CASE(pacer_burst_gap_starts_when_the_hand_over_was_done),
	  CASE(pacer_burst_gap_is_no_debt),
	  CASE(pacer_new_rate_holds_one_new_gap_after_the_last_packet),
	  CASE(pacer_new_rate_does_not_make_a_debt_of_the_past),
	  CASE(pacer_new_rate_does_not_wait_for_a_large_group_of_the_old),
	  CASE(pacer_many_rate_changes_do_not_drift),
	  CASE(pacer_changes_between_paced_and_unlimited), CASE(pacer_pause_does_not_count),
	  CASE(pacer_new_rate_during_a_pause_holds_after_it),
	  CASE(pacer_survives_the_ends_of_its_numbers))
