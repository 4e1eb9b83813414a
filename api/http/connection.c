/* connection: see connection.h. */
#include "api/http/connection.h"

#include "api/http/limits.h"
#include "api/http/thread.h"
#include "api/http/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct remnant { /* of an ended connection */
	int fd;
	int64_t until_ms;
	size_t left_bytes;
};

struct reaper {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	struct connection *connections;
	struct remnant lingering[LIMIT_LINGERING];
	size_t linger_count;
	int wake_fd;
	bool stop;
};

static void wake(struct reaper *reaper)
{
	uint64_t one = 1;
	ssize_t n = write(reaper->wake_fd, &one, sizeof one);
	(void)n; /* a full counter wakes as well */
}

/* The client will send no more, and nothing of what it sent is left to be read. */
static bool has_ended(const struct connection *connection)
{
	char byte;
	return atomic_load_explicit(&connection->reading, memory_order_relaxed) &&
	       recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void reap_late(struct reaper *reaper, int64_t now_ms)
{
	for (struct connection *c = reaper->connections; c; c = c->next)
		if (atomic_load_explicit(&c->deadline_ms, memory_order_relaxed) <= now_ms)
			shutdown(c->fd, SHUT_RDWR);
		else if (has_ended(c)) /* the library missed it: its epoll is edge-triggered */
			shutdown(c->fd, SHUT_RD);
}

/* Read and discard what came. Return: false: nothing more will be read. */
static bool drain(struct remnant *remnant, int64_t now_ms)
{
	char waste[16384];
	for (int i = 0; i < 64; i++) {
		ssize_t n = recv(remnant->fd, waste, sizeof waste, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return now_ms < remnant->until_ms;
		if (n <= 0 || (size_t)n >= remnant->left_bytes)
			return false;
		remnant->left_bytes -= (size_t)n;
	}
	return now_ms < remnant->until_ms;
}

static void drain_lingering(struct reaper *reaper, int64_t now_ms)
{
	for (size_t i = 0; i < reaper->linger_count;) {
		if (drain(&reaper->lingering[i], now_ms)) {
			i++;
			continue;
		}
		close(reaper->lingering[i].fd);
		reaper->lingering[i] = reaper->lingering[--reaper->linger_count];
	}
}

static void *reaper_run(void *context)
{
	struct reaper *reaper = context;
	struct pollfd fds[1 + LIMIT_LINGERING];
	pthread_mutex_lock(&reaper->lock);
	while (!reaper->stop) {
		nfds_t count = 1;
		fds[0] = (struct pollfd){.fd = reaper->wake_fd, .events = POLLIN};
		for (size_t i = 0; i < reaper->linger_count; i++)
			fds[count++] =
				(struct pollfd){.fd = reaper->lingering[i].fd, .events = POLLIN};
		bool work = reaper->connections || reaper->linger_count;
		pthread_mutex_unlock(&reaper->lock);
		poll(fds, count, work ? LIMIT_REAP_MS : -1);
		uint64_t woken;
		if (fds[0].revents && read(reaper->wake_fd, &woken, sizeof woken) < 0)
			woken = 0;
		pthread_mutex_lock(&reaper->lock);
		int64_t now_ms = thread_now_ms();
		reap_late(reaper, now_ms);
		drain_lingering(reaper, now_ms);
	}
	pthread_mutex_unlock(&reaper->lock);
	return NULL;
}

int reaper_start(struct reaper **ret_reaper, struct error *ret_error)
{
	struct reaper *reaper = calloc(1, sizeof *reaper);
	if (!reaper)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	pthread_mutex_init(&reaper->lock, NULL);
	reaper->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = reaper->wake_fd < 0 ? errno : thread_start(&reaper->thread, reaper_run, reaper);
	if (r) {
		if (reaper->wake_fd >= 0)
			close(reaper->wake_fd);
		pthread_mutex_destroy(&reaper->lock);
		free(reaper);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "HTTP server: %s", strerror(r));
	}
	*ret_reaper = reaper;
	return 0;
}

struct reaper *reaper_stop(struct reaper *reaper)
{
	if (!reaper)
		return NULL;
	pthread_mutex_lock(&reaper->lock);
	reaper->stop = true;
	pthread_mutex_unlock(&reaper->lock);
	wake(reaper);
	pthread_join(reaper->thread, NULL);
	for (size_t i = 0; i < reaper->linger_count; i++)
		close(reaper->lingering[i].fd);
	close(reaper->wake_fd);
	pthread_mutex_destroy(&reaper->lock);
	free(reaper);
	return NULL;
}

static void describe_unix(struct connection *connection)
{
	struct ucred who;
	socklen_t len = sizeof who;
	connection->is_unix = true;
	snprintf(connection->peer, sizeof connection->peer, "unix");
	connection->uid_known =
		getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0;
	connection->uid = connection->uid_known ? who.uid : (uid_t)-1;
	if (connection->uid_known)
		snprintf(connection->principal, sizeof connection->principal, "uid:%u", who.uid);
}

/* A listener of both IP versions shows an IPv4 peer as ::ffff:a.b.c.d: it is a.b.c.d. */
static void unmap(struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	struct sockaddr_in in = {.sin_family = AF_INET};
	if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return;
	in.sin_port = in6->sin6_port;
	memcpy(&in.sin_addr, in6->sin6_addr.s6_addr + 12, sizeof in.sin_addr);
	memset(address, 0, sizeof *address);
	memcpy(address, &in, sizeof in);
}

static void describe_tcp(struct connection *connection)
{
	struct sockaddr_storage *remote = &connection->remote;
	socklen_t len = sizeof *remote;
	char text[INET6_ADDRSTRLEN] = "?";
	snprintf(connection->principal, sizeof connection->principal, "local");
	snprintf(connection->peer, sizeof connection->peer, "unknown");
	unmap(&connection->local);
	if (getpeername(connection->fd, (struct sockaddr *)remote, &len) < 0)
		return;
	unmap(remote);
	if (remote->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)remote;
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
		snprintf(connection->peer, sizeof connection->peer, "[%s]:%u", text,
			 ntohs(in6->sin6_port));
	} else if (remote->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)remote;
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
		snprintf(connection->peer, sizeof connection->peer, "%s:%u", text,
			 ntohs(in->sin_port));
	}
}

