/* UDP_SEGMENT with splice(): how much one train may carry, and what is left in the pipe when it is
 * too much. */
#include "kernel/rig.h"

enum { SEGMENTS_TODAY = 128, SEGMENTS_BEFORE = 64 };

/* The whole train arrives as single datagrams of @size. */
static void expect_train(struct rig *rig, const uint8_t *bytes, size_t len, size_t size)
{
	for (size_t at = 0; at < len; at += size)
		rig_expect(rig, bytes + at, len - at < size ? len - at : size);
	rig_expect_none(rig);
}

static int most_segments(struct rig *rig)
{
	rig_segment(rig, 1);
	rig_push(rig, rig->memory, SEGMENTS_TODAY);
	if (rig_splice(rig, SEGMENTS_TODAY, 0) == SEGMENTS_TODAY) {
		expect_train(rig, rig->memory, SEGMENTS_TODAY, 1);
		return SEGMENTS_TODAY;
	}
	CHECK_INT(rig_inside(rig), ==, SEGMENTS_TODAY);
	CHECK_INT(rig_splice(rig, SEGMENTS_BEFORE, 0), ==, SEGMENTS_BEFORE);
	expect_train(rig, rig->memory, SEGMENTS_BEFORE, 1);
	CHECK_INT(rig_splice(rig, SEGMENTS_TODAY - SEGMENTS_BEFORE, 0), >, 0);
	expect_train(rig, rig->memory + SEGMENTS_BEFORE, SEGMENTS_TODAY - SEGMENTS_BEFORE, 1);
	return SEGMENTS_BEFORE;
}

TEST(train_of_the_most_segments_leaves_one_more_is_refused_and_stays)
{
	struct rig rig = rig_open();
	int most = most_segments(&rig);
	rig_push(&rig, rig.memory, (size_t)most + 1);
	CHECK_INT(rig_splice(&rig, (size_t)most + 1, 0), ==, -EINVAL);
	CHECK_INT(rig_inside(&rig), ==, most + 1);
	rig_expect_none(&rig);
	CHECK_INT(rig_splice(&rig, (size_t)most, 0), ==, most); /* the same bytes, cut smaller */
	expect_train(&rig, rig.memory, (size_t)most, 1);
	rig_close(&rig);
}

TEST(train_of_65507_bytes_leaves_one_more_is_refused_and_stays)
{
	struct rig rig = rig_open();
	rig_segment(&rig, 1000);
	rig_push(&rig, rig.memory, 65508);
	CHECK_INT(rig_splice(&rig, 65508, 0), ==, -EMSGSIZE);
	CHECK_INT(rig_inside(&rig), ==, 65508);
	rig_expect_none(&rig);
	CHECK_INT(rig_splice(&rig, 65507, 0), ==, 65507);
	expect_train(&rig, rig.memory, 65507, 1000);
	rig_close(&rig);
}

TEST(train_may_begin_at_any_segment_of_a_page_aligned_run)
{
	struct rig rig = rig_open();
	enum { LEN = 1472, SEGMENTS = 44 }; /* 64,768 bytes: 16 pages */
	rig_segment(&rig, LEN);
	for (int from = 0; from < SEGMENTS; from += 7) {
		size_t len = (size_t)(SEGMENTS - from) * LEN;
		rig_push(&rig, rig.memory + from * LEN, len);
		CHECK_INT(rig_splice(&rig, len, 0), ==, len);
		expect_train(&rig, rig.memory + from * LEN, len, LEN);
	}
	rig_close(&rig);
}

TEST(train_size_in_force_leaves_shorter_datagrams_whole)
{
	struct rig rig = rig_open();
	rig_segment(&rig, 1000);
	rig_push(&rig, rig.memory, 1001);
	CHECK_INT(rig_splice(&rig, 1, 0), ==, 1);
	CHECK_INT(rig_splice(&rig, 1000, 0), ==, 1000);
	CHECK_INT(send(rig.sender, "", 0, 0), ==, 0);
	rig_expect(&rig, rig.memory, 1);
	rig_expect(&rig, rig.memory + 1, 1000);
	rig_expect(&rig, rig.memory, 0);
	rig_close(&rig);
}

