/* Single streams of a job, in virtual time: paused, resumed and cancelled by their names, held from
 * the start, beside pauses of the whole job. */
#include "base/util.h"
#include "unit/sending_virtual.h"

#define STATE_OF(name) PAGECAST__V1__STREAM_STATE__STREAM_STATE_##name
#define AT_ONCE_NS     (10 * CLOCK_NS_PER_MS)

enum { SEEDS = 10 };

static struct sending lab;
static void (*orders)(void);

static void give_orders(void *context)
{
	(void)context;
	orders();
}

/* @streams of 1,000 pps, endless; @and_then is done beside them. */
static void begin(size_t streams, uint64_t seed, void (*and_then)(void))
{
	sending_virtual_begin(&lab, streams, seed, NULL);
	virtual.stall_in = seed % 2 ? 1000 : 0;
	virtual.stall_most_ns = CLOCK_NS_PER_MS;
	for (size_t i = 0; i < streams; i++)
		sending_rate(&lab, i, 1000);
	orders = and_then;
	virtual_actor(give_orders, NULL, NULL);
}

static void sleep_ms(int64_t ms)
{
	virtual_sleep(ms * CLOCK_NS_PER_MS);
}

static void until_applied(void)
{
	int64_t from_ns = virtual.now_ns;
	while (!sender_orders_applied(lab.sender)) {
		CHECK_INT(virtual.now_ns - from_ns, <=, AT_ONCE_NS);
		virtual_sleep(CLOCK_NS_PER_MS / 10);
	}
}

static void order(size_t stream, enum sender_stream_order what)
{
	sender_order_streams(lab.sender, &stream, 1, what);
	until_applied();
}

static struct sender_progress progress(size_t stream)
{
	struct sender_snapshot snapshot;
	struct sender_progress streams[SENDING_STREAMS_MAX];
	sender_snapshot_streams(lab.sender, &snapshot, streams);
	return streams[stream];
}

static uint64_t sent(size_t stream)
{
	return progress(stream).account.packets_sent;
}

/* A snapshot is up to 10 ms old, and a stall may come on top, at either end. */
static void check_sends(size_t stream, uint64_t before, int64_t ms)
{
	CHECK_INT(llabs((int64_t)(sent(stream) - before) - ms), <=, 24);
}

static struct sender_snapshot snapshot;

static const char *waiting_for(void)
{
	sender_snapshot(lab.sender, &snapshot);
	return snapshot.waiting_for;
}

static void pause_one(void)
{
	sleep_ms(100);
	order(1, SENDER_STREAM_PAUSE);
	struct sender_progress paused = progress(1);
	uint64_t other = sent(0);
	CHECK_INT(paused.state, ==, STATE_OF(PAUSED));
	CHECK(paused.paused && !paused.has_baseline);
	CHECK_INT(progress(0).state, ==, STATE_OF(RUNNING));
	CHECK_STR(waiting_for(), "");
	sleep_ms(1000);
	CHECK_INT(sent(1), ==, paused.account.packets_sent);
	check_sends(0, other, 1000);
	order(1, SENDER_STREAM_RESUME);
	struct sender_progress resumed = progress(1);
	CHECK_INT(resumed.state, ==, STATE_OF(RUNNING));
	CHECK(!resumed.paused && resumed.has_baseline);
	CHECK_INT(resumed.baseline.packets_sent, ==, paused.account.packets_sent);
	CHECK_INT(resumed.baseline.packets_requested, ==, paused.account.packets_sent);
	CHECK_INT(resumed.baseline.bytes_sent, ==, paused.account.bytes_sent);
	uint64_t from = sent(1);
	sleep_ms(500);
	check_sends(1, from, 500);
	sender_stop(lab.sender, SENDER_CANCELLED);
}

TEST(a_stream_pauses_alone_and_goes_on_without_a_burst)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(2, seed, pause_one);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
		CHECK_INT(lab.report.longest_burst, ==, 1);
		struct sender_report one;
		sender_report(lab.sender, 1, &one);
		CHECK_INT(one.state, ==, STATE_OF(CANCELLED));
		CHECK(one.has_baseline && one.baseline.packets_sent > 0);
		CHECK_INT(sending_received(&lab, 1), ==, one.account.packets_sent);
		sending_close(&lab);
	}
}

