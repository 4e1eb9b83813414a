/* Orders from other threads: the first end wins, books balance, readers see what is whole. How soon
 * they are in effect: test_sender_orders. */
#include "base/util.h"
#include "lib/sending.h"
#include "lib/test.h"
#include "sender/sender_private.h"

#include <unistd.h>

#include <math.h>

static struct sending lab;

TEST(sender_cancelled_packets_are_those_not_attempted)
{
	sending_init(&lab, 2);
	sending_rate(&lab, 0, 200);
	sending_packets(&lab, 0, 1000);
	sending_rate(&lab, 1, 1);
	sending_packets(&lab, 1, 7);
	sending_start(&lab);
	sending_until_sent(&lab, 5);
	sender_stop(lab.sender, SENDER_CANCELLED);
	sender_stop(lab.sender, SENDER_INTERRUPTED); /* the first one wins */
	CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_requested, ==, 1007);
	CHECK_INT(lab.report.account.packets_sent, ==,
		  sending_received(&lab, 0) + sending_received(&lab, 1));
	CHECK_INT(lab.report.account.packets_cancelled, >, 0);
	sending_close(&lab);
}

TEST(sender_stopped_before_it_runs_sends_nothing_and_says_why)
{
	sending_init(&lab, 1);
	sending_packets(&lab, 0, 9);
	CHECK_INT(sending_open(&lab), ==, 0);
	sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(sending_run(&lab), ==, SENDER_CANCELLED);
	sending_check_books(&lab);
	CHECK_INT(lab.report.account.packets_cancelled, ==, 9);
	CHECK_INT(sending_received(&lab, 0), ==, 0);
	CHECK_INT(lab.problems.count, ==, 1);
	sending_close(&lab);
}

static void until_obeyed(void)
{
	int64_t begin_ns = sending_now_ns();
	while (!sender_orders_applied(lab.sender)) {
		CHECK_INT(sending_now_ns() - begin_ns, <, 60 * CLOCK_NS_PER_S);
		sending_sleep_ns(CLOCK_NS_PER_MS / 10);
	}
}

TEST(sender_has_obeyed_once_orders_are_in_force_or_it_has_ended)
{
	sending_init(&lab, 1);
	CHECK_INT(sending_open(&lab), ==, 0);
	CHECK(sender_orders_applied(lab.sender)); /* there was nothing to obey */
	sender_pause(lab.sender);
	CHECK(!sender_orders_applied(lab.sender)); /* nobody runs it */
	sending_start(&lab);
	until_obeyed();
	struct sender_snapshot snapshot;
	sender_snapshot(lab.sender, &snapshot);
	CHECK(snapshot.paused);
	sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
	CHECK_INT(sending_received(&lab, 0), ==, 0);
	sender_resume(lab.sender); /* too late to change anything */
	CHECK(sender_orders_applied(lab.sender));
	sending_close(&lab);
}

TEST(sender_refuses_rates_that_are_none)
{
	sending_init(&lab, 1);
	CHECK_INT(sending_open(&lab), ==, 0);
	struct plan_rate rate = {.kind = PLAN_RATE_PPS, .value = 5};
	CHECK_INT(sender_set_rate(lab.sender, 1, &rate, &lab.error), ==, ERROR_CODE_NOT_FOUND);
	CHECK_HAS(error_message(&lab.error), "no such stream: 1");
	rate.value = 0;
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	rate.value = NAN;
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	rate = (struct plan_rate){.kind = PLAN_RATE_LINE_PERCENT, .value = 10};
	CHECK_INT(sender_set_rate(lab.sender, 0, &rate, &lab.error), ==,
		  ERROR_CODE_FAILED_PRECONDITION);
	sending_close(&lab);
}

/* Readers, orders and the worker at once: what a reader keeps is whole and never goes back. */
static _Atomic bool reading;

static void *read_snapshots(void *context)
{
	(void)context;
	struct sender_snapshot last = {0}, now;
	while (atomic_load(&reading)) {
		sender_snapshot(lab.sender, &now);
		CHECK_INT(now.version, >=, last.version);
		CHECK_INT(now.account.packets_sent, >=, last.account.packets_sent);
		CHECK_INT(now.account.bytes_sent, ==, now.account.packets_sent * 100);
		last = now;
	}
	return NULL;
}

TEST(sender_snapshots_are_whole_while_orders_rain)
{
	pthread_t readers[2];
	sending_init(&lab, 2);
	sending_rate(&lab, 1, 5000);
	CHECK_INT(sending_open(&lab), ==, 0);
	atomic_store(&reading, true);
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&readers[i], NULL, read_snapshots, NULL), ==, 0);
	sending_start(&lab);
	for (int i = 0; i < 200; i++) {
		struct plan_rate rate = {.kind = i % 3 ? PLAN_RATE_PPS : PLAN_RATE_UNLIMITED,
					 .value = 1000.0 * (i + 1)};
		CHECK_INT(sender_set_rate(lab.sender, (size_t)i % 2, &rate, &lab.error), ==, 0);
		if (i % 5 == 0)
			sender_pause(lab.sender);
		sending_sleep_ns(CLOCK_NS_PER_MS / 4);
		sender_resume(lab.sender);
	}
	sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(sending_join(&lab), ==, SENDER_CANCELLED);
	atomic_store(&reading, false);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	sending_check_books(&lab);
	sending_close(&lab);
}

/* Ports make no difference, addresses do. */
TEST(sender_counts_a_way_once)
{
	static const char *const rows[][2] = {{"::1", "::1"}, {"127.0.0.1", "127.0.0.2"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sending_init(&lab, 2);
		for (size_t k = 0; k < 2; k++) {
			struct sockaddr_storage to;
			close(lab.receivers[k]);
			job_free(&lab.jobs[k]);
			lab.receivers[k] = receiver_open(rows[i][k], &to);
			job_init(&lab.jobs[k], 0, (struct sockaddr *)&to);
			job_add(&lab.jobs[k], 100, 1);
			sending_packets(&lab, k, 10);
		}
		CHECK_INT(sending_open(&lab), ==, 0);
		CHECK_INT(lab.sender->path_count, ==, i + 1);
		CHECK_INT(sending_run(&lab), ==, SENDER_LIMIT_REACHED);
		sending_close(&lab);
	}
}

TEST_MAIN(CASE(sender_counts_a_way_once), CASE(sender_cancelled_packets_are_those_not_attempted),
	  CASE(sender_stopped_before_it_runs_sends_nothing_and_says_why),
	  CASE(sender_has_obeyed_once_orders_are_in_force_or_it_has_ended),
	  CASE(sender_refuses_rates_that_are_none),
	  CASE(sender_snapshots_are_whole_while_orders_rain))
