/* Sizes that differ: each packet's length follows from its number, mixes are exact, and payloads
 * keep their turn beside them. */
#include "base/util.h"
#include "plan_fixture.h"

static Pagecast__V1__SizeRange range;
static Pagecast__V1__SizeMix mix;
static Pagecast__V1__WeightedSize weighted[8], *weighted_list[8];

static void init(struct fixture *f)
{
	fixture_init(f);
	f->streams[0].size = &f->size;
	range = (Pagecast__V1__SizeRange)PAGECAST__V1__SIZE_RANGE__INIT;
	mix = (Pagecast__V1__SizeMix)PAGECAST__V1__SIZE_MIX__INIT;
	mix.sizes = weighted_list;
	for (size_t i = 0; i < ARRAY_SIZE(weighted); i++) {
		weighted[i] = (Pagecast__V1__WeightedSize)PAGECAST__V1__WEIGHTED_SIZE__INIT;
		weighted_list[i] = &weighted[i];
	}
}

static void use_range(struct fixture *f, uint32_t min, uint32_t max, uint32_t step)
{
	f->size.kind_case = PAGECAST__V1__SIZE__KIND_RANGE;
	f->size.range = &range;
	range.min = min;
	range.max = max;
	range.step = step;
}

static void use_mix(struct fixture *f, size_t count, const uint32_t pairs[][2])
{
	f->size.kind_case = PAGECAST__V1__SIZE__KIND_MIX;
	f->size.mix = &mix;
	mix.n_sizes = count;
	for (size_t i = 0; i < count; i++) {
		weighted[i].size = pairs[i][0];
		weighted[i].weight = pairs[i][1];
	}
}

static const uint32_t IMIX[][2] = {{64, 7}, {570, 4}, {1518, 1}};

static void use_imix(struct fixture *f)
{
	use_mix(f, 3, IMIX);
	f->size.layer = PAGECAST__V1__LAYER__LAYER_L2_FCS;
}

static void paced(struct fixture *f)
{
	f->streams[0].rate = &f->rate;
	f->rate.kind_case = PAGECAST__V1__RATE__KIND_PPS;
	f->rate.pps = 1000;
}

/* The length of packet @number of the stream. */
static uint32_t len_of(const struct plan_stream *stream, uint64_t number)
{
	struct plan_cursor cursor = {0};
	const struct plan_item *item;
	uint64_t run;
	plan_skip(stream, &cursor, number);
	plan_peek_run(stream, &cursor, &item, &run);
	return item->len;
}

TEST(range_counts_up_and_begins_again)
{
	struct fixture f;
	init(&f);
	use_range(&f, 10, 50, 20);
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->pass_packets, ==, 3);
	CHECK_INT(stream->pass_bytes, ==, 90);
	CHECK_INT(stream->limit.packets, ==, 3);
	for (uint64_t i = 0; i < 30; i++)
		CHECK_INT(len_of(stream, i), ==, 10 + 20 * (i % 3));
	use_range(&f, 10, 49, 20); /* the step does not reach it */
	CHECK_INT(fixture_good(&f)->pass_packets, ==, 2);
	use_range(&f, 7, 7, 0);
	CHECK_INT(fixture_good(&f)->pass_packets, ==, 1);
	use_range(&f, 0, 65507, 1); /* all there are */
	CHECK_INT(fixture_bytes(fixture_good(&f), 3)[0], ==, 'h');
	CHECK_INT(f.plan->streams[0].item_count, ==, 65508);
	fixture_deinit(&f);
}

TEST(range_at_random_has_each_size_once_in_an_order_by_the_seed)
{
	struct fixture f;
	uint32_t orders[3][100];
	static const uint64_t SEEDS[] = {0, 7, 0};
	for (size_t k = 0; k < 3; k++) {
		bool seen[100] = {false};
		init(&f);
		use_range(&f, 100, 199, 1);
		range.random = true;
		range.seed = SEEDS[k];
		const struct plan_stream *stream = fixture_good(&f);
		CHECK_INT(stream->pass_packets, ==, 100);
		for (size_t i = 0; i < 100; i++) {
			orders[k][i] = len_of(stream, i);
			CHECK(!seen[orders[k][i] - 100]);
			seen[orders[k][i] - 100] = true;
			CHECK_INT(len_of(stream, 1000000 * UINT64_C(100) + i), ==, orders[k][i]);
		}
		fixture_deinit(&f);
	}
	CHECK(memcmp(orders[0], orders[2], sizeof orders[0]) == 0);
	size_t same = 0, kept = 0;
	for (size_t i = 0; i < 100; i++) {
		same += orders[0][i] == orders[1][i];
		kept += orders[0][i] == 100 + i;
	}
	CHECK(same < 20 && kept < 20);
}

