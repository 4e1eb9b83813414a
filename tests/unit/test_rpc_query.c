/* rpc_query: the forms of a Connect GET, and what is none. */
#include "lib/test.h"

#include <stdlib.h>

#include "api/rpc/rpc_query.h"

static void check_message(const char *raw, enum media codec, const char *message, size_t len)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct rpc_query *query = NULL;
	if (rpc_query_read(raw, &query, &error))
		test_fail(__FILE__, __LINE__, "\"%s\" was refused: %s", raw, error_message(&error));
	CHECK_INT(query->codec, ==, codec);
	CHECK_INT(query->len, ==, len);
	CHECK(memcmp(query->message, message, len) == 0);
	free(query);
}

TEST(rpc_query_reads_the_parameters_in_any_order)
{
	check_message("connect=v1&encoding=json&message=%7B%22id%22%3A%22a+b%22%7D", MEDIA_JSON,
		      "{\"id\":\"a b\"}", 12);
	check_message("message={}&x&y=%zz&%&encoding=json&=", MEDIA_JSON, "{}", 2);
	check_message("mess%61ge=%7b%7D&encoding=js%6Fn", MEDIA_JSON, "{}", 2);
	check_message("encoding=proto&message=", MEDIA_PROTOBUF, "", 0);
	check_message("encoding=proto&message", MEDIA_PROTOBUF, "", 0);
}

TEST(rpc_query_takes_any_bytes)
{
	check_message("encoding=proto&message=%00%ff%0A", MEDIA_PROTOBUF, "\0\xff\n", 3);
	check_message("encoding=proto&base64=1&message=AP8", MEDIA_PROTOBUF, "\0\xff", 2);
	check_message("encoding=proto&message=AP8%3D&base64=1", MEDIA_PROTOBUF, "\0\xff", 2);
	check_message("encoding=proto&base64=1&message=-_8", MEDIA_PROTOBUF, "\xfb\xff", 2);
	check_message("encoding=proto&base64=0&message=AP8", MEDIA_PROTOBUF, "AP8", 3);
}

TEST(rpc_query_knows_two_codecs_and_one_compression)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct rpc_query *query = NULL;
	check_message("message=a", MEDIA_NONE, "a", 1);
	check_message("encoding=JSON&message=a", MEDIA_NONE, "a", 1);
	CHECK_INT(rpc_query_read("encoding=json&message=a&compression=gzip", &query, &error), ==,
		  0);
	CHECK(query->compressed);
	free(query);
	CHECK_INT(rpc_query_read("encoding=json&message=a&compression=identity", &query, &error),
		  ==, 0);
	CHECK(!query->compressed);
	free(query);
	CHECK_INT(rpc_query_read("encoding=json&message=a&compression=br", &query, &error), ==,
		  ERROR_CODE_UNIMPLEMENTED);
}

TEST(rpc_query_refuses_what_is_malformed_or_double)
{
	static const char *const bad[] = {NULL,
					  "",
					  "encoding=json",
					  "encoding=json&message=%",
					  "encoding=json&message=%4",
					  "encoding=json&message=%g0",
					  "encoding=json&message=a&message=a",
					  "encoding=json&encoding=json&message=a",
					  "encoding=json&message=a&connect=v2",
					  "encoding=json&message=a&connect",
					  "encoding=json&message=A&base64=1",
					  "encoding=json&message=A*==&base64=1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		struct rpc_query *query = NULL;
		if (rpc_query_read(bad[i], &query, &error) != ERROR_CODE_INVALID_ARGUMENT)
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
	}
}

TEST_MAIN(CASE(rpc_query_reads_the_parameters_in_any_order), CASE(rpc_query_takes_any_bytes),
	  CASE(rpc_query_knows_two_codecs_and_one_compression),
	  CASE(rpc_query_refuses_what_is_malformed_or_double))
