/*
 * Every engine and layout over a veth pair: each datagram arrives once, byte for byte, in order,
 * and with a right checksum.
 */
#include "base/util.h"
#include "netns/lab.h"

#include <arpa/inet.h>

static const char *const addresses[] = {LAB_RX4, LAB_RX6};
static const Pagecast__V1__EngineKind kinds[] = {SPLICE, COPY, ZEROCOPY, URING};

/* A counter of the receive side: "UdpInErrors" and the like. */
static long counter(const char *name)
{
	char command[128], line[64] = "";
	lab_enter(lab_rx);
	snprintf(command, sizeof command, "nstat -asz %s | awk '$1==\"%s\"{print $2}'", name, name);
	FILE *pipe = popen(command, "r"); // NOLINT(cert-env33-c): fixed names
	CHECK(pipe);
	if (!fgets(line, sizeof line, pipe))
		line[0] = 0;
	pclose(pipe);
	lab_enter(lab_tx);
	return atol(line);
}

static void send_one_size(Pagecast__V1__EngineKind kind, const char *address, uint32_t len,
			  uint64_t packets, uint64_t chunk)
{
	struct course course;
	struct job job;
	lab_course(&course, &job, kind, address);
	course.chunk = chunk;
	job_add(&job, len, 1);
	lab_run_all(&course, packets);
	CHECK_INT(course.bytes, ==, packets * len);
}

TEST(one_size_arrives_whole_and_in_order)
{
	static const uint32_t lens[] = {0, 1, 63, 64, 1452, 1453, 1472, 1473, 8972, 65507};
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
			for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
				send_one_size(kinds[k], addresses[a], lens[i], 1, 0);
				send_one_size(kinds[k], addresses[a], lens[i], 301, 0);
				send_one_size(kinds[k], addresses[a], lens[i], 129, 7);
			}
	CHECK_INT(counter("UdpInErrors"), ==, 0);
	CHECK_INT(counter("Udp6InErrors"), ==, 0);
}

TEST(many_trains_and_a_rest_arrive)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t a = 0; a < ARRAY_SIZE(addresses); a++) {
			send_one_size(kinds[k], addresses[a], 64, 128 * 100 + 77, 0);
			send_one_size(kinds[k], addresses[a], 1452, 10007, 0);
			send_one_size(kinds[k], addresses[a], 1452, 5003, 45);
		}
}

TEST(longest_ipv6_datagram_arrives)
{
	lab_up();
	send_one_size(SPLICE, LAB_RX6, 65527, 20, 0);
	send_one_size(COPY, LAB_RX6, 65527, 20, 0);
	send_one_size(ZEROCOPY, LAB_RX6, 65527, 20, 0);
	send_one_size(URING, LAB_RX6, 65527, 20, 0);
}

TEST(jumbo_frames_make_trains_of_jumbo_segments)
{
	lab_up();
	lab_do("ip link set tx0 mtu 9000");
	lab_enter(lab_rx);
	lab_do("ip link set rx0 mtu 9000");
	lab_enter(lab_tx);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		send_one_size(kinds[k], LAB_RX4, 8972, 301, 0);
		send_one_size(kinds[k], LAB_RX4, 8973, 301, 0);
		send_one_size(kinds[k], LAB_RX6, 8952, 301, 0);
	}
}

TEST(equal_payloads_in_turn_share_trains)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t a = 0; a < ARRAY_SIZE(addresses); a++) {
			struct course course;
			struct job job;
			lab_course(&course, &job, kinds[k], addresses[a]);
			for (int i = 0; i < 7; i++)
				job_add(&job, 1400, 1 + i % 2);
			lab_run_all(&course, 3001);
			CHECK_INT(course.counters.syscalls, <, 3001 / 20);
		}
}

TEST(unequal_payloads_in_turn_keep_their_order)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
			for (uint64_t chunk = 0; chunk < 4; chunk += 3) {
				struct course course;
				struct job job;
				lab_course(&course, &job, kinds[k], addresses[a]);
				course.chunk = chunk;
				job_add(&job, 64, 40);
				job_add(&job, 1472, 1);
				job_add(&job, 0, 2);
				job_add(&job, 1300, 50);
				job_add(&job, 1, 1);
				job_add(&job, 8972, 2);
				job_add(&job, 65, 1);
				lab_run_all(&course, 1999);
			}
}

TEST(long_passes_go_through_fresh_pages)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		lab_course(&course, &job, kinds[k], LAB_RX4);
		job_add(&job, 1472, 30000); /* with the next a pass of more than 32 MiB */
		job_add(&job, 1000, 1);
		job_add(&job, 999, 1);
		lab_run_all(&course, 30010);
	}
}

TEST(page_per_packet_arrives)
{
	static const uint32_t lens[] = {1, 63, 64, 1472, 1473, 4032};
	lab_up();
	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			struct course course;
			struct job job;
			lab_course(&course, &job, SPLICE, addresses[a]);
			job.plan.layout = PAGES;
			job.plan.page_offset = 64;
			job_add(&job, lens[i], 1);
			job_add(&job, 100, 1);
			job_add(&job, 0, 1);
			lab_run_all(&course, 304);
			CHECK_STR(course.path,
				  "udp: vmsplice of a page, splice of head, packet and "
				  "tail; one packet a splice; empty ones by send");
		}
}

