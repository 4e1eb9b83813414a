/* The schedule in virtual time: exact over hours, gentle after stalls, honest about lateness. */
#include "sender/pacer_rate.h"
#include "unit/pacer_lab.h"

#include <errno.h>
#include <math.h>

/* floor(count * seconds in ns / rate), with the rate as units / scale */
static int64_t ideal_ns(uint64_t count, uint64_t units, uint64_t scale)
{
	return (int64_t)((pacer_wide)count * (pacer_wide)(CLOCK_NS_PER_S * scale) / units);
}

static void check_hours(double pps, uint64_t nano_pps, uint32_t back_to_back, int64_t span_ns)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, pps);
	stream.rate.max_back_to_back = back_to_back;
	struct pacer *pacer = pacer_for(&stream);
	uint64_t sent = 0, packets;
	for (int64_t now_ns = 0; now_ns < span_ns; sent += packets)
		CHECK_INT(step(pacer, &now_ns, &packets), ==, ideal_ns(sent, nano_pps, 1000000000));
	struct pacer_report report;
	pacer_report(pacer, &report);
	CHECK_INT(report.late_packets, ==, 0);
	CHECK_INT(report.forgiven_packets, ==, 0);
	CHECK(fabs(report.requested_pps - pps) < pps * 1e-12);
	pacer_free(pacer);
}

TEST(pacer_is_exact_to_the_nanosecond_for_hours)
{
	check_hours(0.1, UINT64_C(100000000), 0, 1000 * HOUR_NS);
	check_hours(1, UINT64_C(1000000000), 0, 20 * HOUR_NS);
	check_hours(3, UINT64_C(3000000000), 0, 20 * HOUR_NS);
	check_hours(7.77, UINT64_C(7770000000), 0, 10 * HOUR_NS);
	check_hours(999.999999999, UINT64_C(999999999999), 1, HOUR_NS);
	check_hours(100000, UINT64_C(100000000000000), 64, 5 * HOUR_NS);
	check_hours(14880952.25, UINT64_C(14880952250000000), 2048, HOUR_NS);
	check_hours(59000000.7, UINT64_C(59000000700000000), 2048, HOUR_NS / 10);
}

TEST(pacer_single_packets_where_they_hold_the_rate)
{
	static const struct {
		double pps;
		uint32_t group;
	} rows[] = {{0.1, 1},	 {1000, 1},    {100000, 1},    {320000, 1},
		    {330000, 2}, {1000000, 4}, {10000000, 32}, {1e9, 2048}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_stream stream = stream_of(PLAN_RATE_PPS, rows[i].pps);
		struct pacer *pacer = pacer_for(&stream);
		uint64_t packets;
		pacer_next(pacer, 0, &packets);
		CHECK_INT(packets, ==, rows[i].group);
		struct pacer_report report;
		pacer_report(pacer, &report);
		CHECK_INT(report.max_back_to_back, ==, rows[i].group);
		CHECK(!report.group_raised);
		pacer_free(pacer);
	}
}

TEST(pacer_counts_bits_at_each_layer)
{
	static const struct {
		Pagecast__V1__Layer layer;
		uint64_t bytes; /* of a UDP datagram of 100 B over IPv4 */
	} rows[] = {{PAGECAST__V1__LAYER__LAYER_PAYLOAD, 100},
		    {PAGECAST__V1__LAYER__LAYER_L3, 128},
		    {PAGECAST__V1__LAYER__LAYER_L2, 142},
		    {PAGECAST__V1__LAYER__LAYER_L2_FCS, 146},
		    {PAGECAST__V1__LAYER__LAYER_L1, 166}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_stream stream = stream_of(PLAN_RATE_BPS, 7000001);
		stream.rate.layer = rows[i].layer;
		struct pacer *pacer = pacer_for(&stream);
		int64_t now_ns = 0;
		for (uint64_t sent = 0; sent < 100000; sent++)
			CHECK_INT(step(pacer, &now_ns, NULL), ==,
				  ideal_ns(sent * rows[i].bytes * 8, UINT64_C(7000001000), 1000));
		struct pacer_report report;
		pacer_report(pacer, &report);
		CHECK(fabs(report.requested_bps - 7000001) < 1e-3);
		CHECK(fabs(report.requested_pps - 7000001 / (8.0 * rows[i].bytes)) < 1e-6);
		pacer_free(pacer);
	}
}

