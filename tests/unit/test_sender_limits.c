/*
 * The policy's maxima at the hand-over, with whole senders in virtual time: whatever the jobs ask
 * for, however late their workers are and whatever orders come, no window of any length holds more
 * packets or bits than bucket.h says; and what the policy allows is reached.
 *
 * PAGECAST_SEED=N repeats what a failure printed.
 */
#include "lib/sending.h"
#include "lib/window.h"
#include "sender/sender_private.h"
#include "unit/virtual_time.h"

#include <math.h>
#include <sys/socket.h>

enum { WORKERS_MAX = 6, RUNS = 60, SEED = 20261 };

struct worker {
	struct sending lab;
	struct virtual_actor *actor;
	uint64_t syscalls; /* when it looked at its receivers last */
	uint64_t packets, bits;
	struct window pps, bps;
};

static struct worker workers[WORKERS_MAX];
static size_t worker_count;
static struct limiter_buckets total;
static struct sender_limits limits; /* of every job */
static double total_pps, total_bps;
static struct window all_pps, all_bps;
static uint64_t longest_bits; /* of a packet */
static uint64_t seeded;

/* ---- what left ---- */

static void note_packet(struct worker *worker, uint64_t payload)
{
	double bits = 8.0 * (double)(payload + 28 + 14);
	worker->packets++;
	worker->bits += (uint64_t)bits;
	window_add(&worker->pps, virtual.now_ns, 1);
	window_add(&worker->bps, virtual.now_ns, bits);
	window_add(&all_pps, virtual.now_ns, 1);
	window_add(&all_bps, virtual.now_ns, bits);
}

static void looked(void *context)
{
	struct worker *worker = context;
	uint64_t syscalls = 0;
	if (!worker->lab.sender)
		return;
	for (size_t i = 0; i < worker->lab.stream_count; i++)
		syscalls += worker->lab.sender->streams[i].counters.syscalls;
	if (syscalls == worker->syscalls)
		return;
	worker->syscalls = syscalls;
	for (size_t i = 0; i < worker->lab.stream_count; i++) {
		ssize_t len;
		uint8_t byte;
		while ((len = recv(worker->lab.receivers[i], &byte, 1, MSG_DONTWAIT | MSG_TRUNC)) >=
		       0)
			note_packet(worker, (uint64_t)len);
	}
}

static void begin_windows(void)
{
	for (size_t i = 0; i < worker_count; i++) {
		workers[i].pps = window_init(limits.max_pps, virtual.now_ns);
		workers[i].bps = window_init(limits.max_bps_l2, virtual.now_ns);
	}
	all_pps = window_init(total_pps, virtual.now_ns);
	all_bps = window_init(total_bps, virtual.now_ns);
}

static void check_window(const struct window *window, const char *what, double largest,
			 size_t takers)
{
	double half = window->rate * BUCKET_HALF_NS / CLOCK_NS_PER_S;
	double bound = half + (double)takers * MAX(half, largest);
	if (window->rate > 0 && window->excess > bound * (1 + 1e-9) + (double)takers)
		test_fail(__FILE__, __LINE__,
			  "%s of %g: %g beyond the rate, at most %g is right, with %zu workers; "
			  "PAGECAST_SEED=%llu",
			  what, window->rate, window->excess, bound, worker_count,
			  (unsigned long long)seeded);
}

static void check_windows(void)
{
	for (size_t i = 0; i < worker_count; i++) {
		check_window(&workers[i].pps, "maxPps", 1, 1);
		check_window(&workers[i].bps, "maxBpsL2", (double)longest_bits, 1);
	}
	check_window(&all_pps, "maxTotalPps", 1, worker_count);
	check_window(&all_bps, "maxTotalBpsL2", (double)longest_bits, worker_count);
}

/* ---- jobs ---- */

static void run_worker(void *context)
{
	struct worker *worker = context;
	sending_run(&worker->lab);
}

static struct worker *add_worker(size_t streams)
{
	struct worker *worker = &workers[worker_count++];
	*worker = (struct worker){.actor = virtual_actor(run_worker, looked, worker)};
	sending_init(&worker->lab, streams);
	worker->lab.options = (struct sender_options){.clock = &worker->actor->clock,
						      .max_pps = limits.max_pps,
						      .max_bps_l2 = limits.max_bps_l2,
						      .total = &total};
	return worker;
}

