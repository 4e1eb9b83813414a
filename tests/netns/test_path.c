/*
 * What the way out decides: options that arrive, refusals in words, a path that changes while
 * packets leave, asynchronous errors.
 */
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_words.h"
#include "netns/lab.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <poll.h>

static const Pagecast__V1__EngineKind kinds[] = {SPLICE, COPY};

/* ---- options ---- */

struct arrived {
	int ttl, tos;
	unsigned int source_port;
	char source[INET6_ADDRSTRLEN];
};

static struct arrived take_with_options(int fd)
{
	struct arrived arrived = {.ttl = -1, .tos = -1};
	char data[2048], control[256];
	struct sockaddr_in6 from;
	struct iovec iov = {data, sizeof data};
	struct msghdr message = {.msg_name = &from,
				 .msg_namelen = sizeof from,
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	CHECK_INT(poll(&p, 1, 30000), ==, 1);
	CHECK(recvmsg(fd, &message, 0) >= 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
			memcpy(&arrived.ttl, CMSG_DATA(c), sizeof arrived.ttl);
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			arrived.tos = *(uint8_t *)CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
			memcpy(&arrived.tos, CMSG_DATA(c), sizeof arrived.tos);
	}
	bool v4 = from.sin6_family == AF_INET;
	struct sockaddr_in *from4 = (struct sockaddr_in *)&from;
	inet_ntop(from.sin6_family, v4 ? (void *)&from4->sin_addr : (void *)&from.sin6_addr,
		  arrived.source, sizeof arrived.source);
	arrived.source_port = ntohs(v4 ? from4->sin_port : from.sin6_port);
	return arrived;
}

static void want_options(int fd, bool v4)
{
	int on = 1;
	CHECK_INT(setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
			     v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, &on, sizeof on),
		  ==, 0);
	CHECK_INT(setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVTOS : IPV6_RECVTCLASS,
			     &on, sizeof on),
		  ==, 0);
}

/* One packet of @course's job leaves; it is not read here. */
static void send_one(struct course *course)
{
	struct engine *engine;
	struct flow *flow;
	struct trains trains;
	struct plan_cursor cursor = {0};
	struct train_cursor at = {0};
	struct engine_result result;
	struct job *job = course->job;
	CHECK_INT(engine_new(&engine, job->plan.engine, &job->plan), ==, 0);
	if (flow_open(&flow, engine, &job->stream, "streams[0]", &course->problems) < 0)
		test_fail(__FILE__, __LINE__, "%s", course->problems.problems[0].message);
	struct train_limits limits = flow_limits(flow);
	CHECK_INT(trains_pack(&trains, &job->stream, &limits, &cursor, 1), ==, 0);
	CHECK_INT(flow_load(flow, &trains), ==, 0);
	flow_send(flow, &at, 1, &result, &course->counters);
	CHECK_INT(result.sent, ==, 1);
	flow_load(flow, NULL);
	trains_retire(&trains);
	flow_close(flow);
	engine_free(engine);
}

TEST(source_ttl_dscp_and_interface_arrive_as_asked)
{
	static const struct {
		const char *to, *from;
	} families[] = {{LAB_RX4, "198.18.0.1"}, {LAB_RX6, "fd00:c612::1"}};
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
			struct course course;
			struct job job;
			lab_course(&course, &job, kinds[k], families[f].to);
			struct plan_destination *d = &job.stream.destination;
			bool v4 = d->family == AF_INET;
			want_options(course.receiver, v4);
			job_add(&job, 10, 1);
			d->ttl = 9;
			d->dscp = 46;
			snprintf(d->interface, sizeof d->interface, "tx0");
			d->from.any.sa_family = (sa_family_t)d->family;
			if (v4)
				inet_pton(AF_INET, families[f].from, &d->from.v4.sin_addr);
			else
				inet_pton(AF_INET6, families[f].from, &d->from.v6.sin6_addr);
			d->from.v4.sin_port = htons(7007); /* where IPv6 has it too */
			send_one(&course);
			struct arrived arrived = take_with_options(course.receiver);
			CHECK_INT(arrived.ttl, ==, 9);
			CHECK_INT(arrived.tos, ==, 46 << 2);
			CHECK_STR(arrived.source, families[f].from);
			CHECK_INT(arrived.source_port, ==, 7007);
			close(course.receiver);
			job_free(&job);
		}
}

