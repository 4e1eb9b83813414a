/* Whose a job is, and who may change or delete it. */
#include "core/job/principal.h"
#include "lib/test.h"

static const struct agent_caller ADMIN = {"token:root", AGENT_ROLE_ADMIN, "test"};
static const struct agent_caller CI = {"token:ci", AGENT_ROLE_OPERATOR, "test"};

TEST(principal_was_stored_without_its_kind)
{
	static const struct {
		const char *principal, *owner; /* NULL: never */
	} ROWS[] = {
		{"token:ci", "legacy:ci"},
		{"cert:ci", "legacy:ci"},
		{"local", "legacy:local"},
		{"uid:0", NULL},
		{"", NULL},
		{"tokenci", NULL},
		{"locals", NULL},
		{"legacy:ci", NULL},
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
		char owner[PRINCIPAL_BYTES] = "";
		CHECK_INT(principal_legacy(ROWS[i].principal, owner), ==, ROWS[i].owner != NULL);
		CHECK_STR(owner, ROWS[i].owner ? ROWS[i].owner : "");
	}
	char longest[PRINCIPAL_BYTES + 8] = "token:", owner[PRINCIPAL_BYTES];
	memset(longest + 6, 'n', PRINCIPAL_BYTES - 8);
	CHECK(principal_legacy(longest, owner));
	CHECK_INT(strlen(owner), ==, PRINCIPAL_BYTES - 1);
	longest[6 + PRINCIPAL_BYTES - 8] = 'n'; /* one more than fits */
	CHECK(!principal_legacy(longest, owner));
}

TEST(principal_local_is_again_local_where_nobody_proves_who_he_is)
{
	CHECK_STR(principal_local_again("legacy:local", true), "local");
	CHECK_STR(principal_local_again("legacy:local", false), "legacy:local");
	for (int open = 0; open < 2; open++) {
		CHECK_STR(principal_local_again("legacy:ci", open), "legacy:ci");
		CHECK_STR(principal_local_again("token:local", open), "token:local");
		CHECK_STR(principal_local_again("local", open), "local");
	}
}

TEST(principal_may_change_what_is_not_stored_without_a_kind)
{
	struct error error = ERROR_NULL;
	CHECK_INT(principal_may_change(&CI, "token:eve", "JOB", &error), ==, 0);
	CHECK_INT(principal_may_change(&ADMIN, "legacy:ci", "JOB", &error), ==, 0);
	CHECK_INT(principal_may_change(&CI, "legacy:ci", "JOB", &error), ==,
		  ERROR_CODE_PERMISSION_DENIED);
	CHECK_HAS(error_message(&error), "job JOB belongs to legacy:ci");
	error_deinit(&error);
}

TEST(principal_may_delete_its_own)
{
	struct error error = ERROR_NULL;
	CHECK_INT(principal_may_delete(&CI, "token:ci", "JOB", &error), ==, 0);
	CHECK_INT(principal_may_delete(&ADMIN, "token:ci", "JOB", &error), ==, 0);
	static const char *const OTHERS[] = {"cert:ci", "token:c", "token:ci2", "legacy:ci", ""};
	for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
		CHECK_INT(principal_may_delete(&CI, OTHERS[i], "JOB", &error), ==,
			  ERROR_CODE_PERMISSION_DENIED);
		error_deinit(&error);
	}
}

TEST_MAIN(CASE(principal_was_stored_without_its_kind),
	  CASE(principal_local_is_again_local_where_nobody_proves_who_he_is),
	  CASE(principal_may_change_what_is_not_stored_without_a_kind),
	  CASE(principal_may_delete_its_own))
