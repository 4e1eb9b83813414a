/*
 * Packing: whatever the payloads, the trains read back in order are the stream, and each piece that
 * an engine may cut from them fits a splice.
 */
#include "base/util.h"
#include "lib/test.h"
#include "lib/transmit.h"
#include "packet/plan_bytes.h"

#include <errno.h>

static const struct train_limits ethernet = {.segments_max = 128, .segment_bytes_max = 1472};
static const struct train_limits loopback = {.segments_max = 128, .segment_bytes_max = 65508};
static const struct train_limits no_trains = {.segments_max = 1, .segment_bytes_max = 1472};
static const struct train_limits a_page_each = {
	.segments_max = 1, .segment_bytes_max = 1472, .page_per_packet = true, .page_offset = 64};

static void start(struct job *job)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	job_init(job, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE, (struct sockaddr *)&to);
}

static void check_place(const struct train *train, const struct train_limits *limits)
{
	size_t len = train_bytes(train);
	CHECK_INT(train->segments, >=, 1);
	CHECK_INT(len, <=, 65527);
	CHECK_INT(pages_covered(train->offset, len), <=, TRAIN_PIPE_BUFFERS);
	if (train->segment_bytes == 0)
		return;
	CHECK_INT(train->segments, <=, limits->segments_max);
	if (train->segments > 1) {
		CHECK_INT(train->offset % PAGES_PAGE_BYTES, ==, 0);
		CHECK_INT(train->segment_bytes, <=, limits->segment_bytes_max);
		CHECK_INT(len, <=, TRAIN_BYTES_MAX);
	}
	if (limits->page_per_packet)
		CHECK_INT(train->offset % PAGES_PAGE_BYTES, ==, limits->page_offset);
}

/* Read @trains packet by packet against the stream from *@expected on. */
static void check_content(const struct job *job, const struct trains *trains,
			  const struct train_limits *limits, struct plan_cursor *expected)
{
	uint64_t packets = 0;
	size_t end = 0;
	for (size_t t = 0; t < trains->count; t++) {
		const struct train *train = &trains->trains[t];
		check_place(train, limits);
		if (train->segment_bytes) {
			CHECK_INT(train->offset, >=, end);
			end = train->offset + train_bytes(train);
			CHECK_INT(end, <=, trains->pages.capacity_bytes);
		}
		for (uint32_t s = 0; s < train->segments; s++, packets++) {
			const struct plan_item *item;
			uint64_t count;
			plan_peek_run(&job->stream, expected, &item, &count);
			CHECK_INT(train->segment_bytes, ==, item->len);
			CHECK(item->len == 0 ||
			      memcmp(trains->pages.memory + train->offset + s * item->len,
				     item->bytes, item->len) == 0);
			plan_advance(&job->stream, expected, 1);
		}
	}
	CHECK_INT(packets, ==, trains->packets);
}

/* Pack @packets of @job from the start on, in as many fillings as it takes. Return: fillings */
static size_t pack_all(const struct job *job, const struct train_limits *limits, uint64_t packets,
		       struct trains *ret_first)
{
	struct plan_cursor cursor = {0}, expected = {0};
	struct trains trains = TRAINS_NULL;
	size_t fillings = 0;
	bool cyclic = false;
	for (uint64_t done = 0; done < packets && !cyclic; fillings++) {
		CHECK_INT(trains_refill(&trains, &job->stream, limits, &cursor, packets - done,
					false),
			  ==, 0);
		CHECK_INT(trains.packets, <=, packets - done);
		CHECK_INT(trains.packets, >, 0);
		check_content(job, &trains, limits, &expected);
		cyclic = trains.cyclic;
		done += trains.packets;
		CHECK(cyclic || memcmp(&cursor, &expected, sizeof cursor) == 0);
		if (fillings == 0 && ret_first) {
			*ret_first = trains;
			trains = TRAINS_NULL;
		}
	}
	trains_retire(&trains);
	return fillings;
}

static struct trains pack_one(const struct job *job, const struct train_limits *limits,
			      uint64_t packets)
{
	struct trains trains;
	CHECK_INT(pack_all(job, limits, packets, &trains), ==, 1);
	return trains;
}

