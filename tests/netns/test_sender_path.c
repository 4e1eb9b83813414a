/*
 * What becomes of packets that the kernel took: a neighbour that does not answer, a router that
 * says no, an interface that goes down or away under the job. The job's problems tell.
 */
#include "base/util.h"
#include "netns/lab.h"
#include "unit/sending_virtual.h"

#include <arpa/inet.h>

static struct sending lab;

static void stream_to(size_t i, const char *address, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct plan_destination *to = &lab.jobs[i].stream.destination;
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		to->to.v4 = v4;
	} else {
		CHECK_INT(inet_pton(AF_INET6, address, &v6.sin6_addr), ==, 1);
		to->to.v6 = v6;
		to->family = AF_INET6;
		lab.jobs[i].stream.overhead_l3 = 48;
	}
	snprintf(to->text, sizeof to->text, "%s:%u", address, port);
}

static void job_to(const char *address, uint16_t port)
{
	sending_init(&lab, 1);
	stream_to(0, address, port);
}

static const struct problem *problem_of(enum problem_code code)
{
	const struct problem *problem = sending_problem(&lab, code);
	if (!problem)
		test_fail(__FILE__, __LINE__, "%zu problems, but no %s", lab.problems.count,
			  problem_code_name(code));
	return problem;
}

