/* Who is asking: a right token is let in whatever else comes from its address, and wrong ones wait,
 * by the address that one network has. */
#include "api/auth/auth.h"
#include "api/auth/lockout.h"
#include "api/auth/tokens_edit.h"
#include "lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

static char path[] = "/tmp/test_auth.XXXXXX/tokens";
static char right[sizeof "Bearer " + TOKEN_TEXT_LEN], wrong[sizeof right];
static struct auth *auth;
static int64_t now_ns;

static void set_up(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char text[TOKEN_TEXT_LEN + 1];
	strcpy(path, "/tmp/test_auth.XXXXXX");
	CHECK(mkdtemp(path));
	strcat(path, "/tokens");
	CHECK_INT(tokens_create(path, "ci", AGENT_ROLE_OPERATOR, INT64_MAX, text, &error), ==, 0);
	snprintf(right, sizeof right, "Bearer %s", text);
	strcpy(wrong, right);
	wrong[strlen(wrong) - 1] ^= 1;
	CHECK_INT(auth_new(&auth, path, &error), ==, 0);
}

static void tear_down(void)
{
	auth = auth_free(auth);
	unlink(path);
	*strrchr(path, '/') = '\0';
	CHECK_INT(rmdir(path), ==, 0);
}

static struct sockaddr_storage from(const char *address)
{
	struct sockaddr_storage remote = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&remote;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&remote;
	if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
	} else {
		CHECK_INT(inet_pton(AF_INET6, address, &in6->sin6_addr), ==, 1);
		in6->sin6_family = AF_INET6;
	}
	return remote;
}

static int ask(const char *address, const char *authorization)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct sockaddr_storage remote = from(address);
	const struct auth_evidence evidence = {
		.principal = "local", .remote = &remote, .now_ns = now_ns};
	struct auth_identity identity;
	int r = auth_identify(auth, &evidence, authorization, &identity, &error);
	CHECK_INT(!error.retry_after_s, ==, r != ERROR_CODE_RESOURCE_EXHAUSTED);
	return r;
}

static void lock_out(const char *address)
{
	for (int i = 0; i < LOCKOUT_FAILURES; i++)
		CHECK_INT(ask(address, wrong), ==, ERROR_CODE_UNAUTHENTICATED);
	CHECK_INT(ask(address, wrong), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
}

TEST(auth_lets_a_right_token_in_whatever_its_address_sent_before)
{
	static const char *const ADDRESSES[] = {"198.18.0.1", "2001:db8::1", "fe80::1"};
	set_up();
	for (size_t i = 0; i < sizeof ADDRESSES / sizeof *ADDRESSES; i++) {
		lock_out(ADDRESSES[i]);
		for (int again = 0; again < 3 * LOCKOUT_FAILURES; again++) {
			CHECK_INT(ask(ADDRESSES[i], right), ==, 0);
			CHECK_INT(ask(ADDRESSES[i], wrong), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
		}
	}
	tear_down();
}

TEST(auth_makes_whatever_is_no_token_wait)
{
	static char huge[8192] = "Bearer ";
	set_up();
	memset(huge + strlen(huge), 'a', sizeof huge - 1 - strlen(huge));
	lock_out("198.18.0.1");
	CHECK_INT(ask("198.18.0.1", "Bearer "), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	CHECK_INT(ask("198.18.0.1", "Bearer pgc_"), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	CHECK_INT(ask("198.18.0.1", huge), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	CHECK_INT(ask("198.18.0.1", NULL), ==, ERROR_CODE_UNAUTHENTICATED); /* shows none */
	tear_down();
}

TEST(auth_counts_wrong_tokens_by_the_address_that_one_network_has)
{
	set_up();
	lock_out("198.18.0.1");
	CHECK_INT(ask("198.18.0.2", wrong), ==, ERROR_CODE_UNAUTHENTICATED);
	lock_out("2001:db8:0:1::1");
	CHECK_INT(ask("2001:db8:0:1:ffff::2", wrong), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	CHECK_INT(ask("2001:db8:0:2::1", wrong), ==, ERROR_CODE_UNAUTHENTICATED);
	lock_out("fe80::1"); /* whose 64 bits every neighbour has */
	CHECK_INT(ask("fe80::2", wrong), ==, ERROR_CODE_UNAUTHENTICATED);
	tear_down();
}

TEST(auth_names_callers_by_their_kind)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const struct sockaddr_storage remote = {0};
	struct auth_evidence evidence = {.principal = "local", .remote = &remote};
	struct auth_identity identity;
	set_up();
	CHECK_INT(auth_identify(auth, &evidence, right, &identity, &error), ==, 0);
	CHECK_STR(identity.principal, "token:ci");
	auth_free(auth);
	CHECK_INT(auth_new(&auth, NULL, &error), ==, 0);
	CHECK_INT(auth_identify(auth, &evidence, right, &identity, &error), ==, 0);
	CHECK_STR(identity.principal, "local");
	evidence.principal = "uid:4711";
	CHECK_INT(auth_identify(auth, &evidence, NULL, &identity, &error), ==, 0);
	CHECK_STR(identity.principal, "uid:4711");
	evidence.principal = ""; /* two whom the kernel does not tell apart are not one */
	CHECK_INT(auth_identify(auth, &evidence, NULL, &identity, &error), ==,
		  ERROR_CODE_UNAUTHENTICATED);
	tear_down();
}

TEST_MAIN(CASE(auth_lets_a_right_token_in_whatever_its_address_sent_before),
	  CASE(auth_makes_whatever_is_no_token_wait), CASE(auth_names_callers_by_their_kind),
	  CASE(auth_counts_wrong_tokens_by_the_address_that_one_network_has))
