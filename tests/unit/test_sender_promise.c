/*
 * What a rate promised and nobody sent, in virtual time: after stalls sent and told come to rate *
 * time, and what has a reason of its own is not told as this.
 */
#include "base/sys.h"
#include "sender/sender_private.h"
#include "sender/sender_promise.h"
#include "unit/sending_virtual.h"

#include <sys/socket.h>

enum { PPS = 1000, SECONDS = 4, PROMISED = PPS * SECONDS };

static struct sending lab;
static uint64_t stall_at; /* when so many packets were sent; 0: never */
static int64_t stall_ns;
static bool full; /* while that lasts, queues are full instead */
static int64_t full_until_ns;

/* Calls that hand packets over find no room for as long as a stall would last. */
static bool intercept(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	(void)hook;
	(void)fd;
	(void)len;
	if (!sending_call(call) || virtual.now_ns >= full_until_ns)
		return false;
	*ret_result = -ENOBUFS;
	return true;
}

static void looked(void *context)
{
	(void)context;
	if (!lab.sender || !stall_at || lab.sender->streams[0].account.packets_sent < stall_at)
		return;
	stall_at = 0;
	if (full)
		full_until_ns = virtual.now_ns + stall_ns;
	else
		virtual_sleep_locked(stall_ns);
}

/* One stream of 1,000 packets a second for 4 s. */
static void begin(uint64_t at, int64_t for_ns)
{
	stall_at = at;
	stall_ns = for_ns;
	full = false;
	full_until_ns = 0;
	sending_virtual_begin(&lab, 1, 7, looked);
	sending_rate(&lab, 0, PPS);
	sending_duration(&lab, 0, SECONDS * CLOCK_NS_PER_S);
}

/* Return: packets that were told as missing */
static uint64_t run(void)
{
	sending_virtual_run(&lab);
	CHECK_INT(stall_at, ==, 0);
	const struct problem *problem = sending_problem(&lab, PROBLEM_RATE_NOT_HELD);
	uint64_t missing = problem ? problem->count : 0;
	if (problem) {
		char number[32];
		snprintf(number, sizeof number, "%" PRIu64 " of ", missing);
		CHECK_HAS(problem->message, number);
		CHECK_INT(problem->severity, ==, PROBLEM_WARNING);
	}
	return missing;
}

static uint64_t sent(void)
{
	return lab.report.account.packets_sent;
}

TEST(sender_tells_what_a_stall_took_of_a_duration)
{
	static const struct {
		uint64_t at;
		int64_t for_ms;
	} STALLS[] = {{1000, 1000}, {500, 150}, {3900, 1000}, {3990, 300}, {1, 3500}};
	for (size_t i = 0; i < ARRAY_SIZE(STALLS); i++) {
		begin(STALLS[i].at, STALLS[i].for_ms * CLOCK_NS_PER_MS);
		uint64_t missing = run();
		CHECK_INT(lab.end, ==, SENDER_LIMIT_REACHED);
		CHECK_INT(missing, >, 2);
		CHECK_INT(llabs((int64_t)(sent() + missing) - PROMISED), <=, 1);
		/* requested is what was attempted */
		CHECK_INT(lab.report.account.packets_requested, ==, sent());
		sending_close(&lab);
	}
}

/* A core that is away most of the time, again and again: nothing of what was promised is neither
 * sent nor told. */
TEST(sender_tells_all_that_many_stalls_took_of_a_duration)
{
	static const int64_t MOST_MS[] = {2, 20, 150, 700};
	for (size_t i = 0; i < ARRAY_SIZE(MOST_MS); i++)
		for (uint64_t seed = 0; seed < 10; seed++) {
			begin(0, 0);
			virtual.random = seed;
			virtual.stall_in = 50;
			virtual.stall_most_ns = MOST_MS[i] * CLOCK_NS_PER_MS;
			run();
			uint64_t missing = sender_promise_missing(&lab.sender->streams[0]);
			CHECK_INT(lab.end, ==, SENDER_LIMIT_REACHED);
			if (llabs((int64_t)(sent() + missing) - PROMISED) > 2)
				test_fail(__FILE__, __LINE__,
					  "stalls of %d ms, seed %d: %llu sent, %llu missing",
					  (int)MOST_MS[i], (int)seed, (unsigned long long)sent(),
					  (unsigned long long)missing);
			sending_close(&lab);
		}
}

TEST(sender_tells_what_a_stall_took_of_a_stream_without_end)
{
	begin(1000, CLOCK_NS_PER_S);
	sending_endless(&lab, 0);
	lab.plan.max_duration_ns = SECONDS * CLOCK_NS_PER_S;
	uint64_t missing = run();
	CHECK_INT(missing, >, 2);
	/* what is owed when it is stopped is within a catch-up */
	CHECK_INT(llabs((int64_t)(sent() + missing) - PROMISED), <=, PPS / 10);
	sending_close(&lab);
}

TEST(sender_that_makes_up_for_a_stall_has_kept_its_promise)
{
	begin(1000, 80 * CLOCK_NS_PER_MS);
	CHECK_INT(run(), ==, 0);
	CHECK_INT(sent(), ==, PROMISED);
	sending_close(&lab);
	begin(1000, CLOCK_NS_PER_S); /* a number of packets is sent, however late */
	sending_packets(&lab, 0, PROMISED);
	CHECK_INT(run(), ==, 0);
	CHECK_INT(sent(), ==, PROMISED);
	sending_close(&lab);
}

static void pause_and_resume(void *context)
{
	(void)context;
	virtual_sleep(CLOCK_NS_PER_S);
	sender_pause(lab.sender);
	virtual_sleep(CLOCK_NS_PER_S);
	sender_resume(lab.sender);
}

TEST(sender_owes_nothing_for_pauses_and_maxima)
{
	begin(0, 0);
	virtual_actor(pause_and_resume, NULL, NULL);
	CHECK_INT(run(), ==, 0);
	CHECK_INT(sent(), ==, PROMISED);
	sending_close(&lab);
	begin(0, 0);
	lab.options.max_pps = PPS / 4;
	CHECK_INT(run(), ==, 0);
	CHECK_INT(sent(), <, PROMISED / 3);
	sending_close(&lab);
}

TEST(sender_tells_a_full_queue_by_its_own_name)
{
	struct sys_hook hook = {.intercept = intercept};
	begin(1000, CLOCK_NS_PER_S);
	full = true;
	sys_set_hook(&hook);
	CHECK_INT(run(), ==, 0);
	sys_set_hook(NULL);
	CHECK_INT(sent(), <, PROMISED - PPS / 2);
	sending_close(&lab);
}

TEST_MAIN(CASE(sender_tells_what_a_stall_took_of_a_duration),
	  CASE(sender_tells_all_that_many_stalls_took_of_a_duration),
	  CASE(sender_tells_what_a_stall_took_of_a_stream_without_end),
	  CASE(sender_that_makes_up_for_a_stall_has_kept_its_promise),
	  CASE(sender_owes_nothing_for_pauses_and_maxima),
	  CASE(sender_tells_a_full_queue_by_its_own_name))
