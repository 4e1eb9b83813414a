/*
 * A kernel whose vmsplice() copies, as one may come: every case runs under a hook that makes it so,
 * the probe first. What leaves is the same; which engine is taken, and how often it is said that
 * the kernel copies, is not.
 */
#include "base/sys.h"
#include "engine/engine_choice.h"
#include "engine/engine_facts.h"
#include "engine/engine_words.h"
#include "lib/test.h"
#include "lib/transmit.h"

#include <unistd.h>

#define SPLICE PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE
#define COPY   PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY
#define URING  PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING
#define NONE   PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE
#define ONE    PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE
#define TWO    PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_TWO

static bool no_answer(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	(void)hook, (void)call, (void)fd, (void)len, (void)ret_result;
	return false;
}

static struct sys_hook copying = {.intercept = no_answer, .vmsplice_copies = true};

static void start(struct job *job, struct sockaddr_storage *to)
{
	sys_set_hook(&copying);
	CHECK(!engine_probed()->pipe_by_reference);
	job_init(job, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED, (struct sockaddr *)to);
}

static struct course send_all(struct job *job, int receiver, uint64_t packets)
{
	struct course course = {.job = job, .receiver = receiver};
	job_limit(job, packets);
	CHECK_INT(course_run(&course), ==, 0);
	CHECK_INT(course.sent, ==, packets);
	job_free(job);
	close(receiver);
	return course;
}

TEST(copying_vmsplice_is_found_and_said)
{
	sys_set_hook(&copying);
	const struct engine_fact *fact = engine_facts_find(SPLICE);
	CHECK(fact->available);
	CHECK_HAS(fact->facts[0], "vmsplice copies on this kernel");
	CHECK_HAS(fact->facts[1], "not seen where vmsplice does");
}

/* One copy when it is loaded, none a packet. */
TEST(copying_vmsplice_copies_a_teed_template_once)
{
	struct sockaddr_storage to;
	int receiver = receiver_open("127.0.0.1", &to);
	struct job job;
	start(&job, &to);
	job.plan.engine = SPLICE;
	job_add(&job, 1000, 1);
	struct course course = send_all(&job, receiver, 20000);
	CHECK_HAS(course.path, "vmsplice, tee, splice");
	CHECK_INT(course.copies, ==, NONE);
	CHECK_INT(course.counters.pages, <, 300); /* those that were loaded, once */
}

TEST(copying_vmsplice_copies_what_it_loads)
{
	struct sockaddr_storage to;
	int receiver = receiver_open("127.0.0.1", &to);
	struct job job;
	start(&job, &to);
	job.plan.engine = SPLICE;
	job_add(&job, 1000, 50);
	job_add(&job, 999, 50);
	struct course course = send_all(&job, receiver, 90);
	CHECK_INT(course.copies, ==, ONE);
	CHECK_STR(course.why, "this kernel copies what is spliced to a UDP socket");
}

TEST(copying_vmsplice_and_a_raw_socket_are_two_copies)
{
	struct sockaddr_storage to;
	int receiver = receiver_open_raw("127.0.0.1", 253, &to);
	struct job job;
	start(&job, &to);
	job.plan.engine = SPLICE;
	job.stream.destination.kind = PLAN_RAW_IP;
	job.stream.destination.protocol = 253;
	job_add(&job, 500, 1);
	struct course course = {.job = &job, .receiver = receiver, .skip_bytes = 20};
	job_limit(&job, 10);
	CHECK_INT(course_run(&course), ==, 0);
	CHECK_INT(course.sent, ==, 10);
	CHECK_INT(course.copies, ==, TWO);
	CHECK_STR(course.why,
		  "this kernel copies into the pipe, and a raw socket copies out of it");
	job_free(&job);
	close(receiver);
}

static struct engine_choice chosen(const struct job *job)
{
	struct engine_choice choice = {0};
	_cleanup_error_ struct error error = ERROR_NULL;
	CHECK_INT(engine_choose(&job->plan, NULL, 0, &choice, &error), ==, 0);
	return choice;
}

static Pagecast__V1__EngineKind by_completion(void)
{
	return engine_facts_find(URING)->available
		       ? URING
		       : PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY;
}

/* Equal packets at full speed: tee. All else: the engine that copies least. */
TEST(copying_vmsplice_changes_the_choice)
{
	static const struct modifier counter = {
		.bytes = 4, .mask = UINT32_MAX, .every = 1, .kind = MODIFIER_COUNTER, .step = 1};
	struct sockaddr_storage to = {.ss_family = AF_INET};
	char words[160];
	struct job job;
	start(&job, &to);
	job_add(&job, 100, 1);
	CHECK_INT(chosen(&job).kind, ==, SPLICE);
	job.stream.rate.kind = PLAN_RATE_PPS;
	job.stream.rate.value = 1000;
	struct engine_choice choice = chosen(&job);
	CHECK_INT(choice.kind, ==, by_completion());
	engine_words_choice(&choice, words, sizeof words);
	CHECK_STR(words, "auto: vmsplice copies on this kernel");
	job.stream.rate.kind = PLAN_RATE_UNLIMITED;
	job.stream.modifiers = &counter;
	job.stream.modifier_count = 1;
	CHECK_INT(chosen(&job).kind, ==, by_completion());
	job.stream.destination.kind = PLAN_RAW_IP;
	job.stream.destination.protocol = 253;
	CHECK_INT(chosen(&job).kind, ==, COPY);
	job.plan.layout = PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET;
	CHECK_INT(chosen(&job).kind, ==, SPLICE);
	job_free(&job);
}

TEST_MAIN(CASE(copying_vmsplice_is_found_and_said),
	  CASE(copying_vmsplice_copies_a_teed_template_once),
	  CASE(copying_vmsplice_copies_what_it_loads),
	  CASE_APART(copying_vmsplice_and_a_raw_socket_are_two_copies),
	  CASE(copying_vmsplice_changes_the_choice))
