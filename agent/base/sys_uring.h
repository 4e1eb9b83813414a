/*
 * sys_uring: io_uring for sending, behind the same seam for faults as sys.h.
 *
 * A ring has one registered file a flow and a few registered buffers a flow. It is opened and
 * filled by any thread; from the first sys_uring_submit() on it belongs to the thread that made
 * it: the kernel refuses all others.
 */
#pragma once
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

/* Newer than some of the headers it is built with. */
#define SYS_URING_REPORT_USAGE (1U << 3)   /* IORING_SEND_ZC_REPORT_USAGE, Linux 6.2 */
#define SYS_URING_COPIED       0x80000000U /* IORING_NOTIF_USAGE_ZC_COPIED */

struct sys_uring {
	struct io_uring ring;
	bool enabled;
};

/**
 * sys_uring_open() - a ring with room for @files registered files and @buffers buffers
 * @entries: requests that one submission may hold; the completions have room for @completions
 *
 * Return: 0; negative errno: EPERM (forbidden: seccomp, kernel.io_uring_disabled), ENOSYS, EINVAL
 * (an older kernel).
 */
int sys_uring_open(struct sys_uring *ring, unsigned int entries, unsigned int completions,
		   unsigned int files, unsigned int buffers);
void sys_uring_close(struct sys_uring *ring);

/** sys_uring_set_file() - file @index is @fd; -1: none. Return: 0; negative errno */
int sys_uring_set_file(struct sys_uring *ring, unsigned int index, int fd);

/**
 * sys_uring_set_buffer() - buffer @index is @memory, whose pages stay in place from here on; NULL:
 * none. What is under way keeps the one before.
 *
 * Return: 0; negative errno: ENOMEM: no more memory may be locked.
 */
int sys_uring_set_buffer(struct sys_uring *ring, unsigned int index, void *memory, size_t len);

/** sys_uring_may_send() - asked before each request is made. Return: 0; negative errno: a test
 * answers for the kernel */
int sys_uring_may_send(int fd, size_t len);

/**
 * sys_uring_submit() - hand over the requests that were made, and wait for as many completions
 *
 * What the kernel does not take is thrown away: it does not leave later. Return: how many it took;
 * negative errno: none.
 */
int sys_uring_submit(struct sys_uring *ring);

/** sys_uring_wait() - until there are @count completions. Return: 0; negative errno */
int sys_uring_wait(struct sys_uring *ring, unsigned int count);

/** sys_uring_look() - fetch completions that wait to be posted. Return: 0; negative errno */
int sys_uring_look(struct sys_uring *ring);
