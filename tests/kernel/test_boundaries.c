/*
 * Where one datagram ends and the next begins when a pipe is spliced into a UDP socket. The engine
 * relies on: one exact splice() of at most 16 pipe buffers is one send.
 */
#include "kernel/rig.h"

TEST(splice_of_exact_lengths_keeps_datagrams_apart)
{
	struct rig rig = rig_open();
	rig_push(&rig, rig.memory, 3 * PAGE); /* datagrams that share and that cross pages */
	static const size_t lens[] = {1, 100, 1472, 4096, 63, 2000, 1, 3000};
	size_t at = 0;
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		CHECK_INT(rig_splice(&rig, lens[i], 0), ==, lens[i]);
		at += lens[i];
	}
	at = 0;
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		rig_expect(&rig, rig.memory + at, lens[i]);
		at += lens[i];
	}
	rig_expect_none(&rig);
	CHECK_INT(rig_inside(&rig), ==, 3 * PAGE - (int)at);
	rig_close(&rig);
}

TEST(splice_of_sixteen_buffers_is_one_datagram)
{
	struct rig rig = rig_open();
	rig_push(&rig, rig.memory, 65507); /* 16 pages */
	rig_push(&rig, rig.memory, 10);
	CHECK_INT(rig_splice(&rig, 65507, 0), ==, 65507);
	rig_expect(&rig, rig.memory, 65507);
	CHECK_INT(rig_splice(&rig, 10, 0), ==, 10);
	rig_expect(&rig, rig.memory, 10);
	rig_close(&rig);
}

TEST(splice_of_the_longest_datagram_from_within_a_page)
{
	struct rig rig = rig_open();
	uint8_t *at = rig.memory + PAGE + 29; /* 29 + 65,507 = 16 pages */
	rig_push(&rig, at, 65507);
	CHECK_INT(rig_splice(&rig, 65507, 0), ==, 65507);
	rig_expect(&rig, at, 65507);
	rig_close(&rig);
}

/* Trap A: asked for more than there is, from 16 buffers on, the socket stays corked. */
TEST(trap_a_splice_of_more_than_the_content_glues_datagrams)
{
	struct rig rig = rig_open();
	enum { SLOTS = 16, EACH = 100 };
	for (int i = 0; i < SLOTS; i++)
		rig_push(&rig, rig.memory + i * PAGE, EACH);
	CHECK_INT(rig_splice(&rig, SLOTS * EACH + 1, 0), ==, SLOTS * EACH);
	uint8_t got[4096];
	if (rig_take(&rig, got, sizeof got, 0) == SLOTS * EACH)
		test_skip("this kernel does not have trap A");
	CHECK_INT(send(rig.sender, "later", 5, 0), ==, 5);
	CHECK_INT(rig_take(&rig, got, sizeof got, RIG_TIMEOUT_MS), ==, SLOTS * EACH + 5);
	CHECK(memcmp(got + SLOTS * EACH, "later", 5) == 0);
	rig_close(&rig);
}

/* Trap B: more than 17 fragments: what was reported as sent does not arrive whole. */
TEST(trap_b_splice_of_more_than_17_fragments_loses_bytes)
{
	struct rig rig = rig_open();
	enum { SLOTS = 20, EACH = 100 };
	for (int i = 0; i < SLOTS; i++)
		rig_push(&rig, rig.memory + 2 * i * PAGE, EACH);
	ssize_t r = rig_splice(&rig, SLOTS * EACH, 0);
	uint8_t got[4096];
	ssize_t arrived = rig_take(&rig, got, sizeof got, 0);
	if (r == SLOTS * EACH && arrived == SLOTS * EACH)
		test_skip("this kernel does not have trap B");
	CHECK_INT(r, >, 0);
	CHECK_INT(arrived, !=, SLOTS * EACH);
	rig_close(&rig);
}

TEST(splice_more_corks_a_datagram)
{
	struct rig rig = rig_open();
	rig_push(&rig, rig.memory, 20);
	CHECK_INT(rig_splice(&rig, 10, SPLICE_F_MORE), ==, 10);
	rig_expect_none(&rig);
	CHECK_INT(rig_splice(&rig, 10, 0), ==, 10);
	rig_expect(&rig, rig.memory, 20);
	rig_close(&rig);
}

