/* Packets that differ: what each carries follows from its number alone; what would make no sense is
 * refused by name. */
#include "base/util.h"
#include "packet/crc32c.h"
#include "packet/prng.h"
#include "plan_fixture.h"

#include <endian.h>

static Pagecast__V1__Modifier modifiers[33], *modifier_list[33];
static Pagecast__V1__Counter counter;
static Pagecast__V1__RandomValue drawn;
static Pagecast__V1__ValueList values;
static Pagecast__V1__Stamp stamp;

static void init(struct fixture *f)
{
	fixture_init(f);
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++) {
		modifiers[i] = (Pagecast__V1__Modifier)PAGECAST__V1__MODIFIER__INIT;
		modifiers[i].target_case = PAGECAST__V1__MODIFIER__TARGET_OFFSET;
		modifiers[i].width_bits = 8;
		modifiers[i].kind_case = PAGECAST__V1__MODIFIER__KIND_COUNTER;
		modifiers[i].counter = &counter;
		modifier_list[i] = &modifiers[i];
	}
	counter = (Pagecast__V1__Counter)PAGECAST__V1__COUNTER__INIT;
	drawn = (Pagecast__V1__RandomValue)PAGECAST__V1__RANDOM_VALUE__INIT;
	values = (Pagecast__V1__ValueList)PAGECAST__V1__VALUE_LIST__INIT;
	stamp = (Pagecast__V1__Stamp)PAGECAST__V1__STAMP__INIT;
	f->streams[0].modifiers = modifier_list;
	f->streams[0].n_modifiers = 1;
	f->streams[0].size = &f->size;
	f->size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f->size.fixed = 64;
}

/* From the start, what the last one left freed. */
static void again(struct fixture *f)
{
	fixture_deinit(f);
	init(f);
}

/* Packet @number of the stream. Return: one of a few buffers that are used in turn */
static const uint8_t *packet(const struct plan_stream *stream, uint64_t number)
{
	static uint8_t packets[4][2048];
	static int turn;
	struct plan_cursor cursor = {0};
	const struct plan_item *item;
	uint64_t run;
	plan_skip(stream, &cursor, number);
	CHECK_INT(cursor.number, ==, number);
	plan_peek_run(stream, &cursor, &item, &run);
	uint8_t *out = packets[turn++ % 4];
	plan_packet_write(stream, item, number, out);
	return out;
}

static uint64_t number_at(const uint8_t *bytes, int width)
{
	uint64_t value = 0;
	for (int i = 0; i < width; i++)
		value = value << 8 | bytes[i];
	return value;
}

TEST(counters_count_in_every_width_up_down_and_around)
{
	static const struct {
		uint32_t bits;
		uint64_t start;
		int64_t step;
		uint64_t count, number, value;
	} ROWS[] = {
		{8, 5, 1, 0, 0, 5},
		{8, 250, 1, 0, 10, 4}, /* within its width */
		{8, 5, 3, 4, 3, 14},
		{8, 5, 3, 4, 4, 5}, /* it starts over */
		{16, 1, -1, 0, 2, 0xffff},
		{32, 0xfffffffe, 1, 0, 3, 1},
		{64, UINT64_MAX, 1, 0, 1, 0},
		{64, 0, INT64_MIN, 0, 1, UINT64_C(1) << 63},
		{32, 0, 1, 0, UINT64_C(5000000000), 5000000000 & 0xffffffff},
	};
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		struct fixture f;
		init(&f);
		modifiers[0].offset = 7;
		modifiers[0].width_bits = ROWS[i].bits;
		counter.start = ROWS[i].start;
		counter.step = ROWS[i].step;
		counter.count = ROWS[i].count;
		const uint8_t *bytes = packet(fixture_good(&f), ROWS[i].number);
		CHECK(number_at(bytes + 7, (int)ROWS[i].bits / 8) == ROWS[i].value);
		CHECK(memcmp(bytes, "hello\0", 7) == 0); /* the rest is the payload's */
		CHECK_INT(bytes[7 + ROWS[i].bits / 8], ==, 0);
		fixture_deinit(&f);
	}
}

