/*
 * sys: one wrapper a system call of the data path. A wrapper returns what the call returned, or
 * -errno.
 *
 * The wrappers are the seam for fault injection: a test installs a hook that is asked before each
 * call and may answer for the kernel (an errno, a short count). Without a hook the cost is one
 * predicted branch. Thread: wrappers are thread-safe; the hook is set while no other thread is
 * inside the data path.
 */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

enum sys_call {
	SYS_CALL_VMSPLICE,
	SYS_CALL_SPLICE,
	SYS_CALL_TEE,
	SYS_CALL_SEND,
	SYS_CALL_SENDMSG,
	SYS_CALL_SENDMMSG,
	SYS_CALL_SOCKET,
	SYS_CALL_CONNECT,
	SYS_CALL_BIND,
	SYS_CALL_SETSOCKOPT,
	SYS_CALL_PIPE,
	SYS_CALL_MMAP,
	SYS_CALL_POLL,
	SYS_CALL_RECVMSG,
	SYS_CALL_URING_SETUP, /* these four: sys_uring.h */
	SYS_CALL_URING_REGISTER,
	SYS_CALL_URING_SEND, /* one request of a submission, in its turn */
	SYS_CALL_URING_ENTER,
	SYS_CALL_COUNT,
};

/**
 * struct sys_hook - answers for the kernel in a test
 * @intercept: true: *ret_result is the wrapper's answer (>= 0, or -errno) and the kernel is not
 * asked.
 *             @fd is the descriptor written to (for splice the output), @len the bytes asked for.
 * @cut:       may be NULL: how many of the @len bytes of a vmsplice, splice or tee the kernel is
 * really asked for (1 .. @len), so that the call comes back short as the kernel would do it
 * @vmsplice_copies: vmsplice() copies into the pipe, as a later kernel may
 */
struct sys_hook {
	bool (*intercept)(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
			  ssize_t *ret_result);
	size_t (*cut)(struct sys_hook *hook, enum sys_call call, int fd, size_t len);
	bool vmsplice_copies;
};

/** sys_set_hook() - install @hook (borrowed until replaced), NULL: none */
void sys_set_hook(struct sys_hook *hook);
/** sys_intercepted() - for wrappers in other files. Return: true: the hook answered */
bool sys_intercepted(enum sys_call call, int fd, size_t len, ssize_t *ret_result);

ssize_t sys_vmsplice(int pipe_fd, const struct iovec *iov, size_t count, unsigned int flags);
ssize_t sys_splice(int from_fd, int to_fd, size_t len, unsigned int flags);
ssize_t sys_tee(int from_fd, int to_fd, size_t len, unsigned int flags);
ssize_t sys_send(int fd, const void *data, size_t len, int flags);
ssize_t sys_sendmsg(int fd, const struct msghdr *message, int flags);
int sys_sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
ssize_t sys_recvmsg(int fd, struct msghdr *message, int flags);
int sys_socket(int domain, int type, int protocol);
int sys_connect(int fd, const struct sockaddr *address, socklen_t len);
int sys_bind(int fd, const struct sockaddr *address, socklen_t len);
int sys_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int sys_setsockopt_int(int fd, int level, int option, int value);
int sys_pipe(int ret_fds[2], int flags);
int sys_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout);

/**
 * sys_map() - fresh zeroed private memory, never shared with a child (MADV_DONTFORK)
 * @len_bytes: multiple of the page size
 * @huge:      ask for huge pages; small pages where the kernel refuses
 *
 * Return: 0; negative errno.
 */
int sys_map(void **ret_memory, size_t len_bytes, bool huge);

/** sys_map_ring() - the ring of a packet socket, shared with the kernel, never with a child.
 * Return: 0; negative errno */
int sys_map_ring(void **ret_memory, size_t len_bytes, int fd);
void sys_unmap(void *memory, size_t len_bytes);
/** sys_renew() - give @memory of sys_map() new zeroed pages; whoever refers to the old ones keeps
 * them. Return: 0; negative errno */
int sys_renew(void *memory, size_t len_bytes);

/**
 * sys_own_descriptors() - from here on the calling thread has a table of descriptors of its own
 *
 * 0, 1 and 2 are in it; what other threads opened or will open is not, and they see nothing of
 * what this one opens. The kernel counts the uses of a descriptor only in a table that several
 * threads share: two atomic operations less for each descriptor of each call.
 *
 * Return: 0; negative errno: the table is still shared, and everything works as before.
 */
int sys_own_descriptors(void);
