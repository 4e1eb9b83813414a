/*
 * rig: a pipe, a connected UDP socket and its receiver on loopback, as the engines use them, for
 * tests that ask the kernel itself. Nothing of the agent is in here.
 */
#pragma once
#include "lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { PAGE = 4096, RIG_PAGES = 64, RIG_PIPE_BYTES = 1 << 20, RIG_TIMEOUT_MS = 30000 };

struct rig {
	int out, in; /* the pipe */
	int sender, receiver;
	struct sockaddr_in to;
	uint8_t *memory; /* RIG_PAGES pages, written */
};

static inline uint8_t *rig_map(size_t len)
{
	uint8_t *memory =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	for (size_t i = 0; i < len; i++)
		memory[i] = (uint8_t)(i * 31 + i / PAGE);
	return memory;
}

static inline void rig_pipe(int *ret_out, int *ret_in)
{
	int fds[2];
	CHECK_INT(pipe2(fds, O_CLOEXEC | O_NONBLOCK), ==, 0);
	if (fcntl(fds[1], F_SETPIPE_SZ, RIG_PIPE_BYTES) < RIG_PIPE_BYTES)
		test_skip("no pipe of 256 slots here");
	*ret_out = fds[0];
	*ret_in = fds[1];
}

static inline struct rig rig_open(void)
{
	struct rig rig = {.to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	socklen_t len = sizeof rig.to;
	rig.receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rig.sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(rig.receiver >= 0 && rig.sender >= 0);
	CHECK_INT(bind(rig.receiver, (struct sockaddr *)&rig.to, sizeof rig.to), ==, 0);
	CHECK_INT(getsockname(rig.receiver, (struct sockaddr *)&rig.to, &len), ==, 0);
	if (connect(rig.sender, (struct sockaddr *)&rig.to, sizeof rig.to) < 0)
		test_skip("loopback is down");
	rig_pipe(&rig.out, &rig.in);
	rig.memory = rig_map(RIG_PAGES * PAGE);
	return rig;
}

static inline void rig_close(struct rig *rig)
{
	close(rig->out);
	close(rig->in);
	close(rig->sender);
	close(rig->receiver);
	munmap(rig->memory, RIG_PAGES * PAGE);
}

/* One iovec element into the pipe, all of it. */
static inline void rig_push(const struct rig *rig, void *at, size_t len)
{
	struct iovec v = {at, len};
	CHECK_INT(vmsplice(rig->in, &v, 1, SPLICE_F_NONBLOCK), ==, len);
}

static inline ssize_t rig_splice(const struct rig *rig, size_t len, unsigned int flags)
{
	ssize_t r = splice(rig->out, NULL, rig->sender, NULL, len, SPLICE_F_NONBLOCK | flags);
	return r < 0 ? -errno : r;
}

/* The next datagram. Return: its length; -1: none */
static inline ssize_t rig_take(const struct rig *rig, uint8_t *buffer, size_t size, int timeout_ms)
{
	struct pollfd p = {.fd = rig->receiver, .events = POLLIN};
	if (poll(&p, 1, timeout_ms) <= 0)
		return -1;
	return recv(rig->receiver, buffer, size, MSG_TRUNC | MSG_DONTWAIT);
}

static inline void rig_expect(const struct rig *rig, const uint8_t *bytes, size_t len)
{
	static uint8_t got[1 << 17];
	CHECK_INT(rig_take(rig, got, sizeof got, RIG_TIMEOUT_MS), ==, len);
	CHECK(memcmp(got, bytes, len) == 0);
}

/* On loopback a datagram is in the receiver's queue before the send returns. */
static inline void rig_expect_none(const struct rig *rig)
{
	uint8_t byte;
	CHECK_INT(rig_take(rig, &byte, 1, 0), ==, -1);
}

static inline int rig_inside(const struct rig *rig)
{
	int inside = -1;
	CHECK_INT(ioctl(rig->out, FIONREAD, &inside), ==, 0);
	return inside;
}

static inline void rig_segment(const struct rig *rig, int size)
{
	if (setsockopt(rig->sender, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) < 0)
		test_skip("no UDP_SEGMENT: %s", strerror(errno));
}

/* This process in a network namespace of its own, with loopback up and of this MTU. */
static inline void rig_own_network(int mtu)
{
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		test_skip("no network namespace of its own: %s", strerror(errno));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_mtu = mtu};
	CHECK_INT(ioctl(fd, SIOCSIFMTU, &request), ==, 0);
	request = (struct ifreq){.ifr_name = "lo", .ifr_flags = IFF_UP};
	CHECK_INT(ioctl(fd, SIOCSIFFLAGS, &request), ==, 0);
	close(fd);
}
