/*
 * Every system call of the data path fails in turn, in every way it can: whatever is reported as
 * sent arrives once, in order, byte for byte; nothing else arrives; the books balance. The checks
 * are in course_run(); the faults come in through base/sys.
 */
#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_facts.h"
#include "lib/test.h"
#include "lib/transmit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPLICE	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE
#define COPY	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY
#define ZEROCOPY PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY
#define URING	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING
#define PAGES	 PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET

enum way {
	WAY_TRAINS,
	WAY_MIXED,
	WAY_FRESH,
	WAY_PAGES,
	WAY_COPY,
	WAY_COPY_MIXED,
	WAY_ZEROCOPY,
	WAY_ZEROCOPY_MIXED,
	WAY_URING,
	WAY_URING_MIXED,
	WAY_COUNT
};

struct fault {
	struct sys_hook hook;
	enum sys_call call;
	int only_device;    /* 1: calls on /dev/null, 0: on anything else, -1: all */
	unsigned int first; /* the how manieth such call fails first */
	unsigned int times; /* how many in a row */
	int error;	    /* positive; 0: come back short */
	bool lie;	    /* short, and the kernel did nothing at all */
	bool mute;	    /* no error queue says anything */
	unsigned int seen, done;
};

static bool is_device(int fd)
{
	struct stat stat;
	return fstat(fd, &stat) == 0 && S_ISCHR(stat.st_mode);
}

static bool strikes(struct fault *fault, enum sys_call call, int fd)
{
	if (call != fault->call ||
	    (fault->only_device >= 0 && is_device(fd) != (fault->only_device == 1)))
		return false;
	fault->seen++;
	bool now = fault->seen >= fault->first && fault->seen < fault->first + fault->times;
	fault->done += now;
	return now;
}

static bool intercept(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	struct fault *fault = container_of(hook, struct fault, hook);
	if (fault->mute && call == SYS_CALL_RECVMSG) {
		*ret_result = -EAGAIN;
		return true;
	}
	if (!fault->error && !fault->lie)
		return false;
	if (!strikes(fault, call, fd))
		return false;
	*ret_result = fault->error ? -fault->error : (ssize_t)len / 2;
	return true;
}

static size_t cut(struct sys_hook *hook, enum sys_call call, int fd, size_t len)
{
	struct fault *fault = container_of(hook, struct fault, hook);
	if (fault->error || fault->lie || len < 2 || !strikes(fault, call, fd))
		return len;
	return len / 2;
}

static uint64_t build(struct job *job, enum way way, const struct sockaddr *to)
{
	job_init(job,
		 way >= WAY_URING      ? URING
		 : way >= WAY_ZEROCOPY ? ZEROCOPY
		 : way >= WAY_COPY     ? COPY
				       : SPLICE,
		 to);
	switch (way) {
	case WAY_TRAINS:
	case WAY_COPY:
	case WAY_ZEROCOPY:
	case WAY_URING: job_add(job, 100, 1); return 5000;
	case WAY_MIXED:
	case WAY_COPY_MIXED:
	case WAY_ZEROCOPY_MIXED:
	case WAY_URING_MIXED:
		job_add(job, 64, 5);
		job_add(job, 0, 1);
		job_add(job, 1472, 1);
		job_add(job, 9000, 3);
		return 40;
	case WAY_FRESH:
		job_add(job, 1000, 50);
		job_add(job, 999, 50);
		return 90;
	case WAY_PAGES:
		job->plan.layout = PAGES;
		job->plan.page_offset = 64;
		job_add(job, 300, 2);
		job_add(job, 0, 1);
		return 7;
	case WAY_COUNT: break;
	}
	return 0;
}

