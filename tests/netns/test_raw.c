/* Raw IP over a veth pair, one packet a hand-over, by splice and by copy: what a raw socket at the
 * other end gets, and what the report says. */
#include "base/util.h"
#include "netns/lab.h"

#include <arpa/inet.h>
#include <netinet/ip.h>

enum { PROTOCOL = 253, IP4_HEADER = 20 }; /* 253: for experiments, RFC 3692 */

static const Pagecast__V1__EngineKind kinds[] = {SPLICE, COPY};

static void raw_course(struct course *course, struct job *job, Pagecast__V1__EngineKind kind,
		       const char *address)
{
	struct sockaddr_storage to;
	lab_enter(lab_rx);
	*course =
		(struct course){.job = job, .receiver = receiver_open_raw(address, PROTOCOL, &to)};
	lab_enter(lab_tx);
	job_init(job, kind, (struct sockaddr *)&to);
	bool v4 = to.ss_family == AF_INET;
	course->skip_bytes = v4 ? IP4_HEADER : 0; /* IPv6 raw sockets show no header */
	job->stream.destination.kind = PLAN_RAW_IP;
	job->stream.destination.protocol = PROTOCOL;
	job->stream.overhead_l3 = v4 ? 20 : 40;
}

TEST(raw_packets_arrive_whole_and_in_order)
{
	static const uint32_t lens[] = {0, 1, 64, 1460, 1480, 1481, 8973, 65515};
	static const char *const addresses[] = {LAB_RX4, LAB_RX6};
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
			for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
				struct course course;
				struct job job;
				raw_course(&course, &job, kinds[k], addresses[a]);
				job_add(&job, lens[i], 1);
				lab_run_all(&course, 301);
				CHECK_INT(course.longest_burst, <=, 64);
				CHECK_INT(course.copies, ==,
					  PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE);
			}
}

TEST(raw_longest_ipv6_packet_arrives)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		raw_course(&course, &job, kinds[k], LAB_RX6);
		job_add(&job, 65535, 1);
		lab_run_all(&course, 20);
	}
}

TEST(raw_packets_of_many_sizes_keep_their_order)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		raw_course(&course, &job, kinds[k], LAB_RX4);
		job_add(&job, 100, 3);
		job_add(&job, 1480, 2);
		job_add(&job, 0, 1);
		job_add(&job, 3000, 1);
		lab_run_all(&course, 500);
	}
}

TEST(raw_report_names_the_splice_and_the_copy)
{
	lab_up();
	struct course course;
	struct job job;
	raw_course(&course, &job, SPLICE, LAB_RX4);
	job_add(&job, 100, 1);
	lab_run_all(&course, 2000);
	CHECK_HAS(course.path, "raw ip: vmsplice, ");
	CHECK_HAS(course.path, "one packet a splice");
	CHECK_STR(course.why, "a raw socket copies once out of the spliced page");
}

TEST(raw_page_per_packet_arrives)
{
	lab_up();
	struct course course;
	struct job job;
	raw_course(&course, &job, SPLICE, LAB_RX4);
	job.plan.layout = PAGES;
	job.plan.page_offset = 64;
	job_add(&job, 700, 1);
	lab_run_all(&course, 100);
	CHECK_INT(course.counters.pages, ==, 100);
	CHECK_INT(course.counters.syscalls, <=, 4 * 100 + 2);
}

static uint16_t header_sum(const uint16_t *words, size_t count)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* A packet of @len bytes with its own IPv4 header: as it must arrive. */
static void add_packet(struct job *job, uint32_t len)
{
	job_add(job, len, 1);
	struct ip header = {.ip_v = 4,
			    .ip_hl = 5,
			    .ip_tos = 0x20,
			    .ip_len = htons((uint16_t)len),
			    .ip_id = htons(0x1234),
			    .ip_ttl = 7,
			    .ip_p = PROTOCOL};
	inet_pton(AF_INET, "198.18.0.77", &header.ip_src); /* not an address of this host */
	inet_pton(AF_INET, LAB_RX4, &header.ip_dst);
	header.ip_sum = header_sum((const uint16_t *)&header, sizeof header / 2);
	memcpy((void *)job->items[job->stream.item_count - 1].bytes, &header, sizeof header);
}

TEST(raw_header_included_arrives_as_it_was_given)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		raw_course(&course, &job, kinds[k], LAB_RX4);
		job.stream.destination.header_included = true;
		job.stream.overhead_l3 = 0;
		course.skip_bytes = 0;
		add_packet(&job, 1500);
		add_packet(&job, 21);
		add_packet(&job, 100);
		lab_run_all(&course, 301);
	}
}

TEST(raw_header_included_over_the_mtu_is_refused_in_words)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		raw_course(&course, &job, kinds[k], LAB_RX4);
		job.stream.destination.header_included = true;
		course.skip_bytes = 0;
		add_packet(&job, 1501);
		add_packet(&job, 1500);
		lab_run(&course, 50);
		CHECK_INT(course.sent, ==, 25);
		CHECK_INT(course.refused, ==, 25);
		CHECK_INT(course.last_error, ==, EMSGSIZE);
	}
}

/* Protocol 255 asks the kernel for header_included by itself: not here. */
TEST(raw_protocol_255_gets_its_header_from_the_kernel)
{
	lab_up();
	lab_enter(lab_rx);
	struct sockaddr_storage to;
	struct job job;
	struct course course = {.job = &job,
				.receiver = receiver_open_raw(LAB_RX4, IPPROTO_RAW, &to)};
	lab_enter(lab_tx);
	job_init(&job, SPLICE, (struct sockaddr *)&to);
	job.stream.destination.kind = PLAN_RAW_IP;
	job.stream.destination.protocol = IPPROTO_RAW;
	course.skip_bytes = IP4_HEADER;
	job_add(&job, 100, 1);
	lab_run_all(&course, 10);
}

TEST(raw_without_the_capability_fails_saying_so)
{
	lab_up();
	struct course course;
	struct job job;
	raw_course(&course, &job, SPLICE, LAB_RX4);
	job_add(&job, 100, 1);
	job_limit(&job, 1);
	CHECK_INT(seteuid(65534), ==, 0); /* a user without capabilities */
	int r = course_run(&course);
	CHECK_INT(seteuid(0), ==, 0);
	CHECK_INT(r, ==, -EPERM);
	CHECK_STR(lab_problem(&course, PROBLEM_PERMISSION),
		  "a raw socket requires CAP_NET_RAW, which the agent does not have");
	CHECK_INT(course.problems.problems[0].severity, ==, PROBLEM_ERROR);
	CHECK_STR(course.problems.problems[0].field, "streams[0]");
	close(course.receiver);
	job_free(&job);
}

TEST_MAIN(CASE(raw_packets_arrive_whole_and_in_order), CASE(raw_longest_ipv6_packet_arrives),
	  CASE(raw_packets_of_many_sizes_keep_their_order),
	  CASE(raw_report_names_the_splice_and_the_copy), CASE(raw_page_per_packet_arrives),
	  CASE(raw_header_included_arrives_as_it_was_given),
	  CASE(raw_header_included_over_the_mtu_is_refused_in_words),
	  CASE(raw_protocol_255_gets_its_header_from_the_kernel),
	  CASE(raw_without_the_capability_fails_saying_so))