TEST(lists_take_turns_and_two_counters_make_an_odometer)
{
	struct fixture f;
	uint64_t of_list[] = {7, 70, 255};
	init(&f);
	f.streams[0].n_modifiers = 3;
	counter.step = 1;
	counter.count = 10;
	modifiers[1].offset = 1;
	modifiers[1].every = 10;
	modifiers[2].offset = 2;
	modifiers[2].kind_case = PAGECAST__V1__MODIFIER__KIND_LIST;
	modifiers[2].list = &values;
	values.values = of_list;
	values.n_values = 3;
	const struct plan_stream *stream = fixture_good(&f);
	for (uint64_t i = 0; i < 250; i++) {
		const uint8_t *bytes = packet(stream, i);
		CHECK_INT(bytes[0], ==, i % 10);
		CHECK_INT(bytes[1], ==, i / 10 % 10);
		CHECK_INT(bytes[2], ==, of_list[i % 3]);
	}
	fixture_deinit(&f);
}

TEST(random_values_are_even_within_their_bounds_and_repeat_with_their_seed)
{
	struct fixture f, other;
	enum { DRAWS = 60000, VALUES = 6 };
	size_t counts[VALUES] = {0}, same = 0;
	init(&f);
	modifiers[0].kind_case = PAGECAST__V1__MODIFIER__KIND_RANDOM;
	modifiers[0].random = &drawn;
	drawn.min = 10;
	drawn.max = 15;
	const struct plan_stream *stream = fixture_good(&f);
	init(&other);
	modifiers[0].kind_case = PAGECAST__V1__MODIFIER__KIND_RANDOM;
	modifiers[0].random = &drawn;
	drawn.min = 10;
	drawn.max = 15;
	drawn.seed = 1;
	const struct plan_stream *other_stream = fixture_good(&other);
	for (uint64_t i = 0; i < DRAWS; i++) {
		uint8_t value = packet(stream, i)[0];
		CHECK(value >= 10 && value <= 15);
		counts[value - 10]++;
		same += value == packet(other_stream, i)[0];
		CHECK_INT(value, ==, packet(stream, i)[0]);
	}
	for (size_t i = 0; i < VALUES; i++) /* 10,000 each; six standard deviations */
		CHECK_INT(llabs((long long)counts[i] - DRAWS / VALUES), <, 600);
	CHECK_INT(llabs((long long)same - DRAWS / VALUES), <, 600);
	fixture_deinit(&f);
	fixture_deinit(&other);
	struct modifier all = {.bytes = 8, .every = 1, .kind = MODIFIER_RANDOM, .max = UINT64_MAX};
	uint64_t bits = 0;
	for (uint64_t i = 0; i < 100; i++)
		bits |= modify_value(&all, i);
	CHECK(bits == UINT64_MAX);
}

TEST(random_bytes_of_each_packet_are_those_of_its_number)
{
	struct fixture f;
	init(&f);
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_RANDOM;
	f.payloads[0].random = &f.random;
	f.random.seed = UINT64_MAX - 1;
	f.random.length = 40;
	f.random.each = true;
	f.streams[0].n_modifiers = 0;
	const struct plan_stream *stream = fixture_good(&f);
	for (uint64_t i = 0; i < 5; i++) {
		uint8_t wanted[64] = {0};
		prng_fill(UINT64_MAX - 1 + i, wanted, 40); /* the rest is padding */
		CHECK(memcmp(packet(stream, i), wanted, 64) == 0);
	}
	f.random.each = false;
	stream = fixture_good(&f);
	CHECK(!plan_varies(stream));
	CHECK(memcmp(packet(stream, 0), packet(stream, 1), 64) == 0);
	fixture_deinit(&f);
}

TEST(masks_leave_the_other_bits)
{
	struct fixture f;
	init(&f);
	fixture_hex(&f, 0, "ffff0000");
	modifiers[0].width_bits = 32;
	modifiers[0].mask = 0x0ff00ff0;
	counter.start = 0x12345678;
	CHECK(number_at(packet(fixture_good(&f), 0), 4) == 0xf23f0670);
	fixture_deinit(&f);
}