TEST(splice_of_nothing_sends_nothing)
{
	struct rig rig = rig_open();
	rig_push(&rig, rig.memory, 10);
	CHECK_INT(rig_splice(&rig, 0, 0), ==, 0);
	rig_expect_none(&rig);
	CHECK_INT(send(rig.sender, "", 0, 0), ==, 0); /* how an empty datagram leaves */
	rig_expect(&rig, rig.memory, 0);
	CHECK_INT(rig_inside(&rig), ==, 10);
	rig_close(&rig);
}

TEST(splice_of_an_empty_pipe_is_eagain)
{
	struct rig rig = rig_open();
	CHECK_INT(rig_splice(&rig, 10, 0), ==, -EAGAIN);
	rig_expect_none(&rig);
	rig_close(&rig);
}

TEST(splice_to_an_unconnected_socket_is_refused)
{
	struct rig rig = rig_open();
	int loose = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rig_push(&rig, rig.memory, 10);
	CHECK_INT(splice(rig.out, NULL, loose, NULL, 10, SPLICE_F_NONBLOCK), ==, -1);
	CHECK_INT(errno, ==, EDESTADDRREQ);
	close(loose);
	rig_close(&rig);
}

/* Why the engine joins what is contiguous into one element. */
TEST(vmsplice_begins_a_slot_with_every_element)
{
	struct rig rig = rig_open();
	CHECK_INT(fcntl(rig.in, F_SETPIPE_SZ, PAGE), ==, PAGE); /* one slot */
	struct iovec apart[2] = {{rig.memory, 10}, {rig.memory + 10, 10}};
	CHECK_INT(vmsplice(rig.in, apart, 2, SPLICE_F_NONBLOCK), ==, 10);
	CHECK_INT(rig_splice(&rig, 10, 0), ==, 10);
	struct iovec joined = {rig.memory, 20};
	CHECK_INT(vmsplice(rig.in, &joined, 1, SPLICE_F_NONBLOCK), ==, 20);
	rig_close(&rig);
}

TEST(vmsplice_takes_one_slot_a_page)
{
	struct rig rig = rig_open();
	CHECK_INT(fcntl(rig.in, F_SETPIPE_SZ, 4 * PAGE), ==, 4 * PAGE);
	struct iovec v = {rig.memory + 100, 5 * PAGE};
	CHECK_INT(vmsplice(rig.in, &v, 1, SPLICE_F_NONBLOCK), ==, 4 * PAGE - 100);
	rig_close(&rig);
}

TEST(tee_duplicates_from_the_front_and_keeps_the_master)
{
	struct rig rig = rig_open();
	struct rig master = rig;
	rig_pipe(&master.out, &master.in);
	rig_push(&master, rig.memory, 3000);
	rig_push(&master, rig.memory + PAGE, 3000);
	for (int round = 0; round < 3; round++) {
		/* a prefix, also one that ends within a slot */
		CHECK_INT(tee(master.out, rig.in, 4000, SPLICE_F_NONBLOCK), ==, 4000);
		CHECK_INT(rig_splice(&rig, 3000, 0), ==, 3000);
		CHECK_INT(rig_splice(&rig, 1000, 0), ==, 1000);
		rig_expect(&rig, rig.memory, 3000);
		rig_expect(&rig, rig.memory + PAGE, 1000);
		CHECK_INT(rig_inside(&rig), ==, 0);
		CHECK_INT(rig_inside(&master), ==, 6000);
	}
	close(master.out);
	close(master.in);
	rig_close(&rig);
}

TEST_MAIN(CASE(splice_of_exact_lengths_keeps_datagrams_apart),
	  CASE(splice_of_sixteen_buffers_is_one_datagram),
	  CASE(splice_of_the_longest_datagram_from_within_a_page),
	  CASE(trap_a_splice_of_more_than_the_content_glues_datagrams),
	  CASE(trap_b_splice_of_more_than_17_fragments_loses_bytes),
	  CASE(splice_more_corks_a_datagram), CASE(splice_of_nothing_sends_nothing),
	  CASE(splice_of_an_empty_pipe_is_eagain), CASE(splice_to_an_unconnected_socket_is_refused),
	  CASE(vmsplice_begins_a_slot_with_every_element), CASE(vmsplice_takes_one_slot_a_page),
	  CASE(tee_duplicates_from_the_front_and_keeps_the_master))