TEST(mix_is_exact_over_each_cycle)
{
	struct fixture f;
	init(&f);
	use_imix(&f);
	paced(&f);
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->pass_packets, ==, 12);
	for (uint64_t cycle = 0; cycle < 5; cycle++) {
		int counts[3] = {0};
		for (uint64_t i = 0; i < 12; i++)
			for (size_t k = 0; k < 3; k++) /* 46 bytes of headers and FCS */
				counts[k] += len_of(stream, 12 * cycle + i) == IMIX[k][0] - 46;
		CHECK(counts[0] == 7 && counts[1] == 4 && counts[2] == 1);
	}
	static const uint32_t TWICE[][2] = {{64, 14}, {570, 8}, {1518, 2}}; /* have 2 in common */
	use_mix(&f, 3, TWICE);
	CHECK_INT(fixture_good(&f)->pass_packets, ==, 12);
	mix.max_run = 5;
	CHECK_INT(fixture_good(&f)->pass_packets, ==, 60);
	mix.max_run = 0;
	f.streams[0].rate = NULL; /* as many in a row as make a train */
	stream = fixture_good(&f);
	CHECK_INT(stream->pass_packets, ==, 12 * 128);
	uint64_t of_64 = 0;
	for (size_t i = 0; i < stream->item_count; i++) {
		CHECK_INT(stream->items[i].repeat % 128, ==, 0);
		of_64 += stream->items[i].len == 18 ? stream->items[i].repeat : 0;
	}
	CHECK_INT(of_64, ==, 7 * 128);
	fixture_deinit(&f);
}

TEST(sizes_and_payloads_keep_their_turns)
{
	struct fixture f;
	init(&f);
	f.streams[0].n_payloads = 2;
	fixture_text(&f, 0, "abcdefgh");
	fixture_text(&f, 1, "XY");
	f.payloads[1].repeat = 3;
	use_range(&f, 1, 3, 1);
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->pass_packets, ==, 12); /* of 4 and 3 */
	CHECK_INT(f.plan->bytes, ==, 2 * 3);	 /* a shorter one is the beginning of the longest */
	for (uint64_t i = 0; i < 24; i++) {
		struct plan_cursor cursor = {0};
		const struct plan_item *item;
		uint64_t run;
		plan_skip(stream, &cursor, i);
		plan_peek_run(stream, &cursor, &item, &run);
		CHECK_INT(item->len, ==, 1 + i % 3);
		CHECK_INT(plan_item_payload(stream, item), ==, i % 4 ? 1 : 0);
		const char *text = i % 4 ? "XY\0" : "abc";
		CHECK(memcmp(plan_item_bytes(stream, item), text, item->len) == 0);
		uint8_t head[2] = {0};
		CHECK_INT(plan_item_head(stream, item, head, 2), ==, MIN(item->len, 2u));
		CHECK(memcmp(head, text, MIN(item->len, 2u)) == 0);
	}
	f.streams[0].n_payloads = 1; /* one payload is the same however often it repeats */
	f.payloads[0].repeat = 4000000000;
	CHECK_INT(fixture_good(&f)->pass_packets, ==, 3);
	f.streams[0].n_payloads = 0; /* zeros */
	stream = fixture_good(&f);
	CHECK_INT(stream->pass_packets, ==, 3);
	CHECK_INT(fixture_bytes(stream, 2)[2], ==, 0);
	fixture_deinit(&f);
}

