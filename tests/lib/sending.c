/* sending: see sending.h. */
#include "lib/sending.h"

#include "base/util.h"
#include "lib/test.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS (60 * CLOCK_NS_PER_S)

int64_t sending_now_ns(void)
{
	return clock_monotonic_ns(clock_real());
}

void sending_sleep_ns(int64_t ns)
{
	struct timespec t = {ns / CLOCK_NS_PER_S, ns % CLOCK_NS_PER_S};
	nanosleep(&t, NULL);
}

void sending_init(struct sending *lab, size_t streams)
{
	memset(lab, 0, sizeof *lab);
	CHECK_INT(streams, <=, SENDING_STREAMS_MAX);
	engine_probe();
	lab->stream_count = streams;
	for (size_t i = 0; i < streams; i++) {
		struct sockaddr_storage to;
		lab->receivers[i] = receiver_open("127.0.0.1", &to);
		job_init(&lab->jobs[i], PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED,
			 (struct sockaddr *)&to);
		job_add(&lab->jobs[i], 100, 1);
		sending_endless(lab, i);
	}
	lab->plan = lab->jobs[0].plan;
	lab->plan.streams = lab->streams;
	lab->plan.stream_count = streams;
	lab->plan.start_tolerance_ns = -1;
}

void sending_rate(struct sending *lab, size_t i, double pps)
{
	lab->jobs[i].stream.rate.kind = PLAN_RATE_PPS;
	lab->jobs[i].stream.rate.value = pps;
}

void sending_packets(struct sending *lab, size_t i, uint64_t packets)
{
	job_limit(&lab->jobs[i], packets);
}

void sending_duration(struct sending *lab, size_t i, int64_t duration_ns)
{
	lab->jobs[i].stream.limit =
		(struct plan_limit){.kind = PLAN_LIMIT_DURATION, .duration_ns = duration_ns};
}

void sending_endless(struct sending *lab, size_t i)
{
	lab->jobs[i].stream.limit = (struct plan_limit){.kind = PLAN_LIMIT_NONE};
}

int sending_open(struct sending *lab)
{
	for (size_t i = 0; i < lab->stream_count; i++)
		lab->streams[i] = lab->jobs[i].stream;
	struct engine_choice choice;
	int r = engine_choose(&lab->plan, NULL, 0, &choice, &lab->error);
	return r ? r
		 : sender_new(&lab->sender, &lab->plan, &choice, &lab->options, &lab->problems,
			      &lab->error);
}

static void ended(struct sending *lab)
{
	sender_report(lab->sender, SIZE_MAX, &lab->report);
	lab->problems = *sender_problems(lab->sender);
}

static void open_if_needed(struct sending *lab)
{
	if (!lab->sender && sending_open(lab))
		test_fail(__FILE__, __LINE__, "sender_new: %s", error_message(&lab->error));
}

enum sender_end sending_run(struct sending *lab)
{
	open_if_needed(lab);
	lab->end = sender_run(lab->sender);
	sender_settle(lab->sender);
	ended(lab);
	return lab->end;
}

static void *run_thread(void *context)
{
	struct sending *lab = context;
	lab->end = sender_run(lab->sender);
	sender_settle(lab->sender);
	return NULL;
}

void sending_start(struct sending *lab)
{
	open_if_needed(lab);
	CHECK_INT(pthread_create(&lab->thread, NULL, run_thread, lab), ==, 0);
}

enum sender_end sending_join(struct sending *lab)
{
	CHECK_INT(pthread_join(lab->thread, NULL), ==, 0);
	ended(lab);
	return lab->end;
}

uint64_t sending_sent(const struct sending *lab)
{
	struct sender_snapshot snapshot;
	sender_snapshot(lab->sender, &snapshot);
	return snapshot.account.packets_sent;
}

void sending_until_sent(struct sending *lab, uint64_t packets)
{
	int64_t begin_ns = sending_now_ns();
	while (sending_sent(lab) < packets) {
		if (sending_now_ns() - begin_ns > PATIENCE_NS)
			test_fail(__FILE__, __LINE__, "only %" PRIu64 " of %" PRIu64 " sent",
				  sending_sent(lab), packets);
		sending_sleep_ns(CLOCK_NS_PER_MS / 2);
	}
}

void sending_need_room(const struct sending *lab, int bytes)
{
	int room = 0;
	socklen_t size = sizeof room;
	CHECK_INT(getsockopt(lab->receivers[0], SOL_SOCKET, SO_RCVBUF, &room, &size), ==, 0);
	if (room < bytes)
		test_skip("a receive buffer of %d bytes needs CAP_NET_ADMIN; here it is %d", bytes,
			  room);
}

uint64_t sending_received(struct sending *lab, size_t i)
{
	static _Thread_local uint8_t buffer[1 << 16];
	uint64_t count = 0;
	while (receiver_take(lab->receivers[i], buffer, sizeof buffer, 0) >= 0)
		count++;
	uint64_t no_room = test_turned_away(lab->receivers[i]);
	count += no_room - lab->no_room[i];
	lab->no_room[i] = no_room;
	return count;
}

const struct problem *sending_problem(const struct sending *lab, enum problem_code code)
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

void sending_check_books(const struct sending *lab)
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

void sending_close(struct sending *lab)
{
	lab->sender = sender_free(lab->sender);
	for (size_t i = 0; i < lab->stream_count; i++) {
		close(lab->receivers[i]);
		job_free(&lab->jobs[i]);
	}
	error_deinit(&lab->error);
}
