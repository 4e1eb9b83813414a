/* Folders of a service and its word to the service manager. */
#include "base/service.h"
#include "lib/test.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void clear_environment(void)
{
	static const char *const NAMES[] = {
		"STATE_DIRECTORY",   "XDG_STATE_HOME",	"HOME",
		"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "NOTIFY_SOCKET"};
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
		unsetenv(NAMES[i]);
}

static void state_is(const char *expected)
{
	char path[SERVICE_PATH_MAX];
	CHECK_INT(service_state_dir("pagecast", path), ==, 0);
	CHECK_STR(path, expected);
}

static void runtime_is(const char *expected)
{
	char path[SERVICE_PATH_MAX];
	CHECK_INT(service_runtime_dir("pagecast", path), ==, 0);
	CHECK_STR(path, expected);
}

TEST(service_takes_the_folders_it_is_given)
{
	clear_environment();
	state_is("/var/lib/pagecast");
	runtime_is("/run/pagecast");
	setenv("HOME", "/somewhere", 1);
	state_is("/somewhere/.local/state/pagecast");
	setenv("XDG_STATE_HOME", "relative", 1); /* XDG: to be ignored */
	state_is("/somewhere/.local/state/pagecast");
	setenv("XDG_STATE_HOME", "/xdg", 1);
	state_is("/xdg/pagecast");
	setenv("STATE_DIRECTORY", "/var/lib/private/pagecast:/var/lib/other", 1);
	state_is("/var/lib/private/pagecast");
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	runtime_is("/run/user/7/pagecast");
	setenv("RUNTIME_DIRECTORY", "/run/pc", 1);
	runtime_is("/run/pc");
	clear_environment();
}

TEST(service_makes_a_folder_with_its_parents)
{
	char base[] = "/tmp/pagecast-service-XXXXXX", path[64];
	struct stat made;
	CHECK(mkdtemp(base));
	snprintf(path, sizeof path, "%s/a/b", base);
	CHECK_INT(service_make_dir(path), ==, 0);
	CHECK_INT(service_make_dir(path), ==, 0); /* it is there already */
	CHECK_INT(stat(path, &made), ==, 0);
	CHECK(S_ISDIR(made.st_mode) && (made.st_mode & 0077) == 0);
	CHECK_INT(service_make_dir("/proc/no/such"), <, 0);
	CHECK_INT(service_make_dir(""), ==, -ENOENT);
	rmdir(path);
	snprintf(path, sizeof path, "%s/a", base);
	rmdir(path);
	rmdir(base);
}

static void tells_at(const char *name, bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	strcpy(address.sun_path, name);
	if (abstract)
		address.sun_path[0] = '\0';
	CHECK_INT(bind(fd, (struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		  ==, 0);
	setenv("NOTIFY_SOCKET", name, 1);
	CHECK_INT(service_notify("READY=1"), ==, 1);
	CHECK_INT(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), ==, 7);
	CHECK_STR(text, "READY=1");
	close(fd);
}

TEST(service_tells_the_service_manager)
{
	char name[64];
	clear_environment();
	CHECK_INT(service_notify("READY=1"), ==, 0); /* nobody wants to know */
	snprintf(name, sizeof name, "/tmp/pagecast-notify-%d", getpid());
	tells_at(name, false);
	CHECK_INT(service_notify("READY=1"), ==, -ECONNREFUSED);
	unlink(name);
	snprintf(name, sizeof name, "@pagecast-notify-%d", getpid());
	tells_at(name, true);
	setenv("NOTIFY_SOCKET", "relative", 1);
	CHECK_INT(service_notify("READY=1"), ==, -EINVAL);
	clear_environment();
}

static void watchdog_is(const char *usec, const char *pid, int64_t expected_ns)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (usec)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	CHECK_INT(service_watchdog_ns(), ==, expected_ns);
}

TEST(service_knows_whether_it_is_watched)
{
	char own[16], parent[16];
	snprintf(own, sizeof own, "%d", getpid());
	snprintf(parent, sizeof parent, "%d", getppid());
	watchdog_is(NULL, NULL, 0);
	watchdog_is("30000000", NULL, 30000000000);
	watchdog_is("30000000", own, 30000000000);
	watchdog_is("30000000", parent, 0);
	watchdog_is("30s", own, 0);
	watchdog_is("-1", own, 0);
	watchdog_is("9223372036854775807", own, 0);
	watchdog_is(NULL, NULL, 0);
}

TEST_MAIN(CASE(service_takes_the_folders_it_is_given),
	  CASE(service_makes_a_folder_with_its_parents), CASE(service_tells_the_service_manager),
	  CASE(service_knows_whether_it_is_watched))
