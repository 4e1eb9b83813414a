/*
 * Random jobs, random orders, random faults; a receiver counts too. Whatever happens:
 * requested = sent + dropped + failed + cancelled for each stream and the job, what was sent
 * arrived, in whole datagrams of the job's sizes, and nothing of one job arrives with the next.
 *
 * PAGECAST_LONG=1 runs thousands; PAGECAST_SEED=N repeats what a failure printed.
 */
#include "base/sys.h"
#include "base/util.h"
#include "lib/sending.h"
#include "lib/test.h"
#include "packet/plan_bytes.h"
#include "packet/plan_compile.h"

#include <endian.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

enum { JOBS_SHORT = 400, JOBS_LONG = 10000, STREAMS = 4, SEED = 20260 };

static struct sending lab;
static struct sockaddr_storage addresses[STREAMS];
static struct modifier counters[STREAMS];
static uint64_t state;

static uint64_t random_below(uint64_t bound)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % bound;
}

static bool one_of(uint64_t n)
{
	return random_below(n) == 0;
}

/* ---- a job ---- */

static uint32_t random_len(void)
{
	static const uint32_t edges[] = {0, 1, 63, 64, 1472, 1473, 4096};
	if (one_of(4))
		return edges[random_below(ARRAY_SIZE(edges))];
	return (uint32_t)random_below(one_of(20) ? 65508 : 3000);
}

static void random_rate(struct plan_stream *stream)
{
	struct plan_rate *rate = &stream->rate;
	uint64_t kind = random_below(4);
	if (kind == 0)
		return; /* unlimited */
	double pps = 200.0 * (double)(1 + random_below(1 << (2 + random_below(10))));
	rate->kind = PLAN_RATE_PPS;
	rate->value = pps;
	if (kind == 1) {
		rate->kind = PLAN_RATE_BPS;
		rate->layer = 1 + (Pagecast__V1__Layer)random_below(5);
		rate->value = pps * 8 * 500;
	}
	if (one_of(4))
		rate->max_back_to_back = 1 + (uint32_t)random_below(40);
}

static void random_limit(struct plan_stream *stream)
{
	stream->limit =
		(struct plan_limit){.kind = PLAN_LIMIT_PACKETS, .packets = 1 + random_below(400)};
	switch (random_below(5)) {
	case 0: stream->limit.kind = PLAN_LIMIT_NONE; break;
	case 1:
		stream->limit = (struct plan_limit){.kind = PLAN_LIMIT_DURATION,
						    .duration_ns = 1 + random_below(3000000)};
		break;
	case 2: /* as plan_compile() does: the packet that reaches it is the last */
		stream->limit.kind = PLAN_LIMIT_BYTES;
		stream->limit.bytes = 1;
		break;
	default: break;
	}
	if (one_of(6))
		stream->burst = (struct plan_burst){1 + random_below(60), random_below(500000)};
	if (one_of(6))
		stream->start_delay_ns = random_below(1500000);
}

static bool open_ended(const struct plan_stream *stream)
{
	return stream->limit.kind == PLAN_LIMIT_DURATION || stream->limit.kind == PLAN_LIMIT_NONE;
}

/* A stamp, and a counter in the first bytes, if all packets of the stream have room. */
static void random_variation(size_t i)
{
	struct plan_stream *stream = &lab.jobs[i].stream;
	uint32_t shortest = UINT32_MAX;
	for (size_t k = 0; k < stream->item_count; k++)
		shortest = MIN(shortest, stream->items[k].len);
	if (shortest < STAMP_BYTES + sizeof(uint32_t) || !one_of(2))
		return;
	stream->stamp = (struct stamp){
		.bytes = STAMP_BYTES, .stream_id = (uint32_t)i + 1, .cover_payload = one_of(2)};
	counters[i] = (struct modifier){
		.bytes = 4, .mask = UINT32_MAX, .every = 1, .kind = MODIFIER_COUNTER, .step = 1};
	stream->modifiers = &counters[i];
	stream->modifier_count = one_of(2);
}

static void random_stream(size_t i, bool pages)
{
	struct job *job = &lab.jobs[i];
	job_init(job, 0, (struct sockaddr *)&addresses[i]);
	random_limit(&job->stream);
	random_rate(&job->stream);
	/* what is unlimited in number and speed stays small: the receiver's buffer must hold it */
	uint32_t len_max = open_ended(&job->stream) ? 300 : UINT32_MAX;
	if (pages)
		len_max = MIN(len_max, 4096u - 64u);
	uint64_t items = one_of(2) ? 1 : 1 + random_below(5);
	uint32_t len = random_len();
	for (uint64_t k = 0; k < items; k++) {
		job_add(job, MIN(len, len_max), 1 + (uint32_t)random_below(one_of(3) ? 100 : 3));
		len = one_of(3) ? len : random_len();
	}
	random_variation(i);
}

