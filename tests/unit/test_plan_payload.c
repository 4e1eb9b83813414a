/* Payloads turned into bytes, sizes at each layer, the random bytes that are the same for ever. */
#include "packet/layer.h"
#include "packet/prng.h"
#include "plan_fixture.h"

static void check_bytes(const struct plan_stream *stream, size_t index, const char *expected_hex)
{
	const struct plan_item *item = &stream->items[index];
	const uint8_t *bytes = fixture_bytes(stream, index);
	char hex[513] = "";
	CHECK_INT(item->len, <=, 256);
	for (size_t i = 0; i < item->len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	CHECK_STR(hex, expected_hex);
}

static void set_pattern(struct fixture *f, Pagecast__V1__PatternKind kind, uint32_t length)
{
	f->payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_PATTERN;
	f->payloads[0].pattern = &f->pattern;
	f->pattern.kind = kind;
	f->pattern.length = length;
}

TEST(payload_text_and_bytes_are_taken_as_they_are)
{
	static uint8_t raw[] = {0, 1, 0xff};
	struct fixture f;
	fixture_init(&f);
	f.streams[0].n_payloads = 3;
	fixture_text(&f, 0, "ä");
	fixture_text(&f, 1, "");
	f.payloads[2].content_case = PAGECAST__V1__PAYLOAD__CONTENT_BYTES;
	f.payloads[2].bytes = (ProtobufCBinaryData){sizeof raw, raw};
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->item_count, ==, 3);
	check_bytes(stream, 0, "c3a4");
	check_bytes(stream, 1, "");
	check_bytes(stream, 2, "0001ff");
	CHECK_INT(stream->pass_packets, ==, 3);
	CHECK_INT(stream->pass_bytes, ==, 5);
	CHECK_INT(stream->len_max, ==, 3);
	CHECK(!stream->one_len);
	f.payloads[2].bytes = (ProtobufCBinaryData){0, NULL};
	CHECK_INT(fixture_good(&f)->items[2].len, ==, 0);
	fixture_deinit(&f);
}

TEST(payload_none_is_one_empty_datagram)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].n_payloads = 0;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->item_count, ==, 1);
	CHECK_INT(stream->items[0].len, ==, 0);
	CHECK_INT(stream->items[0].repeat, ==, 1);
	CHECK(stream->one_len);
	f.streams[0].size = &f.size;
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f.size.fixed = 3;
	check_bytes(fixture_good(&f), 0, "000000");
	fixture_deinit(&f);
}

TEST(payload_that_says_nothing_is_a_fault)
{
	struct fixture f;
	fixture_init(&f);
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT__NOT_SET;
	fixture_bad(&f, "streams[0].payloads[0]", "give one of text, bytes, hex, pattern, random");
	fixture_deinit(&f);
}

TEST(payload_hex)
{
	struct fixture f;
	fixture_init(&f);
	fixture_hex(&f, 0, " de ad\nBE\tef\r\n");
	check_bytes(fixture_good(&f), 0, "deadbeef");
	fixture_hex(&f, 0, "0");
	fixture_bad(&f, "streams[0].payloads[0].hex", "1 digits are not whole bytes");
	fixture_hex(&f, 0, "0x10");
	fixture_bad(&f, "streams[0].payloads[0].hex",
		    "\"x\" at position 1 is not a hexadecimal digit");
	fixture_hex(&f, 0, "00 ü");
	fixture_bad(&f, "streams[0].payloads[0].hex", "position 3");
	fixture_hex(&f, 0, "  ");
	CHECK_INT(fixture_good(&f)->items[0].len, ==, 0);
	fixture_deinit(&f);
}