TEST(broadcast_leaves_when_asked_for)
{
	lab_up();
	struct course course;
	struct job job;
	lab_course(&course, &job, SPLICE, "0.0.0.0");
	struct plan_destination *d = &job.stream.destination;
	inet_pton(AF_INET, "198.18.0.255", &d->to.v4.sin_addr);
	d->broadcast = true;
	job_add(&job, 700, 1);
	lab_run_all(&course, 300);
}

TEST(multicast_leaves_by_its_interface_with_its_ttl)
{
	lab_up();
	struct course course;
	struct job job;
	lab_course(&course, &job, SPLICE, "0.0.0.0");
	struct plan_destination *d = &job.stream.destination;
	struct ip_mreqn group = {.imr_address = {0}};
	inet_pton(AF_INET, "239.1.2.3", &group.imr_multiaddr);
	inet_pton(AF_INET, LAB_RX4, &group.imr_address);
	CHECK_INT(setsockopt(course.receiver, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group),
		  ==, 0);
	want_options(course.receiver, true);
	d->to.v4.sin_addr = group.imr_multiaddr;
	d->multicast = true;
	d->ttl = 5;
	snprintf(d->interface, sizeof d->interface, "tx0");
	job_add(&job, 700, 1);
	send_one(&course);
	CHECK_INT(take_with_options(course.receiver).ttl, ==, 5);
	lab_run_all(&course, 300);
}

/* ---- refusals ---- */

/* Opening the flow fails with @error; the sentence of the one problem. */
static const char *refused(struct course *course, int error, enum problem_code code)
{
	static char sentence[PROBLEM_MESSAGE_MAX];
	job_limit(course->job, 1);
	CHECK_INT(course_run(course), ==, -error);
	snprintf(sentence, sizeof sentence, "%s", lab_problem(course, code));
	close(course->receiver);
	job_free(course->job);
	return sentence;
}

static struct plan_destination *small_job(struct course *course, struct job *job)
{
	lab_course(course, job, SPLICE, LAB_RX4);
	job_add(job, 10, 1);
	return &job->stream.destination;
}

TEST(what_cannot_be_opened_is_refused_in_words)
{
	struct course course;
	struct job job;
	lab_up();
	struct plan_destination *d = small_job(&course, &job);
	snprintf(d->interface, sizeof d->interface, "nosuch0");
	CHECK_STR(refused(&course, ENODEV, PROBLEM_INTERFACE_GONE), "no such interface: nosuch0");

	d = small_job(&course, &job);
	inet_pton(AF_INET, "203.0.113.1", &d->to.v4.sin_addr);
	snprintf(d->text, sizeof d->text, "203.0.113.1:9");
	CHECK_STR(refused(&course, ENETUNREACH, PROBLEM_NO_ROUTE), "no route to 203.0.113.1:9");

	lab_do("ip route add blackhole 203.0.113.0/28");
	d = small_job(&course, &job);
	inet_pton(AF_INET, "203.0.113.1", &d->to.v4.sin_addr);
	snprintf(d->text, sizeof d->text, "203.0.113.1:9");
	CHECK_HAS(refused(&course, EINVAL, PROBLEM_NO_ROUTE),
		  "the route to 203.0.113.1:9 is a blackhole");

	d = small_job(&course, &job);
	d->from.any.sa_family = AF_INET;
	inet_pton(AF_INET, "198.18.0.7", &d->from.v4.sin_addr);
	CHECK_STR(refused(&course, EADDRNOTAVAIL, PROBLEM_KERNEL_ERROR),
		  "198.18.0.7 is not an address of this host and cannot be the source");

	d = small_job(&course, &job);
	inet_pton(AF_INET, "198.18.0.255", &d->to.v4.sin_addr);
	snprintf(d->text, sizeof d->text, "198.18.0.255:9");
	CHECK_HAS(refused(&course, EACCES, PROBLEM_PERMISSION), "198.18.0.255:9 is a broadcast");

	struct sockaddr_storage taken;
	int other = receiver_open("198.18.0.1", &taken);
	d = small_job(&course, &job);
	memcpy(&d->from, &taken, sizeof d->from.v4);
	CHECK_HAS(refused(&course, EADDRINUSE, PROBLEM_KERNEL_ERROR), "is in use");
	close(other);

	lab_do("ip link set tx0 down");
	d = small_job(&course, &job);
	snprintf(d->interface, sizeof d->interface, "tx0");
	CHECK_STR(refused(&course, ENETDOWN, PROBLEM_INTERFACE_DOWN), "interface tx0 is down");
}