TEST(pacer_bit_rate_of_unequal_sizes_charges_each_packet_its_own_bits)
{
	struct plan_item items[] = {{.len = 10, .repeat = 3}, {.len = 1000, .repeat = 1}};
	struct plan_stream stream = stream_of(PLAN_RATE_BPS, 1000000);
	stream.items = items;
	stream.item_count = 2;
	stream.rate.layer = PAGECAST__V1__LAYER__LAYER_PAYLOAD;
	struct pacer *pacer = pacer_for(&stream);
	uint64_t bits = 0;
	for (int i = 0; i < 4000; i++) {
		uint32_t len = i % 4 == 3 ? 1000 : 10;
		uint64_t packets;
		int64_t due_ns = pacer_next(pacer, 0, &packets);
		CHECK_INT(due_ns, ==, ideal_ns(bits, 1000000, 1));
		CHECK_INT(packets, ==, 1);
		pacer_handed_over(pacer, 1, len, due_ns, due_ns);
		bits += len * 8;
	}
	CHECK(fabs(pacer_mean_bits(&stream, PAGECAST__V1__LAYER__LAYER_PAYLOAD) - 2060) < 1e-9);
	pacer_free(pacer);
}

TEST(pacer_line_percent_is_of_the_line)
{
	struct plan_item frame = {.len = 60, .repeat = 1};
	struct plan_stream stream = stream_of(PLAN_RATE_LINE_PERCENT, 100);
	stream.destination.kind = PLAN_ETHERNET;
	stream.items = &frame;
	stream.rate.layer = PAGECAST__V1__LAYER__LAYER_L1;
	struct pacer *pacer = pacer_for(&stream); /* a line of 1 Gbit/s */
	struct pacer_report report;
	pacer_report(pacer, &report);
	CHECK(fabs(report.requested_pps - 1488095.238095) < 0.001); /* as every textbook has it */
	pacer_free(pacer);
	CHECK_INT(pacer_new(&pacer, &stream, HANDOVER_NS, 0), ==, -EINVAL); /* of what line? */
}

TEST(pacer_refuses_what_is_no_rate)
{
	static const double bad[] = {0, -1, NAN, INFINITY};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct plan_stream stream = stream_of(PLAN_RATE_PPS, bad[i]);
		struct pacer *pacer;
		CHECK_INT(pacer_new(&pacer, &stream, HANDOVER_NS, 0), ==, -EINVAL);
		stream = stream_of(PLAN_RATE_PPS, 10);
		pacer = pacer_for(&stream);
		struct plan_rate rate = {.kind = PLAN_RATE_BPS, .value = bad[i]};
		CHECK_INT(pacer_set_rate(pacer, &rate, 0), ==, -EINVAL);
		int64_t now_ns = 0;
		step(pacer, &now_ns, NULL);
		CHECK_INT(step(pacer, &now_ns, NULL), ==, CLOCK_NS_PER_S / 10); /* as before */
		pacer_free(pacer);
	}
}

TEST(pacer_unlimited_is_always_due)
{
	struct plan_stream stream = stream_of(PLAN_RATE_UNLIMITED, 0);
	struct pacer *pacer = pacer_for(&stream);
	pacer_start(pacer, 50);
	uint64_t packets;
	CHECK_INT(pacer_next(pacer, 7, &packets), ==, 50); /* start_delay holds for it too */
	CHECK(packets == UINT64_MAX);
	for (int64_t now_ns = 100; now_ns < 1000; now_ns++) {
		CHECK_INT(pacer_next(pacer, now_ns, &packets), <=, now_ns);
		CHECK_INT(pacer_handed_over(pacer, 1000, 100, now_ns, now_ns), ==, -1);
	}
	CHECK(pacer_unlimited(pacer));
	CHECK(pacer_due_before(pacer, 2000, 100) == UINT64_MAX);
	struct pacer_report report;
	pacer_report(pacer, &report);
	CHECK(report.requested_pps == 0 && report.late_packets == 0);
	pacer_free(pacer);
}

