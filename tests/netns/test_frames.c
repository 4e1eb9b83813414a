/*
 * Ethernet frames by the packet ring, over a veth pair: what a UDP socket at the other end gets,
 * once, byte for byte, in order; and what is said when the interface, a frame or the kernel does
 * not go along.
 */
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_facts.h"
#include "engine/frame_train.h"
#include "netns/lab.h"
#include "packet/frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

static const char *const addresses[] = {LAB_RX4, LAB_RX6};

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

static struct frame header;

static void put(const void *bytes, size_t len)
{
	memcpy(header.header + header.header_bytes, bytes, len);
	header.header_bytes = (uint8_t)(header.header_bytes + len);
}

/* The header of frames from tx0 to @to. */
static void build_header(const struct sockaddr_storage *to)
{
	bool v6 = to->ss_family == AF_INET6;
	header = (struct frame){.ip_at = ETH_HLEN, .ipv6 = v6};
	struct ethhdr eth = {.h_dest = {2, 0, 0, 0, 0, 2},
			     .h_source = {2, 0, 0, 0, 0, 1},
			     .h_proto = htons(v6 ? ETH_P_IPV6 : ETH_P_IP)};
	struct udphdr udp = {.source = htons(5000)};
	put(&eth, sizeof eth);
	if (v6) {
		const struct sockaddr_in6 *at = (const void *)to;
		struct ip6_hdr ip = {.ip6_flow = htonl(UINT32_C(6) << 28),
				     .ip6_nxt = IPPROTO_UDP,
				     .ip6_hlim = 64,
				     .ip6_dst = at->sin6_addr};
		CHECK_INT(inet_pton(AF_INET6, "fd00:c612::1", &ip.ip6_src), ==, 1);
		udp.dest = at->sin6_port;
		put(&ip, sizeof ip);
	} else {
		const struct sockaddr_in *at = (const void *)to;
		struct iphdr ip = {.version = 4,
				   .ihl = 5,
				   .frag_off = htons(0x4000),
				   .ttl = 64,
				   .protocol = IPPROTO_UDP,
				   .saddr = inet_addr("198.18.0.1"),
				   .daddr = at->sin_addr.s_addr};
		udp.dest = at->sin_port;
		put(&ip, sizeof ip);
	}
	header.udp_at = header.header_bytes;
	put(&udp, sizeof udp);
}

static void frame_course(struct course *course, struct job *job, const char *address)
{
	struct sockaddr_storage to;
	lab_enter(lab_rx);
	*course = (struct course){.job = job, .receiver = receiver_open(address, &to)};
	lab_enter(lab_tx);
	build_header(&to);
	course->hidden_bytes = header.header_bytes;
	job_init(job, TXRING, (struct sockaddr *)&to);
	job->stream.destination.kind = PLAN_ETHERNET;
	job->stream.destination.family = AF_PACKET;
	snprintf(job->stream.destination.interface, IF_NAMESIZE, "tx0");
	snprintf(job->stream.destination.text, IF_NAMESIZE, "tx0");
}

/* A frame around @len bytes of payload. Return: it, to be changed by the test */
static uint8_t *add_frame(struct job *job, uint32_t len, uint32_t repeat)
{
	job_add(job, header.header_bytes + len, repeat);
	const struct plan_item *item = &job->items[job->stream.item_count - 1];
	uint8_t *bytes = (uint8_t *)item->bytes;
	frame_finish(&header, bytes, item->len);
	return bytes;
}

static void send_one_size(const char *address, uint32_t len, uint64_t packets, uint64_t chunk)
{
	struct course course;
	struct job job;
	frame_course(&course, &job, address);
	course.chunk = chunk;
	add_frame(&job, len, 1);
	lab_run_all(&course, packets);
	CHECK_INT(course.bytes, ==, packets * (len + header.header_bytes));
}

static void no_bad_sums(void)
{
	CHECK_INT(counter("UdpInCsumErrors"), ==, 0);
	CHECK_INT(counter("Udp6InCsumErrors"), ==, 0);
	CHECK_INT(counter("UdpInErrors"), ==, 0);
	CHECK_INT(counter("Udp6InErrors"), ==, 0);
}