static void random_job(void)
{
	bool pages = one_of(4);
	lab.stream_count = 1 + random_below(STREAMS);
	for (size_t i = 0; i < lab.stream_count; i++)
		random_stream(i, pages);
	lab.plan = lab.jobs[0].plan;
	lab.plan.streams = lab.streams;
	lab.plan.stream_count = lab.stream_count;
	lab.plan.start_tolerance_ns = -1;
	lab.plan.engine = one_of(3)   ? PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY
			  : one_of(2) ? PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING
				      : PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE;
	if (pages) {
		lab.plan.engine = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE;
		lab.plan.layout = PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET;
		lab.plan.page_offset = 64;
	}
	if (one_of(2))
		lab.plan.when_full = PAGECAST__V1__FULL_POLICY__FULL_POLICY_DROP;
	if (one_of(10))
		lab.plan.max_duration_ns = 1 + random_below(4000000);
	lab.options = (struct sender_options){.max_pps = one_of(6) ? 20000 : 0,
					      .max_bps_l2 = one_of(6) ? 2e8 : 0};
}

/* ---- faults: any call of the data path, answered in place of the kernel ---- */

static struct {
	struct sys_hook hook;
	_Atomic uint64_t calls;
	uint64_t every; /* 0: none */
	uint64_t spare; /* calls without a fault, to get the job running */
	int error;
} faults;

static bool answer(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		   ssize_t *ret_result)
{
	(void)hook;
	(void)fd;
	(void)len;
	uint64_t number = atomic_fetch_add(&faults.calls, 1);
	if (call == SYS_CALL_POLL || call == SYS_CALL_RECVMSG || number < faults.spare ||
	    number % faults.every)
		return false;
	*ret_result = -faults.error;
	return true;
}

static void random_faults(void)
{
	static const int errors[] = {
		EAGAIN, ENOBUFS, EAGAIN,   ENOBUFS,	EINTR,	      EAGAIN,	    ENOBUFS, ENOMEM,
		EINVAL, EPERM,	 EMSGSIZE, ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, ENODEV,  EIO};
	sys_set_hook(NULL);
	if (!one_of(2))
		return;
	faults.hook.intercept = answer;
	atomic_store(&faults.calls, 0);
	faults.every = 2 + random_below(40);
	faults.spare = one_of(5) ? 0 : 60;
	faults.error = errors[random_below(ARRAY_SIZE(errors))];
	sys_set_hook(&faults.hook);
}

/* ---- orders, from this thread while the job runs on another ---- */

static _Atomic bool ended;

static void *run_job(void *context)
{
	(void)context;
	lab.end = sender_run(lab.sender);
	sender_settle(lab.sender);
	atomic_store(&ended, true);
	return NULL;
}

static void random_order(void)
{
	struct plan_rate rate = {.kind = one_of(3) ? PLAN_RATE_UNLIMITED : PLAN_RATE_PPS,
				 .value = 1 + (double)random_below(100000)};
	size_t stream = one_of(2) ? SIZE_MAX : random_below(lab.stream_count);
	switch (random_below(4)) {
	case 0: sender_pause(lab.sender); break;
	case 1: sender_resume(lab.sender); break;
	default: CHECK_INT(sender_set_rate(lab.sender, stream, &rate, &lab.error), ==, 0);
	}
}

static void run_with_orders(void)
{
	pthread_t thread;
	atomic_store(&ended, false);
	if (one_of(20)) /* before it begins */
		sender_stop(lab.sender, SENDER_CANCELLED);
	CHECK_INT(pthread_create(&thread, NULL, run_job, NULL), ==, 0);
	uint64_t orders = one_of(2) ? 0 : random_below(6);
	int64_t stop_ns = sending_now_ns() + (int64_t)random_below(one_of(2) ? 3000000 : 60000000);
	while (!atomic_load(&ended) && sending_now_ns() < stop_ns) {
		sending_sleep_ns((int64_t)random_below(300000));
		if (orders && orders--)
			random_order();
	}
	sender_stop(lab.sender, one_of(2) ? SENDER_CANCELLED : SENDER_INTERRUPTED);
	pthread_join(thread, NULL);
	sys_set_hook(NULL);
	sender_report(lab.sender, SIZE_MAX, &lab.report);
	lab.problems = *sender_problems(lab.sender);
}

/* ---- what must hold ---- */

static uint64_t lost_at(int receiver)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof info;
	CHECK_INT(getsockopt(receiver, SOL_SOCKET, SO_MEMINFO, info, &len), ==, 0);
	return info[SK_MEMINFO_DROPS];
}