static void begin(uint64_t seed)
{
	seeded = seed;
	virtual_begin(seed);
	worker_count = 0;
	longest_bits = 8 * (100 + 28 + 14);
	limits = (struct sender_limits){0};
	total = (struct limiter_buckets){0};
	total_pps = total_bps = 0;
}

static void set_total(double pps, double bps)
{
	total_pps = pps;
	total_bps = bps;
	limiter_buckets_set(&total, pps, bps, virtual.now_ns);
}

static void open_all(void)
{
	begin_windows();
	for (size_t i = 0; i < worker_count; i++)
		CHECK_INT(sending_open(&workers[i].lab), ==, 0);
}

static void close_all(void)
{
	for (size_t i = 0; i < worker_count; i++) {
		sending_check_books(&workers[i].lab);
		sending_close(&workers[i].lab);
	}
}

/* ---- random ones ---- */

static double random_rate(void)
{
	return pow(10, 1 + 3.5 * (double)virtual_random(1000) / 1000); /* 10 to 31,600 */
}

static struct plan_rate random_plan_rate(void)
{
	struct plan_rate rate = {.layer = PAGECAST__V1__LAYER__LAYER_L2};
	if (!virtual_random(4))
		return rate;
	rate.kind = virtual_random(3) ? PLAN_RATE_PPS : PLAN_RATE_BPS;
	rate.value = random_rate() * (rate.kind == PLAN_RATE_BPS ? 1000 : 1);
	if (virtual_random(2))
		rate.max_back_to_back = 1 + (uint32_t)virtual_random(2048);
	return rate;
}

static void random_stream(struct job *job)
{
	static const uint32_t lens[] = {0, 18, 100, 1472, 9000, 65507};
	job_clear(job);
	uint64_t items = 1 + virtual_random(4);
	for (uint64_t i = 0; i < items; i++) {
		uint32_t len = lens[virtual_random(ARRAY_SIZE(lens))];
		job_add(job, len, 1 + (uint32_t)virtual_random(virtual_random(2) ? 5 : 500));
		longest_bits = MAX(longest_bits, UINT64_C(8) * (len + 28 + 14));
	}
	job->stream.rate = random_plan_rate();
	if (!virtual_random(4))
		job->stream.burst = (struct plan_burst){1 + (uint32_t)virtual_random(3000),
							(int64_t)virtual_random(400000000)};
	if (!virtual_random(4))
		job->stream.limit =
			(struct plan_limit){.kind = PLAN_LIMIT_DURATION,
					    .duration_ns = 1 + (int64_t)virtual_random(2000000000)};
	if (!virtual_random(4))
		job->stream.start_delay_ns = (int64_t)virtual_random(1000000000);
}

static void random_limits(void)
{
	limits.max_pps = virtual_random(3) ? random_rate() : 0;
	limits.max_bps_l2 = virtual_random(3) ? 1000 * random_rate() : 0;
	set_total(virtual_random(3) ? random_rate() : 0,
		  virtual_random(3) ? 1000 * random_rate() : 0);
	/* without any maximum it is as fast as it can be, which is for other tests */
	if (!limits.max_pps && !total_pps && !limits.max_bps_l2 && !total_bps)
		limits.max_pps = random_rate();
}

/* Until it is in force everywhere the higher of the two may be sent. */
static void reload(void)
{
	double pps = total_pps, bps = total_bps;
	struct sender_limits before = limits;
	check_windows();
	random_limits();
	struct sender_limits shared = limits;
	shared.share_pps = total_pps / (double)worker_count;
	shared.share_bps_l2 = total_bps / (double)worker_count;
	for (size_t i = 0; i < worker_count; i++) {
		sender_limit(workers[i].lab.sender, &shared);
		workers[i].pps = window_init(MAX(before.max_pps, limits.max_pps), virtual.now_ns);
		workers[i].bps =
			window_init(MAX(before.max_bps_l2, limits.max_bps_l2), virtual.now_ns);
		if (!before.max_pps || !limits.max_pps)
			workers[i].pps.rate = 0;
		if (!before.max_bps_l2 || !limits.max_bps_l2)
			workers[i].bps.rate = 0;
	}
	all_pps = window_init(pps > 0 && total_pps > 0 ? MAX(pps, total_pps) : 0, virtual.now_ns);
	all_bps = window_init(bps > 0 && total_bps > 0 ? MAX(bps, total_bps) : 0, virtual.now_ns);
	for (size_t i = 0; i < worker_count; i++)
		while (!sender_orders_applied(workers[i].lab.sender))
			virtual_sleep(100000);
	check_windows();
	begin_windows();
}

