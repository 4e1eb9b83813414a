/*
 * What becomes of packets that are late, in virtual time: a core that is taken away again and
 * again, and each way to catch up.
 */
#include "base/util.h"
#include "lib/test.h"
#include "unit/pacer_lab.h"

#include <math.h>
#include <stdlib.h>

enum { GAPS = 400000, STALL_NS = 400000 };
static int64_t errors[GAPS];

static uint64_t random_below(uint64_t *state, uint64_t bound)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % bound;
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

struct disturbed {
	int64_t p90_ns;	 /* gap error */
	int64_t calm_ns; /* the largest, from two seconds behind the last stall on */
	double mean_ppm;
	uint64_t most, forgiven, late;
	uint32_t group;
};

/* Nothing is lost any more: what was learned of it is forgotten. Return: the largest gap error from
 * two seconds on, over one */
static int64_t calm(struct pacer *pacer, int64_t gap_ns, int64_t now_ns)
{
	int64_t begin_ns = now_ns, last_ns = 0, most_ns = 0;
	uint64_t packets;
	while (now_ns - begin_ns < 3 * CLOCK_NS_PER_S) {
		now_ns = MAX(now_ns, pacer_next(pacer, now_ns, &packets));
		pacer_handed_over(pacer, packets, 100, now_ns, now_ns);
		if (last_ns - begin_ns > 2 * CLOCK_NS_PER_S)
			most_ns = MAX(most_ns, llabs(now_ns - last_ns - gap_ns));
		last_ns = now_ns;
	}
	return most_ns;
}

/* A core that is taken for 400 us, at times that are drawn, for 5 % of the time. */
static struct disturbed disturb(double pps, Pagecast__V1__CatchUp way, int64_t wake_late_ns)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, pps);
	stream.rate.catch_up = way;
	struct pacer *pacer = pacer_for(&stream);
	struct disturbed found = {0};
	uint64_t seed = 7, packets, sent = 0;
	int64_t now_ns = 0, last_ns = 0, first_ns = 0, gap_ns = (int64_t)(1e9 / pps);
	int64_t stall_ns = (int64_t)random_below(&seed, 2 * 7600000);
	for (size_t i = 0; i < GAPS; i++) {
		int64_t due_ns = pacer_next(pacer, now_ns, &packets);
		if (due_ns > now_ns)
			now_ns = due_ns + (int64_t)random_below(&seed, (uint64_t)wake_late_ns + 1);
		while (now_ns >= stall_ns) {
			now_ns = MAX(now_ns, stall_ns + STALL_NS);
			stall_ns += STALL_NS + (int64_t)random_below(&seed, 2 * 7600000);
		}
		pacer_next(pacer, now_ns, &packets);
		errors[i] = i ? llabs(now_ns - last_ns - gap_ns) : 0;
		pacer_handed_over(pacer, packets, 100, now_ns, now_ns + HANDOVER_NS);
		found.most = MAX(found.most, packets);
		last_ns = now_ns;
		first_ns = i ? first_ns : now_ns;
		sent += packets;
		now_ns += HANDOVER_NS;
	}
	double mean_ns = (double)(last_ns - first_ns) / (double)(sent - packets);
	found.mean_ppm = fabs(mean_ns * pps / 1e9 - 1) * 1e6;
	qsort(errors, GAPS, sizeof *errors, compare);
	found.p90_ns = errors[GAPS * 9 / 10];
	struct pacer_report report;
	pacer_report(pacer, &report);
	found.forgiven = report.forgiven_packets;
	found.late = report.late_packets;
	found.group = report.max_back_to_back;
	found.calm_ns = calm(pacer, gap_ns, now_ns);
	pacer_free(pacer);
	return found;
}

/* Nine gaps of ten stay as they are but for the part of the time that was lost; nothing is lost,
 * nothing leaves together. */
TEST(catch_up_in_proportion_spoils_hardly_a_gap)
{
	static const double rates[] = {1000, 10000, 50000, 100000};
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		struct disturbed found =
			disturb(rates[i], PAGECAST__V1__CATCH_UP__CATCH_UP_PROPORTIONAL, 100);
		CHECK_INT(found.p90_ns, <=, (int64_t)(0.06 * 1e9 / rates[i]));
		CHECK_INT(found.most, ==, 1);
		CHECK_INT(found.group, ==, 1);
		CHECK_INT(found.forgiven, ==, 0);
		/* of the shortest run, a stall or two may be owed in the end */
		double owed_ppm = 2e6 * STALL_NS * rates[i] / ((double)GAPS * CLOCK_NS_PER_S);
		CHECK(found.mean_ppm <= MAX(50, owed_ppm));
		CHECK_INT(found.calm_ns, <=, 100);
	}
}