/* @number: of the packet before of its stream, -1: none; then of this one */
static bool is_of_job(const struct job *job, const uint8_t *bytes, size_t len, int64_t *number)
{
	const struct plan_stream *stream = &job->stream;
	uint8_t wanted[1 << 16];
	uint64_t of_stamp = 0, time = 0;
	if (plan_varies(stream)) { /* it says which one it is; never one before the last */
		memcpy(&of_stamp, bytes + len - 24, sizeof of_stamp);
		memcpy(&time, bytes + len - 16, sizeof time);
		of_stamp = be64toh(of_stamp);
		CHECK_INT(of_stamp, >, *number);
		*number = (int64_t)of_stamp;
	}
	for (size_t i = 0; i < stream->item_count; i++) {
		if (job->items[i].len != len)
			continue;
		plan_packet_write(stream, &job->items[i], of_stamp, wanted);
		if (plan_varies(stream))
			plan_packets_stamp(stream, of_stamp, 1, (int64_t)be64toh(time), wanted,
					   (uint32_t)len);
		if (memcmp(wanted, bytes, len) == 0)
			return true;
	}
	return false;
}

static void check_arrival(size_t i, uint64_t lost_before)
{
	static uint8_t buffer[1 << 17];
	uint64_t count = 0, bytes = 0;
	int64_t number = -1;
	ssize_t len;
	while ((len = receiver_take(lab.receivers[i], buffer, sizeof buffer, 0)) >= 0) {
		CHECK(i < lab.stream_count);
		CHECK(is_of_job(&lab.jobs[i], buffer, (size_t)len, &number));
		count++;
		bytes += (uint64_t)len;
	}
	if (i >= lab.stream_count || !lab.sender) {
		CHECK_INT(count, ==, 0);
		return;
	}
	struct sender_report report;
	sender_report(lab.sender, i, &report);
	uint64_t lost = lost_at(lab.receivers[i]) - lost_before; /* its buffer was full */
	CHECK_INT(count + lost, ==, report.account.packets_sent);
	if (!lost)
		CHECK_INT(bytes, ==, report.account.bytes_sent);
}

static void check_job(const uint64_t lost_before[STREAMS])
{
	for (size_t i = 0; i < STREAMS; i++)
		check_arrival(i, lost_before[i]);
	if (!lab.sender) { /* it could not even be set up, and says why */
		CHECK(lab.problems.count > 0 && lab.error.code != 0);
		return;
	}
	sending_check_books(&lab);
	CHECK_INT(lab.end, !=, SENDER_RUNNING);
	if (lab.end == SENDER_LIMIT_REACHED)
		CHECK_INT(lab.report.account.packets_cancelled, ==, 0);
	if (lab.report.account.packets_sent == 0 || lab.report.account.packets_failed)
		CHECK_INT(lab.problems.count, >, 0);
}

static void one_job(void)
{
	uint64_t lost[STREAMS];
	for (size_t i = 0; i < STREAMS; i++)
		lost[i] = lost_at(lab.receivers[i]);
	random_job();
	random_faults();
	lab.problems = (struct problem_set){0};
	lab.end = SENDER_RUNNING;
	if (sending_open(&lab) == 0)
		run_with_orders();
	sys_set_hook(NULL);
	check_job(lost);
	lab.sender = sender_free(lab.sender);
	error_deinit(&lab.error);
	lab.error = ERROR_NULL;
	for (size_t i = 0; i < lab.stream_count; i++)
		job_free(&lab.jobs[i]);
}

static uint64_t running_seed;

static void print_seed(void)
{
	if (running_seed)
		fprintf(stderr, "to see it again: PAGECAST_SEED=%" PRIu64 "\n", running_seed);
}

TEST(sender_books_balance_and_what_was_sent_arrives_whatever_happens)
{
	const char *seed_text = getenv("PAGECAST_SEED"), *long_text = getenv("PAGECAST_LONG");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : SEED;
	int jobs = long_text && strcmp(long_text, "1") == 0 ? JOBS_LONG : JOBS_SHORT;
	engine_probe();
	for (size_t i = 0; i < STREAMS; i++)
		lab.receivers[i] = receiver_open("127.0.0.1", &addresses[i]);
	atexit(print_seed);
	for (int i = 0; i < jobs; i++) {
		state = seed + (uint64_t)i;
		running_seed = state;
		one_job();
		if (seed_text && jobs == JOBS_SHORT)
			break;
	}
	running_seed = 0;
}

TEST_MAIN(CASE(sender_books_balance_and_what_was_sent_arrives_whatever_happens))
