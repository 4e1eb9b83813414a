/* How fast and how long: rates, bursts, limits as packets, the cursor, what a packet counts. */
#include <math.h>

#include "packet/layer.h"
#include "packet/rate.h"
#include "plan_fixture.h"

static void set_limit(struct fixture *f, Pagecast__V1__Limit__KindCase kind)
{
	f->streams[0].limit = &f->limit;
	f->limit.kind_case = kind;
}

static void set_pps(struct fixture *f, double pps)
{
	f->streams[0].rate = &f->rate;
	f->rate.kind_case = PAGECAST__V1__RATE__KIND_PPS;
	f->rate.pps = pps;
}

TEST(limit_packets)
{
	struct fixture f;
	fixture_init(&f);
	set_limit(&f, PAGECAST__V1__LIMIT__KIND_PACKETS);
	fixture_bad(&f, "streams[0].limit.packets", "0 is not between 1 and 9007199254740992");
	f.limit.packets = PLAN_PACKETS_MAX + 1;
	fixture_bad(&f, "streams[0].limit.packets", "9007199254740993 is not between");
	f.limit.packets = UINT64_MAX;
	fixture_bad(&f, "streams[0].limit.packets", "18446744073709551615 is not between");
	f.limit.packets = PLAN_PACKETS_MAX;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->limit.kind, ==, PLAN_LIMIT_PACKETS);
	CHECK_INT(stream->limit.packets, ==, PLAN_PACKETS_MAX);
	fixture_deinit(&f);
}

TEST(limit_loops_are_packets)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].n_payloads = 2;
	f.payloads[0].repeat = 9;
	set_limit(&f, PAGECAST__V1__LIMIT__KIND_LOOPS);
	fixture_bad(&f, "streams[0].limit.loops", "0 is not between 1 and 4294967295");
	f.limit.loops = 7;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->limit.kind, ==, PLAN_LIMIT_PACKETS);
	CHECK_INT(stream->limit.packets, ==, 70);
	f.limit.loops = UINT32_MAX;
	f.payloads[0].repeat = 1 << 20; /* (2^20 + 1) * (2^32 - 1) is below 2^53 */
	CHECK_INT(fixture_good(&f)->limit.packets, ==, ((1 << 20) + 1) * (uint64_t)UINT32_MAX);
	f.payloads[0].repeat = 1 << 21;
	fixture_bad(&f, "streams[0].limit.loops", "more than 9007199254740992 packets");
	f.payloads[0].repeat = f.payloads[1].repeat = UINT32_MAX; /* past 2^64 */
	fixture_bad(&f, "streams[0].limit.loops", "more than 9007199254740992 packets");
	fixture_deinit(&f);
}

static uint64_t packets_for_bytes(struct fixture *f, uint64_t bytes)
{
	f->limit.bytes = bytes;
	const struct plan_stream *stream = fixture_good(f);
	CHECK_INT(stream->limit.kind, ==, PLAN_LIMIT_BYTES);
	CHECK_INT(stream->limit.bytes, ==, bytes);
	return stream->limit.packets;
}

TEST(limit_bytes_ends_with_the_packet_that_reaches_it)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].n_payloads = 3;
	fixture_text(&f, 0, "12345");
	fixture_text(&f, 1, "");
	fixture_text(&f, 2, "123");
	f.payloads[0].repeat = 2;
	f.payloads[1].repeat = 4; /* a pass: 5 5 0 0 0 0 3: 7 packets, 13 bytes */
	set_limit(&f, PAGECAST__V1__LIMIT__KIND_BYTES);
	CHECK_INT(packets_for_bytes(&f, 1), ==, 1);
	CHECK_INT(packets_for_bytes(&f, 5), ==, 1);
	CHECK_INT(packets_for_bytes(&f, 6), ==, 2);
	CHECK_INT(packets_for_bytes(&f, 10), ==, 2);
	CHECK_INT(packets_for_bytes(&f, 11), ==, 7);
	CHECK_INT(packets_for_bytes(&f, 13), ==, 7);
	CHECK_INT(packets_for_bytes(&f, 14), ==, 8);
	CHECK_INT(packets_for_bytes(&f, 26), ==, 14);
	CHECK_INT(packets_for_bytes(&f, 13 * 1000000 + 11), ==, 7000007);
	fixture_deinit(&f);
}

