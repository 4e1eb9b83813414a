/* query: decoding, repetition, refusal. */
#include "lib/test.h"

#include "api/http/query.h"

static int parse(const char *raw, struct query *query)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	return query_parse(query, raw, &error);
}

TEST(query_decodes_names_and_values)
{
	struct query query;
	CHECK_INT(parse("a=1&b=x%20y+z&a=%C3%A9&c=&&d==", &query), ==, 0);
	CHECK_INT(query.count, ==, 5);
	CHECK_STR(query.params[1].value, "x y z");
	CHECK_STR(query.params[2].name, "a");
	CHECK_STR(query.params[2].value, "\xc3\xa9");
	CHECK_STR(query.params[3].value, "");
	CHECK_STR(query.params[4].value, "=");
	query_deinit(&query);
	CHECK_INT(parse(NULL, &query), ==, 0);
	CHECK_INT(query.count, ==, 0);
}

TEST(query_refuses_what_is_no_text)
{
	static const char *const bad[] = {"a",	   "a&b=1", "a=%",	   "a=%4",  "a=%zz",
					  "a=%00", "a=%ff", "a=%ed%a0%80", "%00=1", "a=\xff"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct query query;
		if (parse(bad[i], &query) != ERROR_CODE_INVALID_ARGUMENT)
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
	}
}

TEST(query_bounds_the_number_of_parameters)
{
	char raw[4 * (LIMIT_QUERY_PARAMS + 1) + 1] = "";
	struct query query;
	for (int i = 0; i < LIMIT_QUERY_PARAMS; i++)
		strcat(raw, "a=1&");
	CHECK_INT(parse(raw, &query), ==, 0);
	query_deinit(&query);
	strcat(raw, "a=1&");
	CHECK_INT(parse(raw, &query), ==, ERROR_CODE_INVALID_ARGUMENT);
}

TEST(query_one_refuses_repetition_by_name)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct query query;
	const char *value;
	CHECK_INT(parse("wait=1&until=end&wait=2", &query), ==, 0);
	CHECK_INT(query_one(&query, "until", &value, &error), ==, 0);
	CHECK_STR(value, "end");
	CHECK_INT(query_one(&query, "absent", &value, &error), ==, 0);
	CHECK(!value);
	CHECK_INT(query_one(&query, "wait", &value, &error), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_STR(error.violations[0].field, "wait");
	query_deinit(&query);
}

TEST_MAIN(CASE(query_decodes_names_and_values), CASE(query_refuses_what_is_no_text),
	  CASE(query_bounds_the_number_of_parameters), CASE(query_one_refuses_repetition_by_name))
