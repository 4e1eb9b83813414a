/* Bearer tokens: what is stored, what is refused, and who must wait. */
#include "api/auth/lockout.h"
#include "api/auth/tokens.h"
#include "api/auth/tokens_edit.h"
#include "lib/test.h"

#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/test_tokens.XXXXXX/tokens";

static const char *fresh_file(void)
{
	strcpy(path, "/tmp/test_tokens.XXXXXX");
	CHECK(mkdtemp(path));
	strcat(path, "/tokens");
	return path;
}

static void remove_file(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	CHECK_INT(rmdir(path), ==, 0); /* nothing else was left behind */
}

static void write_file(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");
	CHECK(file && fputs(text, file) >= 0);
	fclose(file);
	CHECK_INT(chmod(path, mode), ==, 0);
}

TEST(tokens_created_are_known_until_they_expire_or_are_revoked)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char first[TOKEN_TEXT_LEN + 1];
	char second[TOKEN_TEXT_LEN + 1];
	struct tokens *tokens;
	fresh_file();
	CHECK_INT(tokens_create(path, "ci", AGENT_ROLE_OPERATOR, INT64_MAX, first, &error), ==, 0);
	CHECK_INT(tokens_create(path, "eve@lab", AGENT_ROLE_VIEWER, 2000000000, second, &error), ==,
		  0);
	CHECK_INT(tokens_load(path, &tokens, &error), ==, 0);
	CHECK_INT(tokens_count(tokens), ==, 2);
	const struct token *token = tokens_check(tokens, first, 1900000000);
	CHECK(token);
	CHECK_STR(token->name, "ci");
	CHECK_INT(token->role, ==, AGENT_ROLE_OPERATOR);
	CHECK(tokens_check(tokens, second, 1999999999));
	CHECK(!tokens_check(tokens, second, 2000000000));
	first[TOKEN_TEXT_LEN - 1] ^= 1;
	CHECK(!tokens_check(tokens, first, 1900000000));
	CHECK(!tokens_check(tokens, "", 1900000000));
	CHECK(tokens_hold(tokens, token->accessor, INT64_MAX - 1));
	CHECK(tokens_hold(tokens, tokens_at(tokens, 1)->accessor, 1999999999));
	CHECK(!tokens_hold(tokens, tokens_at(tokens, 1)->accessor, 2000000000));
	CHECK(!tokens_hold(tokens, "nobody's", 0));
	char accessor[TOKEN_ACCESSOR_LEN + 1];
	strcpy(accessor, tokens_at(tokens, 1)->accessor);
	tokens_free(tokens);
	CHECK_INT(tokens_revoke(path, accessor, &error), ==, 0);
	CHECK_INT(tokens_revoke(path, accessor, &error), ==, ERROR_CODE_NOT_FOUND);
	CHECK_INT(tokens_load(path, &tokens, &error), ==, 0);
	CHECK(!tokens_check(tokens, second, 1900000000));
	CHECK_INT(tokens_count(tokens), ==, 1);
	tokens_free(tokens);
	remove_file();
}

TEST(tokens_file_holds_no_secret_and_is_for_its_owner_alone)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char text[TOKEN_TEXT_LEN + 1];
	char content[1024] = {0};
	struct stat info;
	struct tokens *tokens;
	fresh_file();
	CHECK_INT(tokens_create(path, "ci", AGENT_ROLE_ADMIN, INT64_MAX, text, &error), ==, 0);
	FILE *file = fopen(path, "r");
	CHECK(file && fread(content, 1, sizeof content - 1, file) > 0);
	fclose(file);
	CHECK(!strstr(content, text + TOKEN_TEXT_LEN - TOKEN_SECRET_LEN));
	CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
	CHECK_INT(chmod(path, 0640), ==, 0);
	CHECK_INT(tokens_load(path, &tokens, &error), ==, ERROR_CODE_FAILED_PRECONDITION);
	CHECK_HAS(error_message(&error), "chmod 600");
	remove_file();
}

TEST(tokens_file_must_be_a_file_that_is_there)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct tokens *tokens;
	fresh_file();
	CHECK_INT(tokens_load(path, &tokens, &error), ==, ERROR_CODE_FAILED_PRECONDITION);
	CHECK_HAS(error_message(&error), "pagecastd token create");
	CHECK_INT(mkfifo(path, 0600), ==, 0); /* nobody writes: opening it must not wait */
	CHECK_INT(tokens_load(path, &tokens, &error), ==, ERROR_CODE_FAILED_PRECONDITION);
	CHECK_HAS(error_message(&error), "not a regular file");
	remove_file();
}

TEST(tokens_made_by_root_belong_to_the_folders_owner)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char text[TOKEN_TEXT_LEN + 1];
	struct stat info;
	struct tokens *tokens;
	if (geteuid() != 0)
		return;
	fresh_file();
	*strrchr(path, '/') = '\0';
	CHECK_INT(chown(path, 4711, 4712), ==, 0);
	path[strlen(path)] = '/';
	for (int i = 0; i < 2; i++) {
		CHECK_INT(tokens_create(path, i ? "ci" : "lab", AGENT_ROLE_ADMIN, INT64_MAX, text,
					&error),
			  ==, 0);
		CHECK_INT(stat(path, &info), ==, 0);
		CHECK_INT(info.st_uid, ==, 4711);
		CHECK_INT(info.st_gid, ==, 4712);
		CHECK_INT(tokens_load(path, &tokens, &error), ==, ERROR_CODE_FAILED_PRECONDITION);
		CHECK_HAS(error_message(&error), "belongs to uid 4711");
		error_deinit(&error);
		if (i == 0) { /* it stays its owner's, whosever the folder is */
			*strrchr(path, '/') = '\0';
			CHECK_INT(chown(path, 0, 0), ==, 0);
			path[strlen(path)] = '/';
		}
	}
	remove_file();
}