static void release_held(void)
{
	sleep_ms(300);
	CHECK_INT(progress(1).state, ==, STATE_OF(PAUSED));
	CHECK_INT(sent(1), ==, 0);
	order(1, SENDER_STREAM_RESUME);
	CHECK_INT(progress(1).state, ==, STATE_OF(WAITING)); /* its delay counts from here */
	sleep_ms(40);
	CHECK_INT(sent(1), ==, 0);
	sleep_ms(70);
	CHECK_INT(sent(1), >, 0);
	CHECK_INT(progress(1).baseline.packets_sent, ==, 0);
}

TEST(a_held_stream_starts_when_it_is_named_and_has_all_its_time)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(2, seed, release_held);
		sending_duration(&lab, 0, 100 * CLOCK_NS_PER_MS);
		sending_duration(&lab, 1, 100 * CLOCK_NS_PER_MS);
		lab.jobs[1].stream.hold = true;
		lab.jobs[1].stream.start_delay_ns = 50 * CLOCK_NS_PER_MS;
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
		CHECK_INT(sending_virtual_took_ns(), >=, 449 * CLOCK_NS_PER_MS);
		CHECK_INT(sending_virtual_took_ns(), <, 520 * CLOCK_NS_PER_MS);
		struct sender_report one;
		sender_report(lab.sender, 1, &one);
		CHECK_INT(one.state, ==, STATE_OF(ENDED));
		CHECK_INT(llabs((int64_t)one.account.packets_sent - 100), <=, 1);
		CHECK(!sending_problem(&lab, PROBLEM_RATE_NOT_HELD));
		sending_close(&lab);
	}
}

static void resume_the_job_only(void)
{
	sleep_ms(50);
	order(0, SENDER_STREAM_PAUSE);
	sender_pause(lab.sender);
	until_applied();
	CHECK_INT(progress(1).state, ==, STATE_OF(PAUSED));
	CHECK(!progress(1).paused);
	uint64_t first = sent(0), second = sent(1);
	sleep_ms(100);
	sender_resume(lab.sender);
	until_applied();
	sleep_ms(200);
	CHECK_INT(sent(0), ==, first); /* it was paused by its name */
	check_sends(1, second, 200);
	/* and the other way round: named while the job is paused */
	sender_pause(lab.sender);
	until_applied();
	order(0, SENDER_STREAM_RESUME);
	CHECK_INT(progress(0).state, ==, STATE_OF(PAUSED));
	sleep_ms(100);
	CHECK_INT(sent(0), ==, first);
	sender_resume(lab.sender);
	until_applied();
	sleep_ms(200);
	check_sends(0, first, 200);
	sender_stop(lab.sender, SENDER_CANCELLED);
}

TEST(a_stream_sends_only_while_neither_it_nor_its_job_is_paused)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(2, seed, resume_the_job_only);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
		CHECK_INT(lab.report.longest_burst, ==, 1);
		sending_close(&lab);
	}
}

static void pause_all_by_name(void)
{
	sleep_ms(50);
	order(0, SENDER_STREAM_PAUSE);
	order(1, SENDER_STREAM_PAUSE);
	CHECK_STR(waiting_for(), "resume of its streams");
	CHECK(snapshot.current_pps == 0);
	uint64_t looks = virtual.looks, before = sent(0) + sent(1);
	sleep_ms(3600 * 1000);
	CHECK_INT(virtual.looks - looks, <, 4 * 3600);
	CHECK_INT(sent(0) + sent(1), ==, before);
	order(0, SENDER_STREAM_RESUME);
	sleep_ms(100);
	CHECK_INT(sent(0) + sent(1), >, before);
	sender_stop(lab.sender, SENDER_CANCELLED);
}

TEST(a_job_whose_streams_are_all_paused_costs_nothing)
{
	for (uint64_t seed = 0; seed < 2; seed++) {
		begin(2, seed, pause_all_by_name);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
		sending_close(&lab);
	}
}

static void cancel_one(void)
{
	sleep_ms(100);
	order(1, SENDER_STREAM_CANCEL);
	struct sender_progress cancelled = progress(1);
	CHECK_INT(cancelled.state, ==, STATE_OF(CANCELLED));
	CHECK_INT(cancelled.account.packets_requested, ==, 5000);
	CHECK_INT(cancelled.account.packets_sent + cancelled.account.packets_cancelled, ==, 5000);
	order(1, SENDER_STREAM_RESUME); /* too late */
	order(1, SENDER_STREAM_PAUSE);
	CHECK_INT(progress(1).state, ==, STATE_OF(CANCELLED));
	sleep_ms(100);
	CHECK_INT(sent(1), ==, cancelled.account.packets_sent);
}