TEST(datagrams_that_must_not_be_cut_are_refused_in_words)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		lab_course(&course, &job, kinds[k], LAB_RX4);
		job.stream.destination.dont_fragment = true;
		job_add(&job, 1473, 1);
		job_add(&job, 1472, 1);
		lab_run(&course, 100);
		CHECK_INT(course.sent, ==, 50);
		CHECK_INT(course.refused, ==, 50);
		CHECK_INT(course.last_error, ==, EMSGSIZE);
	}
}

/* ---- the path changes under way ---- */

static void shrink_path(struct course *course, uint64_t sent)
{
	(void)course;
	if (sent >= 1000)
		lab_do("ip route replace 198.18.0.0/24 dev tx0 mtu 1000 src 198.18.0.1");
}

TEST(path_that_shrinks_turns_trains_into_single_datagrams)
{
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		lab_do("ip route replace 198.18.0.0/24 dev tx0 mtu 1500 src 198.18.0.1");
		lab_course(&course, &job, kinds[k], LAB_RX4);
		course.before_send = shrink_path;
		course.chunk = 700;
		for (int i = 0; i < 5; i++)
			job_add(&job, 1471, 1); /* odd: single ones begin at odd places too */
		lab_run_all(&course, 3000);
		CHECK_HAS(course.why, "no more than 972 bytes");
	}
}

static void take_down(struct course *course, uint64_t sent)
{
	(void)course;
	if (sent >= 1000)
		lab_do("ip link set tx0 down");
}

TEST(interface_that_goes_down_ends_in_refusals_not_in_a_loop)
{
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		lab_up();
		struct course course;
		struct job job;
		lab_course(&course, &job, kinds[k], LAB_RX4);
		course.before_send = take_down;
		course.chunk = 1000;
		job_add(&job, 500, 1);
		lab_run(&course, 3000);
		CHECK_INT(course.sent + course.refused, ==, 3000);
		CHECK_INT(course.refused, >, 0);
		CHECK(course.last_error == ENETUNREACH || course.last_error == ENETDOWN);
	}
}

/* ---- a full queue ---- */

TEST(full_device_queue_is_waited_for_and_nothing_is_lost)
{
	lab_up();
	if (!lab_try("tc qdisc replace dev tx0 root tbf rate 200mbit burst 100kb limit 140kb "
		     "2>/dev/null"))
		test_skip("needs tc and tbf");
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		uint64_t full = 0;
		lab_course(&course, &job, kinds[k], LAB_RX4);
		job_add(&job, 1472, 1);
		lab_run_all(&course, 2000);
		full = course.full;
		lab_course(&course, &job, kinds[k], LAB_RX4);
		job_add(&job, 1471, 1);
		job_add(&job, 1472, 1); /* single datagrams */
		lab_run_all(&course, 2000);
		CHECK_INT(full + course.full, >, 0);
	}
}

/* ---- asynchronous errors ---- */

