/* Every engine and layout on loopback: each datagram reported as sent arrives once, in order, byte
 * for byte. What needs a device of its own is in tests/netns. */
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_facts.h"
#include "engine/engine_fault.h"
#include "engine/engine_private.h"
#include "engine/engine_words.h"
#include "lib/test.h"
#include "lib/transmit.h"

#include <unistd.h>

#define SPLICE	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE
#define COPY	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY
#define ZEROCOPY PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY
#define URING	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING
#define TXRING	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING
#define PAGES	 PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET

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
	if (!engine_facts_find(kind)->available)
		return; /* locked memory, or a kernel without it */
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
		one_size(ZEROCOPY, "127.0.0.1", sizes[i], 301);
		one_size(ZEROCOPY, "::1", sizes[i], 301);
		one_size(URING, "127.0.0.1", sizes[i], 301);
		one_size(URING, "::1", sizes[i], 301);
	}
}

TEST(engine_sends_payloads_in_turn)
{
	static const Pagecast__V1__EngineKind kinds[] = {SPLICE, COPY, ZEROCOPY, URING};
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct course course;
		struct job job;
		if (!engine_facts_find(kinds[k])->available)
			continue;
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
	CHECK_STR(course.path, "udp: vmsplice, tee, splice; trains of 128; captures on this host "
			       "or a veth show a train as one datagram");
}

/* Many streams of one job share the pipe: nothing of one leaves with another. */
TEST(engine_flows_keep_apart)
{
	enum { FLOWS = 20, ROUNDS = 30 };
	static struct job jobs[FLOWS];
	struct flow *flows[FLOWS];
	struct trains trains[FLOWS];
	struct train_cursor cursors[FLOWS] = {0};
	struct plan_cursor expected[FLOWS] = {0};
	int receivers[FLOWS];
	struct engine *engine = NULL;
	struct problem_set problems = {0};
	struct engine_counters counters = {0};
	for (int i = 0; i < FLOWS; i++) {
		struct sockaddr_storage to;
		struct plan_cursor cursor = {0};
		receivers[i] = receiver_open("127.0.0.1", &to);
		job_init(&jobs[i], SPLICE, (struct sockaddr *)&to);
		job_add(&jobs[i], 100 + (uint32_t)i, 1);
		job_add(&jobs[i], i % 3 ? 100 + (uint32_t)i : 300, 1);
		if (!engine)
			CHECK_INT(engine_new(&engine, SPLICE, &jobs[0].plan), ==, 0);
		CHECK_INT(flow_open(&flows[i], engine, &jobs[i].stream, "", &problems), ==, 0);
		struct train_limits limits = flow_limits(flows[i]);
		CHECK_INT(trains_pack(&trains[i], &jobs[i].stream, &limits, &cursor, 1 << 20), ==,
			  0);
		CHECK_INT(flow_load(flows[i], &trains[i]), ==, 0);
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < FLOWS; i++) {
			struct engine_result result;
			flow_send(flows[i], &cursors[i], 1 + (uint64_t)round * 7, &result,
				  &counters);
			CHECK_INT(result.outcome, ==, ENGINE_DONE);
			for (; result.sent; result.sent--) {
				const struct plan_item *item;
				uint64_t count;
				uint8_t got[1000];
				plan_peek_run(&jobs[i].stream, &expected[i], &item, &count);
				CHECK_INT(receiver_take(receivers[i], got, sizeof got, 1000), ==,
					  item->len);
				CHECK(memcmp(got, item->bytes, item->len) == 0);
				plan_advance(&jobs[i].stream, &expected[i], 1);
			}
		}
	for (int i = 0; i < FLOWS; i++) {
		uint8_t extra;
		CHECK_INT(receiver_take(receivers[i], &extra, 1, 0), ==, -1);
		flow_close(flows[i]);
		trains_retire(&trains[i]);
		job_free(&jobs[i]);
		close(receivers[i]);
	}
	engine_free(engine);
}

/* ---- choosing ---- */

static void plan_to(struct job *job, enum plan_kind kind)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	job_init(job, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED, (struct sockaddr *)&to);
	job->stream.destination.kind = kind;
}