TEST(pacer_makes_up_for_a_hiccup_without_a_flood)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 100000);
	struct run run = run_of(pacer_for(&stream));
	for (int64_t at_ns = 50 * CLOCK_NS_PER_MS; at_ns < 3 * CLOCK_NS_PER_S;
	     at_ns += 50 * CLOCK_NS_PER_MS) {
		run_until(&run, at_ns);
		run.now_ns += 300000; /* preempted: 30 packets behind */
	}
	run_until(&run, 3 * CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, >, 300000 - 40);
	run_until(&run, 5 * CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 500000); /* all of them: 0 ppm */
	CHECK_INT(run.most, ==, 1);
	CHECK_INT(run.shortest_gap_ns, >=, 9800); /* 2 % faster than the rate */
	struct pacer_report report;
	pacer_report(run.pacer, &report);
	CHECK_INT(report.forgiven_packets, ==, 0);
	CHECK_INT(report.max_back_to_back, ==, 1);
	CHECK_INT(report.late_packets, >, 59 * 29);
	pacer_free(run.pacer);
}

TEST(pacer_forgives_and_counts_what_is_too_old)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1000);
	struct run run = run_of(pacer_for(&stream));
	run_until(&run, CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 1000);
	run.now_ns = 2 * CLOCK_NS_PER_S; /* a stall of a second */
	run_until(&run, 2 * CLOCK_NS_PER_S + 10 * CLOCK_NS_PER_MS - 1);
	CHECK_INT(run.sent, <=, 1020); /* twice the rate, no more */
	run_until(&run, 3 * CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 2100); /* only PACER_CATCH_UP_NS of it was made up for */
	CHECK_INT(run.shortest_gap_ns, >=, 500000);
	struct pacer_report report;
	pacer_report(run.pacer, &report);
	CHECK_INT(report.forgiven_packets, ==, 900);
	CHECK_INT(report.late_packets, >=, 900 + 99);
	CHECK_INT(report.late_packets, <=, 900 + 200);
	pacer_free(run.pacer);
}

/* One packet of @pps leaves @late_ns late, every other @always_ns after it was due. Return: the
 * largest gap error behind the late one; *ret_goes: until the schedule holds again. */
static int64_t worn_off(double pps, int64_t late_ns, int64_t always_ns, int *ret_goes)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, pps);
	struct pacer *pacer = pacer_for(&stream);
	int64_t now_ns = 0, worst_ns = 0, ideal_ns = (int64_t)(1e9 / pps);
	*ret_goes = 0;
	for (int i = 0; i < 2000; i++) {
		uint64_t packets;
		int64_t due_ns = pacer_next(pacer, now_ns, &packets);
		now_ns = due_ns + always_ns + (i == 1000 ? late_ns : 0);
		int64_t error_ns = pacer_handed_over(pacer, packets, 100, now_ns, now_ns);
		if (i > 0 && i < 1000)
			CHECK_INT(error_ns, ==, 0);
		if (i == 1000)
			CHECK_INT(error_ns, ==, late_ns);
		if (i <= 1000)
			continue;
		worst_ns = error_ns > worst_ns ? error_ns : worst_ns;
		if (now_ns > i * ideal_ns + always_ns)
			*ret_goes = i - 1000;
	}
	pacer_free(pacer);
	return worst_ns;
}

TEST(pacer_late_wake_up_spoils_one_gap)
{
	int goes;
	CHECK_INT(worn_off(10000, 60000, 0, &goes), <=, 2000);
	CHECK_INT(goes, <=, 30);
	CHECK_INT(worn_off(10000, 60000, 1500, &goes), <=, 2000); /* as late as always */
	CHECK_INT(goes, <=, 150);
	CHECK_INT(worn_off(100000, 60000, 0, &goes), <=, 2000);
	CHECK_INT(worn_off(1000, 60000, 0, &goes), <=, 2000);
	CHECK_INT(goes, <=, 30);
	CHECK_INT(worn_off(1000, 900000, 0, &goes), <=, 9000); /* 0.9 of 100 ms, of a gap */
	CHECK_INT(goes, <=, 300);
	CHECK_INT(worn_off(10, 300000, 0, &goes), <=, 300000); /* next to nothing of its gap */
	CHECK_INT(goes, <=, 1);
}

TEST(pacer_slow_stream_makes_up_for_a_few_packets)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 100);
	struct run run = run_of(pacer_for(&stream));
	run_until(&run, CLOCK_NS_PER_S);
	run.now_ns += 100 * CLOCK_NS_PER_MS; /* ten packets */
	run_until(&run, 3 * CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 300);
	CHECK_INT(run.shortest_gap_ns, >=, 5000000);
	struct pacer_report report;
	pacer_report(run.pacer, &report);
	CHECK_INT(report.forgiven_packets, ==, 0);
	pacer_free(run.pacer);
}

