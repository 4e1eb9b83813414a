/*
 * A series of refusals, in virtual time: the sender backs off, tells while it lasts, goes on when
 * it ends, and gives up when it does not.
 */
#include "base/sys.h"
#include "sender/sender_private.h"
#include "unit/sending_virtual.h"

#include <sys/socket.h>

enum { PPS = 100000, SECONDS = 4 };

static struct sending lab;
static int64_t from_ns, until_ns; /* every send is refused */
static uint64_t calls;		  /* that were */
static bool told;

static bool intercept(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	(void)hook;
	(void)fd;
	(void)len;
	if (!sending_call(call) || virtual.now_ns < from_ns || virtual.now_ns >= until_ns)
		return false;
	calls++;
	*ret_result = -EPERM;
	return true;
}

static struct sys_hook hook = {.intercept = intercept};

/* Each snapshot that is published, as others see it. */
static void published(void *context)
{
	struct sender_snapshot snapshot;
	(void)context;
	sender_snapshot(lab.sender, &snapshot);
	told |= snapshot.refused >= SENDER_REFUSED_MAX && snapshot.refused_error == EPERM;
}

static void run(int64_t from_ms, int64_t for_ms)
{
	from_ns = VIRTUAL_START_NS + from_ms * CLOCK_NS_PER_MS;
	until_ns = from_ns + for_ms * CLOCK_NS_PER_MS;
	calls = 0;
	told = false;
	sending_virtual_begin(&lab, 1, 11, NULL);
	lab.options.published = published;
	sending_rate(&lab, 0, PPS);
	sending_duration(&lab, 0, SECONDS * CLOCK_NS_PER_S);
	sys_set_hook(&hook);
	sending_virtual_run(&lab);
	sys_set_hook(NULL);
}

TEST(sender_goes_on_when_refusals_end)
{
	static const struct {
		int64_t from_ms, for_ms;
	} ROWS[] = {{0, 300}, {0, 900}, {1000, 500}, {2000, 990}};
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		run(ROWS[i].from_ms, ROWS[i].for_ms);
		const struct account *account = &lab.report.account;
		CHECK_INT(lab.end, ==, SENDER_LIMIT_REACHED);
		CHECK(told);
		CHECK_INT(account->packets_failed, >=, SENDER_REFUSED_MAX);
		/* it backs off: most of what would have been refused was never tried */
		CHECK_INT(calls, <, (uint64_t)ROWS[i].for_ms * PPS / 1000);
		CHECK_INT(sending_problem(&lab, PROBLEM_PERMISSION)->count, ==,
			  account->packets_failed);
		CHECK(!sending_problem(&lab, PROBLEM_KERNEL_ERROR)); /* it did not give up */
		/* and is back at its rate at most one back-off, 100 ms, after the end of it */
		uint64_t all = (uint64_t)PPS * SECONDS;
		uint64_t lost = (uint64_t)(ROWS[i].for_ms + 120) * PPS / 1000;
		CHECK_INT(account->packets_sent, >=, all - lost);
		CHECK_INT(account->packets_sent, <=, all - SENDER_REFUSED_MAX);
		struct sender_snapshot snapshot;
		sender_snapshot(lab.sender, &snapshot);
		CHECK_INT(snapshot.refused, ==, 0);
		sending_close(&lab);
	}
}

TEST(sender_gives_up_when_they_do_not_end)
{
	run(0, 60000);
	CHECK_INT(lab.end, ==, SENDER_ERROR);
	CHECK(told);
	CHECK_INT(lab.report.account.packets_sent, ==, 0);
	CHECK_INT(virtual.now_ns - from_ns, >=, CLOCK_NS_PER_S);
	CHECK_INT(virtual.now_ns - from_ns, <, 2 * CLOCK_NS_PER_S);
	CHECK_HAS(sending_problem(&lab, PROBLEM_KERNEL_ERROR)->message, "gave up");
	CHECK_INT(lab.report.account.packets_failed, <, 2 * SENDER_REFUSED_MAX);
	sending_close(&lab);
}

TEST_MAIN(CASE(sender_goes_on_when_refusals_end), CASE(sender_gives_up_when_they_do_not_end))