/* One run of @way under @fault. Return: true while the fault struck */
static bool run(enum way way, struct fault fault, struct course *ret_course)
{
	if (way >= WAY_URING && !engine_facts_find(URING)->available)
		return false;			/* locked memory, or a kernel without it */
	struct course course = {.chunk = 2048}; /* so that a job loads its pipe several times */
	struct job job;
	struct sockaddr_storage to;
	course.receiver = receiver_open("127.0.0.1", &to);
	course.job = &job;
	uint64_t packets = build(&job, way, (struct sockaddr *)&to);
	job_limit(&job, packets);
	engine_probe(); /* before the fault, or it would hit the probe */
	fault.hook = (struct sys_hook){intercept, cut};
	sys_set_hook(&fault.hook);
	int r = course_run(&course);
	sys_set_hook(NULL);
	CHECK_INT(r, ==, 0);
	CHECK_INT(course.sent + course.refused, ==, packets);
	job_free(&job);
	close(course.receiver);
	if (ret_course)
		*ret_course = course;
	return fault.done > 0;
}

static void run_at_each(enum way way, struct fault fault, uint64_t *runs)
{
	struct course course;
	for (fault.first = 1; run(way, fault, &course); fault.first++) {
		++*runs;
		if (fault.first > 12)
			fault.first += 41; /* later calls are like the earlier ones */
	}
}

static const int errors[] = {EINTR,	   EAGAIN, ENOBUFS, ENOMEM, EMSGSIZE,	 ECONNREFUSED,
			     EHOSTUNREACH, EIO,	   EPERM,   EINVAL, ENETUNREACH, ENOSYS};

static void fail_each(enum sys_call call, int only_device)
{
	uint64_t runs = 0;
	for (enum way way = 0; way < WAY_COUNT; way++)
		for (size_t e = 0; e < ARRAY_SIZE(errors); e++)
			for (unsigned int times = 1; times <= 3; times += 2)
				run_at_each(way,
					    (struct fault){.call = call,
							   .only_device = only_device,
							   .times = times,
							   .error = errors[e]},
					    &runs);
	CHECK(runs > 0 || ((call == SYS_CALL_URING_SEND || call == SYS_CALL_URING_ENTER) &&
			   !engine_facts_find(URING)->available));
}

static void shorten_each(enum sys_call call, int only_device, bool lie)
{
	uint64_t runs = 0;
	for (enum way way = 0; way < WAY_COPY; way++)
		for (unsigned int times = 1; times <= 3; times++)
			run_at_each(way,
				    (struct fault){.call = call,
						   .only_device = only_device,
						   .times = times,
						   .lie = lie},
				    &runs);
	CHECK_INT(runs, >, 0);
}

TEST(fault_in_vmsplice)
{
	fail_each(SYS_CALL_VMSPLICE, -1);
}

TEST(fault_in_vmsplice_that_comes_back_short)
{
	shorten_each(SYS_CALL_VMSPLICE, -1, false);
	shorten_each(SYS_CALL_VMSPLICE, -1, true);
}

TEST(fault_in_tee)
{
	fail_each(SYS_CALL_TEE, -1);
	shorten_each(SYS_CALL_TEE, -1, false);
	shorten_each(SYS_CALL_TEE, -1, true);
}

/* Many more packets than one tee brings. */
static void fail_one_tee(unsigned int first, const char *path)
{
	struct fault fault = {.hook = {intercept, cut},
			      .call = SYS_CALL_TEE,
			      .only_device = -1,
			      .first = first,
			      .times = 1,
			      .error = ENOMEM};
	struct course course = {0};
	struct job job;
	struct sockaddr_storage to;
	course.receiver = receiver_open("127.0.0.1", &to);
	course.job = &job;
	job_init(&job, SPLICE, (struct sockaddr *)&to);
	job_add(&job, 100, 1);
	job_limit(&job, 100000);
	engine_probe();
	sys_set_hook(&fault.hook);
	CHECK_INT(course_run(&course), ==, 0);
	sys_set_hook(NULL);
	CHECK_INT(fault.done, ==, 1);
	CHECK_STR(course.path, path);
	job_free(&job);
	close(course.receiver);
}

TEST(fault_in_tee_is_told_in_the_path)
{
	fail_one_tee(1, "udp: vmsplice, splice; trains of 128; captures on this host or a veth "
			"show a train as one datagram");
	fail_one_tee(2, "udp: vmsplice, tee at first, splice; trains of 128; captures on this host "
			"or a veth show a train as one datagram");
}

TEST(fault_in_splice_to_the_socket)
{
	fail_each(SYS_CALL_SPLICE, 0);
}