TEST(tokens_bad_lines_are_named)
{
	static const char DIGEST[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char *format, *says;
	} BAD[] = {
		{"zz345678 viewer never %s a\n", "accessor"},
		{"12345678 root never %s a\n", "role"},
		{"12345678 viewer soon %s a\n", "expiry"},
		{"12345678 viewer never %s0 a\n", "digest"},
		{"12345678 viewer never %s a/b\n", "name"},
		{"12345678 viewer never %s a b\n", "accessor role expires sha256 name"},
		{"12345678 viewer\n%s", "accessor role expires sha256 name"},
	};
	fresh_file();
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		struct tokens *tokens;
		char line[256] = "# comment\n\n";
		const char *at = strstr(BAD[i].format, "%s");
		strncat(line, BAD[i].format, (size_t)(at - BAD[i].format));
		strcat(strcat(line, DIGEST), at + 2);
		write_file(line, 0600);
		CHECK_INT(tokens_load(path, &tokens, &error), ==, ERROR_CODE_INVALID_ARGUMENT);
		CHECK_HAS(error_message(&error), "line 3");
		CHECK_HAS(error_message(&error), BAD[i].says);
	}
	remove_file();
}

TEST(tokens_names_are_unique)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char text[TOKEN_TEXT_LEN + 1], again[TOKEN_TEXT_LEN + 1] = "unwritten";
	struct tokens *tokens;
	fresh_file();
	CHECK_INT(tokens_create(path, "ci", AGENT_ROLE_VIEWER, 1, text, &error), ==, 0);
	CHECK_INT(tokens_create(path, "ci", AGENT_ROLE_ADMIN, INT64_MAX, again, &error), ==,
		  ERROR_CODE_ALREADY_EXISTS); /* of one that has ended, too */
	CHECK_HAS(error_message(&error), "\"ci\"");
	CHECK_STR(again, "unwritten");
	CHECK_INT(tokens_create(path, "CI", AGENT_ROLE_ADMIN, INT64_MAX, again, &error), ==, 0);
	CHECK_INT(tokens_load(path, &tokens, &error), ==, 0);
	CHECK_INT(tokens_count(tokens), ==, 2);
	tokens_free(tokens);
	remove_file();
}

TEST(lockout_counts_five_failures_in_ten_seconds)
{
	struct lockout *lockout = lockout_new();
	int64_t second = 1000000000;
	for (int i = 0; i < LOCKOUT_FAILURES; i++) {
		CHECK_INT(lockout_wait_s(lockout, "198.18.0.1", i * second), ==, 0);
		lockout_failed(lockout, "198.18.0.1", i * second);
	}
	CHECK_INT(lockout_wait_s(lockout, "198.18.0.1", 4 * second), ==, 6);
	CHECK_INT(lockout_wait_s(lockout, "198.18.0.2", 4 * second), ==, 0);
	CHECK_INT(lockout_wait_s(lockout, "198.18.0.1", 10 * second), ==, 0);
	lockout_free(lockout);
}

TEST(lockout_forgets_the_oldest_when_full)
{
	struct lockout *lockout = lockout_new();
	char address[32];
	for (int i = 0; i < LOCKOUT_FAILURES; i++)
		lockout_failed(lockout, "first", 1);
	CHECK_INT(lockout_wait_s(lockout, "first", 2), >, 0);
	for (int i = 0; i < LOCKOUT_ENTRIES; i++) {
		snprintf(address, sizeof address, "a%d", i);
		lockout_failed(lockout, address, 2 + i);
	}
	CHECK_INT(lockout_wait_s(lockout, "first", 300), ==, 0);
	lockout_free(lockout);
}

/* By all of it: a token that differs in one character, wherever, is another's. */
TEST(tokens_are_compared_to_the_last_character)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char text[TOKEN_TEXT_LEN + 1], other[TOKEN_TEXT_LEN + 2];
	struct tokens *tokens;
	fresh_file();
	CHECK_INT(tokens_create(path, "ci", AGENT_ROLE_VIEWER, INT64_MAX, text, &error), ==, 0);
	CHECK_INT(tokens_load(path, &tokens, &error), ==, 0);
	CHECK(tokens_check(tokens, text, 0));
	for (size_t i = 0; i < TOKEN_TEXT_LEN; i++) {
		strcpy(other, text);
		other[i] = other[i] == 'x' ? 'y' : 'x';
		CHECK(!tokens_check(tokens, other, 0));
		strcpy(other, text);
		other[i] ^= 0x20; /* the other case */
		CHECK(!tokens_check(tokens, other, 0));
		strcpy(other, text);
		other[i] = '\0'; /* cut */
		CHECK(!tokens_check(tokens, other, 0));
		strcpy(other, text + i + 1);
		CHECK(!tokens_check(tokens, other, 0));
	}
	strcpy(other, text);
	strcat(other, "x");
	CHECK(!tokens_check(tokens, other, 0));
	tokens_free(tokens);
	remove_file();
}

TEST_MAIN(CASE(tokens_created_are_known_until_they_expire_or_are_revoked),
	  CASE(tokens_file_holds_no_secret_and_is_for_its_owner_alone),
	  CASE(tokens_file_must_be_a_file_that_is_there),
	  CASE(tokens_made_by_root_belong_to_the_folders_owner), CASE(tokens_bad_lines_are_named),
	  CASE(tokens_names_are_unique), CASE(lockout_counts_five_failures_in_ten_seconds),
	  CASE(lockout_forgets_the_oldest_when_full),
	  CASE(tokens_are_compared_to_the_last_character))
