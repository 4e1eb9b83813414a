/* listen: which addresses are listened on, and what happens to a socket file that is there. */
#include "lib/test.h"

#include "api/http/listen.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct listen_terms NOBODY_PROVEN = {0};

static char folder[] = "/tmp/test_listen_XXXXXX";

static const char *unix_at(const char *name)
{
	static char where[128];
	snprintf(where, sizeof where, "unix:%s/%s", folder, name);
	return where;
}

static int refused(const char *where, const char *part)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct listen_socket made = LISTEN_SOCKET_NULL;
	int r = listen_open(where, &NOBODY_PROVEN, &made, &error);
	if (!r)
		test_fail(__FILE__, __LINE__, "%s was opened", where);
	CHECK_HAS(error_message(&error), where);
	CHECK_HAS(error_message(&error), part);
	return r;
}

TEST(listen_takes_loopback_and_picks_a_port)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	static const char *const wheres[] = {"127.0.0.1:0", "localhost:0", "127.3.2.1:0"};
	for (size_t i = 0; i < 3; i++) {
		struct listen_socket made;
		CHECK_INT(listen_open(wheres[i], &NOBODY_PROVEN, &made, &error), ==, 0);
		CHECK_HAS(made.url, "http://127.");
		CHECK(!strstr(made.url, ":0"));
		listen_close(&made);
	}
}

TEST(listen_refuses_what_strangers_reach)
{
	CHECK_INT(refused("0.0.0.0:8470", "loopback"), ==, ERROR_CODE_INVALID_ARGUMENT);
	refused("[::]:8470", "loopback");
	refused("192.0.2.1:8470", "--tokens FILE");
}

TEST(listen_goes_off_loopback_on_terms)
{
	static const struct listen_terms in_clear = {.callers_proven = true};
	static const struct listen_terms good[] = {
		{.callers_proven = true, .tls = true},
		{.callers_proven = true, .tokens_in_clear = true},
	};
	_cleanup_error_ struct error error = ERROR_NULL;
	struct listen_socket made = LISTEN_SOCKET_NULL;
	CHECK_INT(listen_open("0.0.0.0:0", &in_clear, &made, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "--insecure-http");
	for (size_t i = 0; i < 2; i++) {
		CHECK_INT(listen_open("0.0.0.0:0", &good[i], &made, &error), ==, 0);
		CHECK_HAS(made.url, good[i].tls ? "https://0.0.0.0:" : "http://0.0.0.0:");
		listen_close(&made);
	}
}

TEST(listen_refuses_what_is_no_address)
{
	static const char *const bad[] = {
		"",	      "8470",		":8470",	   "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:x",	"127.0.0.1:65536", "::1:8470",
		"[::1]",      "host.example:1", "127.0.0.1:-1",	   "tcp:1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refused(bad[i], "ADDRESS:PORT");
	refused("unix:", "path");
}

TEST(listen_tells_a_port_that_is_taken)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct listen_socket made;
	CHECK_INT(listen_open("127.0.0.1:0", &NOBODY_PROVEN, &made, &error), ==, 0);
	CHECK_INT(refused(made.url + strlen("http://"), "Address already in use"), ==,
		  ERROR_CODE_UNAVAILABLE);
	listen_close(&made);
}

TEST(listen_gives_a_unix_socket_its_mode_and_removes_it)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct listen_socket made;
	struct stat there;
	const char *where = unix_at("sub/api.sock");
	mode_t before = umask(022);
	CHECK_INT(listen_open(where, &NOBODY_PROVEN, &made, &error), ==, 0);
	CHECK_INT(stat(where + 5, &there), ==, 0);
	CHECK_INT(there.st_mode & 0777, ==, 0660);
	listen_close(&made);
	CHECK(stat(where + 5, &there) < 0);
	umask(077);
	CHECK_INT(listen_open(where, &NOBODY_PROVEN, &made, &error), ==, 0);
	CHECK_INT(stat(where + 5, &there), ==, 0);
	CHECK_INT(there.st_mode & 0777, ==, 0600);
	listen_close(&made);
	umask(before);
}

TEST(listen_replaces_a_socket_that_nobody_answers_on)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct listen_socket made;
	const char *where = unix_at("stale.sock");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, where + 5);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
	close(fd); /* as a killed agent leaves it */
	CHECK_INT(listen_open(where, &NOBODY_PROVEN, &made, &error), ==, 0);
	listen_close(&made);
}

TEST(listen_leaves_a_socket_that_answers)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct listen_socket made;
	struct stat there;
	const char *where = unix_at("live.sock");
	CHECK_INT(listen_open(where, &NOBODY_PROVEN, &made, &error), ==, 0);
	CHECK_INT(refused(where, "another process is listening"), ==, ERROR_CODE_UNAVAILABLE);
	CHECK_INT(stat(where + 5, &there), ==, 0);
	listen_close(&made);
}

TEST(listen_leaves_a_file_that_is_no_socket)
{
	struct stat there;
	const char *where = unix_at("file");
	FILE *file = fopen(where + 5, "w");
	CHECK(file);
	fclose(file);
	refused(where, "not a socket");
	CHECK_INT(stat(where + 5, &there), ==, 0);
	unlink(where + 5);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		CASE(listen_takes_loopback_and_picks_a_port),
		CASE(listen_refuses_what_strangers_reach),
		CASE(listen_goes_off_loopback_on_terms),
		CASE(listen_refuses_what_is_no_address),
		CASE(listen_tells_a_port_that_is_taken),
		CASE(listen_gives_a_unix_socket_its_mode_and_removes_it),
		CASE(listen_replaces_a_socket_that_nobody_answers_on),
		CASE(listen_leaves_a_socket_that_answers),
		CASE(listen_leaves_a_file_that_is_no_socket),
	};
	if (!mkdtemp(folder))
		return 1;
	int r = test_main(argc, argv, cases, sizeof cases / sizeof *cases);
	char command[64];
	snprintf(command, sizeof command, "%s/sub", folder);
	rmdir(command);
	rmdir(folder);
	return r;
}
