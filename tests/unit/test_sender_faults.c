/* What the kernel refuses is accounted, told in words, and never sent twice or by halves. */
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_facts.h"
#include "lib/sending.h"
#include "lib/test.h"
#include "sender/sender_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPLICE PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE
#define COPY   PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY
#define URING  PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING
#define DROP   PAGECAST__V1__FULL_POLICY__FULL_POLICY_DROP

static struct sending lab;

/* Answers some of the sends to a socket in place of the kernel. */
struct fault {
	struct sys_hook hook;
	int error;
	unsigned int every; /* 1: each of them */
	_Atomic uint64_t calls, answered;
	_Atomic uint64_t most; /* then the kernel is asked again */
};

static const Pagecast__V1__EngineKind engines[] = {SPLICE, COPY, URING};
enum { ENGINES = ARRAY_SIZE(engines) };

/* @kind, or COPY where it is not available: locked memory, or the kernel. */
static Pagecast__V1__EngineKind here(Pagecast__V1__EngineKind kind)
{
	return engine_facts_find(kind)->available ? kind : COPY;
}

static bool is_send(enum sys_call call, int fd)
{
	int type;
	socklen_t len = sizeof type;
	if (sending_call(call) || call == SYS_CALL_URING_SEND)
		return true;
	return call == SYS_CALL_SPLICE && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

static bool intercept(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	struct fault *fault = container_of(hook, struct fault, hook);
	(void)len;
	if (!is_send(call, fd) || atomic_fetch_add(&fault->calls, 1) % fault->every ||
	    atomic_load(&fault->answered) >= atomic_load(&fault->most))
		return false;
	atomic_fetch_add(&fault->answered, 1);
	*ret_result = -fault->error;
	return true;
}

static struct fault fault;

static void inject(int error, unsigned int every, uint64_t most)
{
	fault.hook.intercept = intercept;
	fault.error = error;
	fault.every = every;
	atomic_store(&fault.calls, 0);
	atomic_store(&fault.answered, 0);
	atomic_store(&fault.most, most);
	sys_set_hook(&fault.hook);
}

static enum sender_end run_with_faults(void)
{
	enum sender_end end = sending_run(&lab);
	sys_set_hook(NULL);
	CHECK_INT(atomic_load(&fault.answered), >, 0);
	sending_check_books(&lab);
	uint64_t received = 0;
	for (size_t i = 0; i < lab.stream_count; i++)
		received += sending_received(&lab, i);
	CHECK_INT(received, ==, lab.report.account.packets_sent);
	return end;
}

TEST(sender_waits_for_room_and_loses_nothing)
{
	static const int errors[] = {ENOBUFS, EAGAIN, ENOMEM, EINTR};
	for (size_t i = 0; i < ARRAY_SIZE(errors) * ENGINES; i++) {
		sending_init(&lab, 1);
		lab.plan.engine = here(engines[i % ENGINES]);
		sending_packets(&lab, 0, 5000);
		inject(errors[i / ENGINES], 3, 200);
		CHECK_INT(run_with_faults(), ==, SENDER_LIMIT_REACHED);
		CHECK_INT(lab.report.account.packets_sent, ==, 5000);
		sending_close(&lab);
	}
}

TEST(sender_drops_where_there_is_no_room_if_told_so)
{
	static const double rates[] = {0, 5000};
	for (size_t i = 0; i < 2 * ENGINES; i++) {
		sending_init(&lab, 1);
		lab.plan.engine = here(engines[i / 2]);
		lab.plan.when_full = DROP;
		if (rates[i % 2] > 0) {
			sending_rate(&lab, 0, rates[i % 2]);
			/* also where the machine is busy and the stream falls behind */
			lab.jobs[0].stream.rate.max_back_to_back = 1;
		}
		sending_packets(&lab, 0, 1000);
		inject(EAGAIN, 4, UINT64_MAX);
		CHECK_INT(run_with_faults(), ==, SENDER_LIMIT_REACHED);
		const struct account *account = &lab.report.account;
		CHECK_INT(account->packets_sent + account->packets_dropped, ==, 1000);
		CHECK(account->packets_sent > 0 && account->packets_dropped > 0);
		if (rates[i % 2] > 0) /* one of four, each a single packet */
			CHECK_INT(account->packets_dropped, ==, 250);
		const struct problem *problem = sending_problem(&lab, PROBLEM_NO_ROOM);
		CHECK(problem && problem->count == account->packets_dropped);
		sending_close(&lab);
	}
}

TEST(sender_drops_in_fresh_arenas_without_leaving_them)
{
	for (size_t e = 0; e < ENGINES; e++) {
		sending_init(&lab, 1);
		lab.plan.engine = here(engines[e]);
		for (uint32_t i = 0; i < 40; i++)
			job_add(&lab.jobs[0], 1000, 1000);
		lab.plan.when_full = DROP;
		sending_packets(&lab, 0, 9000);
		inject(ENOBUFS, 2, UINT64_MAX);
		CHECK_INT(run_with_faults(), ==, SENDER_LIMIT_REACHED);
		CHECK_INT(lab.report.account.packets_cancelled, ==, 0);
		sending_close(&lab);
	}
}

TEST(sender_says_what_it_waits_for_and_can_be_stopped_there)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {{EAGAIN, "room in the socket buffer"}, {ENOBUFS, "room in the device's queue"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sending_init(&lab, 1);
		sending_packets(&lab, 0, 100);
		inject(rows[i].error, 1, UINT64_MAX);
		sending_start(&lab);
		struct sender_snapshot snapshot;
		int64_t begin_ns = sending_now_ns();
		do {
			sending_sleep_ns(CLOCK_NS_PER_MS);
			sender_snapshot(lab.sender, &snapshot);
			CHECK_INT(sending_now_ns() - begin_ns, <, 60 * CLOCK_NS_PER_S);
		} while (strcmp(snapshot.waiting_for, rows[i].text) != 0);
		/* it tried, and did not spin */
		CHECK_INT(atomic_load(&fault.calls), <, 5000);
		sender_stop(lab.sender, SENDER_CANCELLED);
		CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
		sys_set_hook(NULL);
		sending_check_books(&lab);
		CHECK_INT(lab.report.account.packets_cancelled, ==, 100);
		CHECK_INT(lab.problems.count, >=, 1);
		sending_close(&lab);
	}
}

TEST(sender_goes_on_when_room_comes_back)
{
	sending_init(&lab, 2);
	sending_packets(&lab, 0, 3000);
	sending_rate(&lab, 1, 1000);
	sending_packets(&lab, 1, 100);
	inject(ENOBUFS, 1, 300);
	CHECK_INT(run_with_faults(), ==, SENDER_LIMIT_REACHED);
	sending_close(&lab);
}

TEST(sender_books_refusals_as_failed_with_a_problem)
{
	static const struct {
		int error;
		enum problem_code code;
	} rows[] = {{EMSGSIZE, PROBLEM_MESSAGE_TOO_LONG}, {EPERM, PROBLEM_PERMISSION},
		    {ENETUNREACH, PROBLEM_NO_ROUTE},	  {ENETDOWN, PROBLEM_INTERFACE_DOWN},
		    {ENODEV, PROBLEM_INTERFACE_GONE},	  {EFAULT, PROBLEM_KERNEL_ERROR}};
	for (size_t i = 0; i < ARRAY_SIZE(rows) * ENGINES; i++) {
		sending_init(&lab, 1);
		lab.plan.engine = here(engines[i % ENGINES]);
		sending_packets(&lab, 0, 300);
		inject(rows[i / ENGINES].error, 1, UINT64_MAX);
		CHECK_INT(run_with_faults(), ==, SENDER_LIMIT_REACHED);
		CHECK_INT(lab.report.account.packets_sent, ==, 0);
		CHECK_INT(lab.report.account.packets_failed, ==, 300);
		const struct problem *problem = sending_problem(&lab, rows[i / ENGINES].code);
		CHECK(problem && problem->severity == PROBLEM_ERROR);
		CHECK_INT(problem->count, ==, 300);
		CHECK_STR(problem->field, "streams[0]");
		sending_close(&lab);
	}
}

TEST(sender_gives_up_when_nothing_ever_leaves)
{
	sending_init(&lab, 1);
	sending_endless(&lab, 0);
	inject(EPERM, 1, UINT64_MAX);
	int64_t begin_ns = sending_now_ns();
	CHECK_INT(run_with_faults(), ==, SENDER_ERROR);
	CHECK_INT(sending_now_ns() - begin_ns, >=, CLOCK_NS_PER_S);
	CHECK_HAS(sending_problem(&lab, PROBLEM_KERNEL_ERROR)->message, "gave up");
	CHECK(sending_problem(&lab, PROBLEM_PERMISSION));
	/* it backs off: far fewer tries than a core could make */
	CHECK_INT(lab.report.account.packets_failed, >=, SENDER_REFUSED_MAX);
	CHECK_INT(lab.report.account.packets_failed, <, 4 * SENDER_REFUSED_MAX);
	sending_close(&lab);
}

static const int ten_errors[] = {EPERM,	       EMSGSIZE, ENETUNREACH, ENETDOWN,	  ENODEV,
				 EHOSTUNREACH, EFAULT,	 EIO,	      EPROTOTYPE, EOVERFLOW};

static bool refuse_in_turn(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
			   ssize_t *ret_result)
{
	if (!intercept(hook, call, fd, len, ret_result))
		return false;
	*ret_result = -ten_errors[(atomic_load(&fault.answered) - 1) % ARRAY_SIZE(ten_errors)];
	return true;
}

/* More kinds of refusals than are kept apart, between successes: none is lost. */
TEST(sender_counts_refusals_of_ten_kinds_between_successes)
{
	sending_init(&lab, 1);
	lab.plan.engine = COPY;
	sending_rate(&lab, 0, 2000);
	sending_packets(&lab, 0, 200);
	inject(EPERM, 2, UINT64_MAX);
	fault.hook.intercept = refuse_in_turn;
	CHECK_INT(run_with_faults(), ==, SENDER_LIMIT_REACHED);
	const struct account *account = &lab.report.account;
	CHECK_INT(account->packets_failed, >=, ARRAY_SIZE(ten_errors));
	CHECK_INT(account->packets_failed + account->packets_sent, ==, 200);
	uint64_t told = 0;
	for (size_t i = 0; i < lab.problems.count; i++)
		if (lab.problems.problems[i].severity == PROBLEM_ERROR)
			told += lab.problems.problems[i].count;
	CHECK_INT(told, ==, account->packets_failed);
	sending_close(&lab);
}

/* Memory ends after @most mappings. */
static bool no_memory(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	struct fault *own = container_of(hook, struct fault, hook);
	(void)fd;
	(void)len;
	if (call != SYS_CALL_MMAP || atomic_fetch_add(&own->calls, 1) < atomic_load(&own->most))
		return false;
	*ret_result = -ENOMEM;
	return true;
}

TEST(sender_ends_in_order_when_memory_ends)
{
	for (uint64_t mappings = 0; mappings < 4; mappings++) {
		sending_init(&lab, 1);
		lab.plan.engine = SPLICE; /* each arena is another */
		for (uint32_t i = 0; i < 40; i++)
			job_add(&lab.jobs[0], 1000, 1000);
		sending_packets(&lab, 0, 30000); /* fifteen of them */
		inject(0, 1, mappings);
		fault.hook.intercept = no_memory;
		if (sending_open(&lab)) { /* not even the first */
			CHECK_INT(mappings, ==, 0);
			CHECK_INT(lab.problems.count, ==, 1);
			CHECK_INT(lab.error.code, ==, ERROR_CODE_RESOURCE_EXHAUSTED);
			sys_set_hook(NULL);
			sending_close(&lab);
			continue;
		}
		CHECK_INT(sending_run(&lab), ==, SENDER_ERROR);
		sys_set_hook(NULL);
		sending_check_books(&lab);
		CHECK_INT(lab.report.account.packets_sent, >, 0);
		CHECK_INT(lab.report.account.packets_cancelled, >, 0);
		CHECK_HAS(sending_problem(&lab, PROBLEM_NO_ROOM)->message,
			  "cannot pack the next packets");
		sending_close(&lab);
	}
}

static bool no_ring(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		    ssize_t *ret_result)
{
	(void)hook, (void)fd, (void)len;
	*ret_result = -ENOMEM;
	return call == SYS_CALL_URING_SETUP;
}

/* The choice was auto's: the next best engine sends the job, and the report says why. */
TEST(sender_goes_on_by_pages_where_io_uring_cannot_be_set_up)
{
	static const struct modifier counter = {
		.bytes = 4, .mask = UINT32_MAX, .every = 1, .kind = MODIFIER_COUNTER, .step = 1};
	sending_init(&lab, 1);
	sending_packets(&lab, 0, 500);
	lab.jobs[0].stream.modifiers = &counter;
	lab.jobs[0].stream.modifier_count = 1;
	bool any = engine_facts_find(URING)->available;
	fault.hook.intercept = no_ring;
	sys_set_hook(&fault.hook);
	CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
	sys_set_hook(NULL);
	CHECK_INT(lab.report.account.packets_sent, ==, 500);
	CHECK_INT(lab.report.engine, ==, SPLICE);
	if (any)
		CHECK_HAS(lab.report.why, "auto: io_uring could not be set up for this job");
	sending_check_books(&lab);
	sending_close(&lab);
	sending_init(&lab, 1);
	lab.plan.engine = URING; /* asked for: no other will do */
	sys_set_hook(&fault.hook);
	CHECK_INT(sending_open(&lab), !=, 0);
	sys_set_hook(NULL);
	sending_close(&lab);
}

/* Nothing listens: the kernel itself refuses requests in the middle of a batch, and cancels those
 * behind. All the same each filling is let go of, or the stream would wait without an end. */
TEST(sender_outlives_refusals_in_the_middle_of_a_batch)
{
	static const struct modifier counter = {
		.bytes = 4, .mask = UINT32_MAX, .every = 1, .kind = MODIFIER_COUNTER, .step = 1};
	for (size_t e = 0; e < ENGINES; e++) {
		sending_init(&lab, 1);
		lab.plan.engine = here(engines[e]);
		job_clear(&lab.jobs[0]);
		job_add(&lab.jobs[0], 1000, 1);
		lab.jobs[0].stream.modifiers = &counter;
		lab.jobs[0].stream.modifier_count = 1;
		sending_packets(&lab, 0, 30000); /* fifteen fillings */
		CHECK_INT(sending_open(&lab), ==, 0);
		close(lab.receivers[0]);
		CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
		CHECK_INT(lab.report.account.packets_sent, ==, 30000);
		sending_problem(&lab, PROBLEM_PORT_UNREACHABLE);
		sending_check_books(&lab);
		lab.receivers[0] = socket(AF_INET, SOCK_DGRAM, 0);
		sending_close(&lab);
	}
}

static bool no_socket(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	struct fault *own = container_of(hook, struct fault, hook);
	(void)fd;
	(void)len;
	if (call != SYS_CALL_SOCKET)
		return false;
	*ret_result = -own->error;
	return true;
}

TEST(sender_new_says_why_it_cannot)
{
	sending_init(&lab, 1);
	inject(EMFILE, 1, 0);
	fault.hook.intercept = no_socket;
	CHECK_INT(sending_open(&lab), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	sys_set_hook(NULL);
	CHECK_INT(lab.problems.count, ==, 1);
	CHECK_HAS(error_message(&lab.error), "streams[0]");
	sending_close(&lab);
}

TEST_MAIN(CASE(sender_waits_for_room_and_loses_nothing),
	  CASE(sender_drops_where_there_is_no_room_if_told_so),
	  CASE(sender_drops_in_fresh_arenas_without_leaving_them),
	  CASE(sender_says_what_it_waits_for_and_can_be_stopped_there),
	  CASE(sender_goes_on_when_room_comes_back),
	  CASE(sender_books_refusals_as_failed_with_a_problem),
	  CASE(sender_gives_up_when_nothing_ever_leaves),
	  CASE(sender_counts_refusals_of_ten_kinds_between_successes),
	  CASE(sender_ends_in_order_when_memory_ends),
	  CASE(sender_goes_on_by_pages_where_io_uring_cannot_be_set_up),
	  CASE(sender_outlives_refusals_in_the_middle_of_a_batch),
	  CASE(sender_new_says_why_it_cannot))