TEST(pacer_slow_stream_keeps_its_schedule_over_a_stall_of_less_than_a_gap)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 0.1);
	struct run run = run_of(pacer_for(&stream));
	run_until(&run, 10 * CLOCK_NS_PER_S);
	CHECK_INT(run.sent, ==, 2);
	run.now_ns = 24 * CLOCK_NS_PER_S; /* due at 20 */
	run_until(&run, 24 * CLOCK_NS_PER_S);
	CHECK_INT(run.sent, ==, 3);
	run_until(&run, 30 * CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 3);
	run_until(&run, 30 * CLOCK_NS_PER_S);
	CHECK_INT(run.sent, ==, 4); /* more than half a gap behind the late one */
	run_until(&run, 40 * CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 4);
	run_until(&run, 40 * CLOCK_NS_PER_S);
	CHECK_INT(run.sent, ==, 5);
	pacer_free(run.pacer);
}

TEST(pacer_counts_late_packets_one_gap_and_more)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1000);
	stream.rate.max_back_to_back = 4;
	struct pacer *pacer = pacer_for(&stream);
	struct pacer_report report;
	pacer_handed_over(pacer, 4, 100, 1000000, 1000000); /* exactly one gap: not late */
	pacer_report(pacer, &report);
	CHECK_INT(report.late_packets, ==, 0);
	pacer_handed_over(pacer, 4, 100, 4000000 + 2500000, 6500000); /* due 4, 5, 6, 7 ms */
	pacer_report(pacer, &report);
	CHECK_INT(report.late_packets, ==, 2);
	pacer_free(pacer);
}

TEST(pacer_gap_error_is_the_distance_from_the_ideal_gap)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1000);
	struct pacer *pacer = pacer_for(&stream);
	CHECK_INT(pacer_handed_over(pacer, 1, 100, 70000, 72000), ==,
		  -1); /* the first has no gap */
	CHECK_INT(pacer_handed_over(pacer, 1, 100, 1070000, 1072000), ==, 0);
	CHECK_INT(pacer_handed_over(pacer, 1, 100, 2000000, 2002000), ==, 70000);
	CHECK_INT(pacer_handed_over(pacer, 1, 100, 3000100, 3002000), ==, 100);
	uint64_t packets; /* a stall of 100 ms: forgiving it must not hide it */
	pacer_next(pacer, 104000000, &packets);
	CHECK_INT(pacer_handed_over(pacer, 1, 100, 104000000, 104000000), ==, 99999900);
	pacer_free(pacer);
}

TEST(pacer_groups_grow_when_flat_out_is_too_slow)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 250000);
	struct run run = run_of(pacer_for(&stream));
	run.cost_ns = 6000; /* dearer than the probe said: singles reach 167 kpps */
	run_until(&run, 2 * CLOCK_NS_PER_S);
	struct pacer_report report;
	pacer_report(run.pacer, &report);
	CHECK_INT(report.max_back_to_back, ==, 2);
	CHECK(report.group_raised);
	uint64_t before = run.sent;
	run_until(&run, 4 * CLOCK_NS_PER_S);
	CHECK_INT(run.sent - before, >=, 500000 - 2);
	CHECK_INT(run.sent - before, <=, 500000 + 2);
	pacer_free(run.pacer);
}

TEST(pacer_groups_shrink_again_when_a_hand_over_is_cheap_again)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 250000);
	struct run run = run_of(pacer_for(&stream));
	run.cost_ns = 15000; /* the core is shared for a while */
	run_until(&run, 2 * CLOCK_NS_PER_S);
	struct pacer_report report;
	pacer_report(run.pacer, &report);
	CHECK_INT(report.max_back_to_back, >=, 4);
	run.cost_ns = 2000;
	run_until(&run, 12 * CLOCK_NS_PER_S);
	pacer_report(run.pacer, &report);
	CHECK_INT(report.max_back_to_back, ==, 1);
	CHECK(!report.group_raised);
	pacer_free(run.pacer);
}

TEST(pacer_never_counts_more_late_packets_than_left)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 1000000);
	struct run run = run_of(pacer_for(&stream));
	run.cost_ns = 40000000; /* hopeless: 40 ms a hand-over */
	run_until(&run, 2 * CLOCK_NS_PER_S);
	struct pacer_report report;
	pacer_report(run.pacer, &report);
	CHECK_INT(report.forgiven_packets, >, run.sent);
	CHECK_INT(report.late_packets, <=, run.sent);
	CHECK_INT(report.late_packets, >=, run.sent * 9 / 10);
	pacer_free(run.pacer);
}