static void refused(const struct job *job, const char *words)
{
	struct engine_choice choice;
	struct error error = ERROR_NULL;
	CHECK_INT(engine_choose(&job->plan, NULL, 0, &choice, &error), ==,
		  ERROR_CODE_FAILED_PRECONDITION);
	CHECK_STR(error_message(&error), words);
	error_deinit(&error);
}

static Pagecast__V1__EngineKind chosen(const struct job *job, const char *why_wanted)
{
	struct engine_choice choice;
	struct error error = ERROR_NULL;
	char why[160];
	CHECK_INT(engine_choose(&job->plan, NULL, 0, &choice, &error), ==, 0);
	engine_words_choice(&choice, why, sizeof why);
	CHECK_STR(why, why_wanted);
	return choice.kind;
}

TEST(engine_choose_takes_splice_where_it_works_and_what_was_asked_for)
{
	struct job job;
	plan_to(&job, PLAN_UDP);
	if (!engine_facts()[0].available)
		test_skip("no splice here: %s", engine_facts()[0].why);
	CHECK_INT(chosen(&job, "auto: pages are handed over, not copied"), ==, SPLICE);
	plan_to(&job, PLAN_RAW_IP);
	CHECK_INT(chosen(&job, "auto: pages are handed over"), ==, SPLICE);
	job.plan.engine = COPY;
	CHECK_INT(chosen(&job, "asked for by the job"), ==, COPY);
	if (!engine_facts()[1].available)
		test_skip("no packet ring here: %s", engine_facts()[1].why);
	plan_to(&job, PLAN_ETHERNET);
	CHECK_INT(chosen(&job, "auto: Ethernet frames leave by a packet ring"), ==,
		  PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING);
}

/* Made while they are sent: changed in place. At a rate there is time, and pages do. */
TEST(engine_choose_takes_uring_for_packets_that_differ)
{
	static const struct modifier counter = {
		.bytes = 4, .mask = UINT32_MAX, .every = 1, .kind = MODIFIER_COUNTER, .step = 1};
	struct job job;
	plan_to(&job, PLAN_UDP);
	if (!engine_facts_find(SPLICE)->available || !engine_facts_find(URING)->available)
		test_skip("no io_uring here: %s", engine_facts_find(URING)->why);
	job.stream.modifiers = &counter;
	job.stream.modifier_count = 1;
	CHECK_INT(chosen(&job, "auto: packets differ, and are changed in place when the kernel is "
			       "done with them"),
		  ==, URING);
	job.stream.rate = (struct plan_rate){.kind = PLAN_RATE_PPS, .value = 1000};
	CHECK_INT(chosen(&job, "auto: pages are handed over, not copied"), ==, SPLICE);
	job.stream.rate.kind = PLAN_RATE_UNLIMITED;
	job.stream.destination.kind = PLAN_RAW_IP;
	CHECK_INT(chosen(&job, "auto: pages are handed over"), ==, SPLICE);
}

TEST(engine_choose_takes_the_first_allowed_engine_that_can_send_the_job)
{
	const Pagecast__V1__EngineKind allowed[] = {TXRING, ZEROCOPY, COPY};
	struct engine_choice choice;
	struct error error = ERROR_NULL;
	struct job job;
	char why[160];
	plan_to(&job, PLAN_RAW_IP);
	CHECK_INT(engine_choose(&job.plan, allowed, ARRAY_SIZE(allowed), &choice, &error), ==, 0);
	CHECK_INT(choice.kind, ==, COPY);
	engine_words_choice(&choice, why, sizeof why);
	CHECK_STR(why, "auto: the first engine that the policy allows and that can send this job");
	CHECK_INT(engine_choose(&job.plan, allowed, 2, &choice, &error), ==,
		  ERROR_CODE_PERMISSION_DENIED);
	CHECK_STR(error_message(&error), "engine: no engine that the policy allows "
					 "(allowedEngines) can send this job here");
	error_deinit(&error);
	job.plan.engine = COPY; /* what the job names is judged by the policy itself */
	CHECK_INT(engine_choose(&job.plan, allowed, 2, &choice, &error), ==, 0);
	CHECK_INT(choice.reason, ==, ENGINE_CHOICE_ASKED);
}