TEST(sizes_of_frames_count_their_headers)
{
	struct fixture f;
	init(&f);
	fixture_frame(&f);
	use_imix(&f);
	paced(&f);
	const struct plan_stream *stream = fixture_good(&f);
	for (size_t i = 0; i < stream->item_count; i++) {
		const uint8_t *bytes = fixture_bytes(stream, i);
		uint32_t len = stream->items[i].len;
		CHECK(len == 60 || len == 566 || len == 1514);
		CHECK_INT(bytes[16] << 8 | bytes[17], ==, len - 14); /* the IP length */
		CHECK_INT(bytes[38] << 8 | bytes[39], ==, len - 34); /* the UDP length */
	}
	use_range(&f, 41, 50, 1);
	f.size.layer = 0;
	fixture_bad(&f, "streams[0].size.range.min", "41 is not between 42 and ");
	fixture_deinit(&f);
}

TEST(bytes_and_rates_count_what_the_sizes_come_to)
{
	struct fixture f;
	init(&f);
	use_range(&f, 100, 300, 100);
	f.streams[0].limit = &f.limit;
	f.limit.kind_case = PAGECAST__V1__LIMIT__KIND_BYTES;
	f.limit.bytes = 601; /* 100, 200, 300, and the first byte of another */
	CHECK_INT(fixture_good(&f)->limit.packets, ==, 4);
	f.limit.bytes = 600;
	CHECK_INT(fixture_good(&f)->limit.packets, ==, 3);
	f.limit.kind_case = PAGECAST__V1__LIMIT__KIND_LOOPS;
	f.limit.loops = 5;
	CHECK_INT(fixture_good(&f)->limit.packets, ==, 15);
	fixture_deinit(&f);
}

TEST(sizes_are_refused_by_name)
{
	struct fixture f;
	init(&f);
	use_range(&f, 50, 10, 0);
	fixture_bad(&f, "streams[0].size.range.max", "10 is below min, 50");
	use_range(&f, 10, 65508, 0);
	fixture_bad(&f, "streams[0].size.range.max", "65508 is not between 0 and 65507");
	use_range(&f, 10, 20, 0);
	range.seed = 4;
	fixture_bad(&f, "streams[0].size.range.seed", "4, but only random: true draws by a seed");
	use_mix(&f, 0, NULL);
	fixture_bad(&f, "streams[0].size.mix.sizes", "0 sizes: give 1 to 65536");
	static const uint32_t ZERO[][2] = {{64, 1}, {65, 0}};
	use_mix(&f, 2, ZERO);
	fixture_bad(&f, "streams[0].size.mix.sizes[1].weight", "0: a size that is never drawn");
	static const uint32_t MANY[][2] = {{64, 65536}, {65, 1}};
	use_mix(&f, 2, MANY);
	fixture_bad(&f, "streams[0].size.mix.sizes", "come to 65537 without their common divisor");
	static const uint32_t FIT[][2] = {{64, 65535}, {65, 1}};
	use_mix(&f, 2, FIT);
	CHECK_INT(fixture_good(&f)->pass_packets, ==, 65536 * 128);
	mix.max_run = 1025;
	fixture_bad(&f, "streams[0].size.mix.maxRun", "1025 is not between 0 and 1024");
	mix.max_run = 0;
	static const uint32_t LONG[][2] = {{65508, 1}};
	use_mix(&f, 1, LONG);
	fixture_bad(&f, "streams[0].size.mix.sizes[0].size", "65508 is not between 0 and 65507");
	/* 3 payloads beside 32,768 sizes: three times as many packets, all different */
	use_range(&f, 0, 32767, 1);
	range.seed = 0;
	f.streams[0].n_payloads = 3;
	fixture_bad(&f, "streams[0].size", "more than 65536 different packets");
	f.spec.page_layout = PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET;
	f.streams[0].n_payloads = 1;
	use_range(&f, 0, 4033, 1);
	fixture_bad(&f, "streams[0].size.range.max", "4033 bytes do not fit a page");
	fixture_deinit(&f);
}

TEST_MAIN(CASE(range_counts_up_and_begins_again),
	  CASE(range_at_random_has_each_size_once_in_an_order_by_the_seed),
	  CASE(mix_is_exact_over_each_cycle), CASE(sizes_and_payloads_keep_their_turns),
	  CASE(sizes_of_frames_count_their_headers),
	  CASE(bytes_and_rates_count_what_the_sizes_come_to), CASE(sizes_are_refused_by_name))
