/* A set holds each code once a field; what is counted stays true. */
#include "base/problem.h"
#include "lib/test.h"

#include <errno.h>

TEST(problem_add_raises_the_count_of_the_same_code_and_field)
{
	static struct problem_set set;
	problem_add(&set, PROBLEM_NO_ROOM, PROBLEM_WARNING, "streams[0]", ENOBUFS, 3, "%d", 3);
	problem_add(&set, PROBLEM_NO_ROOM, PROBLEM_ERROR, "streams[0]", EAGAIN, 4, "%d", 7);
	problem_add(&set, PROBLEM_NO_ROOM, PROBLEM_INFO, "streams[1]", 0, 1, "other");
	CHECK_INT(set.count, ==, 2);
	CHECK_INT(set.problems[0].count, ==, 7);
	CHECK_INT(set.problems[0].severity, ==, PROBLEM_ERROR);
	CHECK_INT(set.problems[0].error, ==, EAGAIN);
	CHECK_STR(set.problems[0].message, "7");
	problem_add(&set, PROBLEM_NO_ROOM, PROBLEM_INFO, "streams[0]", 0, UINT64_MAX, "many");
	CHECK(set.problems[0].count == UINT64_MAX);
}

TEST(problem_put_replaces_the_count)
{
	static struct problem_set set;
	problem_put(&set, PROBLEM_PORT_UNREACHABLE, PROBLEM_WARNING, NULL, ECONNREFUSED, 3, "3");
	problem_put(&set, PROBLEM_PORT_UNREACHABLE, PROBLEM_WARNING, "", ECONNREFUSED, 5, "5");
	CHECK_INT(set.count, ==, 1);
	CHECK_INT(set.problems[0].count, ==, 5);
}

TEST(problem_set_is_bounded)
{
	static struct problem_set set;
	char field[200];
	for (int i = 0; i < PROBLEM_SET_MAX + 10; i++) {
		snprintf(field, sizeof field, "streams[%d]", i);
		problem_add(&set, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, 0, 1, "%s", field);
	}
	CHECK_INT(set.count, ==, PROBLEM_SET_MAX);
	CHECK_INT(set.unlisted, ==, 10);
	memset(&set, 0, sizeof set);
	memset(field, 'x', sizeof field - 1);
	field[sizeof field - 1] = 0;
	problem_add(&set, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, 0, 1, "%s%s", field, field);
	problem_add(&set, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, 0, 1, "%s%s", field, field);
	CHECK_INT(set.count, ==, 1);
	CHECK_INT(strlen(set.problems[0].message), ==, PROBLEM_MESSAGE_MAX - 1);
}

TEST(problem_codes_have_names)
{
	for (int i = 0; i < PROBLEM_CODE_COUNT; i++)
		CHECK(strlen(problem_code_name((enum problem_code)i)) > 0);
	CHECK_STR(problem_code_name(PROBLEM_NO_NEIGHBOUR), "no_neighbour");
}

TEST(errno_name_is_the_macro)
{
	CHECK_STR(errno_name(ENOBUFS), "ENOBUFS");
	CHECK_STR(errno_name(4242), "E?");
	CHECK_STR(errno_name(-1), "E?");
	CHECK_STR(errno_name(0), "E?");
}

TEST_MAIN(CASE(problem_add_raises_the_count_of_the_same_code_and_field),
	  CASE(problem_put_replaces_the_count), CASE(problem_set_is_bounded),
	  CASE(problem_codes_have_names), CASE(errno_name_is_the_macro))