/* ---- stamps ---- */
TEST(stamps_have_their_fields_in_both_forms)
{
	struct fixture f;
	init(&f);
	f.streams[0].stamp = &stamp;
	stamp.stream_id = 0x01020304;
	f.streams[0].n_modifiers = 0;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->stamp.bytes, ==, 32);
	f.plan->streams[0].stamp.epoch = 0xabcd;
	uint8_t bytes[64];
	memcpy(bytes, packet(stream, UINT64_C(0x100000002)), 64);
	plan_packets_stamp(stream, UINT64_C(0x100000002), 1, 0x1122334455667788, bytes, 64);
	CHECK(memcmp(bytes, "hello\0", 6) == 0);
	CHECK(memcmp(bytes + 32,
		     "PGC1\x01\x02\x03\x04\0\0\0\x01\0\0\0\x02\x11\x22\x33\x44\x55\x66\x77\x88"
		     "\xab\xcd\0\0",
		     28) == 0);
	CHECK(number_at(bytes + 60, 4) == crc32c(0, bytes + 32, 28));
	stamp.cover_payload = true;
	stream = fixture_good(&f);
	memcpy(bytes, packet(stream, 3), 64);
	plan_packets_stamp(stream, 3, 1, 77, bytes, 64);
	CHECK_INT(bytes[59], ==, 1);
	CHECK(number_at(bytes + 60, 4) == crc32c(0, bytes, 60));

	stamp.cover_payload = false;
	stamp.stream_id = 65535;
	f.size.fixed = 31; /* too short for the other */
	stream = fixture_good(&f);
	CHECK_INT(stream->stamp.bytes, ==, 16);
	memcpy(bytes, packet(stream, UINT64_C(0x100000002)), 31);
	plan_packets_stamp(stream, UINT64_C(0x100000002), 1, 0x1122334455667788, bytes, 31);
	CHECK(memcmp(bytes + 15, "pG\xff\xff\0\0\0\x02\x44\x55\x66\x77\x78", 8) == 0);
	CHECK(number_at(bytes + 23, 4) == (UINT64_C(0x1122334455667788) >> 4 & 0xffffffff));
	CHECK(number_at(bytes + 27, 4) == crc32c(0, bytes + 15, 12));
	fixture_deinit(&f);
}