/* Send @packets that nobody reads; collect what comes back, which takes no time to speak of. */
static void send_and_listen(struct course *course, uint64_t packets)
{
	struct job *job = course->job;
	struct engine *engine;
	struct flow *flow;
	struct trains trains;
	struct plan_cursor cursor = {0};
	struct train_cursor at = {0};
	job_limit(job, packets);
	CHECK_INT(engine_new(&engine, job->plan.engine, &job->plan), ==, 0);
	CHECK_INT(flow_open(&flow, engine, &job->stream, "streams[0]", &course->problems), ==, 0);
	struct train_limits limits = flow_limits(flow);
	CHECK_INT(trains_pack(&trains, &job->stream, &limits, &cursor, packets), ==, 0);
	CHECK_INT(flow_load(flow, &trains), ==, 0);
	for (uint64_t sent = 0; sent < packets;) {
		struct engine_result result;
		flow_send(flow, &at, 1, &result, &course->counters);
		CHECK_INT(result.outcome, ==, ENGINE_DONE);
		sent += result.sent;
	}
	for (int i = 0; i < 1000 && course->async_errors.last_error == 0; i++) {
		poll(NULL, 0, 10);
		flow_async_errors(flow, &course->async_errors, &course->counters);
	}
	flow_async_errors(flow, &course->async_errors, &course->counters);
	engine_words_async_errors(flow, &course->async_errors, "streams[0]", &course->problems);
	flow_close(flow);
	engine_free(engine);
	trains_retire(&trains);
	job_free(job);
}

TEST(dead_port_is_told_with_its_count)
{
	static const char *const addresses[] = {LAB_RX4, LAB_RX6};
	lab_up();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t a = 0; a < ARRAY_SIZE(addresses); a++) {
			struct course course;
			struct job job;
			lab_course(&course, &job, kinds[k], addresses[a]);
			close(course.receiver);
			job_add(&job, 10, 1);
			send_and_listen(&course, 5);
			CHECK_INT(course.async_errors.causes[ICMP_CAUSE_PORT], >=, 1);
			CHECK_HAS(lab_problem(&course, PROBLEM_PORT_UNREACHABLE),
				  "nothing listens on the receiver (");
			CHECK_INT(course.problems.problems[0].severity, ==, PROBLEM_WARNING);
		}
}

TEST(neighbour_that_does_not_answer_is_told)
{
	lab_up();
	lab_do("echo 20 >/proc/sys/net/ipv4/neigh/tx0/retrans_time_ms");
	lab_do("echo 20 >/proc/sys/net/ipv6/neigh/tx0/retrans_time_ms");
	static const struct {
		const char *address, *sentence;
	} cases[] = {
		{"198.18.0.99",
		 "no ARP answer from 198.18.0.99: packets were dropped by the kernel"},
		{"fd00:c612::99", "no neighbour advertisement from fd00:c612::99: "
				  "packets were dropped by the kernel"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct course course;
		struct job job;
		lab_course(&course, &job, SPLICE, i ? LAB_RX6 : LAB_RX4);
		close(course.receiver);
		struct plan_destination *d = &job.stream.destination;
		if (i)
			inet_pton(AF_INET6, cases[i].address, &d->to.v6.sin6_addr);
		else
			inet_pton(AF_INET, cases[i].address, &d->to.v4.sin_addr);
		job_add(&job, 10, 1);
		send_and_listen(&course, 2);
		CHECK_INT(course.async_errors.causes[ICMP_CAUSE_NEIGHBOUR], >=, 1);
		CHECK_STR(lab_problem(&course, PROBLEM_NO_NEIGHBOUR), cases[i].sentence);
	}
}

TEST_MAIN(CASE(source_ttl_dscp_and_interface_arrive_as_asked),
	  CASE(broadcast_leaves_when_asked_for),
	  CASE(multicast_leaves_by_its_interface_with_its_ttl),
	  CASE(what_cannot_be_opened_is_refused_in_words),
	  CASE(datagrams_that_must_not_be_cut_are_refused_in_words),
	  CASE(path_that_shrinks_turns_trains_into_single_datagrams),
	  CASE(interface_that_goes_down_ends_in_refusals_not_in_a_loop),
	  CASE(full_device_queue_is_waited_for_and_nothing_is_lost),
	  CASE(dead_port_is_told_with_its_count), CASE(neighbour_that_does_not_answer_is_told))