TEST(page_per_packet_without_head_or_tail_is_fewer_calls)
{
	lab_up();
	struct course course;
	struct job job;
	lab_course(&course, &job, SPLICE, LAB_RX4);
	job.plan.layout = PAGES;
	job.plan.page_offset = 0;
	job_add(&job, 4096, 1);
	lab_run_all(&course, 100);
	CHECK_INT(course.counters.syscalls, <=, 2 * 100 + 2);
}

TEST(device_that_does_not_cut_trains_gets_them_cut)
{
	lab_up();
	if (!lab_try("ethtool -K tx0 tx-udp-segmentation off >/dev/null 2>&1"))
		test_skip("needs ethtool");
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		lab_course(&course, &job, kinds[k], LAB_RX4);
		course.chunk = 500; /* each segment takes a place in the receiver's backlog */
		job_add(&job, 512, 1);
		lab_run_all(&course, 5000);
		CHECK_INT(course.longest_burst, >=, 64);
	}
}

TEST(device_without_scatter_gather_copies_and_the_report_says_so)
{
	lab_up();
	if (!lab_try("ethtool -K tx0 sg off >/dev/null 2>&1"))
		test_skip("needs ethtool");
	struct course course;
	struct job job;
	lab_course(&course, &job, SPLICE, LAB_RX4);
	job_add(&job, 1472, 1);
	lab_run_all(&course, 500);
	CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE);
	CHECK_STR(course.why, "tx0 has no scatter-gather: the kernel copies");
}

/* Every checksum is written in software here: odd sizes, whole trains and single packets of them.
 */
TEST(device_without_checksums_still_sends_right_ones)
{
	static const uint32_t lens[] = {1, 511, 1471, 1472, 1473};
	lab_up();
	if (!lab_try("ethtool -K tx0 tx off >/dev/null 2>&1"))
		test_skip("needs ethtool");
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
			for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
				send_one_size(kinds[k], addresses[a], lens[i], 301, 100);
				send_one_size(kinds[k], addresses[a], lens[i], 50, 1);
			}
	struct course course;
	struct job job;
	lab_course(&course, &job, SPLICE, LAB_RX4);
	course.chunk = 1; /* also single packets from the middle of trains */
	for (int i = 0; i < 9; i++)
		job_add(&job, 1471, 1);
	lab_run_all(&course, 100);
	CHECK_INT(counter("UdpInErrors"), ==, 0);
	CHECK_INT(counter("Udp6InErrors"), ==, 0);
}

TEST(report_names_the_path_and_that_nothing_is_copied)
{
	lab_up();
	struct course course;
	struct job job;
	lab_course(&course, &job, SPLICE, LAB_RX4);
	job_add(&job, 1472, 1);
	lab_run_all(&course, 1000);
	CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE);
	CHECK_STR(course.path, "udp: vmsplice, tee, splice; trains of 44; captures on this host or "
			       "a veth show a train as one datagram");
	lab_course(&course, &job, COPY, LAB_RX4);
	job_add(&job, 1472, 1);
	lab_run_all(&course, 1000);
	CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE);
	CHECK_STR(course.path, "udp: sendmmsg with UDP_SEGMENT; trains of 44; captures on this "
			       "host or a veth show a train as one datagram");
}

/* A receiver behind a veth pair is on this host: the kernel copies, and the report says so. */
static void copied_for_a_receiver_here(Pagecast__V1__EngineKind kind, const char *path)
{
	struct course course;
	struct job job;
	lab_course(&course, &job, kind, LAB_RX4);
	job_add(&job, 1472, 1);
	lab_run_all(&course, 1000);
	CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE);
	CHECK_STR(course.path, path);
	CHECK_HAS(course.why, "copied after all");
}

TEST(zerocopy_tells_when_the_kernel_copied_after_all)
{
	lab_up();
	copied_for_a_receiver_here(ZEROCOPY,
				   "udp: send with MSG_ZEROCOPY and UDP_SEGMENT; trains of 44; "
				   "captures on this host or a veth show a train as one datagram");
}

TEST(uring_tells_when_the_kernel_copied_after_all)
{
	lab_up();
	copied_for_a_receiver_here(URING,
				   "udp: io_uring with UDP_SEGMENT; trains of 44; captures on this "
				   "host or a veth show a train as one datagram");
}