TEST(sender_tells_that_a_neighbour_does_not_answer)
{
	static const struct {
		const char *address, *message;
	} rows[] = {{"198.18.0.77",
		     "no ARP answer from 198.18.0.77: packets were dropped by the kernel"},
		    {"fd00:c612::77", "no neighbour advertisement from fd00:c612::77: "
				      "packets were dropped by the kernel"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		lab_up();
		job_to(rows[i].address, 9);
		sending_packets(&lab, 0, 7);
		int64_t begin_ns = sending_now_ns();
		CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
		/* waited for an answer, not for ever */
		CHECK_INT(sending_now_ns() - begin_ns, <, 30 * CLOCK_NS_PER_S);
		CHECK_INT(lab.report.account.packets_sent, ==, 7); /* the kernel did take them */
		const struct problem *problem = problem_of(PROBLEM_NO_NEIGHBOUR);
		CHECK_STR(problem->message, rows[i].message);
		CHECK_INT(problem->count, ==, 7);
		CHECK_INT(problem->severity, ==, PROBLEM_WARNING);
		sending_close(&lab);
	}
}

TEST(sender_tells_that_packets_leave_in_fragments)
{
	static const struct {
		const char *address;
		uint32_t len;
		const char *message; /* NULL: whole */
	} rows[] = {{"198.18.0.2", 1472, NULL},
		    {"198.18.0.2", 1473,
		     "in fragments, 2 for 1473 bytes of payload: the MTU of the path is 1500"},
		    {"198.18.0.2", 3000, "in fragments, 3 for 3000 bytes"},
		    {"fd00:c612::2", 1452, NULL},
		    {"fd00:c612::2", 1453, "in fragments, 2 for 1453 bytes"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		lab_up();
		job_to(rows[i].address, 9);
		job_add(&lab.jobs[0], rows[i].len, 1);
		sending_packets(&lab, 0, 4);
		CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
		const struct problem *problem = sending_problem(&lab, PROBLEM_MESSAGE_TOO_LONG);
		CHECK_INT(problem != NULL, ==, rows[i].message != NULL);
		if (problem) {
			CHECK_HAS(problem->message, rows[i].message);
			CHECK_INT(problem->severity, ==, PROBLEM_INFO);
		}
		sending_close(&lab);
	}
}

/* The job's problems name what rejected, and nothing else. */
static void check_rejected(const char *title, enum problem_code code, const char *message)
{
	sending_run(&lab);
	for (size_t i = 0; i < lab.problems.count; i++) {
		const struct problem *problem = &lab.problems.problems[i];
		if (problem->code != code)
			test_fail(__FILE__, __LINE__, "%s: %s: %s", title,
				  problem_code_name(problem->code), problem->message);
	}
	const struct problem *problem = problem_of(code);
	if (!strstr(problem->message, message))
		test_fail(__FILE__, __LINE__, "%s: \"%s\", without \"%s\"", title, problem->message,
			  message);
	sending_close(&lab);
}

/* An error of a packet filter is neither a closed port nor a neighbour that does not answer. */
TEST(sender_tells_who_rejected_its_packets)
{
	static const struct {
		bool at_receiver;
		const char *hook, *rule, *address;
		const char *message;
		const char *nud; /* NULL: permanent */
	} rows[] = {
		{true, "input", "reject with icmpx admin-prohibited", "198.18.0.2",
		 "a packet filter on the way to 198.18.0.2:9 rejects packets (198.18.0.2 says so)"},
		{true, "input", "reject with icmpx admin-prohibited", "fd00:c612::2",
		 "(fd00:c612::2 says so)"},
		{false, "output", "reject with icmpx admin-prohibited", "198.18.0.2",
		 "packet filter"},
		{false, "output", "reject with icmp host-unreachable", "198.18.0.2",
		 "packet filter"},
		{false, "output", "reject with icmp host-unreachable", "198.18.0.2",
		 "packet filter", "reachable"},
		{false, "output", "reject with icmp host-unreachable", "198.18.0.2",
		 "packet filter", "stale"},
		{false, "output", "reject", "fd00:c612::2", "packet filter"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		lab_up();
		lab_do("ip neigh replace 198.18.0.2 dev tx0 nud %s lladdr "
		       "$(ip neigh show 198.18.0.2 dev tx0 | sed 's/.*lladdr //; s/ .*//')",
		       rows[i].nud ? rows[i].nud : "permanent");
		if (rows[i].at_receiver)
			lab_enter(lab_rx);
		if (!lab_try("nft 'table inet t { chain c { type filter hook %s priority 0; udp "
			     "dport 9 %s; "
			     "}; }' >/dev/null 2>&1",
			     rows[i].hook, rows[i].rule))
			test_skip("no packet filter here (nft)");
		lab_enter(lab_tx);
		job_to(rows[i].address, 9);
		sending_packets(&lab, 0, 3);
		check_rejected(rows[i].rule, PROBLEM_PERMISSION, rows[i].message);
	}
}

/* A socket is bound, and the host's own filter rejects what is sent to it. */
TEST(sender_tells_a_filter_of_this_host_from_a_closed_port)
{
	static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "198.18.0.1", "::1"};
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct sockaddr_storage at;
		lab_up();
		lab_do("ip link set lo up");
		if (!lab_try("nft 'table inet t { chain c { type filter hook input priority 0; "
			     "meta l4proto "
			     "udp reject; }; }' >/dev/null 2>&1"))
			test_skip("no packet filter here (nft)");
		int bound = receiver_open(addresses[i], &at);
		uint16_t port = ntohs(((struct sockaddr_in *)&at)->sin_port); /* of IPv6 as well */
		job_to(addresses[i], port);
		sending_packets(&lab, 0, 3);
		check_rejected(addresses[i], PROBLEM_PORT_UNREACHABLE,
			       "were refused, though a socket is bound there now: a packet filter");
		close(bound);
		job_to(addresses[i], port);
		sending_packets(&lab, 0, 3);
		sending_run(&lab); /* closed: which of the two it was cannot be seen */
		CHECK_HAS(problem_of(PROBLEM_PORT_UNREACHABLE)->message, "nothing listens");
		sending_close(&lab);
	}
}

static int64_t cancelled_ns;

static void cancel_it(void *context)
{
	(void)context;
	virtual_sleep(CLOCK_NS_PER_S / 20);
	cancelled_ns = virtual.now_ns;
	sender_stop(lab.sender, SENDER_CANCELLED);
}

TEST(sender_does_not_wait_for_a_neighbour_when_cancelled)
{
	lab_up();
	sending_virtual_begin(&lab, 1, 1, NULL);
	stream_to(0, "198.18.0.77", 9);
	sending_rate(&lab, 0, 100);
	virtual_actor(cancel_it, NULL, NULL);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
	/* an answer is awaited for a second, where there is time */
	CHECK_INT(sending_virtual.ended_ns - cancelled_ns, <, 10 * CLOCK_NS_PER_MS);
	problem_of(PROBLEM_NO_NEIGHBOUR);
	sending_close(&lab);
}

TEST(sender_says_nothing_of_a_neighbour_that_answers_late)
{
	lab_up();
	lab_do("ip neigh del 198.18.0.2 dev tx0");
	job_to("198.18.0.2", 9);
	sending_packets(&lab, 0, 3);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK(!sending_problem(&lab, PROBLEM_NO_NEIGHBOUR));
	sending_close(&lab);
}

TEST(sender_waits_for_the_refusal_of_its_last_packet)
{
	lab_up();
	job_to("198.18.0.2", 9);
	sending_packets(&lab, 0, 1);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_STR(problem_of(PROBLEM_PORT_UNREACHABLE)->message,
		  "nothing listens on 198.18.0.2:9 (1 refusal)");
	sending_close(&lab);
}

/* A job of 100 pps; @command comes upon it. */
static void disturb(const char *command)
{
	lab_up();
	job_to("198.18.0.2", 9);
	sending_rate(&lab, 0, 100);
	sending_packets(&lab, 0, 60);
	sending_start(&lab);
	sending_until_sent(&lab, 5);
	lab_do("%s", command);
	CHECK_INT(sending_join(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
}

TEST(sender_tells_that_the_interface_went_down)
{
	disturb("ip link set tx0 down");
	CHECK_INT(lab.report.account.packets_failed, >, 0);
	CHECK_HAS(problem_of(PROBLEM_INTERFACE_DOWN)->message, "tx0 is down");
	problem_of(PROBLEM_NO_ROUTE);
	sending_close(&lab);
}

TEST(sender_tells_that_the_other_end_is_down)
{
	lab_up();
	lab_enter(lab_rx);
	lab_do("ip link set rx0 down");
	lab_enter(lab_tx);
	job_to("198.18.0.2", 9);
	sending_packets(&lab, 0, 10);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_HAS(problem_of(PROBLEM_INTERFACE_DOWN)->message, "tx0 has no carrier");
	sending_close(&lab);
}

/* A job of 200 pps without end that has begun to send. */
static void begin_endless(void)
{
	lab_up();
	job_to("198.18.0.2", 9);
	sending_rate(&lab, 0, 200);
	sending_endless(&lab, 0);
	sending_start(&lab);
	sending_until_sent(&lab, 5);
}

static void end_endless(void)
{
	sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
	sending_check_books(&lab);
}

/* What is over when the job ends is told all the same. */
TEST(sender_tells_that_the_carrier_was_lost_in_between)
{
	begin_endless();
	for (int i = 0; i < 2; i++) {
		lab_enter(lab_rx);
		lab_do("ip link set rx0 down");
		lab_do("ip link set rx0 up");
		lab_enter(lab_tx);
		lab_wait("tx0");
	}
	end_endless();
	const struct problem *problem = problem_of(PROBLEM_INTERFACE_DOWN);
	CHECK_HAS(problem->message, "tx0 lost its carrier while the job ran");
	CHECK_INT(problem->count, ==, 2);
	sending_close(&lab);
}

TEST(sender_tells_that_the_mtu_was_lowered)
{
	begin_endless();
	lab_do("ip link set tx0 mtu 1400");
	end_endless();
	CHECK_HAS(problem_of(PROBLEM_MESSAGE_TOO_LONG)->message,
		  "the MTU of interface tx0 was lowered from 1500 to 1400");
	sending_close(&lab);
	begin_endless(); /* nothing is said of a link that stayed as it was */
	end_endless();
	CHECK(!sending_problem(&lab, PROBLEM_INTERFACE_DOWN));
	CHECK(!sending_problem(&lab, PROBLEM_MESSAGE_TOO_LONG));
	sending_close(&lab);
}

TEST(sender_tells_that_the_interface_is_gone)
{
	disturb("ip link del tx0");
	CHECK_INT(lab.report.account.packets_failed, >, 0);
	CHECK_HAS(problem_of(PROBLEM_INTERFACE_GONE)->message, "tx0 was removed while the job ran");
	sending_close(&lab);
}

TEST(sender_tells_that_there_is_no_route)
{
	lab_up();
	job_to("198.51.100.1", 9);
	sending_packets(&lab, 0, 10);
	CHECK_INT(sending_open(&lab), ==, ERROR_CODE_FAILED_PRECONDITION);
	CHECK_HAS(problem_of(PROBLEM_NO_ROUTE)->message, "no route to 198.51.100.1:9");
	sending_close(&lab);
}

/* A slow device with a short queue: more is offered than it takes. */
static void short_queue(Pagecast__V1__FullPolicy when_full, double pps)
{
	lab_up();
	if (!lab_try("tc qdisc replace dev tx0 root tbf rate 800kbit burst 1600 limit 3000"))
		test_skip("no tbf queue in this kernel");
	job_to("198.18.0.2", 9);
	if (pps > 0)
		sending_rate(&lab, 0, pps);
	sending_packets(&lab, 0, 60);
	lab.plan.when_full = when_full;
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sending_check_books(&lab);
}

TEST(sender_waits_for_the_queue_of_a_device)
{
	short_queue(PAGECAST__V1__FULL_POLICY__FULL_POLICY_WAIT, 10000); /* single packets */
	CHECK_INT(lab.report.account.packets_sent, ==, 60);
	sending_close(&lab);
}

TEST(sender_drops_at_the_queue_of_a_device)
{
	short_queue(PAGECAST__V1__FULL_POLICY__FULL_POLICY_DROP, 10000);
	CHECK_INT(lab.report.account.packets_dropped, >, 0);
	CHECK_INT(lab.report.account.packets_sent, >, 0);
	problem_of(PROBLEM_NO_ROOM);
	sending_close(&lab);
}

TEST(sender_tells_what_a_queue_dropped_of_a_train)
{
	short_queue(PAGECAST__V1__FULL_POLICY__FULL_POLICY_WAIT, 0);
	if (lab.report.account.packets_sent < 60)
		test_skip("this kernel refuses a train that does not fit the queue");
	CHECK_HAS(problem_of(PROBLEM_NO_ROOM)->message, "the queue of tx0 dropped");
	CHECK_INT(problem_of(PROBLEM_NO_ROOM)->count, >=, 1);
	sending_close(&lab);
}

TEST(sender_knows_percent_of_a_line)
{
	lab_up();
	job_to("198.18.0.2", 9);
	lab.jobs[0].stream.rate = (struct plan_rate){.kind = PLAN_RATE_LINE_PERCENT,
						     .value = 0.01,
						     .layer = PAGECAST__V1__LAYER__LAYER_L1};
	sending_packets(&lab, 0, 30);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(lab.report.requested_bps, ==, 1000000); /* of the 10 Gbit/s a veth claims */
	sending_close(&lab);
}

TEST(sender_sends_by_both_families_from_one_port)
{
	static const char *const addresses[] = {"198.18.0.2", "fd00:c612::2"};
	lab_up();
	sending_init(&lab, 2);
	for (size_t i = 0; i < 2; i++) {
		stream_to(i, addresses[i], 9);
		struct plan_destination *to = &lab.jobs[i].stream.destination;
		to->from.any.sa_family = (sa_family_t)to->family;
		to->from.v4.sin_port = htons(7007); /* where IPv6 has it too; no address */
		sending_packets(&lab, i, 10);
	}
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	CHECK_INT(lab.report.account.packets_sent, ==, 20);
	sending_close(&lab);
}

TEST_MAIN(CASE(sender_tells_that_a_neighbour_does_not_answer),
	  CASE(sender_tells_that_packets_leave_in_fragments),
	  CASE(sender_tells_who_rejected_its_packets),
	  CASE(sender_tells_a_filter_of_this_host_from_a_closed_port),
	  CASE(sender_does_not_wait_for_a_neighbour_when_cancelled),
	  CASE(sender_says_nothing_of_a_neighbour_that_answers_late),
	  CASE(sender_waits_for_the_refusal_of_its_last_packet),
	  CASE(sender_tells_that_the_interface_went_down),
	  CASE(sender_tells_that_the_carrier_was_lost_in_between),
	  CASE(sender_tells_that_the_mtu_was_lowered),
	  CASE(sender_tells_that_the_other_end_is_down),
	  CASE(sender_tells_that_the_interface_is_gone), CASE(sender_tells_that_there_is_no_route),
	  CASE(sender_sends_by_both_families_from_one_port),
	  CASE(sender_waits_for_the_queue_of_a_device), CASE(sender_drops_at_the_queue_of_a_device),
	  CASE(sender_tells_what_a_queue_dropped_of_a_train), CASE(sender_knows_percent_of_a_line))
