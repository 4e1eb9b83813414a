/*
 * sys: see sys.h.
 *
 * The calls made for each packet go to the kernel past the C library's wrappers: those are
 * cancellation points, which in a process of several threads cost two atomic operations a call (20
 * ns each here), and nothing in this program is ever cancelled.
 */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYS_HUGE_BYTES = 2 << 20 }; /* of x86-64 and of arm64 with 4 KiB pages */

static _Atomic(struct sys_hook *)
	hook_now; /* writer: a test; readers: every wrapper; acquire/release */

void sys_set_hook(struct sys_hook *hook)
{
	atomic_store_explicit(&hook_now, hook, memory_order_release);
}

static inline struct sys_hook *hook_get(void)
{
	return atomic_load_explicit(&hook_now, memory_order_acquire);
}

/* Return: true: the hook answered */
static inline bool intercepted(enum sys_call call, int fd, size_t len, ssize_t *ret_result)
{
	struct sys_hook *hook = hook_get();
	if (__builtin_expect(!hook, 1))
		return false;
	return hook->intercept(hook, call, fd, len, ret_result);
}

bool sys_intercepted(enum sys_call call, int fd, size_t len, ssize_t *ret_result)
{
	return intercepted(call, fd, len, ret_result);
}

/* The same; a hook that did not answer may have reduced *len */
static inline bool intercepted_or_cut(enum sys_call call, int fd, size_t *len, ssize_t *ret_result)
{
	struct sys_hook *hook = hook_get();
	if (__builtin_expect(!hook, 1))
		return false;
	if (hook->intercept(hook, call, fd, *len, ret_result))
		return true;
	if (hook->cut)
		*len = hook->cut(hook, call, fd, *len);
	return false;
}

static inline ssize_t answer(ssize_t result)
{
	return result < 0 ? -errno : result;
}

static ssize_t raw_vmsplice(int pipe_fd, const struct iovec *iov, size_t count, unsigned int flags)
{
	return answer(syscall(SYS_vmsplice, pipe_fd, iov, count, flags));
}

static size_t iov_bytes(const struct iovec *iov, size_t count)
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

/* What vmsplice() would be if it copied. */
static ssize_t copy_into_pipe(int pipe_fd, const struct iovec *iov, size_t count)
{
	int flags = fcntl(pipe_fd, F_GETFL);
	fcntl(pipe_fd, F_SETFL, flags | O_NONBLOCK);
	ssize_t r = answer(writev(pipe_fd, iov, (int)count));
	fcntl(pipe_fd, F_SETFL, flags);
	return r;
}

/* With a hook: its answer, or the first bytes of @iov alone, one element a call. */
static ssize_t vmsplice_hooked(int pipe_fd, const struct iovec *iov, size_t count,
			       unsigned int flags)
{
	ssize_t result, done = 0;
	size_t len = iov_bytes(iov, count), all = len;
	if (intercepted_or_cut(SYS_CALL_VMSPLICE, pipe_fd, &len, &result))
		return result;
	if (hook_get()->vmsplice_copies)
		return copy_into_pipe(pipe_fd, iov, count);
	if (len == all)
		return raw_vmsplice(pipe_fd, iov, count, flags);
	for (size_t i = 0; len; i++) {
		struct iovec part = {iov[i].iov_base, iov[i].iov_len < len ? iov[i].iov_len : len};
		ssize_t r = raw_vmsplice(pipe_fd, &part, 1, flags);
		if (r < 0)
			return done ? done : r;
		done += r;
		len -= part.iov_len;
	}
	return done;
}

ssize_t sys_vmsplice(int pipe_fd, const struct iovec *iov, size_t count, unsigned int flags)
{
	if (__builtin_expect(hook_get() != NULL, 0))
		return vmsplice_hooked(pipe_fd, iov, count, flags);
	return raw_vmsplice(pipe_fd, iov, count, flags);
}

ssize_t sys_splice(int from_fd, int to_fd, size_t len, unsigned int flags)
{
	ssize_t result;
	if (intercepted_or_cut(SYS_CALL_SPLICE, to_fd, &len, &result))
		return result;
	return answer(syscall(SYS_splice, from_fd, NULL, to_fd, NULL, len, flags));
}

ssize_t sys_tee(int from_fd, int to_fd, size_t len, unsigned int flags)
{
	ssize_t result;
	if (intercepted_or_cut(SYS_CALL_TEE, to_fd, &len, &result))
		return result;
	return answer(syscall(SYS_tee, from_fd, to_fd, len, flags));
}

ssize_t sys_send(int fd, const void *data, size_t len, int flags)
{
	ssize_t result;
	if (intercepted(SYS_CALL_SEND, fd, len, &result))
		return result;
	return answer(syscall(SYS_sendto, fd, data, len, flags, NULL, 0));
}