/* The same, told by adding up packet after packet. */
TEST(limit_bytes_agrees_with_counting)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].n_payloads = 4;
	fixture_text(&f, 0, "");
	fixture_text(&f, 1, "1234567");
	fixture_text(&f, 2, "1");
	fixture_text(&f, 3, "");
	f.payloads[1].repeat = 3;
	f.payloads[3].repeat = 2;
	set_limit(&f, PAGECAST__V1__LIMIT__KIND_BYTES);
	for (uint64_t bytes = 1; bytes <= 100; bytes++) {
		uint64_t limit = packets_for_bytes(&f, bytes), sent = 0, packets = 0;
		struct plan_cursor cursor = {0};
		while (sent < bytes) {
			const struct plan_item *item;
			uint64_t run;
			plan_peek_run(&f.plan->streams[0], &cursor, &item, &run);
			plan_advance(&f.plan->streams[0], &cursor, 1);
			sent += item->len;
			packets++;
		}
		CHECK_INT(limit, ==, packets);
	}
	fixture_deinit(&f);
}

TEST(limit_bytes_faults)
{
	struct fixture f;
	fixture_init(&f);
	set_limit(&f, PAGECAST__V1__LIMIT__KIND_BYTES);
	fixture_bad(&f, "streams[0].limit.bytes", "0 is not between 1 and");
	f.limit.bytes = UINT64_MAX;
	fixture_bad(&f, "streams[0].limit.bytes", "18446744073709551615 is not between");
	f.limit.bytes = INT64_MAX; /* in packets of 5 bytes: more than are counted */
	fixture_bad(&f, "streams[0].limit.bytes", "more than 9007199254740992 packets");
	fixture_text(&f, 0, "");
	fixture_bad(&f, "streams[0].limit.bytes",
		    "is never reached: every packet of the stream is empty");
	f.limit.bytes = 1;
	f.streams[0].n_payloads = 2; /* one empty payload of two is no fault */
	CHECK_INT(fixture_good(&f)->limit.packets, ==, 2);
	fixture_deinit(&f);
}

TEST(limit_duration)
{
	struct fixture f;
	fixture_init(&f);
	set_limit(&f, PAGECAST__V1__LIMIT__KIND_DURATION);
	f.limit.duration = &f.duration;
	fixture_bad(&f, "streams[0].limit.duration", "0 s is not between 0.000000001 s and");
	f.duration.nanos = 1;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->limit.kind, ==, PLAN_LIMIT_DURATION);
	CHECK_INT(stream->limit.duration_ns, ==, 1);
	fixture_deinit(&f);
}

TEST(limit_until_cancelled)
{
	struct fixture f;
	fixture_init(&f);
	set_limit(&f, PAGECAST__V1__LIMIT__KIND_UNTIL_CANCELLED);
	fixture_bad(&f, "streams[0].limit.untilCancelled", "must be true if set");
	f.limit.until_cancelled = true;
	CHECK_INT(fixture_good(&f)->limit.kind, ==, PLAN_LIMIT_NONE);
	fixture_deinit(&f);
}

TEST(limit_that_says_nothing_is_a_fault)
{
	struct fixture f;
	fixture_init(&f);
	set_limit(&f, PAGECAST__V1__LIMIT__KIND__NOT_SET);
	fixture_bad(&f, "streams[0].limit", "give one of packets, bytes, duration, loops");
	fixture_deinit(&f);
}

TEST(rate_pps)
{
	static const double bad[] = {0, -1, 0.09, 1e10, INFINITY, -INFINITY, NAN};
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		set_pps(&f, bad[i]);
		fixture_bad(&f, "streams[0].rate.pps", "is not between 0.1 and 1000000000");
	}
	set_pps(&f, 0.1);
	CHECK(fixture_good(&f)->rate.value == 0.1);
	set_pps(&f, 1e9);
	f.rate.max_back_to_back = 32;
	f.rate.layer = PAGECAST__V1__LAYER__LAYER_L1;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->rate.kind, ==, PLAN_RATE_PPS);
	CHECK_INT(stream->rate.max_back_to_back, ==, 32);
	CHECK_INT(stream->rate.layer, ==, PAGECAST__V1__LAYER__LAYER_L1);
	fixture_deinit(&f);
}

TEST(rate_bps)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].rate = &f.rate;
	f.rate.kind_case = PAGECAST__V1__RATE__KIND_BPS;
	fixture_bad(&f, "streams[0].rate.bps", "0 is not between 1 and 1000000000000000");
	f.rate.bps = UINT64_MAX;
	fixture_bad(&f, "streams[0].rate.bps", "18446744073709551615 is not between");
	/* one lower bound for all rates: 0.1 packets a second */
	f.rate.bps = 1;
	fixture_bad(&f, "streams[0].rate.bps",
		    "packets a second of these lengths, below the least of 0.1");
	f.rate.bps = 1000000;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->rate.kind, ==, PLAN_RATE_BPS);
	CHECK(stream->rate.value == 1e6);
	CHECK_INT(stream->rate.layer, ==, PAGECAST__V1__LAYER__LAYER_L2);
	f.rate.layer = 77;
	fixture_bad(&f, "streams[0].rate.layer", "77 is not one of LAYER_PAYLOAD");
	f.rate.layer = PAGECAST__V1__LAYER__LAYER_PAYLOAD;
	fixture_good(&f);
	fixture_text(&f, 0, "");
	fixture_bad(&f, "streams[0].rate.layer", "every packet is empty");
	fixture_deinit(&f);
}