TEST(a_cancelled_stream_ends_alone_and_its_job_with_the_last)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(2, seed, cancel_one);
		sending_packets(&lab, 0, 400);
		sending_packets(&lab, 1, 5000);
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_STREAMS_CANCELLED);
		CHECK_INT(sending_virtual_took_ns(), <, 600 * CLOCK_NS_PER_MS);
		CHECK_INT(sending_received(&lab, 0), ==, 400);
		CHECK_INT(lab.report.account.packets_requested, ==, 5400);
		CHECK_INT(sending_received(&lab, 1) + 400, ==, lab.report.account.packets_sent);
		sending_close(&lab);
	}
}

static void cancel_a_duration(void)
{
	sleep_ms(100);
	sender_pause(lab.sender);
	until_applied();
	order(0, SENDER_STREAM_CANCEL); /* the last one: the job ends, paused as it is */
}

TEST(cancelling_the_last_stream_ends_a_paused_job_and_promises_nothing)
{
	begin(1, 0, cancel_a_duration);
	sending_duration(&lab, 0, 1000 * CLOCK_NS_PER_MS);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_STREAMS_CANCELLED);
	CHECK_INT(sending_virtual_took_ns(), <, 200 * CLOCK_NS_PER_MS);
	CHECK(!sending_problem(&lab, PROBLEM_RATE_NOT_HELD));
	CHECK_INT(lab.report.account.packets_cancelled, ==, 0); /* no number was asked for */
	sending_close(&lab);
}

static void cancel_before_the_start(void)
{
	sleep_ms(10);
	order(0, SENDER_STREAM_CANCEL);
	order(1, SENDER_STREAM_PAUSE);
	sleep_ms(200);
	CHECK_INT(sent(1), ==, 0);
	order(1, SENDER_STREAM_RESUME);
}

TEST(streams_are_ordered_while_their_job_waits_for_start_time)
{
	begin(3, 0, cancel_before_the_start);
	for (size_t i = 0; i < 3; i++)
		sending_packets(&lab, i, 20);
	lab.plan.start_time_ns = VIRTUAL_START_NS + 100 * CLOCK_NS_PER_MS;
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_STREAMS_CANCELLED);
	CHECK_INT(sending_received(&lab, 0), ==, 0);
	CHECK_INT(sending_received(&lab, 1), ==, 20);
	CHECK_INT(sending_received(&lab, 2), ==, 20);
	CHECK_INT(lab.report.account.packets_cancelled, ==, 20);
	struct sender_report one;
	sender_report(lab.sender, 1, &one);
	CHECK(one.start_error_ns == 0); /* it was not late: it was paused */
	sending_close(&lab);
}

static void cancel_all_of_a_paused_job(void)
{
	static const size_t BOTH[] = {0, 1};
	sleep_ms(50);
	CHECK_INT(progress(0).state, ==, STATE_OF(PAUSED));
	sender_order_streams(lab.sender, BOTH, 2, SENDER_STREAM_CANCEL);
}

TEST(a_job_that_is_paused_before_it_begins_ends_with_its_last_stream)
{
	begin(2, 0, cancel_all_of_a_paused_job);
	for (size_t i = 0; i < 2; i++)
		sending_packets(&lab, i, 20);
	CHECK_INT(sending_open(&lab), ==, 0);
	sender_pause(lab.sender); /* as of one that resumes paused */
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_STREAMS_CANCELLED);
	CHECK_INT(sending_virtual_took_ns(), <, 100 * CLOCK_NS_PER_MS);
	CHECK_INT(lab.report.account.packets_cancelled, ==, 40);
	sending_close(&lab);
}

static void sleep_an_hour(void)
{
	sleep_ms(3600 * 1000);
}

TEST(what_was_sent_before_counts_for_max_duration_while_paused)
{
	begin(1, 0, sleep_an_hour);
	lab.plan.max_duration_ns = 3 * CLOCK_NS_PER_S;
	lab.options.elapsed_ns = 2 * CLOCK_NS_PER_S;
	CHECK_INT(sending_open(&lab), ==, 0);
	sender_pause(lab.sender);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_MAX_DURATION);
	CHECK_INT(sending_virtual_took_ns(), >=, CLOCK_NS_PER_S);
	CHECK_INT(sending_virtual_took_ns(), <, CLOCK_NS_PER_S + 2 * AT_ONCE_NS);
	sending_close(&lab);
}