TEST(payload_patterns)
{
	static uint8_t unit[] = {0xaa, 0xbb, 0xcc};
	struct fixture f;
	fixture_init(&f);
	set_pattern(&f, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ZEROS, 2);
	check_bytes(fixture_good(&f), 0, "0000");
	set_pattern(&f, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ONES, 2);
	check_bytes(fixture_good(&f), 0, "ffff");
	set_pattern(&f, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_INCREMENTING, 258);
	const struct plan_item *item = fixture_written(&f);
	CHECK_INT(item->bytes[0], ==, 0);
	CHECK_INT(item->bytes[255], ==, 255);
	CHECK_INT(item->bytes[257], ==, 1);
	set_pattern(&f, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_REPEAT_UNIT, 5);
	f.pattern.unit = (ProtobufCBinaryData){sizeof unit, unit};
	check_bytes(fixture_good(&f), 0, "aabbccaabb");
	f.pattern.length = 2;
	check_bytes(fixture_good(&f), 0, "aabb");
	fixture_deinit(&f);
}

TEST(payload_pattern_faults)
{
	static uint8_t unit[] = {1};
	struct fixture f;
	fixture_init(&f);
	set_pattern(&f, 0, 5);
	fixture_bad(&f, "streams[0].payloads[0].pattern.kind", "missing: ZEROS, ONES");
	set_pattern(&f, 5, 5);
	fixture_bad(&f, "streams[0].payloads[0].pattern.kind",
		    "5 is not one of PATTERN_KIND_ZEROS");
	set_pattern(&f, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_REPEAT_UNIT, 5);
	fixture_bad(&f, "streams[0].payloads[0].pattern.unit", "missing");
	set_pattern(&f, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ONES, 5);
	f.pattern.unit = (ProtobufCBinaryData){sizeof unit, unit};
	fixture_bad(&f, "streams[0].payloads[0].pattern.unit", "only REPEAT_UNIT has a unit");
	f.pattern.unit = (ProtobufCBinaryData){0, NULL};
	f.pattern.length = UINT32_MAX;
	fixture_bad(&f, "streams[0].payloads[0].pattern.length", "4294967295 is not between 0 and");
	fixture_deinit(&f);
}

TEST(payload_random_is_the_same_on_every_machine)
{
	struct fixture f;
	fixture_init(&f);
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_RANDOM;
	f.payloads[0].random = &f.random;
	f.random.length = 20;
	check_bytes(fixture_good(&f), 0, "b4f275cb365fec992a455649781f6ebfe0e63349");
	f.random.seed = 1;
	check_bytes(fixture_good(&f), 0, "c510c70f6daff2b3ea4c364796553b8514452a08");
	f.random.seed = UINT64_MAX;
	f.random.length = 7; /* the beginning of a longer run */
	check_bytes(fixture_good(&f), 0, "08ad7e2ad52055");
	f.random.length = UINT32_MAX;
	fixture_bad(&f, "streams[0].payloads[0].random.length", "4294967295 is not between 0 and");
	fixture_deinit(&f);
}

TEST(prng_is_xoshiro256starstar)
{
	/* The first outputs of the published generator from the state 1, 2, 3, 4. */
	struct prng prng = {{1, 2, 3, 4}};
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		CHECK_INT(prng_next(&prng), ==, expected[i]);
}

TEST(payload_repeat_counts)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].n_payloads = 2;
	f.payloads[0].repeat = 3;
	fixture_text(&f, 1, "ab");
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(stream->items[0].repeat, ==, 3);
	CHECK_INT(stream->items[1].repeat, ==, 1);
	CHECK_INT(stream->pass_packets, ==, 4);
	CHECK_INT(stream->pass_bytes, ==, 17);
	fixture_deinit(&f);
}

