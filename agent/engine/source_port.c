/* source_port: see source_port.h. */
#include "engine/source_port.h"

#include "base/sys.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

/* From a bind to the word that the port may be shared nobody else binds. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t holders[UINT16_MAX + 1]; /* sockets of this process, by port */

/* Return: 0; -errno. Under the lock */
static int bind_alone_or_with_own(int fd, const struct sockaddr *address, socklen_t len,
				  uint16_t port)
{
	int r = sys_bind(fd, address, len);
	if (r == -EADDRINUSE && holders[port]) {
		r = sys_setsockopt_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		return r < 0 ? r : sys_bind(fd, address, len);
	}
	/* if this fails, binding the next flow to the port fails with EADDRINUSE */
	if (!r)
		sys_setsockopt_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return r;
}

int source_port_bind(int fd, const struct sockaddr *address, socklen_t len, uint16_t port)
{
	if (!port)
		return sys_bind(fd, address, len);
	pthread_mutex_lock(&lock);
	int r = bind_alone_or_with_own(fd, address, len, port);
	holders[port] += !r;
	pthread_mutex_unlock(&lock);
	return r;
}

void source_port_give_back(uint16_t port)
{
	if (!port)
		return;
	pthread_mutex_lock(&lock);
	holders[port]--;
	pthread_mutex_unlock(&lock);
}