struct connection *connection_new(struct reaper *reaper, int fd)
{
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		return NULL;
	connection->reaper = reaper;
	connection->fd = fd;
	connection->linger_fd = -1;
	socklen_t len = sizeof connection->local;
	if (getsockname(fd, (struct sockaddr *)&connection->local, &len) == 0 &&
	    connection->local.ss_family == AF_UNIX)
		describe_unix(connection);
	else
		describe_tcp(connection);
	connection_due(connection, LIMIT_HEAD_MS);
	connection_reading(connection, true);
	pthread_mutex_lock(&reaper->lock);
	bool first = !reaper->connections;
	connection->next = reaper->connections;
	if (connection->next)
		connection->next->previous = connection;
	reaper->connections = connection;
	pthread_mutex_unlock(&reaper->lock);
	if (first)
		wake(reaper);
	return connection;
}

void connection_free(struct connection *connection)
{
	struct reaper *reaper = connection->reaper;
	pthread_mutex_lock(&reaper->lock);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		reaper->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	int linger_fd = connection->linger_fd;
	if (linger_fd >= 0 && reaper->linger_count < LIMIT_LINGERING && !reaper->stop) {
		reaper->lingering[reaper->linger_count++] = (struct remnant){
			linger_fd, thread_now_ms() + LIMIT_LINGER_MS, LIMIT_LINGER_BYTES};
		linger_fd = -1;
		wake(reaper);
	}
	pthread_mutex_unlock(&reaper->lock);
	if (linger_fd >= 0)
		close(linger_fd);
	tls_end(connection->tls);
	free(connection);
}

void connection_due(struct connection *connection, int64_t in_ms)
{
	int64_t at_ms = in_ms == INT64_MAX ? INT64_MAX : thread_now_ms() + in_ms;
	atomic_store_explicit(&connection->deadline_ms, at_ms, memory_order_relaxed);
}

void connection_reading(struct connection *connection, bool reading)
{
	atomic_store_explicit(&connection->reading, reading, memory_order_relaxed);
}

void connection_write(struct connection *connection, const char *text, size_t len)
{
	if (connection->tls)
		tls_write(connection->tls, text, len);
	else if (send(connection->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* it is gone: so is whoever would have read it */
}

void connection_linger(struct connection *connection)
{
	if (connection->linger_fd < 0)
		connection->linger_fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 0);
}