/* The kernel did nothing, and said it did half. */
TEST(fault_in_splice_to_the_socket_that_comes_back_short)
{
	shorten_each(SYS_CALL_SPLICE, 0, true);
}

TEST(fault_in_splice_to_dev_null)
{
	fail_each(SYS_CALL_SPLICE, 1);
	shorten_each(SYS_CALL_SPLICE, 1, false);
	shorten_each(SYS_CALL_SPLICE, 1, true);
}

/* Empty datagrams, and all of ZEROCOPY. */
TEST(fault_in_send)
{
	fail_each(SYS_CALL_SEND, -1);
}

TEST(fault_in_sendmmsg)
{
	fail_each(SYS_CALL_SENDMMSG, -1);
}

/* A request that the kernel refuses, and with it those behind; a submission that it does not take.
 */
TEST(fault_in_a_request_of_io_uring)
{
	fail_each(SYS_CALL_URING_SEND, -1);
}

TEST(fault_in_submitting_to_io_uring)
{
	fail_each(SYS_CALL_URING_ENTER, -1);
}

/* The first registers the socket, the second the pages: without them the kernel copies. */
TEST(fault_in_registering_pages_is_told)
{
	struct course course;
	if (!engine_facts_find(URING)->available)
		return;
	for (enum way way = WAY_URING; way <= WAY_URING_MIXED; way++) {
		struct fault fault = {.call = SYS_CALL_URING_REGISTER,
				      .only_device = -1,
				      .first = 2,
				      .times = 1000, /* it is tried again for a while */
				      .error = ENOMEM};
		CHECK(run(way, fault, &course));
		CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE);
		CHECK_STR(course.why, "no memory may be locked for io_uring (ulimit -l): the "
				      "kernel copies");
	}
}

TEST(fault_in_setting_up_io_uring_is_an_errno)
{
	static const enum sys_call calls[] = {SYS_CALL_URING_SETUP, SYS_CALL_URING_REGISTER};
	for (size_t i = 0; i < ARRAY_SIZE(calls) && engine_facts_find(URING)->available; i++) {
		struct engine *engine = NULL;
		struct flow *flow = NULL;
		struct problem_set problems = {0};
		struct job job;
		struct sockaddr_storage to;
		int receiver = receiver_open("127.0.0.1", &to);
		job_init(&job, URING, (struct sockaddr *)&to);
		struct fault fault = {.hook = {intercept, NULL},
				      .call = calls[i],
				      .only_device = -1,
				      .first = 1,
				      .times = 1,
				      .error = EPERM};
		engine_probe();
		sys_set_hook(&fault.hook);
		int r = engine_new(&engine, URING, &job.plan);
		CHECK_INT(r, ==, i == 0 ? -EPERM : 0);
		if (r == 0)
			CHECK_INT(flow_open(&flow, engine, &job.stream, "streams[0]", &problems),
				  ==, -EPERM);
		CHECK_INT(problems.count, ==, i);
		sys_set_hook(NULL);
		engine_free(engine);
		close(receiver);
	}
}

TEST(fault_in_setsockopt_of_the_segment_size)
{
	fail_each(SYS_CALL_SETSOCKOPT, -1);
}

TEST(fault_in_reading_the_error_queue)
{
	fail_each(SYS_CALL_RECVMSG, -1);
}

/* The pipe cannot be drained, and a new one is refused: FULL until there is one again. */
struct double_fault {
	struct sys_hook hook;
	unsigned int splices, pipes;
};

static bool intercept_both(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
			   ssize_t *ret_result)
{
	struct double_fault *fault = container_of(hook, struct double_fault, hook);
	(void)len;
	if (call == SYS_CALL_SPLICE && ++fault->splices % 7 == 0) {
		*ret_result = is_device(fd) ? -EIO : -EAGAIN;
		return true;
	}
	if (call == SYS_CALL_SPLICE && is_device(fd)) {
		*ret_result = -EIO;
		return true;
	}
	/* the first pipes are the engine's and the master's */
	if (call == SYS_CALL_PIPE && ++fault->pipes > 2 && fault->pipes % 3) {
		*ret_result = -EMFILE;
		return true;
	}
	return false;
}

