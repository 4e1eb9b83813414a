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

TEST(query_knows_a_name_in_either_spelling)
{
	CHECK(query_is("page_size", "page_size"));
	CHECK(query_is("pageSize", "page_size"));
	CHECK(query_is("wait", "wait"));
	CHECK(!query_is("pageSiz", "page_size"));
	CHECK(!query_is("pageSizes", "page_size"));
	CHECK(!query_is("pagesize", "page_size"));
	CHECK(!query_is("PageSize", "page_size"));
	CHECK(!query_is("page_Size", "page_size"));
	CHECK(!query_is("page_token", "page_size"));
	CHECK(!query_is("", "wait"));
}

TEST(query_reads_durations_with_and_without_a_unit)
{
	int64_t ns = 0;
	CHECK(query_duration("30", &ns) && ns == INT64_C(30000000000));
	CHECK(query_duration("30s", &ns) && ns == INT64_C(30000000000));
	CHECK(query_duration("0.5s", &ns) && ns == 500000000);
	CHECK(query_duration("500ms", &ns) && ns == 500000000);
	CHECK(query_duration("1500.25ms", &ns) && ns == 1500250000);
	CHECK(query_duration("0.000000001", &ns) && ns == 1);
	CHECK(query_duration("1000000000", &ns) && ns == INT64_C(1000000000) * 1000000000);
	static const char *const WRONG[] = {
		"",   "s",    "ms",	".5",	      "5.",
		"-1", "1m",   "1 s",	"1ss",	      "1e3",
		"+1", "0x1s", "1.5.5s", "1000000001", "9999999999999999"};
	for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
		if (query_duration(WRONG[i], &ns))
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", WRONG[i]);
}

TEST_MAIN(CASE(query_decodes_names_and_values), CASE(query_refuses_what_is_no_text),
	  CASE(query_bounds_the_number_of_parameters), CASE(query_one_refuses_repetition_by_name),
	  CASE(query_knows_a_name_in_either_spelling),
	  CASE(query_reads_durations_with_and_without_a_unit))
