/* Every engine and layout on loopback: each datagram reported as sent arrives once, in order, byte
 * for byte. What needs a device of its own is in tests/netns. */
#include "base/util.h"
#include "lib/test.h"
#include "lib/transmit.h"

#include <unistd.h>

#define SPLICE PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE
#define COPY   PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY
#define PAGES  PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET

static void open_course(struct course *course, struct job *job, Pagecast__V1__EngineKind kind,
			const char *address)
{
	struct sockaddr_storage to;
	*course = (struct course){.job = job, .receiver = receiver_open(address, &to)};
	job_init(job, kind, (struct sockaddr *)&to);
}

static void run(struct course *course, uint64_t packets)
{
	job_limit(course->job, packets);
	CHECK_INT(course_run(course), ==, 0);
	CHECK_INT(course->sent, ==, packets);
	CHECK_INT(course->refused, ==, 0);
	job_free(course->job);
	close(course->receiver);
}

static void one_size(Pagecast__V1__EngineKind kind, const char *address, uint32_t len,
		     uint64_t packets)
{
	struct course course;
	struct job job;
	open_course(&course, &job, kind, address);
	job_add(&job, len, 1);
	run(&course, packets);
	CHECK_INT(course.bytes, ==, packets * len);
}

TEST(engine_sends_one_size_whole_and_in_order)
{
	static const uint32_t sizes[] = {0, 1, 63, 64, 512, 1472, 1473, 8972, 61440, 61441, 65507};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		one_size(SPLICE, "127.0.0.1", sizes[i], 301);
		one_size(SPLICE, "::1", sizes[i], 301);
		one_size(COPY, "127.0.0.1", sizes[i], 301);
		one_size(COPY, "::1", sizes[i], 301);
	}
}

TEST(engine_sends_payloads_in_turn)
{
	static const Pagecast__V1__EngineKind kinds[] = {SPLICE, COPY};
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		open_course(&course, &job, kinds[k], "127.0.0.1");
		job_add(&job, 100, 3);
		job_add(&job, 100, 1);
		job_add(&job, 0, 2);
		job_add(&job, 1472, 1);
		job_add(&job, 9, 1);
		job_add(&job, 65507, 1);
		run(&course, 1003);
	}
}

TEST(engine_splice_page_per_packet_is_four_calls_a_packet)
{
	struct course course;
	struct job job;
	open_course(&course, &job, SPLICE, "127.0.0.1");
	job.plan.layout = PAGES;
	job.plan.page_offset = 64;
	job_add(&job, 512, 1);
	job_add(&job, 4032, 1);
	run(&course, 500);
	CHECK_INT(course.counters.pages, ==, 500);
	/* no tail behind 4,032 bytes: 250 packets of four calls, 250 of three */
	CHECK_INT(course.counters.syscalls, >=, 250 * 4 + 250 * 3);
	CHECK_INT(course.counters.syscalls, <=, 250 * 4 + 250 * 3 + 2);
}

TEST(engine_splice_sends_trains)
{
	struct course course;
	struct job job;
	open_course(&course, &job, SPLICE, "127.0.0.1");
	job_add(&job, 64, 1);
	run(&course, 128 * 100);
	CHECK_INT(course.longest_burst, ==, 128);
	/* 100 trains; a tee and a vmsplice a few times */
	CHECK_INT(course.counters.syscalls, <, 100 + 20);
	CHECK_STR(course.path, "udp: vmsplice, tee, splice; trains of 128");
}

TEST_MAIN(CASE(engine_sends_one_size_whole_and_in_order), CASE(engine_sends_payloads_in_turn),
	  CASE(engine_splice_page_per_packet_is_four_calls_a_packet),
	  CASE(engine_splice_sends_trains))