TEST(train_of_one_payload_is_one_full_train)
{
	static const struct {
		uint32_t len, segments;
	} cases[] = {{1, 128}, {64, 128}, {508, 128}, {509, 127}, {512, 127}, {1472, 44}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct job job;
		start(&job);
		job_add(&job, cases[i].len, 1);
		struct trains trains = pack_one(&job, &ethernet, 1000000);
		CHECK(trains.cyclic && trains.uniform);
		CHECK_INT(trains.count, ==, 1);
		CHECK_INT(trains.trains[0].segments, ==, cases[i].segments);
		trains_retire(&trains);
		job_free(&job);
	}
}

TEST(train_of_a_small_job_costs_a_page)
{
	struct job job;
	start(&job);
	job_add(&job, 5, 1);
	struct trains trains = pack_one(&job, &ethernet, 1000);
	CHECK_INT(trains.pages.capacity_bytes, ==, PAGES_PAGE_BYTES);
	trains_retire(&trains);
	trains = pack_one(&job, &ethernet, 3); /* never more packets than are wanted */
	CHECK_INT(trains.packets, ==, 3);
	trains_retire(&trains);
	job_free(&job);
}

TEST(train_template_takes_whole_passes_until_trains_are_full)
{
	struct job job;
	start(&job);
	for (int i = 0; i < 6; i++)
		job_add(&job, 1472, 1);
	struct trains trains = pack_one(&job, &ethernet, 1000000);
	CHECK(trains.cyclic && !trains.uniform);
	CHECK_INT(trains.packets, ==, 132); /* 22 passes are 3 trains of 44 */
	CHECK_INT(trains.count, ==, 3);
	trains_retire(&trains);
	job_free(&job);
}

TEST(train_template_of_odd_passes_stays_bounded)
{
	struct job job;
	start(&job);
	for (int i = 0; i < 43; i++)
		job_add(&job, 1472, 1);
	struct trains trains = pack_one(&job, &ethernet, INT64_MAX);
	CHECK(trains.cyclic);
	CHECK_INT(trains.packets % 43, ==, 0);
	CHECK_INT(trains.count, <=, TRAIN_TEMPLATE_FULL);
	trains_retire(&trains);
	job_free(&job);
}

TEST(train_less_than_a_pass_is_one_filling)
{
	struct job job;
	start(&job);
	for (int i = 0; i < 10; i++)
		job_add(&job, 700, 1);
	struct trains trains = pack_one(&job, &ethernet, 7);
	CHECK(!trains.cyclic);
	CHECK_INT(trains.packets, ==, 7);
	CHECK_INT(trains.pages.capacity_bytes, <, 65536);
	trains_retire(&trains);
	job_free(&job);
}

TEST(train_sizes_that_differ_leave_one_by_one_and_equal_runs_as_trains)
{
	struct job job;
	start(&job);
	job_add(&job, 64, 10);
	job_add(&job, 1472, 1);
	job_add(&job, 100, 1);
	job_add(&job, 100, 1); /* another payload of the same size: one train */
	struct trains trains = pack_one(&job, &ethernet, 13);
	CHECK_INT(trains.count, ==, 3);
	CHECK_INT(trains.trains[0].segments, ==, 10);
	CHECK_INT(trains.trains[1].segments, ==, 1);
	CHECK_INT(trains.trains[1].offset, ==, 640); /* lone: right behind */
	CHECK_INT(trains.trains[2].segments, ==, 2);
	trains_retire(&trains);
	job_free(&job);
}

TEST(train_limits_decide_what_may_be_a_train)
{
	static const uint32_t lens[] = {0, 1, 63, 64, 1472, 1473, 8972, 32512, 32513, 65507, 65527};
	static const struct train_limits *const all[] = {&ethernet, &loopback, &no_trains};
	for (size_t l = 0; l < ARRAY_SIZE(all); l++)
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			struct job job;
			start(&job);
			job_add(&job, lens[i], 3);
			job_add(&job, lens[ARRAY_SIZE(lens) - 1 - i], 2);
			job_add(&job, 65507, 1);
			pack_all(&job, all[l], 100, NULL);
			job_free(&job);
		}
}

