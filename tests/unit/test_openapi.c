/* The description of the REST protocol: well-formed, and of what is really served. */
#include "api/codec/json_check.h"
#include "api/rest/openapi.h"
#include "api/rest/rest.h"
#include "base/problem.h"
#include "lib/test.h"

#include "pagecast/v1/job.pb-c.h"

static char *document(size_t *ret_len)
{
	char *text = openapi_document(&REST_ROUTES, "1.2.3", ret_len);
	CHECK(text);
	return text;
}

TEST(openapi_is_strict_json_and_names_every_route)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	size_t len;
	char *text = document(&len);
	CHECK_INT(json_check(text, len, &error), ==, 0);
	for (size_t l = 0; l < REST_ROUTES.list_count; l++)
		for (size_t r = 0; r < REST_ROUTES.lists[l]->count; r++) {
			char quoted[160];
			snprintf(quoted, sizeof quoted, "\"%s\":{",
				 REST_ROUTES.lists[l]->routes[r].path);
			CHECK_HAS(text, quoted);
		}
	CHECK_HAS(text, "\"version\":\"1.2.3\"");
	free(text);
}

TEST(openapi_describes_the_messages_in_their_json_form)
{
	size_t len;
	char *text = document(&len);
	CHECK_HAS(text, "\"operationId\":\"SubmitJob\"");
	CHECK_HAS(text, "\"maxBackToBack\":{");
	CHECK_HAS(text, "\"ENGINE_KIND_ZEROCOPY\"");
	CHECK_HAS(text, "{\"oneOf\":[{\"required\":[\"udp\"]},{\"required\":[\"rawIp\"]},");
	CHECK_HAS(text, "\"createTime\":{\"type\":\"string\",\"format\":\"date-time\"");
	CHECK(!strstr(text, "\"Timestamp\":{"));
	free(text);
}

TEST(openapi_tells_every_code_of_a_problem)
{
	size_t len;
	char *text = document(&len);
	for (int code = 0; code < PROBLEM_CODE_COUNT; code++) {
		char line[64];
		snprintf(line, sizeof line, "- %s: ", problem_code_name((enum problem_code)code));
		CHECK_HAS(text, line);
	}
	free(text);
}

TEST_MAIN(CASE(openapi_tells_every_code_of_a_problem),
	  CASE(openapi_is_strict_json_and_names_every_route),
	  CASE(openapi_describes_the_messages_in_their_json_form))
