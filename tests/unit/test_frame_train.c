/* Which frames may be cut out of a longer one, and what that one looks like. */
#include "engine/frame_train.h"
#include "lib/test.h"
#include "packet/checksum.h"
#include "packet/frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

enum { LEN = 14 + 20 + 8 + 100, COUNT = 5, ID_AT = 14 + 4, DF_AT = 14 + 6, SUM_AT = 14 + 10 };

static uint8_t frames[COUNT * LEN];

static uint8_t *frame(uint32_t nth)
{
	return frames + (size_t)nth * LEN;
}

static void build(void)
{
	struct frame header = {.header_bytes = 42, .ip_at = 14, .udp_at = 34};
	static const uint8_t start[] = {2,   0,	   0, 0, 0,   2,  2, 0,	   0,  0,   0,	1, 8,
					0,   0x45, 0, 0, 0,   0,  0, 0x40, 0,  64,  17, 0, 0,
					198, 18,   0, 1, 198, 18, 0, 2,	   19, 136, 35, 40};
	memcpy(header.header, start, sizeof start);
	for (uint32_t i = 0; i < COUNT; i++) {
		memset(frame(i) + 42, (int)('a' + i), LEN - 42);
		frame_finish(&header, frame(i), LEN);
	}
}

/* Change a 16-bit field of the IP header, and keep its checksum right. */
static void set_ip(uint32_t nth, uint32_t at, uint16_t value)
{
	checksum_put(frame(nth) + at, htons(value));
	checksum_put(frame(nth) + SUM_AT, 0);
	checksum_put(frame(nth) + SUM_AT, checksum_fold(checksum_add(frame(nth) + 14, 20)));
}

TEST(frame_train_takes_frames_that_differ_in_payload)
{
	build();
	CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, COUNT);
	CHECK_INT(frame_train_run(frames, LEN, 1), ==, 1);
}

TEST(frame_train_ends_before_a_frame_that_would_be_changed)
{
	static const uint32_t places[] = {0,  6,  12, 14, 15, 16, 22, 23,
					  24, 26, 30, 34, 36, 38, 40, 99};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		build();
		frame(3)[places[i]] ^= 1;
		CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, 3);
		build();
		frame(0)[places[i]] ^= 1; /* a MAC may be any, but the same in all */
		CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, 1);
	}
}

TEST(frame_train_without_a_checksum_is_none)
{
	build();
	for (uint32_t i = 0; i < COUNT; i++)
		checksum_put(frame(i) + 40, 0);
	CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, 1);
}

TEST(frame_train_keeps_ids_that_mean_something)
{
	build();
	for (uint32_t i = 0; i < COUNT; i++) {
		set_ip(i, DF_AT, 0);
		set_ip(i, ID_AT, (uint16_t)(0xfffe + i)); /* wraps as the kernel's does */
	}
	CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, COUNT);
	set_ip(2, ID_AT, 7);
	CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, 2);
	for (uint32_t i = 0; i < COUNT; i++)
		set_ip(i, DF_AT, 0x4000); /* atomic: the id means nothing */
	CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		set_ip(i, DF_AT, 0x2000); /* a fragment is never cut */
	CHECK_INT(frame_train_run(frames, LEN, COUNT), ==, 1);
}

TEST(frame_train_writes_one_frame_that_stands_for_all)
{
	uint8_t out[FRAME_TRAIN_VNET_BYTES + COUNT * LEN];
	build();
	uint32_t bytes = frame_train_bytes(frames, LEN, COUNT);
	CHECK_INT(bytes, ==, FRAME_TRAIN_VNET_BYTES + 42 + COUNT * 100);
	frame_train_write(out, frames, LEN, COUNT);
	const uint8_t *one = out + FRAME_TRAIN_VNET_BYTES;
	CHECK_INT(one[16] << 8 | one[17], ==, 28 + COUNT * 100);
	CHECK_INT(one[38] << 8 | one[39], ==, 8 + COUNT * 100);
	CHECK_INT(checksum_fold(checksum_add(one + 14, 20)), ==, 0);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK(memcmp(one + 42 + (size_t)i * 100, frame(i) + 42, 100) == 0);
	CHECK_INT(frame_train_bytes(frames, LEN, 1), ==, FRAME_TRAIN_VNET_BYTES + LEN);
	frame_train_write(out, frames, LEN, 1);
	CHECK(memcmp(one, frames, LEN) == 0);
	for (int i = 0; i < FRAME_TRAIN_VNET_BYTES; i++)
		CHECK_INT(out[i], ==, 0);
}

TEST(frame_train_follows_as_a_run_of_two_does)
{
	build();
	CHECK(frame_train_follows(frame(0), frame(1), LEN));
	CHECK(frame_train_follows(frame(1), frame(1), LEN)); /* DF: the id means nothing */
	for (uint32_t i = 0; i < COUNT; i++) {
		set_ip(i, DF_AT, 0);
		set_ip(i, ID_AT, (uint16_t)i);
	}
	CHECK(frame_train_follows(frame(0), frame(1), LEN));
	CHECK(!frame_train_follows(frame(1), frame(1), LEN));
	CHECK(!frame_train_follows(frame(0), frame(2), LEN));
	checksum_put(frame(0) + 40, 0);
	CHECK(!frame_train_follows(frame(0), frame(1), LEN));
	static const uint8_t short_frame[14] = {[12] = 8};
	CHECK(!frame_train_follows(short_frame, short_frame, sizeof short_frame));
}

TEST(frame_train_writes_a_lone_frame_to_be_copied_whole)
{
	uint8_t out[FRAME_TRAIN_VNET_BYTES + LEN];
	build();
	frame_train_write_lone(out, frame(1), LEN);
	CHECK(memcmp(out + FRAME_TRAIN_VNET_BYTES, frame(1), LEN) == 0);
	for (int i = 0; i < FRAME_TRAIN_VNET_BYTES; i++) /* hdr_len alone, in the host's order */
		CHECK_INT(out[i], ==,
			  i == 2 || i == 3 ? ((const uint8_t *)&(uint16_t){LEN})[i - 2] : 0);
}

TEST(frame_train_reads_no_further_than_a_short_frame)
{
	uint8_t *bytes = malloc(28); /* two of 14: headers would lie behind them */
	CHECK(bytes);
	memset(bytes, 0, 28);
	bytes[12] = bytes[26] = 8;
	CHECK_INT(frame_train_run(bytes, 14, 2), ==, 1);
	free(bytes);
}

TEST_MAIN(CASE(frame_train_takes_frames_that_differ_in_payload),
	  CASE(frame_train_ends_before_a_frame_that_would_be_changed),
	  CASE(frame_train_without_a_checksum_is_none),
	  CASE(frame_train_keeps_ids_that_mean_something),
	  CASE(frame_train_writes_one_frame_that_stands_for_all),
	  CASE(frame_train_follows_as_a_run_of_two_does),
	  CASE(frame_train_writes_a_lone_frame_to_be_copied_whole),
	  CASE(frame_train_reads_no_further_than_a_short_frame))
