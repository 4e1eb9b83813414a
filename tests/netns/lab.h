/*
 * lab: two network namespaces of this process, joined by a veth pair, for tests of engines.
 *
 *   transmit side  tx0  198.18.0.1/24  fd00:c612::1/64   the test runs here
 *   receive side   rx0  198.18.0.2/24  fd00:c612::2/64   receivers are opened here
 *
 * The namespaces have no names and end with the process. Neighbours are written down on both sides:
 * nothing is lost while addresses are resolved. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and
 * iproute2; otherwise the case is skipped.
 */
#pragma once
#include "lib/test.h"
#include "lib/transmit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <unistd.h>

#define LAB_RX4	 "198.18.0.2"
#define LAB_RX6	 "fd00:c612::2"
#define SPLICE	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE
#define COPY	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY
#define URING	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING
#define ZEROCOPY PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY
#define TXRING	 PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING
#define PAGES	 PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET

static int lab_tx = -1, lab_rx = -1; /* namespaces, as descriptors */

static inline void lab_enter(int namespace)
{
	CHECK_INT(setns(namespace, CLONE_NEWNET), ==, 0);
}

/* A shell command where the test is. Return: true: it succeeded */
static inline bool lab_try(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline bool lab_try(const char *format, ...)
{
	char command[512];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	return system(command) == 0; // NOLINT(cert-env33-c): fixed commands of this file
}

#define lab_do(...) CHECK(lab_try(__VA_ARGS__))

static inline int lab_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		test_skip("needs root: no network namespace (%s)", strerror(errno));
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static inline void lab_side(const char *device, int own, int other)
{
	lab_do("ip link set lo up");
	lab_do("ip addr add 198.18.0.%d/24 dev %s", own, device);
	lab_do("ip addr add fd00:c612::%d/64 dev %s nodad", own, device);
	lab_do("ip link set %s address 02:00:00:00:00:0%d up", device, own);
	lab_do("ip neigh replace 198.18.0.%d lladdr 02:00:00:00:00:0%d dev %s", other, other,
	       device);
	lab_do("ip neigh replace fd00:c612::%d lladdr 02:00:00:00:00:0%d dev %s", other, other,
	       device);
}

/* A link that has a carrier drops all the same until the kernel's own thread has noticed. */
static inline void lab_wait(const char *device)
{
	lab_do("for i in $(seq 600); do ip link show %s | grep -q 'state UP' && exit 0; sleep 0.1; "
	       "done; exit 1",
	       device);
}

/* What is UP may still drop for a moment, on a machine that is held up: a datagram that has arrived
 * is the proof that others will. */
static inline void lab_prove(const char *address)
{
	struct sockaddr_storage to;
	uint8_t byte = 0;
	ssize_t r = -1;
	lab_enter(lab_rx);
	int receiver = receiver_open(address, &to);
	lab_enter(lab_tx);
	int sender = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(sender >= 0);
	for (int i = 0; r < 0 && i < 600; i++) {
		sendto(sender, &byte, 1, 0, (struct sockaddr *)&to,
		       to.ss_family == AF_INET ? sizeof(struct sockaddr_in)
					       : sizeof(struct sockaddr_in6));
		r = receiver_take(receiver, &byte, 1, 100);
	}
	close(sender);
	close(receiver);
	CHECK_INT(r, ==, 1);
}

/* A fresh lab; the test is on the transmit side afterwards. */
static inline void lab_up(void)
{
	if (!lab_try("ip -V >/dev/null 2>&1"))
		test_skip("needs iproute2");
	if (lab_tx >= 0)
		close(lab_tx);
	if (lab_rx >= 0)
		close(lab_rx);
	lab_rx = lab_namespace();
	lab_tx = lab_namespace();
	if (!lab_try("ip link add tx0 type veth peer name rx0 netns /proc/%d/fd/%d", getpid(),
		     lab_rx))
		test_skip("no veth pair here");
	lab_side("tx0", 1, 2);
	lab_enter(lab_rx);
	lab_side("rx0", 2, 1);
	lab_wait("rx0");
	lab_enter(lab_tx);
	lab_wait("tx0");
	lab_prove(LAB_RX4);
	lab_prove(LAB_RX6);
}

/* A receiver on the receive side, and a job towards it. */
static inline void lab_course(struct course *course, struct job *job, Pagecast__V1__EngineKind kind,
			      const char *address)
{
	struct sockaddr_storage to;
	lab_enter(lab_rx);
	*course = (struct course){.job = job, .receiver = receiver_open(address, &to)};
	lab_enter(lab_tx);
	job_init(job, kind, (struct sockaddr *)&to);
}

static inline void lab_run(struct course *course, uint64_t packets)
{
	job_limit(course->job, packets);
	CHECK_INT(course_run(course), ==, 0);
	job_free(course->job);
	close(course->receiver);
}

/* The same, and every packet arrived. */
static inline void lab_run_all(struct course *course, uint64_t packets)
{
	lab_run(course, packets);
	CHECK_INT(course->sent, ==, packets);
	CHECK_INT(course->refused, ==, 0);
}

/* The sentence of the only problem, which has this code. */
static inline const char *lab_problem(const struct course *course, enum problem_code code)
{
	CHECK_INT(course->problems.count, ==, 1);
	CHECK_STR(problem_code_name(course->problems.problems[0].code), problem_code_name(code));
	return course->problems.problems[0].message;
}
