/* One source port for several streams and jobs of an agent, and never one of another program. */
#include "base/util.h"
#include "unit/agent_fixture.h"

struct end { /* a socket on loopback */
	int fd;
	uint16_t port;
};

static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} address;

static socklen_t loopback(int family, uint16_t port)
{
	memset(&address, 0, sizeof address);
	address.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address.v4.sin_port = htons(port);
		return sizeof address.v4;
	}
	address.v6.sin6_addr = in6addr_loopback;
	address.v6.sin6_port = htons(port);
	return sizeof address.v6;
}

static struct end open_end(int family, bool shares)
{
	int one = 1;
	struct end end = {.fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	socklen_t len = loopback(family, 0);
	CHECK(end.fd >= 0);
	if (shares)
		CHECK_INT(setsockopt(end.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), ==, 0);
	CHECK_INT(bind(end.fd, &address.any, len), ==, 0);
	CHECK_INT(getsockname(end.fd, &address.any, &len), ==, 0);
	end.port = ntohs(family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
	return end;
}

/* A port that nobody has, and none that the kernel gives to sockets without one. */
static uint16_t free_port(int family)
{
	static uint16_t next;
	for (next = next ? next : (uint16_t)(10000 + getpid() % 20000);; next++) {
		int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t len = loopback(family, next);
		bool bound = bind(fd, &address.any, len) == 0;
		close(fd);
		if (bound)
			return next++;
	}
}

/* One datagram, and the port that it came from. */
static uint16_t receive_from(const struct end *end)
{
	char bytes[64];
	struct timeval wait = {WEDGED_MS / 1000, 0};
	socklen_t len = sizeof address;
	setsockopt(end->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	CHECK_INT(recvfrom(end->fd, bytes, sizeof bytes, 0, &address.any, &len), ==, 5);
	return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

static const char *stream_text(int family, uint16_t from, uint16_t to, const char *more)
{
	static char texts[4][256];
	static int turn;
	char *text = texts[turn++ % 4];
	snprintf(text, sizeof *texts,
		 "{\"udp\":{\"address\":\"%s\",\"port\":%u,\"sourcePort\":%u},"
		 "\"payloads\":[{\"text\":\"hello\"}]%s}",
		 family == AF_INET ? "127.0.0.1" : "::1", to, from, more);
	return text;
}

static const char *submit_streams(const char *first, const char *second)
{
	static char ids[4][JOB_ID_LEN + 1];
	static int turn;
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	char spec[1024];
	snprintf(spec, sizeof spec, "{\"streams\":[%s%s%s]}", first, second ? "," : "",
		 second ? second : "");
	if (try_submit(&OPERATOR, spec, "", &job, NULL, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	char *id = ids[turn++ % 4];
	strcpy(id, job->id);
	drop(job);
	return id;
}

static void check_sent(const char *id, uint64_t packets)
{
	Pagecast__V1__Job *job = wait_ended(id);
	if (job->state != STATE(SUCCEEDED))
		test_fail(__FILE__, __LINE__, "%s",
			  job->n_problems ? job->problems[0]->message : "no problem");
	CHECK_INT(job->account->packets_sent, ==, packets);
	drop(job);
}

#define ONE	"\"limit\":{\"packets\":1}"
#define ENDLESS "\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":1}"

static void share_between_streams(int family)
{
	struct end one = open_end(family, false), other = open_end(family, false);
	uint16_t from = free_port(family);
	check_sent(submit_streams(stream_text(family, from, one.port, "," ONE),
				  stream_text(family, from, other.port, "," ONE)),
		   2);
	CHECK_INT(receive_from(&one), ==, from);
	CHECK_INT(receive_from(&other), ==, from);
	/* to the same destination, too */
	check_sent(submit_streams(stream_text(family, from, one.port, "," ONE),
				  stream_text(family, from, one.port, "," ONE)),
		   2);
	CHECK_INT(receive_from(&one), ==, from);
	CHECK_INT(receive_from(&one), ==, from);
	close(one.fd);
	close(other.fd);
}

TEST(agent_sends_two_streams_from_one_port)
{
	start_agent(NULL, 1);
	share_between_streams(AF_INET);
	share_between_streams(AF_INET6);
	end_agent();
}

TEST(agent_sends_two_jobs_from_one_port)
{
	start_agent(NULL, 2);
	struct end one = open_end(AF_INET, false), other = open_end(AF_INET, false);
	uint16_t from = free_port(AF_INET);
	const char *first = submit_streams(stream_text(AF_INET, from, one.port, "," ENDLESS), NULL);
	CHECK_INT(receive_from(&one), ==, from); /* it has the port by now */
	check_sent(submit_streams(stream_text(AF_INET, from, other.port, "," ONE), NULL), 1);
	CHECK_INT(receive_from(&other), ==, from);
	drop(cancel(first));
	struct end later = {.fd = socket(AF_INET, SOCK_DGRAM, 0)}; /* given back */
	socklen_t len = loopback(AF_INET, from);
	CHECK_INT(bind(later.fd, &address.any, len), ==, 0);
	close(later.fd);
	close(one.fd);
	close(other.fd);
	end_agent();
}

/* Whether or not it would share its port: its datagrams are its own. */
TEST(agent_takes_no_port_of_another_program)
{
	start_agent(NULL, 1);
	for (int shares = 0; shares < 2; shares++) {
		struct end theirs = open_end(AF_INET, shares), to = open_end(AF_INET, false);
		const char *id =
			submit_streams(stream_text(AF_INET, theirs.port, to.port, "," ONE), NULL);
		Pagecast__V1__Job *job = wait_ended(id);
		CHECK_INT(job->state, ==, STATE(FAILED));
		CHECK(has_problem(job, "kernel_error", "is in use by another program"));
		CHECK_INT(job->account->packets_sent, ==, 0);
		drop(job);
		close(theirs.fd);
		close(to.fd);
	}
	end_agent();
}

TEST_MAIN(CASE(agent_sends_two_streams_from_one_port), CASE(agent_sends_two_jobs_from_one_port),
	  CASE(agent_takes_no_port_of_another_program))
