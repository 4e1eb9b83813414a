/* udp_bound: see udp_bound.h. */
#include "net/udp_bound.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 512 };

/* "0100007F:1F90": the words of the address as this machine has them in memory. Return: false: not
 * a row */
static bool read_row(const char *line, uint32_t words[4], size_t count, unsigned int *ret_port)
{
	int at = 0;
	if (sscanf(line, " %*d: %n", &at) < 0 || !at)
		return false;
	for (size_t i = 0; i < count; i++, at += 8)
		if (sscanf(line + at, "%8x", &words[i]) != 1)
			return false;
	return sscanf(line + at, ":%4x", ret_port) == 1;
}

static bool has_row(const char *path, const void *address, size_t len, unsigned int port)
{
	static const uint8_t ALL[16];
	char line[LINE_BYTES];
	bool found = false;
	FILE *file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof line, file)) {
		uint32_t words[4] = {0};
		unsigned int bound;
		if (read_row(line, words, len / sizeof *words, &bound) && bound == port)
			found = memcmp(words, address, len) == 0 || memcmp(words, ALL, len) == 0;
	}
	if (file)
		fclose(file);
	return found;
}

bool udp_bound(const struct sockaddr *to)
{
	size_t len;
	const void *address = net_ip_bytes(to, &len);
	if (!address)
		return false;
	bool v4 = to->sa_family == AF_INET;
	unsigned int port = ntohs(v4 ? ((const struct sockaddr_in *)to)->sin_port
				     : ((const struct sockaddr_in6 *)to)->sin6_port);
	static const uint8_t ALL[16];
	return has_row(v4 ? "/proc/net/udp" : "/proc/net/udp6", address, len, port) ||
	       (v4 && has_row("/proc/net/udp6", ALL, sizeof ALL, port)); /* of both families */
}