/* The other end drops frames for another MAC before a copy is needed. */
static void not_copied_for_a_peer_that_drops(Pagecast__V1__EngineKind kind)
{
	lab_up();
	lab_do("ip neigh replace 198.18.0.3 lladdr 02:00:00:00:00:99 dev tx0");
	struct job job;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 9};
	CHECK_INT(inet_pton(AF_INET, "198.18.0.3", &to.sin_addr), ==, 1);
	job_init(&job, kind, (struct sockaddr *)&to);
	job_add(&job, 1472, 1);
	job_limit(&job, UINT64_MAX);
	struct engine *engine;
	struct flow *flow;
	struct trains trains;
	struct problem_set problems = {0};
	struct engine_counters counters = {0};
	struct plan_cursor cursor = {0};
	struct train_cursor at = {0};
	CHECK_INT(engine_new(&engine, kind, &job.plan), ==, 0);
	CHECK_INT(flow_open(&flow, engine, &job.stream, "streams[0]", &problems), ==, 0);
	struct train_limits limits = flow_limits(flow);
	CHECK_INT(trains_pack(&trains, &job.stream, &limits, &cursor, 1 << 20), ==, 0);
	CHECK_INT(flow_load(flow, &trains), ==, 0);
	for (int i = 0; i < 1000; i++) { /* far more than the option memory of a socket holds */
		struct engine_result result;
		flow_send(flow, &at, 700, &result, &counters);
		CHECK_INT(result.outcome, ==, ENGINE_DONE);
		CHECK_INT(result.sent, ==, 700);
	}
	CHECK_INT(counters.syscalls, <=, 1000 * 18);
	struct flow_async_errors late = {0};
	flow_async_errors(flow, &late, &counters);
	CHECK_INT(flow_path(flow)->copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE);
	CHECK_INT(flow_path(flow)->reason.kind, ==, ENGINE_REASON_NONE);
	flow_close(flow);
	trains_retire(&trains);
	engine_free(engine);
	job_free(&job);
}

TEST(zerocopy_does_not_copy_for_a_peer_that_drops)
{
	not_copied_for_a_peer_that_drops(ZEROCOPY);
}

TEST(uring_does_not_copy_for_a_peer_that_drops)
{
	not_copied_for_a_peer_that_drops(URING);
}

/* Pages are replaced, never rewritten: what waits at the receiver while the arena moves on stays.
 */
TEST(retired_pages_do_not_change_what_is_under_way)
{
	enum { PACKETS = 3 };
	lab_up();
	struct job job;
	struct sockaddr_storage to;
	lab_enter(lab_rx);
	int receiver = receiver_open(LAB_RX4, &to);
	lab_enter(lab_tx);
	job_init(&job, SPLICE, (struct sockaddr *)&to);
	for (int i = 0; i < PACKETS; i++)
		job_add(&job, 1000, 1);
	struct engine *engine;
	struct flow *flow;
	struct problem_set problems = {0};
	struct engine_counters counters = {0};
	struct plan_cursor cursor = {0};
	CHECK_INT(engine_new(&engine, SPLICE, &job.plan), ==, 0);
	CHECK_INT(flow_open(&flow, engine, &job.stream, "streams[0]", &problems), ==, 0);
	struct train_limits limits = flow_limits(flow);
	for (int i = 0; i < PACKETS; i++) { /* a filling of one packet, retired before it is read */
		struct trains trains;
		struct train_cursor at = {0};
		struct engine_result result;
		CHECK_INT(trains_pack(&trains, &job.stream, &limits, &cursor, 1), ==, 0);
		CHECK_INT(flow_load(flow, &trains), ==, 0);
		flow_send(flow, &at, 1, &result, &counters);
		CHECK_INT(result.sent, ==, 1);
		flow_load(flow, NULL);
		trains_retire(&trains);
	}
	for (int i = 0; i < PACKETS; i++) {
		uint8_t got[2000];
		CHECK_INT(receiver_take(receiver, got, sizeof got, 30000), ==, 1000);
		CHECK(memcmp(got, job.items[i].bytes, 1000) == 0);
	}
	flow_close(flow);
	engine_free(engine);
	close(receiver);
	job_free(&job);
}

TEST_MAIN(CASE(one_size_arrives_whole_and_in_order), CASE(many_trains_and_a_rest_arrive),
	  CASE(longest_ipv6_datagram_arrives), CASE(jumbo_frames_make_trains_of_jumbo_segments),
	  CASE(equal_payloads_in_turn_share_trains),
	  CASE(unequal_payloads_in_turn_keep_their_order), CASE(long_passes_go_through_fresh_pages),
	  CASE(page_per_packet_arrives), CASE(page_per_packet_without_head_or_tail_is_fewer_calls),
	  CASE(device_that_does_not_cut_trains_gets_them_cut),
	  CASE(device_without_scatter_gather_copies_and_the_report_says_so),
	  CASE(device_without_checksums_still_sends_right_ones),
	  CASE(report_names_the_path_and_that_nothing_is_copied),
	  CASE(zerocopy_tells_when_the_kernel_copied_after_all),
	  CASE(zerocopy_does_not_copy_for_a_peer_that_drops),
	  CASE(uring_tells_when_the_kernel_copied_after_all),
	  CASE(uring_does_not_copy_for_a_peer_that_drops),
	  CASE(retired_pages_do_not_change_what_is_under_way))