ssize_t sys_sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t result;
	if (hook_get() && intercepted(SYS_CALL_SENDMSG, fd,
				      iov_bytes(message->msg_iov, message->msg_iovlen), &result))
		return result;
	return answer(syscall(SYS_sendmsg, fd, message, flags));
}

int sys_sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	ssize_t result;
	if (intercepted(SYS_CALL_SENDMMSG, fd, count, &result))
		return (int)result;
	return (int)answer(syscall(SYS_sendmmsg, fd, messages, count, flags));
}

ssize_t sys_recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t result;
	if (intercepted(SYS_CALL_RECVMSG, fd, 0, &result))
		return result;
	return answer(recvmsg(fd, message, flags));
}

int sys_socket(int domain, int type, int protocol)
{
	ssize_t result;
	if (intercepted(SYS_CALL_SOCKET, -1, 0, &result))
		return (int)result;
	return (int)answer(socket(domain, type, protocol));
}

int sys_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	ssize_t result;
	if (intercepted(SYS_CALL_CONNECT, fd, len, &result))
		return (int)result;
	return (int)answer(connect(fd, address, len));
}

int sys_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	ssize_t result;
	if (intercepted(SYS_CALL_BIND, fd, len, &result))
		return (int)result;
	return (int)answer(bind(fd, address, len));
}

int sys_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	ssize_t result;
	if (intercepted(SYS_CALL_SETSOCKOPT, fd, len, &result))
		return (int)result;
	return (int)answer(setsockopt(fd, level, option, value, len));
}

int sys_setsockopt_int(int fd, int level, int option, int value)
{
	return sys_setsockopt(fd, level, option, &value, sizeof value);
}

int sys_pipe(int ret_fds[2], int flags)
{
	ssize_t result;
	if (intercepted(SYS_CALL_PIPE, -1, 0, &result))
		return (int)result;
	return (int)answer(pipe2(ret_fds, flags));
}

int sys_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	ssize_t result;
	if (intercepted(SYS_CALL_POLL, count ? fds[0].fd : -1, count, &result))
		return (int)result;
	return (int)answer(ppoll(fds, count, timeout, NULL));
}

/*
 * Huge pages need an address that is a multiple of their size; older kernels place a mapping
 * anywhere. Ask for more and give the ends back. Return: MAP_FAILED with errno
 */
static void *map_aligned(void *unaligned, size_t len_bytes)
{
	munmap(unaligned, len_bytes);
	char *wide = mmap(NULL, len_bytes + SYS_HUGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (wide == MAP_FAILED)
		return MAP_FAILED;
	size_t before = -(uintptr_t)wide & (SYS_HUGE_BYTES - 1);
	if (before)
		munmap(wide, before);
	if (before < SYS_HUGE_BYTES)
		munmap(wide + before + len_bytes, SYS_HUGE_BYTES - before);
	return wide + before;
}

int sys_map(void **ret_memory, size_t len_bytes, bool huge)
{
	ssize_t result;
	if (intercepted(SYS_CALL_MMAP, -1, len_bytes, &result))
		return (int)result;
	void *memory =
		mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	if (huge && (uintptr_t)memory % SYS_HUGE_BYTES) {
		memory = map_aligned(memory, len_bytes);
		if (memory == MAP_FAILED)
			return -errno;
	}
	if (huge)
		madvise(memory, len_bytes, MADV_HUGEPAGE); /* a hint: small pages do as well */
	madvise(memory, len_bytes, MADV_DONTFORK); /* after a fork private pages would detach */
	*ret_memory = memory;
	return 0;
}

int sys_map_ring(void **ret_memory, size_t len_bytes, int fd)
{
	ssize_t result;
	if (intercepted(SYS_CALL_MMAP, fd, len_bytes, &result))
		return (int)result;
	void *memory = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	madvise(memory, len_bytes, MADV_DONTFORK);
	*ret_memory = memory;
	return 0;
}

void sys_unmap(void *memory, size_t len_bytes)
{
	if (memory)
		munmap(memory, len_bytes);
}

int sys_renew(void *memory, size_t len_bytes)
{
	ssize_t result;
	if (intercepted(SYS_CALL_MMAP, -1, len_bytes, &result))
		return (int)result;
	return madvise(memory, len_bytes, MADV_DONTNEED) < 0 ? -errno : 0;
}

/* ThreadSanitizer assumes one descriptor table a process: two files with the same number would look
 * like a race. */
#if defined(__SANITIZE_THREAD__)
#define ONE_TABLE true
#elif defined(__has_feature)
#define ONE_TABLE __has_feature(thread_sanitizer)
#else
#define ONE_TABLE false
#endif

int sys_own_descriptors(void)
{
	if (ONE_TABLE)
		return -EOPNOTSUPP;
	long r = syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE);
	return r < 0 ? -errno : 0;
}