TEST(crc32c_is_that_of_rfc_3720)
{
	static const uint8_t CHECK_TEXT[] = "123456789";
	CHECK(crc32c(0, CHECK_TEXT, 9) == 0xe3069283);
	uint8_t bytes[32];
	memset(bytes, 0, sizeof bytes);
	CHECK(crc32c(0, bytes, 32) == 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	CHECK(crc32c(0, bytes, 32) == 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	CHECK(crc32c(0, bytes, 32) == 0x46dd794e);
	for (size_t cut = 0; cut <= 32; cut++)
		CHECK(crc32c(crc32c(0, bytes, cut), bytes + cut, 32 - cut) == 0x46dd794e);
}

TEST(stamps_get_ids_that_stay_and_differ)
{
	struct stamp first = {.bytes = 32}, again = first, second = first, other = first;
	struct stamp given = {.bytes = 32, .stream_id = 9}, none = {0}, compact = {.bytes = 16};
	stamp_pick_id(&first, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0);
	stamp_pick_id(&again, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0);
	stamp_pick_id(&second, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1);
	stamp_pick_id(&other, "01ARZ3NDEKTSV4RRFFQ69G5FAW", 0);
	stamp_pick_id(&given, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0);
	stamp_pick_id(&none, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0);
	stamp_pick_id(&compact, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0);
	CHECK(first.stream_id && first.stream_id == again.stream_id);
	CHECK(first.stream_id != second.stream_id && first.stream_id != other.stream_id);
	CHECK_INT(given.stream_id, ==, 9);
	CHECK_INT(none.stream_id, ==, 0);
	CHECK(compact.stream_id && compact.stream_id <= 65535);
}

TEST(frames_with_changes_have_right_checksums)
{
	struct fixture f;
	init(&f);
	fixture_frame(&f);
	f.streams[0].stamp = &stamp;
	f.size.fixed = 100;
	modifiers[0].offset = 42; /* right behind the header */
	counter.step = 1;
	const struct plan_stream *stream = fixture_good(&f);
	for (uint64_t i = 0; i < 300; i++) {
		uint8_t bytes[100];
		memcpy(bytes, packet(stream, i), 100);
		for (int timed = 0; timed < 2; timed++) {
			uint32_t sum = 17 + 66; /* the pseudo header's protocol and length */
			for (size_t at = 26; at < 100; at += 2)
				sum += (uint32_t)bytes[at] << 8 | bytes[at + 1];
			while (sum >> 16)
				sum = (sum & 0xffff) + (sum >> 16);
			CHECK_INT(sum, ==, 0xffff);
			CHECK_INT(bytes[42], ==, i & 0xff);
			plan_packets_stamp(stream, i, 1, (int64_t)i * 1000003, bytes, 100);
		}
	}
	modifiers[0].offset = 41;
	fixture_bad(&f, "streams[0].modifiers[0].offset", "41 is within the header that is built");
	fixture_deinit(&f);
}

/* ---- faults ---- */
TEST(changes_are_refused_by_name)
{
	struct fixture f;
	init(&f);
	modifiers[0].target_case = PAGECAST__V1__MODIFIER__TARGET__NOT_SET;
	fixture_bad(&f, "streams[0].modifiers[0]", "no target: give offset");
	modifiers[0].target_case = PAGECAST__V1__MODIFIER__TARGET_FIELD;
	modifiers[0].field = (char *)"ipv4.src";
	fixture_bad(&f, "streams[0].modifiers[0].field", "not offered by this version");
	again(&f);
	modifiers[0].width_bits = 24;
	fixture_bad(&f, "streams[0].modifiers[0].widthBits", "24 is not 8, 16, 32 or 64");
	again(&f);
	modifiers[0].offset = 64;
	fixture_bad(&f, "streams[0].modifiers[0].offset",
		    "64 and 8 bits reach beyond byte 64, where the shortest packet ends");
	f.streams[0].stamp = &stamp;
	modifiers[0].offset = 31;
	CHECK(fixture_good(&f));
	modifiers[0].offset = 32;
	fixture_bad(&f, "streams[0].modifiers[0].offset", "beyond byte 32, where the stamp begins");
	again(&f);
	modifiers[0].mask = 256;
	fixture_bad(&f, "streams[0].modifiers[0].mask", "256 does not fit 8 bits");
	again(&f);
	counter.start = 256;
	fixture_bad(&f, "streams[0].modifiers[0].counter.start", "256 does not fit 8 bits");
	again(&f);
	modifiers[0].kind_case = PAGECAST__V1__MODIFIER__KIND_RANDOM;
	modifiers[0].random = &drawn;
	drawn.min = 9;
	drawn.max = 8;
	fixture_bad(&f, "streams[0].modifiers[0].random.max", "8 is below min, 9");
	modifiers[0].kind_case = PAGECAST__V1__MODIFIER__KIND_LIST;
	modifiers[0].list = &values;
	fixture_bad(&f, "streams[0].modifiers[0].list.values", "0 values: give 1 to 65536");
	uint64_t large[] = {1, 256};
	values.values = large;
	values.n_values = 2;
	fixture_bad(&f, "streams[0].modifiers[0].list.values",
		    "256, number 1, does not fit 8 bits");
	modifiers[0].kind_case = PAGECAST__V1__MODIFIER__KIND__NOT_SET;
	fixture_bad(&f, "streams[0].modifiers[0]", "give one of counter, random, list");
	again(&f);
	f.streams[0].n_modifiers = 32;
	CHECK(fixture_good(&f));
	f.streams[0].n_modifiers = 33;
	fixture_bad(&f, "streams[0].modifiers", "33 are more than the maximum of 32");
	f.streams[0].n_modifiers = 0;
	f.streams[0].stamp = &stamp;
	f.size.fixed = 15;
	fixture_bad(&f, "streams[0].stamp", "the shortest packet has 15 bytes of payload");
	f.size.fixed = 16;
	stamp.cover_payload = true;
	fixture_bad(&f, "streams[0].stamp.coverPayload", "a stamp that covers it takes 32");
	stamp.cover_payload = false;
	stamp.stream_id = 65536;
	fixture_bad(&f, "streams[0].stamp.streamId", "65536 is not between 0 and 65535");
	fixture_deinit(&f);
}

TEST_MAIN(CASE(counters_count_in_every_width_up_down_and_around),
	  CASE(lists_take_turns_and_two_counters_make_an_odometer),
	  CASE(random_values_are_even_within_their_bounds_and_repeat_with_their_seed),
	  CASE(random_bytes_of_each_packet_are_those_of_its_number),
	  CASE(masks_leave_the_other_bits), CASE(stamps_have_their_fields_in_both_forms),
	  CASE(crc32c_is_that_of_rfc_3720), CASE(stamps_get_ids_that_stay_and_differ),
	  CASE(frames_with_changes_have_right_checksums), CASE(changes_are_refused_by_name))
