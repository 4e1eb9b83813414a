/* The envelopes of Connect streaming and gRPC-Web: what is read, what is refused. */
#include "api/rpc/envelope.h"
#include "lib/test.h"

static enum error_code read_code(const void *body, size_t len)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct envelope envelope;
	return (enum error_code)envelope_read_only(body, len, &envelope, &error);
}

TEST(envelope_written_is_read)
{
	uint8_t body[ENVELOPE_HEAD_BYTES + 300];
	_cleanup_error_ struct error error = ERROR_NULL;
	struct envelope envelope;
	envelope_head(body, ENVELOPE_COMPRESSED, 300);
	CHECK_INT(envelope_read_only(body, sizeof body, &envelope, &error), ==, 0);
	CHECK_INT(envelope.len, ==, 300);
	CHECK_INT(envelope.flags, ==, ENVELOPE_COMPRESSED);
	CHECK(envelope.message == body + ENVELOPE_HEAD_BYTES);
}

TEST(envelope_takes_an_empty_message)
{
	CHECK_INT(read_code("\0\0\0\0\0", 5), ==, 0);
}

TEST(envelope_refuses_none_cut_and_doubled)
{
	CHECK_INT(read_code("", 0), ==, ERROR_CODE_UNIMPLEMENTED);
	CHECK_INT(read_code("\0\0\0", 3), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(read_code("\0\0\0\0\2x", 6), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(read_code("\0\xff\xff\xff\xffx", 6), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(read_code("\0\0\0\0\0\0\0\0\0\0", 10), ==, ERROR_CODE_UNIMPLEMENTED);
	CHECK_INT(read_code("\2\0\0\0\0", 5), ==, ERROR_CODE_INVALID_ARGUMENT);
}

TEST_MAIN(CASE(envelope_written_is_read), CASE(envelope_takes_an_empty_message),
	  CASE(envelope_refuses_none_cut_and_doubled))
