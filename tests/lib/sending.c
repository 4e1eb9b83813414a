/* sending: see sending.h. */
#include "lib/sending.h"

#include "base/util.h"
#include "lib/test.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS (5 * CLOCK_NS_PER_S)

int64_t lab_now_ns(void)
{
	return clock_monotonic_ns(clock_real());
}

void lab_sleep_ns(int64_t ns)
{
	struct timespec t = {ns / CLOCK_NS_PER_S, ns % CLOCK_NS_PER_S};
	nanosleep(&t, NULL);
}

void lab_init(struct lab *lab, size_t streams)
{
	memset(lab, 0, sizeof *lab);
	CHECK_INT(streams, <=, LAB_STREAMS_MAX);
	engine_probe();
	lab->stream_count = streams;
	for (size_t i = 0; i < streams; i++) {
		struct sockaddr_storage to;
		lab->receivers[i] = receiver_open("127.0.0.1", &to);
		job_init(&lab->jobs[i], PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED,
			 (struct sockaddr *)&to);
		job_add(&lab->jobs[i], 100, 1);
		lab_endless(lab, i);
	}
	lab->plan = lab->jobs[0].plan;
	lab->plan.streams = lab->streams;
	lab->plan.stream_count = streams;
	lab->plan.start_tolerance_ns = -1;
}

void lab_rate(struct lab *lab, size_t i, double pps)
{
	lab->jobs[i].stream.rate.kind = PLAN_RATE_PPS;
	lab->jobs[i].stream.rate.value = pps;
}

void lab_packets(struct lab *lab, size_t i, uint64_t packets)
{
	job_limit(&lab->jobs[i], packets);
}

void lab_duration(struct lab *lab, size_t i, int64_t duration_ns)
{
	lab->jobs[i].stream.limit =
		(struct plan_limit){.kind = PLAN_LIMIT_DURATION, .duration_ns = duration_ns};
}

void lab_endless(struct lab *lab, size_t i)
{
	lab->jobs[i].stream.limit = (struct plan_limit){.kind = PLAN_LIMIT_NONE};
}

int lab_open(struct lab *lab)
{
	for (size_t i = 0; i < lab->stream_count; i++)
		lab->streams[i] = lab->jobs[i].stream;
	return sender_new(&lab->sender, &lab->plan, &lab->options, &lab->problems, &lab->error);
}

static void ended(struct lab *lab)
{
	sender_report(lab->sender, SIZE_MAX, &lab->report);
	lab->problems = *sender_problems(lab->sender);
}

static void open_if_needed(struct lab *lab)
{
	if (!lab->sender && lab_open(lab))
		test_fail(__FILE__, __LINE__, "sender_new: %s", error_message(&lab->error));
}

enum sender_end lab_run(struct lab *lab)
{
	open_if_needed(lab);
	lab->end = sender_run(lab->sender);
	ended(lab);
	return lab->end;
}

static void *run_thread(void *context)
{
	struct lab *lab = context;
	lab->end = sender_run(lab->sender);
	return NULL;
}

void lab_start(struct lab *lab)
{
	open_if_needed(lab);
	CHECK_INT(pthread_create(&lab->thread, NULL, run_thread, lab), ==, 0);
}

enum sender_end lab_join(struct lab *lab)
{
	CHECK_INT(pthread_join(lab->thread, NULL), ==, 0);
	ended(lab);
	return lab->end;
}

uint64_t lab_sent(const struct lab *lab)
{
	struct sender_snapshot snapshot;
	sender_snapshot(lab->sender, &snapshot);
	return snapshot.account.packets_sent;
}

void lab_until_sent(struct lab *lab, uint64_t packets)
{
	int64_t begin_ns = lab_now_ns();
	while (lab_sent(lab) < packets) {
		if (lab_now_ns() - begin_ns > PATIENCE_NS)
			test_fail(__FILE__, __LINE__, "only %" PRIu64 " of %" PRIu64 " sent",
				  lab_sent(lab), packets);
		lab_sleep_ns(CLOCK_NS_PER_MS / 2);
	}
}

void lab_need_room(const struct lab *lab, int bytes)
{
	int room = 0;
	socklen_t size = sizeof room;
	CHECK_INT(getsockopt(lab->receivers[0], SOL_SOCKET, SO_RCVBUF, &room, &size), ==, 0);
	if (room < bytes)
		test_skip("a receive buffer of %d bytes needs CAP_NET_ADMIN; here it is %d", bytes,
			  room);
}

uint64_t lab_received(struct lab *lab, size_t i)
{
	static _Thread_local uint8_t buffer[1 << 16];
	uint64_t count = 0;
	while (receiver_take(lab->receivers[i], buffer, sizeof buffer, 0) >= 0)
		count++;
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t size = sizeof memory;
	CHECK_INT(getsockopt(lab->receivers[i], SOL_SOCKET, SO_MEMINFO, memory, &size), ==, 0);
	count += memory[SK_MEMINFO_DROPS] - lab->no_room[i];
	lab->no_room[i] = memory[SK_MEMINFO_DROPS];
	return count;
}

const struct problem *lab_problem(const struct lab *lab, enum problem_code code)
{
	for (size_t i = 0; i < lab->problems.count; i++)
		if (lab->problems.problems[i].code == code)
			return &lab->problems.problems[i];
	return NULL;
}

static void check_account(const struct account *account, const char *what)
{
	if (!account_balanced(account))
		test_fail(__FILE__, __LINE__,
			  "%s: requested %" PRIu64 ", but sent %" PRIu64 " dropped %" PRIu64
			  " failed %" PRIu64 " cancelled %" PRIu64,
			  what, account->packets_requested, account->packets_sent,
			  account->packets_dropped, account->packets_failed,
			  account->packets_cancelled);
}

void lab_check_books(const struct lab *lab)
{
	struct account sum = {0};
	for (size_t i = 0; i < lab->stream_count; i++) {
		struct sender_report report;
		sender_report(lab->sender, i, &report);
		check_account(&report.account, "stream");
		account_add(&sum, &report.account);
		const struct plan_limit *limit = &lab->streams[i].limit;
		if (limit->kind == PLAN_LIMIT_PACKETS || limit->kind == PLAN_LIMIT_BYTES)
			CHECK_INT(report.account.packets_requested, ==, limit->packets);
	}
	check_account(&lab->report.account, "job");
	CHECK(memcmp(&sum, &lab->report.account, sizeof sum) == 0);
	struct sender_snapshot snapshot;
	sender_snapshot(lab->sender, &snapshot);
	CHECK(memcmp(&snapshot.account, &lab->report.account, sizeof sum) == 0);
}

void lab_close(struct lab *lab)
{
	lab->sender = sender_free(lab->sender);
	for (size_t i = 0; i < lab->stream_count; i++) {
		close(lab->receivers[i]);
		job_free(&lab->jobs[i]);
	}
	error_deinit(&lab->error);
}

void lab_attempt(bool (*attempt)(void))
{
	int64_t end_ns = lab_now_ns() + LAB_ATTEMPTS_S * CLOCK_NS_PER_S;
	int attempts = 0;
	do {
		if (attempt())
			return;
		lab_sleep_ns(CLOCK_NS_PER_S / 10); /* what keeps the cores busy may pass */
		attempts++;
	} while (lab_now_ns() < end_ns);
	test_fail(__FILE__, __LINE__, "did not hold in any of %d attempts", attempts);
}