TEST(train_page_per_packet_puts_each_at_its_offset)
{
	struct job job;
	start(&job);
	job_add(&job, 1, 3);
	job_add(&job, 4032, 2);
	job_add(&job, 0, 1);
	struct trains trains = pack_one(&job, &a_page_each, 6);
	CHECK_INT(trains.count, ==, 6);
	CHECK_INT(trains.pages.capacity_bytes, ==, 5 * PAGES_PAGE_BYTES);
	trains_retire(&trains);
	job_add(&job, 4033, 1);
	struct plan_cursor cursor = {0};
	CHECK_INT(trains_pack(&trains, &job.stream, &a_page_each, &cursor, 10), ==, -EMSGSIZE);
	job_free(&job);
}

TEST(train_long_passes_go_through_fresh_arenas)
{
	struct job job;
	start(&job);
	job_add(&job, 1000, 40000); /* 40 MB a pass */
	job_add(&job, 333, 7);
	CHECK_INT(pack_all(&job, &ethernet, 40011, NULL), >, 15);
	job_free(&job);
}

TEST(train_tiny_lone_packets_end_a_filling_by_number)
{
	struct job job;
	start(&job);
	job_add(&job, 1, 1);
	job_add(&job, 2, 1);
	job_add(&job, 40000, 1000); /* not a template */
	pack_all(&job, &no_trains, 20000, NULL);
	job_free(&job);
}

static uint32_t random_state = 1;
static uint32_t random_below(uint32_t end)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % end;
}

TEST(train_random_streams_read_back_as_themselves)
{
	for (int round = 0; round < 300; round++) {
		struct job job;
		start(&job);
		uint32_t items = 1 + random_below(8);
		for (uint32_t i = 0; i < items; i++) {
			static const uint32_t sizes[] = {0, 1, 64, 64, 512, 1472, 1472, 4000, 9000};
			job_add(&job, sizes[random_below(ARRAY_SIZE(sizes))],
				1 + random_below(300));
		}
		struct train_limits limits = {.segments_max = 1 + random_below(128),
					      .segment_bytes_max = 1 + random_below(9000)};
		pack_all(&job, &limits, 1 + random_below(20000), NULL);
		job_free(&job);
	}
}

TEST(train_cursor_moves_as_packets_leave)
{
	struct job job;
	start(&job);
	job_add(&job, 64, 10);
	job_add(&job, 1472, 1);
	struct trains trains = pack_one(&job, &ethernet, 11);
	CHECK(trains.cyclic);
	struct train_cursor cursor = {0};
	struct train next = trains_peek(&trains, &cursor, 4);
	CHECK_INT(next.segments, ==, 4);
	trains_advance(&trains, &cursor, 4);
	next = trains_peek(&trains, &cursor, 100);
	CHECK_INT(next.segments, ==, 6);
	CHECK_INT(next.offset, ==, 4 * 64);
	trains_advance(&trains, &cursor, 6);
	CHECK_INT(cursor.train, ==, 1);
	trains_advance(&trains, &cursor, 1 + 11 * UINT64_C(1000000000000) + 3); /* wraps */
	CHECK_INT(cursor.train, ==, 0);
	CHECK_INT(cursor.segment, ==, 3);
	CHECK(!trains_at_end(&trains, &cursor));
	trains_retire(&trains);
	job_free(&job);
}

TEST(train_filling_ends_at_its_end)
{
	struct job job;
	start(&job);
	job_add(&job, 64, 10);
	job_add(&job, 100, 1);
	struct trains trains = pack_one(&job, &ethernet, 5);
	struct train_cursor cursor = {0};
	trains_advance(&trains, &cursor, 4);
	CHECK(!trains_at_end(&trains, &cursor));
	trains_advance(&trains, &cursor, 1);
	CHECK(trains_at_end(&trains, &cursor));
	trains_retire(&trains);
	trains_retire(&trains);
	job_free(&job);
}

/* ---- a filling that is written again ---- */