TEST(fault_in_draining_and_in_making_a_new_pipe)
{
	for (enum way way = 0; way < WAY_PAGES; way++) {
		struct course course = {0};
		struct job job;
		struct sockaddr_storage to;
		course.receiver = receiver_open("127.0.0.1", &to);
		course.job = &job;
		uint64_t packets = build(&job, way, (struct sockaddr *)&to);
		job_limit(&job, packets);
		engine_probe();
		struct double_fault fault = {.hook = {intercept_both, NULL}};
		sys_set_hook(&fault.hook);
		int r = course_run(&course);
		sys_set_hook(NULL);
		CHECK_INT(r, ==, 0);
		CHECK_INT(course.sent, ==, packets);
		job_free(&job);
		close(course.receiver);
	}
}

static struct course once_from(unsigned int first, enum way way, enum sys_call call, int error,
			       unsigned int times)
{
	struct course course;
	struct fault fault = {
		.call = call, .only_device = 0, .first = first, .times = times, .error = error};
	CHECK(run(way, fault, &course));
	return course;
}

static struct course once(enum way way, enum sys_call call, int error, unsigned int times)
{
	return once_from(2, way, call, error, times);
}

TEST(emsgsize_on_a_train_falls_back_to_single_datagrams)
{
	struct course course = once(WAY_TRAINS, SYS_CALL_SPLICE, EMSGSIZE, 1);
	CHECK_INT(course.refused, ==, 0);
	CHECK_INT(course.sent, ==, 5000);
	CHECK_HAS(course.why, "no more than 99 bytes");
	course = once(WAY_COPY, SYS_CALL_SENDMMSG, EMSGSIZE, 1);
	CHECK_INT(course.refused, ==, 0);
}

TEST(refused_trains_fall_back_to_fewer_segments_then_to_single_datagrams)
{
	struct course course = once(WAY_TRAINS, SYS_CALL_SPLICE, EINVAL, 1);
	CHECK_INT(course.refused, ==, 0);
	CHECK_STR(course.why, "");
	course = once(WAY_TRAINS, SYS_CALL_SPLICE, EIO, 1);
	CHECK_INT(course.refused, ==, 0);
	CHECK_HAS(course.why, "refused a train here (EIO)");
}

TEST(pending_refusal_is_retried_and_counted)
{
	struct course course = once(WAY_TRAINS, SYS_CALL_SPLICE, ECONNREFUSED, 3);
	CHECK_INT(course.refused, ==, 0);
	CHECK_INT(course.async_errors.causes[ICMP_CAUSE_PORT], ==, 3);
	CHECK_INT(course.problems.count, ==, 1);
	CHECK_HAS(course.problems.problems[0].message, /* it does listen: nobody did refuse */
		  "3 packets to the receiver were refused, though a socket is bound there now");
	CHECK_INT(course.problems.problems[0].severity, ==, PROBLEM_WARNING);
	course = once(WAY_COPY, SYS_CALL_SENDMMSG, ECONNREFUSED, 1);
	CHECK_INT(course.refused, ==, 0);
	CHECK_INT(course.async_errors.causes[ICMP_CAUSE_PORT], ==, 1);
}

TEST(interrupted_calls_are_made_again)
{
	static const enum sys_call calls[] = {SYS_CALL_VMSPLICE, SYS_CALL_TEE, SYS_CALL_SPLICE};
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct course course = once_from(1, WAY_TRAINS, calls[i], EINTR, 1);
		CHECK_INT(course.refused + course.full, ==, 0);
	}
	struct course course = once(WAY_COPY, SYS_CALL_SENDMMSG, EINTR, 3);
	CHECK_INT(course.refused + course.full, ==, 0);
}

TEST(hard_refusal_costs_just_its_train)
{
	struct course course = once(WAY_TRAINS, SYS_CALL_SPLICE, EPERM, 1);
	CHECK_INT(course.refused, ==, 128);
	CHECK_INT(course.last_error, ==, EPERM);
	course = once(WAY_PAGES, SYS_CALL_SPLICE, EPERM, 1);
	CHECK_INT(course.refused, ==, 1);
}