TEST(rate_of_a_group_alone)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].rate = &f.rate;
	f.rate.kind_case = PAGECAST__V1__RATE__KIND__NOT_SET;
	fixture_bad(&f, "streams[0].rate", "empty: give one of pps");
	f.rate.max_back_to_back = 1;
	CHECK_INT(fixture_good(&f)->rate.kind, ==, PLAN_RATE_UNLIMITED);
	CHECK_INT(fixture_good(&f)->rate.max_back_to_back, ==, 1);
	fixture_deinit(&f);
}

TEST(rate_line_percent)
{
	static const double bad[] = {0, -5, 100.1, INFINITY, NAN};
	struct fixture f;
	fixture_init(&f);
	f.streams[0].rate = &f.rate;
	f.rate.kind_case = PAGECAST__V1__RATE__KIND_LINE_PERCENT;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		f.rate.line_percent = bad[i];
		fixture_bad(&f, "streams[0].rate.linePercent", "is not above 0 and at most 100");
	}
	f.rate.line_percent = 100;
	CHECK_INT(fixture_good(&f)->rate.kind, ==, PLAN_RATE_LINE_PERCENT);
	fixture_deinit(&f);
}

TEST(rate_unlimited)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].rate = &f.rate;
	f.rate.kind_case = PAGECAST__V1__RATE__KIND_UNLIMITED;
	fixture_bad(&f, "streams[0].rate.unlimited", "must be true if set");
	f.rate.unlimited = true;
	CHECK_INT(fixture_good(&f)->rate.kind, ==, PLAN_RATE_UNLIMITED);
	fixture_deinit(&f);
}

TEST(rate_alone_is_checked_the_same)
{
	Pagecast__V1__Rate rate = PAGECAST__V1__RATE__INIT;
	struct plan_rate compiled = {.value = 7};
	_cleanup_error_ struct error error = ERROR_NULL;
	CHECK_INT(plan_rate_compile(&rate, "rate", &compiled, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "rate: empty: give one of pps");
	CHECK(compiled.value == 7);
	error_deinit(&error);
	error = ERROR_NULL;
	rate.kind_case = PAGECAST__V1__RATE__KIND_PPS;
	rate.pps = 5;
	CHECK_INT(plan_rate_compile(&rate, "rate", &compiled, &error), ==, 0);
	CHECK(compiled.value == 5);
	CHECK_INT(compiled.layer, ==, PAGECAST__V1__LAYER__LAYER_L2);
}

TEST(burst_needs_packets_and_a_gap)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].burst = &f.burst;
	CHECK_INT(fixture_compile(&f), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(fixture_fault(&f, "streams[0].burst.packets"), "0 is not between 1 and");
	CHECK_HAS(fixture_fault(&f, "streams[0].burst.gap"), "missing");
	f.burst.packets = 10;
	f.burst.gap = &f.duration;
	fixture_bad(&f, "streams[0].burst.gap", "0 s is not between");
	f.duration.nanos = 5000000;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->burst.packets, ==, 10);
	CHECK_INT(stream->burst.gap_ns, ==, 5000000);
	fixture_deinit(&f);
}

static void check_run(const struct plan_stream *stream, const struct plan_cursor *cursor,
		      size_t item, uint64_t count)
{
	const struct plan_item *found;
	uint64_t run = 0;
	plan_peek_run(stream, cursor, &found, &run);
	CHECK_INT(found - stream->items, ==, item);
	CHECK_INT(run, ==, count);
}

TEST(cursor_walks_passes_without_end)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].n_payloads = 3;
	f.payloads[0].repeat = 3;
	f.payloads[2].repeat = 2;
	const struct plan_stream *stream = fixture_good(&f);
	struct plan_cursor cursor = {0};
	for (int pass = 0; pass < 3; pass++) {
		check_run(stream, &cursor, 0, 3);
		plan_advance(stream, &cursor, 1);
		check_run(stream, &cursor, 0, 2);
		plan_advance(stream, &cursor, 0);
		check_run(stream, &cursor, 0, 2);
		plan_advance(stream, &cursor, 2);
		check_run(stream, &cursor, 1, 1);
		plan_advance(stream, &cursor, 1);
		check_run(stream, &cursor, 2, 2);
		plan_advance(stream, &cursor, 2);
	}
	fixture_deinit(&f);
}