TEST(frames_of_one_size_arrive_whole_and_in_order)
{
	static const uint32_t lens[] = {1, 2, 17, 64, 65, 512, 1399, 1452};
	lab_up();
	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			send_one_size(addresses[a], lens[i], 1, 0);
			send_one_size(addresses[a], lens[i], 1001, 0);
			send_one_size(addresses[a], lens[i], 129, 7);
			send_one_size(addresses[a], lens[i], 30, 1);
		}
	send_one_size(LAB_RX4, 1472, 10007, 0);
	no_bad_sums();
}

TEST(frames_of_equal_headers_leave_as_trains)
{
	lab_up();
	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++) {
		struct course course;
		struct job job;
		frame_course(&course, &job, addresses[a]);
		for (int i = 0; i < 7; i++)
			add_frame(&job, 1400, 1 + i % 2);
		lab_run_all(&course, 7007);
		CHECK_HAS(course.path,
			  "ethernet: PACKET_TX_RING with PACKET_VNET_HDR; trains of 4");
		CHECK_INT(course.counters.syscalls, <, 7007 / 40);
		CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE);
	}
	no_bad_sums();
}

/* What the probe says of trains is what becomes of them. */
TEST(facts_of_the_ring_name_trains)
{
	lab_up();
	const struct engine_fact *fact = &engine_facts()[TXRING - 1];
	CHECK_INT(fact->kind, ==, TXRING);
	CHECK(fact->available);
	CHECK_STR(fact->facts[0], "PACKET_VNET_HDR: trains of UDP frames");
}

TEST(frames_of_many_sizes_keep_their_order)
{
	lab_up();
	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
		for (uint64_t chunk = 0; chunk < 4; chunk += 3) {
			struct course course;
			struct job job;
			frame_course(&course, &job, addresses[a]);
			course.chunk = chunk;
			add_frame(&job, 64, 40);
			add_frame(&job, 1452, 1);
			add_frame(&job, 1300, 50);
			add_frame(&job, 1, 1);
			add_frame(&job, 65, 2);
			lab_run_all(&course, 1999);
		}
	no_bad_sums();
}

/* A UDP checksum of 0 says that there is none: such frames leave as they are, one a slot. */
TEST(frames_that_segmentation_would_change_leave_one_by_one)
{
	lab_up();
	struct course course;
	struct job job;
	frame_course(&course, &job, LAB_RX4);
	uint8_t *bytes = add_frame(&job, 300, 1);
	memset(bytes + header.udp_at + offsetof(struct udphdr, check), 0, 2);
	lab_run_all(&course, 1500);
	CHECK_STR(course.path, "ethernet: PACKET_TX_RING; one frame a slot");
	CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE);
	CHECK_INT(course.longest_burst, <=, FLOW_SEND_LONE_MAX);
}

/* Whether the kernel copies a long one or refers to its pages depends on how long it is. */
TEST(long_frames_arrive_whole_one_by_one)
{
	static const uint32_t lens[] = {
		1600, 4100, 8972, FRAME_TRAIN_LONE_MAX - 42, FRAME_TRAIN_LONE_MAX - 41, 40000};
	lab_up();
	lab_do("ip link set tx0 mtu 65535");
	lab_enter(lab_rx);
	lab_do("ip link set rx0 mtu 65535");
	lab_enter(lab_tx);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct course course;
		struct job job;
		frame_course(&course, &job, LAB_RX4);
		uint8_t *bytes = add_frame(&job, lens[i], 1);
		memset(bytes + header.udp_at + offsetof(struct udphdr, check), 0, 2);
		add_frame(&job, 100, 1);
		lab_run_all(&course, 601);
		bool copied = lens[i] + header.header_bytes <= FRAME_TRAIN_LONE_MAX;
		CHECK_INT(course.copies, ==,
			  copied ? PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE
				 : PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE);
	}
	no_bad_sums();
}

TEST(frames_of_long_passes_go_through_fresh_pages)
{
	lab_up();
	struct course course;
	struct job job;
	frame_course(&course, &job, LAB_RX4);
	add_frame(&job, 1430, 30000); /* with the next a pass of more than 32 MiB */
	add_frame(&job, 1000, 1);
	add_frame(&job, 999, 1);
	lab_run_all(&course, 30010);
}