TEST(no_route_any_more_is_retried_once_then_refused)
{
	struct course course = once(WAY_TRAINS, SYS_CALL_SPLICE, ENETUNREACH, 1);
	CHECK_INT(course.refused, ==, 0);
	course = once(WAY_TRAINS, SYS_CALL_SPLICE, ENETUNREACH, 2);
	CHECK_INT(course.refused, ==, 128);
	CHECK_INT(course.last_error, ==, ENETUNREACH);
}

TEST(no_room_is_waited_for)
{
	static const int full[] = {EAGAIN, ENOBUFS};
	for (size_t i = 0; i < ARRAY_SIZE(full); i++) {
		struct course course = once(WAY_TRAINS, SYS_CALL_SPLICE, full[i], 5);
		CHECK_INT(course.refused, ==, 0);
		CHECK_INT(course.full, ==, 5);
		CHECK_INT(course.last_error, ==, full[i]);
	}
}

TEST(no_locked_memory_falls_back_to_copies_and_says_so)
{
	struct course course = once_from(1, WAY_ZEROCOPY, SYS_CALL_SEND, ENOBUFS, 1);
	CHECK_INT(course.refused + course.full, ==, 0);
	CHECK_INT(course.sent, ==, 5000);
	CHECK_INT(course.copies, ==, PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE);
	CHECK_HAS(course.why, "no memory may be locked for MSG_ZEROCOPY");
}

/* Whoever holds the packets lets go of none: no completion, and no room for another notification.
 */
TEST(references_that_are_never_let_go_end_in_copies)
{
	for (unsigned int times = 63; times <= 64; times++) {
		struct course course;
		struct fault fault = {.call = SYS_CALL_SEND,
				      .only_device = 0,
				      .first = 20,
				      .times = times,
				      .error = ENOBUFS,
				      .mute = true};
		CHECK(run(WAY_ZEROCOPY, fault, &course));
		CHECK_INT(course.refused, ==, 0);
		CHECK_INT(course.sent, ==, 5000);
		CHECK_INT(course.full, ==, 63);
		CHECK_INT(strstr(course.why, "no memory may be locked for MSG_ZEROCOPY") != NULL,
			  ==, times == 64);
	}
}

TEST(refused_zerocopy_falls_back_to_copies_and_says_so)
{
	unsigned int first = 1;
	struct course course;
	do /* options of the socket come before */
		course = once_from(first++, WAY_ZEROCOPY, SYS_CALL_SETSOCKOPT, ENOTSUP, 1);
	while (first < 10 && !strstr(course.why, "SO_ZEROCOPY"));
	CHECK_INT(course.refused, ==, 0);
	CHECK_INT(course.sent, ==, 5000);
	CHECK_STR(course.why, "SO_ZEROCOPY is refused here (EOPNOTSUPP): the kernel copies");
}

TEST_MAIN(CASE(fault_in_vmsplice), CASE(fault_in_vmsplice_that_comes_back_short),
	  CASE(fault_in_tee), CASE(fault_in_tee_is_told_in_the_path),
	  CASE(fault_in_splice_to_the_socket),
	  CASE(fault_in_splice_to_the_socket_that_comes_back_short),
	  CASE(fault_in_splice_to_dev_null), CASE(fault_in_send), CASE(fault_in_sendmmsg),
	  CASE(fault_in_a_request_of_io_uring), CASE(fault_in_submitting_to_io_uring),
	  CASE(fault_in_registering_pages_is_told), CASE(fault_in_setting_up_io_uring_is_an_errno),
	  CASE(fault_in_setsockopt_of_the_segment_size), CASE(fault_in_reading_the_error_queue),
	  CASE(fault_in_draining_and_in_making_a_new_pipe),
	  CASE(emsgsize_on_a_train_falls_back_to_single_datagrams),
	  CASE(refused_trains_fall_back_to_fewer_segments_then_to_single_datagrams),
	  CASE(interrupted_calls_are_made_again), CASE(pending_refusal_is_retried_and_counted),
	  CASE(hard_refusal_costs_just_its_train),
	  CASE(no_route_any_more_is_retried_once_then_refused), CASE(no_room_is_waited_for),
	  CASE(no_locked_memory_falls_back_to_copies_and_says_so),
	  CASE(references_that_are_never_let_go_end_in_copies),
	  CASE(refused_zerocopy_falls_back_to_copies_and_says_so))
