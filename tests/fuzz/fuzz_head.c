/*
 * Any bytes on a connection: what comes back, if anything, is an HTTP answer, and the server goes
 * on serving. The whole way is taken, socket, libmicrohttpd and head check; the agent behind it
 * never starts, so nothing is sent.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/server.h"
#include "fuzz/fuzz.h"
#include "pagecast/audit.h"

enum { ANSWER_MS = 3, HEALTH_MS = 5000, HEALTH_EVERY = 256 };

static struct agent *agent;
static struct server *server;
static char where[128];

static void stop(void)
{
	agent_stop(agent);
	server_stop(server);
	agent_free(agent);
}

static void start(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const char *const listen[] = {where};
	const struct agent_options agent_options = {.name = "fuzz", .version = "0", .workers = 1};
	snprintf(where, sizeof where, "unix:/tmp/fuzz_head_%d.sock", (int)getpid());
	FUZZ_CHECK(agent_new(&agent, &agent_options, &error) == 0);
	const struct server_options options = {.agent = agent, .listen = listen, .listen_count = 1};
	FUZZ_CHECK(server_start(&server, &options, &error) == 0);
	atexit(stop);
}

static int connect_there(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, where + strlen("unix:"));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

/* What comes within the time; "" when nothing does. */
static void ask(const void *data, size_t len, int wait_ms, char *answer, size_t size)
{
	int fd = connect_there();
	size_t got = 0;
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			break; /* it closed already */
		sent += (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	while (got < size - 1 && poll(&ready, 1, got ? 0 : wait_ms) > 0) {
		ssize_t n = recv(fd, answer + got, size - 1 - got, 0);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	answer[got] = '\0';
	close(fd);
}

static void check_health(void)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
				      "Connection: close\r\n\r\n";
	char answer[1024];
	ask(request, sizeof request - 1, HEALTH_MS, answer, sizeof answer);
	FUZZ_CHECK(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int count;
	char answer[4096];
	if (!server)
		start();
	ask(data, size, ANSWER_MS, answer, sizeof answer);
	if (*answer) {
		FUZZ_CHECK(strncmp(answer, "HTTP/1.1 ", 9) == 0);
		FUZZ_CHECK(answer[9] >= '1' && answer[9] <= '5');
		FUZZ_CHECK(!strstr(answer, " 500 "));
	}
	if (count++ % HEALTH_EVERY == 0)
		check_health();
	return 0;
}