TEST(pacer_groups_do_not_grow_beyond_what_was_asked_or_for_stalls)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 250000);
	stream.rate.max_back_to_back = 1;
	struct run run = run_of(pacer_for(&stream));
	run.cost_ns = 6000;
	run_until(&run, CLOCK_NS_PER_S);
	CHECK_INT(run.most, ==, 1);
	CHECK_INT(run.shortest_gap_ns, >=, 6000);
	pacer_free(run.pacer);

	stream = stream_of(PLAN_RATE_PPS, 1000); /* often preempted for 3 gaps, yet cheap */
	run = run_of(pacer_for(&stream));
	for (int64_t at_ns = 0; at_ns < 5 * CLOCK_NS_PER_S; at_ns += 10 * CLOCK_NS_PER_MS) {
		run_until(&run, at_ns);
		run.now_ns += 3 * CLOCK_NS_PER_MS;
	}
	CHECK_INT(run.most, ==, 1);
	pacer_free(run.pacer);
}

TEST(pacer_waiting_for_room_says_nothing_of_the_cost)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 250000);
	struct pacer *pacer = pacer_for(&stream);
	for (int64_t now_ns = 0; now_ns < CLOCK_NS_PER_S; now_ns += 20000) {
		uint64_t packets;
		pacer_next(pacer, now_ns, &packets);
		CHECK_INT(packets, ==, 1);
		pacer_blocked(pacer);
		pacer_handed_over(pacer, 1, 100, now_ns, now_ns);
	}
	pacer_free(pacer);
}

TEST(pacer_due_before_is_what_a_duration_holds)
{
	static const double rates[] = {0.1, 3, 1000, 99999.9, 14880952.380952381};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct plan_stream stream = stream_of(PLAN_RATE_PPS, rates[i]);
		struct pacer *pacer = pacer_for(&stream);
		int64_t end_ns = 100 * CLOCK_NS_PER_S, now_ns = 0;
		uint64_t expect = pacer_due_before(pacer, end_ns, 100), sent = 0;
		CHECK_INT(expect, ==, (uint64_t)ceil(rates[i] * 100 - 1e-7));
		for (int steps = 0; steps < 10000 && sent < expect; steps++) {
			uint64_t packets;
			step(pacer, &now_ns, &packets);
			CHECK_INT(now_ns, <, end_ns);
			sent += packets;
			if (sent <= expect)
				CHECK_INT(pacer_due_before(pacer, end_ns, 100), ==, expect - sent);
		}
		CHECK_INT(pacer_due_before(pacer, 0, 100), ==, 0);
		pacer_free(pacer);
	}
}

TEST_MAIN(CASE(pacer_is_exact_to_the_nanosecond_for_hours),
	  CASE(pacer_single_packets_where_they_hold_the_rate),
	  CASE(pacer_counts_bits_at_each_layer),
	  CASE(pacer_bit_rate_of_unequal_sizes_charges_each_packet_its_own_bits),
	  CASE(pacer_line_percent_is_of_the_line), CASE(pacer_refuses_what_is_no_rate),
	  CASE(pacer_unlimited_is_always_due), CASE(pacer_makes_up_for_a_hiccup_without_a_flood),
	  CASE(pacer_forgives_and_counts_what_is_too_old),
	  CASE(pacer_slow_stream_makes_up_for_a_few_packets),
	  CASE(pacer_late_wake_up_spoils_one_gap),
	  CASE(pacer_slow_stream_keeps_its_schedule_over_a_stall_of_less_than_a_gap),
	  CASE(pacer_counts_late_packets_one_gap_and_more),
	  CASE(pacer_gap_error_is_the_distance_from_the_ideal_gap),
	  CASE(pacer_groups_grow_when_flat_out_is_too_slow),
	  CASE(pacer_groups_shrink_again_when_a_hand_over_is_cheap_again),
	  CASE(pacer_never_counts_more_late_packets_than_left),
	  CASE(pacer_groups_do_not_grow_beyond_what_was_asked_or_for_stalls),
	  CASE(pacer_waiting_for_room_says_nothing_of_the_cost),
	  CASE(pacer_due_before_is_what_a_duration_holds))