TEST(device_that_does_not_cut_trains_gets_frames_cut)
{
	lab_up();
	if (!lab_try("ethtool -K tx0 tx-udp-segmentation off tx off sg off >/dev/null 2>&1"))
		test_skip("needs ethtool");
	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
		send_one_size(addresses[a], 511, 5000, 300);
	no_bad_sums();
}

/* What waits at a receiver does not change when its slot is filled with something else. */
TEST(slots_are_filled_anew_only_when_that_is_safe)
{
	enum { ROUNDS = 200, LEN = 1000 };
	lab_up();
	struct course course;
	struct job job;
	frame_course(&course, &job, LAB_RX4);
	for (int i = 0; i < JOB_ITEMS_MAX; i++)
		add_frame(&job, LEN - (uint32_t)i % 2, 1 + (uint32_t)i % 3);
	struct engine *engine;
	struct flow *flow;
	struct trains trains;
	struct problem_set problems = {0};
	struct engine_counters counters = {0};
	struct plan_cursor cursor = {0}, expected = {0};
	struct train_cursor at = {0};
	CHECK_INT(engine_new(&engine, TXRING, &job.plan), ==, 0);
	CHECK_INT(flow_open(&flow, engine, &job.stream, "streams[0]", &problems), ==, 0);
	struct train_limits limits = flow_limits(flow);
	CHECK_INT(trains_pack(&trains, &job.stream, &limits, &cursor, 1 << 20), ==, 0);
	CHECK_INT(flow_load(flow, &trains), ==, 0);
	uint64_t sent = 0;
	for (int i = 0; i < ROUNDS; i++) {
		struct engine_result result;
		flow_send(flow, &at, 11, &result, &counters);
		CHECK_INT(result.outcome, ==, ENGINE_DONE);
		sent += result.sent;
	}
	flow_close(flow);
	engine_free(engine);
	trains_retire(&trains);
	for (; sent; sent--) {
		uint8_t got[2000];
		const struct plan_item *item;
		uint64_t count;
		plan_peek_run(&job.stream, &expected, &item, &count);
		size_t len = item->len - header.header_bytes;
		CHECK_INT(receiver_take(course.receiver, got, sizeof got, 30000), ==, len);
		CHECK(memcmp(got, item->bytes + header.header_bytes, len) == 0);
		plan_advance(&job.stream, &expected, 1);
	}
	close(course.receiver);
	job_free(&job);
}

/* Packets that arrived at an interface of the receiver's, by its own count. */
/* ---- what does not go along ---- */

TEST(frames_longer_than_the_interface_takes_are_refused)
{
	lab_up();
	struct course course;
	struct job job;
	frame_course(&course, &job, LAB_RX4);
	add_frame(&job, 1473, 1);
	add_frame(&job, 1472, 2);
	lab_run(&course, 30);
	CHECK_INT(course.sent, ==, 20);
	CHECK_INT(course.refused, ==, 10);
	CHECK_INT(course.last_error, ==, EMSGSIZE);
}

static void take_down(struct course *course, uint64_t sent)
{
	(void)course;
	if (sent >= 100)
		lab_do("ip link set tx0 down");
}

TEST(interface_that_goes_down_refuses_the_rest)
{
	lab_up();
	struct course course;
	struct job job;
	frame_course(&course, &job, LAB_RX4);
	course.chunk = 50;
	course.before_send = take_down;
	add_frame(&job, 100, 1);
	lab_run(&course, 200);
	CHECK_INT(course.sent, ==, 100);
	CHECK_INT(course.refused, ==, 100);
	CHECK_INT(course.last_error, ==, ENETDOWN);
}