/* What leaves together at a rate is less than what is packed together: the words follow. */
TEST(engine_words_path_says_what_left_together)
{
	struct engine_path path = {.method = ENGINE_METHOD_SPLICE,
				   .kind = PLAN_UDP,
				   .tee = ENGINE_TEE_AT_FIRST,
				   .some_empty = true,
				   .train_packets = 44};
	struct engine_path same = path;
	char text[160], cut[12];
	engine_path_pace(&path, 44);
	CHECK(engine_path_same(&path, &same));
	engine_path_pace(&path, 7);
	CHECK(!engine_path_same(&path, &same));
	engine_words_path(&path, text, sizeof text);
	CHECK_STR(text, "udp: vmsplice, tee at first, splice; trains of 7 at most, at their rate; "
			"empty ones by send");
	engine_path_pace(&path, 1);
	engine_words_path(&path, cut, sizeof cut);
	CHECK_STR(cut, "udp: vmspli");
	path.method = ENGINE_METHOD_RING;
	path.kind = PLAN_ETHERNET;
	engine_words_path(&path, text, sizeof text);
	CHECK_STR(text, "ethernet: PACKET_TX_RING with PACKET_VNET_HDR; single frames, at their "
			"rate");
}

TEST(engine_choose_refuses_naming_what_is_missing)
{
	struct job job;
	plan_to(&job, PLAN_UDP);
	job.plan.engine = (Pagecast__V1__EngineKind)99;
	refused(&job,
		"engine: no such engine; SPLICE, TXRING, COPY, ZEROCOPY and URING are offered");
	job.plan.engine = COPY;
	job.plan.layout = PAGES;
	refused(&job, "engine: COPY cannot send this job: "
		      "page_layout PAGE_PER_PACKET requires engine SPLICE");
	plan_to(&job, PLAN_RAW_IP);
	job.plan.engine = ZEROCOPY;
	refused(&job, "engine: ZEROCOPY cannot send this job: streams[0]: MSG_ZEROCOPY is for UDP");
	plan_to(&job, PLAN_ETHERNET);
	if (!engine_facts()[1].available)
		refused(&job, "engine: Ethernet frames need engine TXRING: the agent does not have "
			      "CAP_NET_RAW, which packet rings need");
	job.plan.engine = COPY;
	refused(&job, "engine: COPY cannot send this job: streams[0]: Ethernet frames do not leave "
		      "by a UDP or raw IP socket");
}

TEST(engine_facts_name_each_engine_and_why)
{
	const struct engine_fact *facts = engine_facts();
	for (int i = 0; i < ENGINE_KINDS; i++) {
		CHECK_INT(facts[i].kind, ==, i + 1);
		CHECK(facts[i].why[0]);
		CHECK(!facts[i].available || facts[i].fact_count > 0);
	}
	CHECK_INT(engine_handover_ns(), >, 0);
}

/* ---- what an engine keeps for its flows ---- */
enum { KEPT_FLOWS = 20, KEPT_MASTERS = 16 };

static unsigned int pipes;

static bool count_pipes(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
			ssize_t *ret_result)
{
	(void)hook, (void)fd, (void)len, (void)ret_result;
	pipes += call == SYS_CALL_PIPE;
	return false;
}

/* A pipe of its own for whole rounds is for so many flows at a time; a flow that ends leaves its.
 */