/* A host that stalls for 1.5 ms ten times a second, and is slow for some ms behind that: single
 * packets hold the rate all the same. */
TEST(catch_up_behind_a_stall_does_not_send_in_groups)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 100000);
	struct pacer *pacer = pacer_for(&stream);
	struct pacer_report report;
	uint64_t packets;
	int64_t now_ns = 0, stall_ns = 50 * CLOCK_NS_PER_MS;
	while (now_ns < 3 * CLOCK_NS_PER_S) {
		now_ns = MAX(now_ns, pacer_next(pacer, now_ns, &packets));
		if (now_ns >= stall_ns) {
			now_ns += 1500000;
			stall_ns += 100 * CLOCK_NS_PER_MS;
		}
		bool slow = now_ns - (stall_ns - 100 * CLOCK_NS_PER_MS) < 6 * CLOCK_NS_PER_MS;
		int64_t done_ns = now_ns + (slow ? 10500 : 7000);
		pacer_next(pacer, now_ns, &packets);
		CHECK_INT(packets, ==, 1);
		pacer_handed_over(pacer, packets, 100, now_ns, done_ns);
		now_ns = done_ns;
	}
	pacer_report(pacer, &report);
	CHECK_INT(report.max_back_to_back, ==, 1);
	CHECK_INT(report.forgiven_packets, ==, 0);
	pacer_free(pacer);
}

TEST(catch_up_in_a_burst_sends_what_is_due_at_once)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 10000);
	stream.rate.catch_up = PAGECAST__V1__CATCH_UP__CATCH_UP_BURST;
	struct pacer *pacer = pacer_for(&stream);
	uint64_t packets;
	int64_t now_ns = 0;
	for (int i = 0; i < 10; i++)
		step(pacer, &now_ns, &packets);
	CHECK_INT(packets, ==, 1);
	now_ns += 1000000 + 50000; /* late by 9.5 gaps: ten packets are due */
	CHECK_INT(pacer_next(pacer, now_ns, &packets), <=, now_ns);
	CHECK_INT(packets, ==, 10);
	pacer_handed_over(pacer, packets, 100, now_ns, now_ns);
	CHECK_INT(pacer_next(pacer, now_ns, &packets), ==, 2000000); /* in step again */
	CHECK_INT(packets, ==, 1);
	pacer_free(pacer);

	stream.rate.max_back_to_back = 4;
	pacer = pacer_for(&stream);
	now_ns = 1050000; /* eleven are due */
	uint64_t sent = 0;
	while (pacer_next(pacer, now_ns, &packets) <= 1050000 + 200000 + 200000) {
		CHECK_INT(packets, <=, 4);
		now_ns = MAX(now_ns, pacer_next(pacer, now_ns, &packets));
		pacer_handed_over(pacer, packets, 100, now_ns, now_ns);
		sent += packets;
	}
	CHECK_INT(sent, >=, 12);
	pacer_free(pacer);
}

TEST(catch_up_forgiven_moves_the_schedule_and_counts)
{
	struct plan_stream stream = stream_of(PLAN_RATE_PPS, 10000);
	stream.rate.catch_up = PAGECAST__V1__CATCH_UP__CATCH_UP_FORGIVE;
	struct run run = run_of(pacer_for(&stream));
	run_until(&run, CLOCK_NS_PER_S - 1);
	CHECK_INT(run.sent, ==, 10000);
	for (int i = 0; i < 20; i++) { /* 1.05 ms each, of which 0.1 may be a late wake-up */
		run.now_ns += 1050000;
		run_until(&run, run.now_ns + 20 * CLOCK_NS_PER_MS);
	}
	struct pacer_report report;
	pacer_report(run.pacer, &report);
	CHECK_INT(report.forgiven_packets, >=, 20 * 8);
	CHECK_INT(report.forgiven_packets, <=, 20 * 10);
	CHECK_INT(run.most, ==, 1);
	CHECK_INT(run.shortest_gap_ns, >=, 97000);
	pacer_free(run.pacer);
	struct disturbed found = disturb(10000, PAGECAST__V1__CATCH_UP__CATCH_UP_FORGIVE, 100);
	CHECK_INT(found.p90_ns, <=, 2100);
	/* 5 % of the time was lost, in stalls of 400 us less what a wake-up may be late by */
	CHECK_INT(found.forgiven, >, GAPS * 2 / 100);
	CHECK_INT(found.forgiven, <, GAPS * 6 / 100);
}

TEST_MAIN(CASE(catch_up_in_proportion_spoils_hardly_a_gap),
	  CASE(catch_up_behind_a_stall_does_not_send_in_groups),
	  CASE(catch_up_in_a_burst_sends_what_is_due_at_once),
	  CASE(catch_up_forgiven_moves_the_schedule_and_counts))
