/* listen: see listen.h. */
#include "api/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static int cannot(struct error *ret_error, const char *where, const char *what, int error_number)
{
	return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "listen %s: %s: %s", where, what,
			 strerror(error_number));
}

/* ---- TCP ---- */

static bool parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	unsigned long port = strtoul(text, &end, 10);
	*ret_port = (uint16_t)port;
	return !*end && port <= 65535;
}

/* "HOST:PORT" into an address; HOST is a literal, "localhost", or "*": every address of both IP
 * versions, as "[::]" is. */
static bool parse_tcp(const char *where, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;
	char host[64];
	uint16_t port;
	const char *colon = strrchr(where, ':');
	size_t len = colon ? (size_t)(colon - where) : 0;
	if (!len || len >= sizeof host || !parse_port(colon + 1, &port))
		return false;
	memcpy(host, where, len);
	host[len] = '\0';
	memset(ret_address, 0, sizeof *ret_address);
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*ret_len = sizeof *in6;
		return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1;
	}
	if (strcmp(host, "*") == 0) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*ret_len = sizeof *in6;
		return true;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	*ret_len = sizeof *in;
	return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
			 &in->sin_addr) == 1;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 ==
	       IN_LOOPBACKNET;
}

static bool is_any(const struct sockaddr_storage *address)
{
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static void only_ipv4(struct sockaddr_storage *address, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = ((struct sockaddr_in6 *)address)->sin6_port};
	*len = sizeof in;
	memcpy(address, &in, sizeof in);
}

static char *tcp_url(const struct sockaddr_storage *address, const struct listen_terms *terms)
{
	char text[INET6_ADDRSTRLEN] = "";
	char *url = NULL;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	bool v6 = address->ss_family == AF_INET6;
	if (v6)
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
	else
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
	int n = asprintf(&url, "%s://%s%s%s:%u", terms->tls ? "https" : "http", v6 ? "[" : "", text,
			 v6 ? "]" : "", ntohs(v6 ? in6->sin6_port : in->sin_port));
	return n < 0 ? NULL : url;
}

/* May it be reached from other machines? */
static int check_reach(const char *where, const struct listen_terms *terms, struct error *ret_error)
{
	if (!terms->callers_proven)
		return error_set(
			ret_error, ERROR_CODE_INVALID_ARGUMENT,
			"listen %s: other machines can reach this address, and callers are not "
			"authenticated; give --tokens FILE (`pagecastd token create` creates one) "
			"with "
			"--tls-cert and --tls-key, or --tls-client-ca for client certificates; or "
			"listen on loopback (127.0.0.1, [::1]) or unix:PATH",
			where);
	if (!terms->tls && !terms->tokens_in_clear)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "listen %s: tokens would cross the network unencrypted; give "
				 "--tls-cert and "
				 "--tls-key, or --insecure-http to allow it",
				 where);
	return 0;
}

static int open_tcp(const char *where, const struct listen_terms *terms,
		    struct listen_socket *ret_socket, struct error *ret_error)
{
	struct sockaddr_storage address;
	socklen_t len;
	int one = 1;
	if (!parse_tcp(where, &address, &len))
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "listen %s: not ADDRESS:PORT (127.0.0.1:8470, [::1]:8470, *:8470 "
				 "for all of both IP versions; port 0 to 65535, 0 for a free one) "
				 "and not unix:PATH",
				 where);
	int r = is_loopback(&address) ? 0 : check_reach(where, terms, ret_error);
	if (r)
		return r;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && *where == '*') { /* a machine without IPv6 */
		only_ipv4(&address, &len);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	if (fd < 0)
		return cannot(ret_error, where, "socket", errno);
	ret_socket->fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (address.ss_family == AF_INET6) {
		int alone = !is_any(&address); /* [::] takes IPv4, too */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
	}
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return cannot(ret_error, where, "bind", errno);
	ret_socket->url = tcp_url(&address, terms);
	return ret_socket->url ? 0 : error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
}

/* ---- unix ---- */