static void give_orders(void *context)
{
	const int64_t *until_ns = context;
	while (virtual.now_ns < *until_ns) {
		virtual_sleep(1 + (int64_t)virtual_random(200000000));
		struct sender *sender = workers[virtual_random(worker_count)].lab.sender;
		struct error error = ERROR_NULL;
		struct plan_rate rate = random_plan_rate();
		switch (virtual_random(5)) {
		case 0: sender_pause(sender); break;
		case 1: sender_resume(sender); break;
		case 2: reload(); break;
		default: CHECK_INT(sender_set_rate(sender, SIZE_MAX, &rate, &error), ==, 0);
		}
	}
	for (size_t i = 0; i < worker_count; i++)
		sender_stop(workers[i].lab.sender, SENDER_CANCELLED);
}

static uint64_t run_random(uint64_t seed)
{
	int64_t until_ns = VIRTUAL_START_NS + 3 * CLOCK_NS_PER_S;
	begin(seed);
	virtual.stall_in = virtual_random(2) ? 200 + virtual_random(5000) : 0;
	virtual.stall_most_ns = 1 + (int64_t)virtual_random(60000000);
	virtual.look_most_ns = 4000;
	random_limits();
	size_t count = 1 + virtual_random(WORKERS_MAX - 1);
	for (size_t i = 0; i < count; i++) {
		struct worker *worker = add_worker(1 + virtual_random(4));
		worker->lab.options.share_pps = total_pps / (double)count;
		worker->lab.options.share_bps_l2 = total_bps / (double)count;
		for (size_t k = 0; k < worker->lab.stream_count; k++)
			random_stream(&worker->lab.jobs[k]);
	}
	virtual_actor(give_orders, NULL, &until_ns);
	open_all();
	virtual_run();
	check_windows();
	uint64_t packets = 0;
	for (size_t i = 0; i < worker_count; i++)
		packets += workers[i].packets;
	close_all();
	return packets;
}

TEST(sender_never_passes_a_maximum_whatever_is_asked_and_ordered)
{
	const char *text = getenv("PAGECAST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : SEED, packets = 0;
	for (uint64_t i = 0; i < (text ? 1 : RUNS); i++)
		packets += run_random(seed + i);
	printf("%llu packets, PAGECAST_SEED=%llu and the %d after it\n",
	       (unsigned long long)packets, (unsigned long long)seed, RUNS - 1);
	CHECK(text || packets > 10000);
}

/* ---- what is allowed is reached ---- */

static void stop_at(void *context)
{
	const int64_t *span_ns = context;
	virtual_sleep(*span_ns);
	for (size_t i = 0; i < worker_count; i++)
		sender_stop(workers[i].lab.sender, SENDER_CANCELLED);
}

static void run_for(int64_t span_ns)
{
	virtual_actor(stop_at, NULL, &span_ns);
	open_all();
	virtual_run();
	check_windows();
}

static void check_count(uint64_t count, double wanted)
{
	if (fabs((double)count / wanted - 1) > 1e-3)
		test_fail(__FILE__, __LINE__, "%llu, not %g", (unsigned long long)count, wanted);
}

TEST(sender_without_a_rate_reaches_the_maximum)
{
	static const double rates[] = {15, 50, 500, 20000};
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		begin(1);
		limits.max_pps = rates[i];
		virtual.look_most_ns = rates[i] > 100 ? 1000 : 20000;
		double seconds = 4000 / rates[i];
		add_worker(1);
		run_for((int64_t)(seconds * CLOCK_NS_PER_S));
		check_count(workers[0].packets, 4000);
		CHECK_HAS(workers[0].lab.report.why, "by the policy's maxPps");
		close_all();
	}
}

TEST(sender_at_just_the_maximum_is_not_slowed)
{
	for (int stalled = 0; stalled < 2; stalled++) {
		begin(2);
		virtual.stall_in = stalled ? 300000 : 0; /* a few of them */
		virtual.stall_most_ns = 30 * CLOCK_NS_PER_MS;
		limits.max_pps = 500;
		set_total(500, 0);
		struct worker *worker = add_worker(1);
		sending_rate(&worker->lab, 0, 500);
		virtual.look_most_ns = 4000;
		run_for(50 * CLOCK_NS_PER_S);
		const struct sender_report *report = &worker->lab.report;
		check_count(worker->packets, 25000);
		CHECK(report->requested_pps == 500);
		CHECK(fabs(report->achieved_pps / 500 - 1) < 1e-3);
		if (!stalled) {
			CHECK_INT(report->late_packets, ==, 0);
			for (size_t i = 0; i < LIMITER_RULES; i++)
				CHECK_INT(report->held_ns[i], ==, 0);
			CHECK(!strstr(report->why, "policy"));
		}
		close_all();
	}
}

