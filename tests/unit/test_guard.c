/* guard: Host and Origin. */
#include "lib/test.h"

#include "api/http/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct sockaddr_storage v4(const char *address)
{
	struct sockaddr_storage local = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&local;
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	return local;
}

static struct sockaddr_storage v6(const char *address)
{
	struct sockaddr_storage local = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&local;
	in6->sin6_family = AF_INET6;
	inet_pton(AF_INET6, address, &in6->sin6_addr);
	return local;
}

static struct guard make_guard(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	static const char *const hosts[] = {"agent.example", "proxy.example:9000"};
	static const char *const origins[] = {"https://console.example", "null"};
	struct guard guard;
	CHECK_INT(guard_init(&guard, hosts, 2, origins, 2, &error), ==, 0);
	strcpy(guard.host_name, "lab7.corp.example");
	return guard;
}

TEST(guard_takes_its_own_addresses_and_names)
{
	struct guard guard = make_guard();
	struct sockaddr_storage loopback = v4("127.0.0.1");
	static const char *const good[] = {"127.0.0.1",	      "127.0.0.1:8470",	    "127.9.9.9:1",
					   "localhost",	      "LOCALHOST:8470",	    "a.localhost",
					   "[::1]",	      "[::1]:8470",	    "lab7",
					   "lab7:8470",	      "lab7.corp.example",  "agent.example",
					   "AGENT.example:1", "proxy.example:9000", "localhost:"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!guard_host(&guard, good[i], &loopback))
			test_fail(__FILE__, __LINE__, "%s was refused", good[i]);
	CHECK(guard_host(&guard, NULL, &loopback));
	guard_deinit(&guard);
}

TEST(guard_refuses_foreign_hosts)
{
	struct guard guard = make_guard();
	struct sockaddr_storage loopback = v4("127.0.0.1");
	static const char *const bad[] = {"",
					  "evil.example",
					  "evil.example:8470",
					  "127.0.0.1.evil.example",
					  "localhost.evil.example",
					  "8.8.8.8",
					  "[2001:db8::1]",
					  "10.0.0.1:8470",
					  "xlocalhost",
					  ".localhost",
					  "lab",
					  "lab7.evil.example",
					  "proxy.example",
					  "proxy.example:1",
					  "localhost:80x",
					  "localhost:123456",
					  "localhost:80:80",
					  "[::1",
					  "[::1]x",
					  "[]",
					  "::1",
					  "0x7f.0.0.1",
					  "127.1",
					  "agent.example@evil",
					  "localhost/",
					  " localhost"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (guard_host(&guard, bad[i], &loopback))
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
	guard_deinit(&guard);
}

TEST(guard_takes_the_address_that_was_connected_to)
{
	struct guard guard = make_guard();
	struct sockaddr_storage lan = v4("10.1.2.3"), lan6 = v6("fd00::3");
	CHECK(guard_host(&guard, "10.1.2.3:8470", &lan));
	CHECK(!guard_host(&guard, "10.1.2.4:8470", &lan));
	CHECK(guard_host(&guard, "[fd00::3]:8470", &lan6));
	CHECK(guard_host(&guard, "[fd00:0:0::3]", &lan6));
	CHECK(!guard_host(&guard, "[fd00::4]", &lan6));
	guard_deinit(&guard);
}

TEST(guard_lets_no_foreign_page_in)
{
	struct guard guard = make_guard();
	CHECK(guard_origin(&guard, "http://127.0.0.1:8470", "127.0.0.1:8470", false));
	CHECK(guard_origin(&guard, "https://console.example", "127.0.0.1:8470", false));
	CHECK(!guard_origin(&guard, "http://127.0.0.1:8471", "127.0.0.1:8470", false));
	CHECK(!guard_origin(&guard, "https://127.0.0.1:8470", "127.0.0.1:8470", false));
	CHECK(!guard_origin(&guard, "http://evil.example", "127.0.0.1:8470", false));
	CHECK(!guard_origin(&guard, "https://console.example.evil", "127.0.0.1:8470", false));
	CHECK(!guard_origin(&guard, "http://", NULL, false));
	CHECK(!guard_origin(&guard, "", "127.0.0.1:8470", false));
	CHECK(!guard_origin(&guard, "null", "127.0.0.1:8470", false)); /* even where it is listed */
	CHECK(!guard_origin(&guard, "file://", "127.0.0.1:8470", false));
	CHECK(guard_origin(&guard, "https://127.0.0.1:8470", "127.0.0.1:8470", true));
	CHECK(!guard_origin(&guard, "http://127.0.0.1:8470", "127.0.0.1:8470", true));
	guard_deinit(&guard);
}

TEST_MAIN(CASE(guard_takes_its_own_addresses_and_names), CASE(guard_refuses_foreign_hosts),
	  CASE(guard_takes_the_address_that_was_connected_to), CASE(guard_lets_no_foreign_page_in))