TEST(interface_that_is_down_or_not_there_is_told)
{
	lab_up();
	struct course course;
	struct job job;
	frame_course(&course, &job, LAB_RX4);
	add_frame(&job, 100, 1);
	lab_do("ip link set tx0 down");
	CHECK_INT(course_run(&course), ==, -ENETDOWN);
	CHECK_STR(lab_problem(&course, PROBLEM_INTERFACE_DOWN), "interface tx0 is down");
	course.problems = (struct problem_set){0};
	lab_do("ip link del tx0");
	CHECK_INT(course_run(&course), ==, -ENODEV);
	CHECK_STR(lab_problem(&course, PROBLEM_INTERFACE_GONE), "no such interface: tx0");
	job_free(&job);
	close(course.receiver);
}

struct fault {
	struct sys_hook hook;
	enum sys_call call;
	int error;
	unsigned int first, times, seen;
};

static bool intercept(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	struct fault *fault = container_of(hook, struct fault, hook);
	(void)fd;
	(void)len;
	if (call != fault->call || ++fault->seen < fault->first ||
	    fault->seen >= fault->first + fault->times)
		return false;
	*ret_result = -fault->error;
	return true;
}

static int run_with(struct course *course, struct fault fault)
{
	engine_probe();
	fault.hook.intercept = intercept;
	sys_set_hook(&fault.hook);
	int r = course_run(course);
	sys_set_hook(NULL);
	CHECK_INT(fault.seen, >=, fault.first);
	return r;
}

TEST(fault_in_handing_over_loses_and_doubles_nothing)
{
	static const int errors[] = {EINTR, EAGAIN,   ENOBUFS, ENOMEM,	EINVAL,
				     EIO,   EMSGSIZE, EPERM,   ENETDOWN};
	lab_up();
	for (size_t e = 0; e < ARRAY_SIZE(errors); e++)
		for (unsigned int times = 1; times <= 3; times += 2)
			for (unsigned int first = 1; first <= 3; first++) {
				struct course course;
				struct job job;
				frame_course(&course, &job, LAB_RX4);
				course.chunk = 40;
				add_frame(&job, 200, 3);
				add_frame(&job, 100, 1);
				job_limit(&job, 300);
				CHECK_INT(run_with(&course, (struct fault){.call = SYS_CALL_SEND,
									   .error = errors[e],
									   .first = first,
									   .times = times}),
					  ==, 0);
				CHECK_INT(course.sent + course.refused, ==, 300);
				if (errors[e] != EPERM && errors[e] != ENETDOWN && times == 1 &&
				    first == 1)
					CHECK_INT(course.refused, ==, 0);
				job_free(&job);
				close(course.receiver);
			}
}

TEST(fault_in_setting_the_ring_up_is_told)
{
	static const enum sys_call calls[] = {SYS_CALL_SOCKET, SYS_CALL_SETSOCKOPT, SYS_CALL_BIND};
	lab_up();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct course course;
		struct job job;
		frame_course(&course, &job, LAB_RX4);
		add_frame(&job, 200, 1);
		job_limit(&job, 3);
		struct fault fault = {.call = calls[i], .error = EPERM, .first = 1, .times = 1};
		CHECK_INT(run_with(&course, fault), ==, -EPERM);
		CHECK_STR(lab_problem(&course, PROBLEM_PERMISSION),
			  "Ethernet frames require CAP_NET_RAW, which the agent does not have");
		job_free(&job);
		close(course.receiver);
	}
}

TEST_MAIN(CASE(frames_of_one_size_arrive_whole_and_in_order),
	  CASE(frames_of_equal_headers_leave_as_trains), CASE(facts_of_the_ring_name_trains),
	  CASE(frames_of_many_sizes_keep_their_order),
	  CASE(frames_that_segmentation_would_change_leave_one_by_one),
	  CASE(long_frames_arrive_whole_one_by_one),
	  CASE(frames_of_long_passes_go_through_fresh_pages),
	  CASE(device_that_does_not_cut_trains_gets_frames_cut),
	  CASE(slots_are_filled_anew_only_when_that_is_safe),
	  CASE(frames_longer_than_the_interface_takes_are_refused),
	  CASE(interface_that_goes_down_refuses_the_rest),
	  CASE(interface_that_is_down_or_not_there_is_told),
	  CASE(fault_in_handing_over_loses_and_doubles_nothing),
	  CASE(fault_in_setting_the_ring_up_is_told))