TEST(cursor_of_one_huge_repeat)
{
	struct fixture f;
	fixture_init(&f);
	f.payloads[0].repeat = UINT32_MAX;
	const struct plan_stream *stream = fixture_good(&f);
	struct plan_cursor cursor = {0};
	check_run(stream, &cursor, 0, UINT32_MAX);
	plan_advance(stream, &cursor, UINT32_MAX - 1);
	check_run(stream, &cursor, 0, 1);
	plan_advance(stream, &cursor, 1);
	check_run(stream, &cursor, 0, UINT32_MAX);
	fixture_deinit(&f);
}

TEST(layer_bytes_of_udp_and_raw)
{
	struct plan_stream v4 = {.destination.kind = PLAN_UDP, .overhead_l3 = 28};
	struct plan_stream v6 = {.destination.kind = PLAN_RAW_IP, .overhead_l3 = 40};
	CHECK_INT(plan_layer_bytes(&v4, 1472, PAGECAST__V1__LAYER__LAYER_PAYLOAD), ==, 1472);
	CHECK_INT(plan_layer_bytes(&v4, 1472, PAGECAST__V1__LAYER__LAYER_L3), ==, 1500);
	CHECK_INT(plan_layer_bytes(&v4, 1472, PAGECAST__V1__LAYER__LAYER_L2), ==, 1514);
	CHECK_INT(plan_layer_bytes(&v4, 1472, PAGECAST__V1__LAYER__LAYER_L2_FCS), ==, 1518);
	CHECK_INT(plan_layer_bytes(&v4, 1472, PAGECAST__V1__LAYER__LAYER_L1), ==, 1538);
	CHECK_INT(plan_layer_bytes(&v4, 0, PAGECAST__V1__LAYER__LAYER_L2), ==, 42);
	CHECK_INT(plan_layer_bytes(&v4, 0, PAGECAST__V1__LAYER__LAYER_L2_FCS), ==, 64);
	CHECK_INT(plan_layer_bytes(&v4, 0, PAGECAST__V1__LAYER__LAYER_L1), ==, 84);
	CHECK_INT(plan_layer_bytes(&v6, 10, PAGECAST__V1__LAYER__LAYER_L3), ==, 50);
}

TEST(layer_bytes_of_frames)
{
	struct plan_stream frames = {.destination.kind = PLAN_ETHERNET};
	CHECK_INT(plan_layer_bytes(&frames, 60, PAGECAST__V1__LAYER__LAYER_PAYLOAD), ==, 60);
	CHECK_INT(plan_layer_bytes(&frames, 60, PAGECAST__V1__LAYER__LAYER_L3), ==, 46);
	CHECK_INT(plan_layer_bytes(&frames, 60, PAGECAST__V1__LAYER__LAYER_L2), ==, 60);
	CHECK_INT(plan_layer_bytes(&frames, 60, PAGECAST__V1__LAYER__LAYER_L2_FCS), ==, 64);
	CHECK_INT(plan_layer_bytes(&frames, 60, PAGECAST__V1__LAYER__LAYER_L1), ==, 84);
	CHECK_INT(plan_layer_bytes(&frames, 14, PAGECAST__V1__LAYER__LAYER_L3), ==, 0);
	frames.vlan_bytes = 4;
	CHECK_INT(plan_layer_bytes(&frames, 60, PAGECAST__V1__LAYER__LAYER_L3), ==, 42);
}

TEST_MAIN(CASE(limit_packets), CASE(limit_loops_are_packets),
	  CASE(limit_bytes_ends_with_the_packet_that_reaches_it),
	  CASE(limit_bytes_agrees_with_counting), CASE(limit_bytes_faults), CASE(limit_duration),
	  CASE(limit_until_cancelled), CASE(limit_that_says_nothing_is_a_fault), CASE(rate_pps),
	  CASE(rate_bps), CASE(rate_of_a_group_alone), CASE(rate_line_percent),
	  CASE(rate_unlimited), CASE(rate_alone_is_checked_the_same),
	  CASE(burst_needs_packets_and_a_gap), CASE(cursor_walks_passes_without_end),
	  CASE(cursor_of_one_huge_repeat), CASE(layer_bytes_of_udp_and_raw),
	  CASE(layer_bytes_of_frames))
