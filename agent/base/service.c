/* service: see service.h. */
#include "base/service.h"

#include "base/util.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int service_notify(const char *state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	if (!path || !*path)
		return 0;
	size_t len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof address.sun_path)
		return -EINVAL;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@') /* an abstract socket */
		address.sun_path[0] = '\0';
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		   address_len) < 0)
		return -errno;
	return 1;
}

/* A decimal number in an environment variable. Return: 0: none */
static int64_t number(const char *variable)
{
	const char *text = getenv(variable);
	if (!text || *text < '0' || *text > '9')
		return 0;
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	return *end || errno ? 0 : value;
}

int64_t service_watchdog_ns(void)
{
	int64_t usec = number("WATCHDOG_USEC");
	bool ours = !getenv("WATCHDOG_PID") || number("WATCHDOG_PID") == getpid();
	return ours && usec <= INT64_MAX / 1000 ? usec * 1000 : 0;
}

static int join(char ret_path[static SERVICE_PATH_MAX], const char *dir, const char *rest,
		const char *name)
{
	int n = snprintf(ret_path, SERVICE_PATH_MAX, "%s%s%s", dir, rest, name);
	return n < SERVICE_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* An absolute path from the environment; systemd may give several, separated by colons:
 * the first one counts. */
static const char *absolute(const char *variable, char buffer[static SERVICE_PATH_MAX])
{
	const char *value = getenv(variable);
	if (!value || value[0] != '/')
		return NULL;
	size_t len = strcspn(value, ":");
	if (len >= SERVICE_PATH_MAX)
		return NULL;
	memcpy(buffer, value, len);
	buffer[len] = '\0';
	return buffer;
}

int service_state_dir(const char *name, char ret_path[static SERVICE_PATH_MAX])
{
	char buffer[SERVICE_PATH_MAX];
	const char *dir = absolute("STATE_DIRECTORY", buffer);
	if (dir)
		return join(ret_path, dir, "", "");
	dir = absolute("XDG_STATE_HOME", buffer);
	if (dir)
		return join(ret_path, dir, "/", name);
	dir = absolute("HOME", buffer);
	if (dir)
		return join(ret_path, dir, "/.local/state/", name);
	return join(ret_path, "/var/lib", "/", name);
}

int service_runtime_dir(const char *name, char ret_path[static SERVICE_PATH_MAX])
{
	char buffer[SERVICE_PATH_MAX];
	const char *dir = absolute("RUNTIME_DIRECTORY", buffer);
	if (dir)
		return join(ret_path, dir, "", "");
	dir = absolute("XDG_RUNTIME_DIR", buffer);
	return join(ret_path, dir ? dir : "/run", "/", name);
}

int service_make_dir(const char *path)
{
	char part[SERVICE_PATH_MAX];
	size_t len = strlen(path);
	if (!len || len >= sizeof part)
		return len ? -ENAMETOOLONG : -ENOENT;
	memcpy(part, path, len + 1);
	for (char *slash = part + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return mkdir(part, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

void service_raise_files(size_t wanted)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)wanted);
	setrlimit(RLIMIT_NOFILE, &limit); /* if it fails, the present limit stays */
}