TEST(size_pads_with_zeros_and_cuts)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].size = &f.size;
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f.streams[0].n_payloads = 2;
	fixture_text(&f, 1, "hello world");
	f.size.fixed = 7;
	const struct plan_stream *stream = fixture_good(&f);
	check_bytes(stream, 0, "68656c6c6f0000");
	check_bytes(stream, 1, "68656c6c6f2077");
	CHECK(stream->one_len);
	CHECK_INT(f.plan->bytes, ==, 14);
	f.size.fixed = 0;
	CHECK_INT(fixture_good(&f)->len_max, ==, 0);
	fixture_hex(&f, 1, "61 62 63 64");
	f.size.fixed = 3;
	check_bytes(fixture_good(&f), 1, "616263");
	/* Longer than any packet is no fault when it is cut anyway. */
	static char text[100001];
	memset(text, 'x', sizeof text - 1);
	fixture_text(&f, 1, text);
	check_bytes(fixture_good(&f), 1, "787878");
	fixture_deinit(&f);
}

TEST(size_counts_at_its_layer)
{
	static const struct {
		Pagecast__V1__Layer layer;
		uint32_t fixed, len, least, most;
	} v4[] = {
		{PAGECAST__V1__LAYER__LAYER_UNSPECIFIED, 100, 100, 0, 65507},
		{PAGECAST__V1__LAYER__LAYER_PAYLOAD, 100, 100, 0, 65507},
		{PAGECAST__V1__LAYER__LAYER_L3, 100, 72, 28, 65535},
		{PAGECAST__V1__LAYER__LAYER_L2, 100, 58, 42, 65549},
		{PAGECAST__V1__LAYER__LAYER_L2_FCS, 1518, 1472, 64, 65553},
		{PAGECAST__V1__LAYER__LAYER_L1, 1538, 1472, 84, 65573},
	};
	struct fixture f;
	fixture_init(&f);
	f.streams[0].size = &f.size;
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	for (size_t i = 0; i < sizeof v4 / sizeof *v4; i++) {
		f.size.layer = v4[i].layer;
		f.size.fixed = v4[i].fixed;
		const struct plan_stream *stream = fixture_good(&f);
		CHECK_INT(stream->len_max, ==, v4[i].len);
		if (v4[i].layer)
			CHECK_INT(plan_layer_bytes(stream, v4[i].len, v4[i].layer), ==,
				  v4[i].fixed);
		f.size.fixed = v4[i].most;
		CHECK_INT(fixture_good(&f)->len_max, ==, PLAN_UDP4_PAYLOAD_MAX);
		f.size.fixed++;
		fixture_bad(&f, "streams[0].size.fixed", "is not between");
		f.size.fixed = v4[i].least;
		fixture_good(&f);
		if (v4[i].least) {
			f.size.fixed--;
			fixture_bad(&f, "streams[0].size.fixed", "is not between");
		}
	}
	f.size.layer = PAGECAST__V1__LAYER__LAYER_L2_FCS;
	f.size.fixed = 64; /* the shortest frame: 18 bytes of payload over IPv4 */
	CHECK_INT(fixture_good(&f)->len_max, ==, 18);
	fixture_deinit(&f);
}

TEST(size_faults)
{
	struct fixture f;
	fixture_init(&f);
	f.streams[0].size = &f.size;
	fixture_bad(&f, "streams[0].size", "empty: give one of fixed");
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f.size.layer = 6;
	fixture_bad(&f, "streams[0].size.layer", "6 is not one of LAYER_PAYLOAD, LAYER_L3");
	f.size.layer = 0;
	f.size.fixed = UINT32_MAX;
	fixture_bad(&f, "streams[0].size.fixed", "4294967295 is not between 0 and 65507");
	fixture_deinit(&f);
}

TEST_MAIN(CASE(payload_text_and_bytes_are_taken_as_they_are),
	  CASE(payload_none_is_one_empty_datagram), CASE(payload_that_says_nothing_is_a_fault),
	  CASE(payload_hex), CASE(payload_patterns), CASE(payload_pattern_faults),
	  CASE(payload_random_is_the_same_on_every_machine), CASE(prng_is_xoshiro256starstar),
	  CASE(payload_repeat_counts), CASE(size_pads_with_zeros_and_cuts),
	  CASE(size_counts_at_its_layer), CASE(size_faults))