static void check_drafts(const struct job *job, const struct trains *trains,
			 struct plan_cursor *expected)
{
	static uint8_t wanted[2048];
	for (size_t t = 0; t < trains->count; t++) {
		const uint8_t *at = trains->pages.memory + trains->trains[t].offset;
		for (uint32_t s = 0; s < trains->trains[t].segments; s++) {
			const struct plan_item *item;
			uint64_t count;
			plan_peek_run(&job->stream, expected, &item, &count);
			memcpy(wanted, item->bytes, item->len);
			plan_packets_draft(&job->stream, item, expected->number, 1, wanted);
			CHECK(memcmp(at, wanted, item->len) == 0);
			at += item->len;
			plan_advance(&job->stream, expected, 1);
		}
	}
}

static void add_counter(struct job *job)
{
	static const struct modifier counter = {
		.bytes = 4, .mask = UINT32_MAX, .every = 1, .kind = MODIFIER_COUNTER, .step = 3};
	job->stream.modifiers = &counter;
	job->stream.modifier_count = 1;
}

/* The pages stay, the items lie where they lay, and each packet is the next one all the same; but
 * the last filling, which is shorter. */
TEST(train_rewrites_what_differs_in_place)
{
	struct job job;
	struct trains trains = TRAINS_NULL;
	struct plan_cursor cursor = {0}, expected = {0};
	start(&job);
	job_add(&job, 1000, 7);
	job_add(&job, 600, 50);
	job_add(&job, 1000, 3);
	add_counter(&job);
	uint64_t left = 30000, id = 0, fillings = 0;
	for (; left; fillings++) {
		CHECK_INT(trains_refill(&trains, &job.stream, &ethernet, &cursor, left, true), ==,
			  0);
		check_drafts(&job, &trains, &expected);
		left -= trains.packets;
		CHECK_INT(cursor.number, ==, 30000 - left);
		CHECK(left == 0 || trains.packets % 60 == 0);
		CHECK(fillings == 0 || left == 0 || trains.pages.id == id);
		CHECK_INT(trains.pages.state, ==, PAGES_SEALED);
		id = trains.pages.id;
	}
	CHECK_INT(fillings, >, 5);
	trains_retire(&trains);
	job_free(&job);
}

/* Nothing is taken for the same that is not: another place in the pass, other limits. */
TEST(train_rewrites_the_whole_where_places_differ)
{
	static const struct train_limits *const cuts[] = {&ethernet, &no_trains, &ethernet};
	struct job job;
	struct trains trains = TRAINS_NULL;
	struct plan_cursor cursor = {0}, expected = {0};
	start(&job);
	job_add(&job, 900, 2);
	job_add(&job, 300, 5);
	add_counter(&job);
	for (size_t i = 0; i < 9; i++) {
		CHECK_INT(trains_refill(&trains, &job.stream, cuts[i % ARRAY_SIZE(cuts)], &cursor,
					11 + 6 * (i % 2), true),
			  ==, 0);
		check_drafts(&job, &trains, &expected);
		CHECK(memcmp(&cursor, &expected, sizeof cursor) == 0);
	}
	trains_retire(&trains);
	job_free(&job);
}

TEST_MAIN(CASE(train_of_one_payload_is_one_full_train), CASE(train_of_a_small_job_costs_a_page),
	  CASE(train_template_takes_whole_passes_until_trains_are_full),
	  CASE(train_template_of_odd_passes_stays_bounded),
	  CASE(train_less_than_a_pass_is_one_filling),
	  CASE(train_sizes_that_differ_leave_one_by_one_and_equal_runs_as_trains),
	  CASE(train_limits_decide_what_may_be_a_train),
	  CASE(train_page_per_packet_puts_each_at_its_offset),
	  CASE(train_long_passes_go_through_fresh_arenas),
	  CASE(train_tiny_lone_packets_end_a_filling_by_number),
	  CASE(train_random_streams_read_back_as_themselves),
	  CASE(train_cursor_moves_as_packets_leave), CASE(train_filling_ends_at_its_end),
	  CASE(train_rewrites_what_differs_in_place),
	  CASE(train_rewrites_the_whole_where_places_differ))