static void nothing(void)
{
}

TEST(what_was_ordered_ahead_of_a_stop_is_done)
{
	size_t first = 0, second = 1;
	begin(3, 0, nothing);
	CHECK_INT(sending_open(&lab), ==, 0);
	sender_order_streams(lab.sender, &first, 1, SENDER_STREAM_CANCEL);
	sender_order_streams(lab.sender, &second, 1, SENDER_STREAM_PAUSE);
	sender_stop(lab.sender, SENDER_INTERRUPTED);
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_INTERRUPTED);
	CHECK_INT(progress(0).state, ==, STATE_OF(CANCELLED)); /* as it is stored, to go on later */
	CHECK_INT(progress(1).state, ==, STATE_OF(PAUSED));
	CHECK(progress(1).paused);
	CHECK_INT(progress(2).state, ==, STATE_OF(WAITING));
	sending_close(&lab);
}

static void give_the_share_away(void)
{
	sleep_ms(1000);
	check_sends(1, 0, 500); /* half of the maximum each */
	order(0, SENDER_STREAM_PAUSE);
	uint64_t from = sent(1);
	sleep_ms(1000);
	check_sends(1, from, 1000); /* all that it asks for */
	order(0, SENDER_STREAM_RESUME);
	from = sent(1);
	sleep_ms(1000);
	check_sends(1, from, 500);
	sender_stop(lab.sender, SENDER_CANCELLED);
}

TEST(what_a_paused_stream_leaves_of_the_maximum_the_others_get)
{
	begin(2, 0, give_the_share_away);
	lab.options.max_pps = 1000;
	CHECK_INT(sending_virtual_run(&lab), ==, SENDER_CANCELLED);
	sending_close(&lab);
}

static void at_random(void)
{
	for (int i = 0; i < 200; i++) {
		size_t stream = virtual_random(4);
		virtual_sleep((int64_t)virtual_random(5 * CLOCK_NS_PER_MS));
		if (virtual_random(8) == 0)
			sender_pause(lab.sender);
		else if (virtual_random(4) == 0)
			sender_resume(lab.sender);
		else
			sender_order_streams(lab.sender, &stream, 1,
					     virtual_random(2) ? SENDER_STREAM_PAUSE
							       : SENDER_STREAM_RESUME);
	}
	sender_resume(lab.sender);
	for (size_t i = 0; i < 4; i++)
		order(i, SENDER_STREAM_RESUME);
}

TEST(whatever_is_paused_and_resumed_every_packet_leaves_once)
{
	for (uint64_t seed = 0; seed < 2 * SEEDS; seed++) {
		begin(4, seed, at_random);
		sending_rate(&lab, 3, 20000);
		for (size_t i = 0; i < 4; i++)
			sending_packets(&lab, i, 500 * (i + 1));
		lab.jobs[2].stream.hold = true;
		CHECK_INT(sending_virtual_run(&lab), ==, SENDER_LIMIT_REACHED);
		for (size_t i = 0; i < 4; i++)
			CHECK_INT(sending_received(&lab, i), ==, 500 * (i + 1));
		sending_close(&lab);
	}
}

TEST_MAIN(CASE(a_stream_pauses_alone_and_goes_on_without_a_burst),
	  CASE(a_held_stream_starts_when_it_is_named_and_has_all_its_time),
	  CASE(a_stream_sends_only_while_neither_it_nor_its_job_is_paused),
	  CASE(a_job_whose_streams_are_all_paused_costs_nothing),
	  CASE(a_cancelled_stream_ends_alone_and_its_job_with_the_last),
	  CASE(cancelling_the_last_stream_ends_a_paused_job_and_promises_nothing),
	  CASE(streams_are_ordered_while_their_job_waits_for_start_time),
	  CASE(a_job_that_is_paused_before_it_begins_ends_with_its_last_stream),
	  CASE(what_was_sent_before_counts_for_max_duration_while_paused),
	  CASE(what_was_ordered_ahead_of_a_stop_is_done),
	  CASE(what_a_paused_stream_leaves_of_the_maximum_the_others_get),
	  CASE(whatever_is_paused_and_resumed_every_packet_leaves_once))
