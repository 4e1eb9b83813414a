/* gzip both ways, and hostile input. */
#include "api/codec/gzip.h"
#include "lib/test.h"

enum { BIG = 1 << 20 };

static uint8_t *packed_zeros(size_t *ret_len)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *zeros = calloc(1, BIG);
	uint8_t *packed;
	CHECK_INT(gzip_pack(zeros, BIG, &packed, ret_len, &error), ==, 0);
	free(zeros);
	return packed;
}

static enum error_code unpack_code(const uint8_t *data, size_t len, size_t limit_bytes)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *unpacked = NULL;
	size_t unpacked_len;
	int r = gzip_unpack(data, len, limit_bytes, &unpacked, &unpacked_len, &error);
	free(unpacked);
	return (enum error_code)r;
}

TEST(gzip_packed_is_unpacked_unchanged)
{
	static const char TEXT[] = "the same bytes, the same bytes, the same bytes";
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *packed;
	uint8_t *back;
	size_t packed_len;
	size_t back_len;
	CHECK_INT(gzip_pack((const uint8_t *)TEXT, sizeof TEXT, &packed, &packed_len, &error), ==,
		  0);
	CHECK_INT(gzip_unpack(packed, packed_len, sizeof TEXT, &back, &back_len, &error), ==, 0);
	CHECK_INT(back_len, ==, sizeof TEXT);
	CHECK(memcmp(back, TEXT, sizeof TEXT) == 0);
	free(packed);
	free(back);
}

TEST(gzip_stops_a_bomb_at_the_limit)
{
	size_t len;
	uint8_t *packed = packed_zeros(&len);
	CHECK_INT(len, <, BIG / 100);
	CHECK_INT(unpack_code(packed, len, BIG), ==, 0);
	CHECK_INT(unpack_code(packed, len, BIG - 1), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	CHECK_INT(unpack_code(packed, len, 1), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	free(packed);
}

TEST(gzip_refuses_cut_damaged_and_followed_data)
{
	size_t len;
	uint8_t *packed = packed_zeros(&len);
	for (size_t cut = 0; cut < len; cut += len / 20 + 1)
		CHECK_INT(unpack_code(packed, cut, BIG), ==, ERROR_CODE_INVALID_ARGUMENT);
	uint8_t *longer = calloc(1, len + 1);
	memcpy(longer, packed, len);
	CHECK_INT(unpack_code(longer, len + 1, BIG), ==, ERROR_CODE_INVALID_ARGUMENT);
	longer[len - 5] ^= 1; /* the checksum */
	CHECK_INT(unpack_code(longer, len, BIG), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(unpack_code((const uint8_t *)"no gzip at all", 14, BIG), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	free(longer);
	free(packed);
}

TEST_MAIN(CASE(gzip_packed_is_unpacked_unchanged), CASE(gzip_stops_a_bomb_at_the_limit),
	  CASE(gzip_refuses_cut_damaged_and_followed_data))