TEST(train_may_be_teed)
{
	struct rig rig = rig_open();
	struct rig master = rig;
	rig_pipe(&master.out, &master.in);
	rig_segment(&rig, 512);
	rig_push(&master, rig.memory, 100 * 512);
	for (int round = 0; round < 3; round++) {
		CHECK_INT(tee(master.out, rig.in, 100 * 512, SPLICE_F_NONBLOCK), ==, 100 * 512);
		CHECK_INT(rig_splice(&rig, 100 * 512, 0), ==, 100 * 512);
		expect_train(&rig, rig.memory, 100 * 512, 512);
	}
	close(master.out);
	close(master.in);
	rig_close(&rig);
}

/* From here on in a namespace of its own: the MTU of loopback is set. */
TEST(train_of_segments_over_the_mtu_is_refused_and_stays)
{
	rig_own_network(1500);
	struct rig rig = rig_open();
	rig_segment(&rig, 1473);
	rig_push(&rig, rig.memory, 4 * 1473);
	CHECK_INT(rig_splice(&rig, 4 * 1473, 0), ==, -EMSGSIZE);
	CHECK_INT(rig_inside(&rig), ==, 4 * 1473);
	rig_expect_none(&rig);
	rig_segment(&rig, 0);
	for (int i = 0; i < 4; i++) { /* single datagrams: the kernel cuts them into fragments */
		CHECK_INT(rig_splice(&rig, 1473, 0), ==, 1473);
		rig_expect(&rig, rig.memory + i * 1473, 1473);
	}
	rig_segment(&rig, 1472);
	rig_push(&rig, rig.memory, 4 * 1472);
	CHECK_INT(rig_splice(&rig, 4 * 1472, 0), ==, 4 * 1472);
	expect_train(&rig, rig.memory, 4 * 1472, 1472);
	rig_close(&rig);
}

TEST(datagram_over_the_mtu_that_must_not_be_cut_is_refused_and_stays)
{
	rig_own_network(1500);
	struct rig rig = rig_open();
	int never = IP_PMTUDISC_DO;
	CHECK_INT(setsockopt(rig.sender, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof never), ==, 0);
	rig_push(&rig, rig.memory, 1473);
	CHECK_INT(rig_splice(&rig, 1473, 0), ==, -EMSGSIZE);
	CHECK_INT(rig_inside(&rig), ==, 1473);
	rig_expect_none(&rig);
	rig_close(&rig);
}

/*
 * Some kernels write a wrong checksum, in software, where a page boundary cuts a datagram after an
 * odd number of bytes. Fragments are summed in software; so is what a device without checksums
 * sends. Hence a lone packet that crosses a page starts at an even place.
 */
TEST(datagram_summed_in_software_is_right_from_an_even_place)
{
	rig_own_network(1500);
	struct rig rig = rig_open();
	uint8_t *even = rig.memory + PAGE - 1000, *odd = even + 1;
	for (size_t len = 1473; len < 9000; len += 1501) {
		rig_push(&rig, even, len);
		CHECK_INT(rig_splice(&rig, len, 0), ==, len);
		rig_expect(&rig, even, len);
	}
	rig_push(&rig, odd, 1473);
	CHECK_INT(rig_splice(&rig, 1473, 0), ==, 1473);
	uint8_t got[2000];
	if (rig_take(&rig, got, sizeof got, 0) == 1473)
		test_skip("this kernel sums odd pieces right");
	CHECK_INT(send(rig.sender, odd, 1473, 0), ==, 1473); /* copied: right */
	rig_expect(&rig, odd, 1473);
	rig_close(&rig);
}

TEST_MAIN(CASE(train_of_the_most_segments_leaves_one_more_is_refused_and_stays),
	  CASE(train_of_65507_bytes_leaves_one_more_is_refused_and_stays),
	  CASE(train_may_begin_at_any_segment_of_a_page_aligned_run),
	  CASE(train_size_in_force_leaves_shorter_datagrams_whole), CASE(train_may_be_teed),
	  CASE(train_of_segments_over_the_mtu_is_refused_and_stays),
	  CASE(datagram_over_the_mtu_that_must_not_be_cut_is_refused_and_stays),
	  CASE(datagram_summed_in_software_is_right_from_an_even_place))