TEST(senders_share_a_total_to_its_last_packet)
{
	begin(3);
	set_total(1000, 0);
	for (int i = 0; i < 2; i++)
		sending_rate(&add_worker(1)->lab, 0, 2000); /* more than there is, both */
	run_for(50 * CLOCK_NS_PER_S);
	check_count(workers[0].packets + workers[1].packets, 50000);
	CHECK(fabs((double)workers[0].packets / (double)workers[1].packets - 1) < 0.1);
	for (int i = 0; i < 2; i++) { /* half of the time, and told */
		const struct sender_report *report = &workers[i].lab.report;
		CHECK(report->requested_pps == 2000);
		CHECK(fabs((double)report->held_ns[LIMITER_MAX_TOTAL_PPS] / 1e9 - 37.5) < 15);
		CHECK_HAS(report->why, "by the policy's maxTotalPps");
		CHECK_INT(report->late_packets, <,
			  100); /* waiting for the policy is not being late */
	}
	close_all();
}

TEST(sender_of_large_packets_gets_its_turn_beside_small_ones)
{
	begin(4);
	set_total(0, 1e6);
	struct worker *large = add_worker(1), *small = add_worker(1);
	job_clear(&large->lab.jobs[0]);
	job_add(&large->lab.jobs[0], 9000, 1);
	longest_bits = 8 * 9042;
	sending_rate(&large->lab, 0, 100);
	sending_rate(&small->lab, 0, 1000);
	run_for(50 * CLOCK_NS_PER_S);
	CHECK_INT(large->packets, >, 200);
	CHECK_INT(small->packets, >, 200);
	check_count(large->bits + small->bits, 50e6);
	close_all();
}

/* ---- orders while it waits for a maximum ---- */

static void order_while_held(void *context)
{
	const enum sender_end *end = context;
	struct sender *sender = workers[0].lab.sender;
	struct sender_snapshot snapshot;
	virtual_sleep(CLOCK_NS_PER_S);
	sender_snapshot(sender, &snapshot);
	CHECK_STR(snapshot.waiting_for, "the policy's maxPps");
	int64_t before_ns = virtual.now_ns;
	if (*end == SENDER_RUNNING) { /* a higher maximum: in force at once, the debt shrinks */
		struct sender_limits higher = {.max_pps = 1000};
		uint64_t packets = workers[0].packets;
		sender_limit(sender, &higher);
		virtual_sleep(10 * CLOCK_NS_PER_MS);
		CHECK_INT(workers[0].packets, >, packets);
		sender_stop(sender, SENDER_CANCELLED);
		return;
	}
	if (*end == SENDER_CANCELLED)
		sender_stop(sender, SENDER_CANCELLED);
	else
		sender_pause(sender);
	while (!sender_orders_applied(sender))
		virtual_sleep(100000);
	CHECK_INT(virtual.now_ns - before_ns, <, 10 * CLOCK_NS_PER_MS);
	sender_stop(sender, SENDER_CANCELLED);
}

TEST(sender_that_waits_for_a_maximum_takes_orders_within_10_ms)
{
	static enum sender_end ends[] = {SENDER_CANCELLED, SENDER_INTERRUPTED, SENDER_RUNNING};
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		begin(5);
		limits.max_pps = 0.05; /* a packet in 20 s */
		add_worker(2);
		sending_rate(&workers[0].lab, 0, 0.05);
		sending_rate(&workers[0].lab, 1, 10);
		virtual_actor(order_while_held, NULL, &ends[i]);
		open_all();
		virtual_run();
		CHECK_INT(workers[0].lab.end, ==, SENDER_CANCELLED);
		close_all();
	}
}

TEST_MAIN(CASE(sender_never_passes_a_maximum_whatever_is_asked_and_ordered),
	  CASE(sender_without_a_rate_reaches_the_maximum),
	  CASE(sender_at_just_the_maximum_is_not_slowed),
	  CASE(senders_share_a_total_to_its_last_packet),
	  CASE(sender_of_large_packets_gets_its_turn_beside_small_ones),
	  CASE(sender_that_waits_for_a_maximum_takes_orders_within_10_ms))
