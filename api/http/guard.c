/* guard: see guard.h. */
#include "api/http/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static char **copy_list(const char *const *list, size_t count)
{
	char **copy = calloc(count ? count : 1, sizeof *copy);
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(list[i]);
		if (!copy[i]) {
			free_list(copy, count);
			return NULL;
		}
	}
	return copy;
}

int guard_init(struct guard *guard, const char *const *allow_hosts, size_t allow_host_count,
	       const char *const *allow_origins, size_t allow_origin_count, struct error *ret_error)
{
	*guard = (struct guard){0};
	guard->allow_hosts = copy_list(allow_hosts, allow_host_count);
	guard->allow_host_count = guard->allow_hosts ? allow_host_count : 0;
	guard->allow_origins = copy_list(allow_origins, allow_origin_count);
	guard->allow_origin_count = guard->allow_origins ? allow_origin_count : 0;
	if (!guard->allow_hosts || !guard->allow_origins) {
		guard_deinit(guard);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	}
	if (gethostname(guard->host_name, sizeof guard->host_name - 1) < 0)
		guard->host_name[0] = '\0';
	return 0;
}

void guard_deinit(struct guard *guard)
{
	free_list(guard->allow_hosts, guard->allow_host_count);
	free_list(guard->allow_origins, guard->allow_origin_count);
	*guard = (struct guard){0};
}

/* Divide "name:port", "[v6]:port" or either without a port. Return: false where it is neither. */
static bool split_host(const char *host, char name[static 256])
{
	const char *from = host, *end;
	bool bracketed = *host == '[';
	if (bracketed) {
		from++;
		end = strchr(from, ']');
	} else {
		end = from + strcspn(from, ":");
	}
	if (!end || end == from || end - from > 255)
		return false;
	memcpy(name, from, (size_t)(end - from));
	name[end - from] = '\0';
	const char *port = bracketed ? end + 1 : end;
	if (!*port)
		return true;
	size_t digits = strspn(port + 1, "0123456789");
	return *port == ':' && digits <= 5 && !port[1 + digits] && atoi(port + 1) <= UINT16_MAX;
}

static bool same_v4(const struct in_addr *address, const struct sockaddr_storage *local)
{
	if (ntohl(address->s_addr) >> 24 == IN_LOOPBACKNET)
		return true;
	return local->ss_family == AF_INET &&
	       ((const struct sockaddr_in *)local)->sin_addr.s_addr == address->s_addr;
}

static bool same_v6(const struct in6_addr *address, const struct sockaddr_storage *local)
{
	if (IN6_IS_ADDR_LOOPBACK(address))
		return true;
	return local->ss_family == AF_INET6 &&
	       memcmp(&((const struct sockaddr_in6 *)local)->sin6_addr, address, 16) == 0;
}

/* "localhost" and below it: browsers answer these themselves, no name server can point them here.
 */
static bool is_localhost(const char *name)
{
	static const char SUFFIX[] = ".localhost";
	size_t len = strlen(name), suffix = sizeof SUFFIX - 1;
	return strcasecmp(name, "localhost") == 0 ||
	       (len > suffix && strcasecmp(name + len - suffix, SUFFIX) == 0);
}

static bool is_own_name(const struct guard *guard, const char *name)
{
	size_t first = strcspn(guard->host_name, ".");
	if (!*guard->host_name)
		return false;
	return strcasecmp(name, guard->host_name) == 0 ||
	       (strlen(name) == first && strncasecmp(name, guard->host_name, first) == 0);
}

bool guard_host_valid(const char *host)
{
	char name[256];
	return split_host(host, name);
}

bool guard_host(const struct guard *guard, const char *host, const struct sockaddr_storage *local)
{
	char name[256];
	struct in_addr v4;
	struct in6_addr v6;
	if (!host)
		return true;
	if (!split_host(host, name))
		return false;
	if (*host == '[')
		return inet_pton(AF_INET6, name, &v6) == 1 && same_v6(&v6, local);
	if (inet_pton(AF_INET, name, &v4) == 1)
		return same_v4(&v4, local);
	if (is_localhost(name) || is_own_name(guard, name))
		return true;
	for (size_t i = 0; i < guard->allow_host_count; i++)
		if (strcasecmp(guard->allow_hosts[i], name) == 0 ||
		    strcasecmp(guard->allow_hosts[i], host) == 0)
			return true;
	return false;
}

bool guard_origin(const struct guard *guard, const char *origin, const char *host, bool tls)
{
	const char *scheme = tls ? "https://" : "http://";
	if (strcasecmp(origin, "null") == 0) /* a sandboxed or local page: its author is unknown */
		return false;
	for (size_t i = 0; i < guard->allow_origin_count; i++)
		if (strcasecmp(guard->allow_origins[i], origin) == 0)
			return true;
	return host && strncasecmp(origin, scheme, strlen(scheme)) == 0 &&
	       strcasecmp(origin + strlen(scheme), host) == 0;
}