/* The folder of a socket file is made where its parent is there: /run/pagecast. */
static int make_folder(const char *where, const char *path, struct error *ret_error)
{
	char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return cannot(ret_error, where, "mkdir", errno);
	return 0;
}

/* Something is at the path. Make room if it is a socket that nobody answers on. */
static int remove_stale(const char *where, const struct sockaddr_un *address,
			struct error *ret_error)
{
	struct stat there;
	if (lstat(address->sun_path, &there) < 0)
		return errno == ENOENT ? 0 : cannot(ret_error, where, "stat", errno);
	if (!S_ISSOCK(there.st_mode))
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "listen %s: a file that is not a socket is in the way", where);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return cannot(ret_error, where, "socket", errno);
	int r = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? errno : 0;
	close(fd);
	if (r == 0 || r == EAGAIN)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "listen %s: another process is listening there", where);
	if (r != ECONNREFUSED)
		return cannot(ret_error, where, "connect", r);
	if (unlink(address->sun_path) < 0)
		return cannot(ret_error, where, "unlink", errno);
	return 0;
}

static int bind_unix(const char *where, int fd, const struct sockaddr_un *address,
		     struct error *ret_error)
{
	const struct sockaddr *any = (const struct sockaddr *)address;
	/* The file takes the socket's mode, less the umask, when it is made: others never get in.
	 */
	if (fchmod(fd, 0660) < 0)
		return cannot(ret_error, where, "chmod", errno);
	if (bind(fd, any, sizeof *address) < 0) {
		if (errno != EADDRINUSE)
			return cannot(ret_error, where, "bind", errno);
		int r = remove_stale(where, address, ret_error);
		if (r)
			return r;
		if (bind(fd, any, sizeof *address) < 0)
			return cannot(ret_error, where, "bind", errno);
	}
	return 0;
}

static int open_unix(const char *where, const char *path, struct listen_socket *ret_socket,
		     struct error *ret_error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat made;
	if (!*path || strlen(path) >= sizeof address.sun_path)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "listen %s: the path of a unix socket must have 1 to %zu bytes",
				 where, sizeof address.sun_path - 1);
	strcpy(address.sun_path, path);
	int r = make_folder(where, path, ret_error);
	if (r)
		return r;
	ret_socket->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret_socket->fd < 0)
		return cannot(ret_error, where, "socket", errno);
	r = bind_unix(where, ret_socket->fd, &address, ret_error);
	if (r)
		return r;
	ret_socket->path = strdup(path);
	ret_socket->url = strdup(where);
	if (!ret_socket->path || !ret_socket->url || lstat(path, &made) < 0) {
		unlink(path);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "listen %s: out of memory", where);
	}
	/* The usual umask removes the group's right to write, which connecting requires.
	 */
	if (chmod(path, made.st_mode & S_IRGRP ? 0660 : 0600) < 0)
		return cannot(ret_error, where, "chmod", errno);
	ret_socket->device = made.st_dev;
	ret_socket->inode = made.st_ino;
	if (listen(ret_socket->fd, BACKLOG) < 0)
		return cannot(ret_error, where, "listen", errno);
	return 0;
}

int listen_open(const char *where, const struct listen_terms *terms,
		struct listen_socket *ret_socket, struct error *ret_error)
{
	struct listen_socket socket = LISTEN_SOCKET_NULL;
	int r = strncmp(where, "unix:", 5) == 0 ? open_unix(where, where + 5, &socket, ret_error)
						: open_tcp(where, terms, &socket, ret_error);
	if (r) {
		listen_close(&socket);
		return r;
	}
	*ret_socket = socket;
	return 0;
}

void listen_unlink(struct listen_socket *socket)
{
	struct stat there;
	if (socket->path && lstat(socket->path, &there) == 0 && there.st_dev == socket->device &&
	    there.st_ino == socket->inode)
		unlink(socket->path);
	free(socket->path);
	socket->path = NULL;
}

void listen_close(struct listen_socket *socket)
{
	listen_unlink(socket);
	if (socket->fd >= 0)
		close(socket->fd);
	free(socket->url);
	*socket = LISTEN_SOCKET_NULL;
}