TEST(engine_splice_keeps_a_pipe_for_sixteen_flows_at_a_time)
{
	struct sys_hook hook = {.intercept = count_pipes};
	struct sockaddr_storage to;
	struct problem_set problems = {0};
	struct engine *engine;
	struct job job;
	engine_probe(); /* it looks at a pipe of its own */
	int receiver = receiver_open("127.0.0.1", &to);
	job_init(&job, SPLICE, (struct sockaddr *)&to);
	job_add(&job, 64, 1);
	job_limit(&job, 1 << 30);
	CHECK_INT(engine_new(&engine, SPLICE, &job.plan), ==, 0);
	for (int round = 0; round < 3; round++) {
		struct flow *flows[KEPT_FLOWS];
		struct trains trains[KEPT_FLOWS];
		pipes = 0;
		sys_set_hook(&hook);
		for (size_t i = 0; i < KEPT_FLOWS; i++) {
			struct plan_cursor cursor = {0};
			CHECK_INT(flow_open(&flows[i], engine, &job.stream, "", &problems), ==, 0);
			struct train_limits limits = flow_limits(flows[i]);
			CHECK_INT(trains_pack(&trains[i], &job.stream, &limits, &cursor, 1 << 20),
				  ==, 0);
			CHECK_INT(flow_load(flows[i], &trains[i]), ==, 0);
			CHECK_INT(flow_load(flows[i], &trains[i]), ==,
				  0); /* in place of the first */
		}
		sys_set_hook(NULL);
		/* each flow's second load closes its first pipe and makes another */
		CHECK_INT(pipes, ==, 2 * KEPT_MASTERS);
		for (size_t i = 0; i < KEPT_FLOWS; i++) {
			CHECK_INT(flow_load(flows[i], NULL), ==, 0);
			trains_retire(&trains[i]);
			flow_close(flows[i]);
		}
	}
	engine_free(engine);
	job_free(&job);
	close(receiver);
}

/* The kernel counts them from 0: the first alone has to be told from none. */
TEST(engine_zerocopy_counts_completions_from_the_first_send)
{
	for (uint64_t sends = 1; sends <= 40; sends += 13) {
		struct course course;
		struct job job;
		struct engine *engine;
		struct flow *flow;
		struct trains trains;
		struct plan_cursor cursor = {0};
		struct train_cursor at = {0};
		open_course(&course, &job, ZEROCOPY, "127.0.0.1");
		job_add(&job, 30000, 1); /* one a send: no train holds two */
		CHECK_INT(engine_new(&engine, ZEROCOPY, &job.plan), ==, 0);
		CHECK_INT(flow_open(&flow, engine, &job.stream, "", &course.problems), ==, 0);
		struct train_limits limits = flow_limits(flow);
		limits.segments_max = 1;
		CHECK_INT(trains_pack(&trains, &job.stream, &limits, &cursor, sends), ==, 0);
		CHECK_INT(flow_load(flow, &trains), ==, 0);
		for (uint64_t left = sends; left;) {
			struct engine_result result = {0};
			flow_send(flow, &at, left, &result, &course.counters);
			CHECK_INT(result.refused, ==, 0);
			left -= result.sent;
		}
		CHECK_INT(flow->completions.begun, ==, sends);
		for (int tries = 0; flow->completions.done != sends;
		     tries++) { /* loopback is slow */
			CHECK_INT(tries, <, 60000);
			flow_read_errors(flow, &course.counters);
			usleep(1000);
		}
		CHECK_INT(flow->completions.begun, ==, sends);
		CHECK(flow->completions.copied);
		CHECK_INT(flow_load(flow, NULL), ==, 0);
		trains_retire(&trains);
		flow_close(flow);
		engine_free(engine);
		job_free(&job);
		close(course.receiver);
	}
}

TEST_MAIN(CASE(engine_sends_one_size_whole_and_in_order), CASE(engine_sends_payloads_in_turn),
	  CASE(engine_splice_page_per_packet_is_four_calls_a_packet),
	  CASE(engine_splice_sends_trains), CASE(engine_flows_keep_apart),
	  CASE_APART(engine_choose_takes_splice_where_it_works_and_what_was_asked_for),
	  CASE_APART(engine_choose_takes_uring_for_packets_that_differ),
	  CASE(engine_choose_takes_the_first_allowed_engine_that_can_send_the_job),
	  CASE(engine_words_path_says_what_left_together),
	  CASE(engine_choose_refuses_naming_what_is_missing),
	  CASE(engine_facts_name_each_engine_and_why),
	  CASE(engine_splice_keeps_a_pipe_for_sixteen_flows_at_a_time),
	  CASE(engine_zerocopy_counts_completions_from_the_first_send))
