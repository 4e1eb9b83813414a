/* Exact integers out of decimal text, shortest decimal text out of doubles. */
#include "api/codec/json_number.h"

#include <float.h>
#include <math.h>

#include "lib/messages.h"
#include "lib/test.h"

TEST(json_number_reads_whole_numbers_exactly)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"-0", 0},
		{"0.0", 0},
		{"0e99999999999999999999", 0},
		{"-0.000e-5", 0},
		{"1", 1},
		{"1.0", 1},
		{"1.000000000000000000000000000000000000000000", 1},
		{"1e3", 1000},
		{"1E+3", 1000},
		{"1000e-3", 1},
		{"1.5e1", 15},
		{"0.00015e5", 15},
		{"12.340e2", 1234},
		{"100000000000000000000000e-22", 10},
		{"9007199254740993", UINT64_C(9007199254740993)}, /* no double is this */
		{"18446744073709551615", UINT64_MAX},
		{"1844674407370955161.5e1", UINT64_MAX},
		{"18446744073709551615.000", UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		uint64_t value = 77;
		if (json_number_uint(good[i].text, strlen(good[i].text), UINT64_MAX, &value) ||
		    value != good[i].value)
			test_fail(__FILE__, __LINE__, "%s is not %" PRIu64, good[i].text, value);
	}
}

TEST(json_number_refuses_fractions_and_what_does_not_fit)
{
	static const struct {
		const char *text;
		enum json_number fault;
	} bad[] = {
		{"0.5", JSON_NUMBER_NOT_WHOLE},
		{"1e-1", JSON_NUMBER_NOT_WHOLE},
		{"10e-2", JSON_NUMBER_NOT_WHOLE},
		{"1e-99999999999999999999", JSON_NUMBER_NOT_WHOLE},
		{"1.0000000000000000000000000000000000000000001", JSON_NUMBER_NOT_WHOLE},
		{"-1", JSON_NUMBER_OUT_OF_RANGE},
		{"18446744073709551616", JSON_NUMBER_OUT_OF_RANGE},
		{"18446744073709551620", JSON_NUMBER_OUT_OF_RANGE},
		{"1e20", JSON_NUMBER_OUT_OF_RANGE},
		{"1e99999999999999999999", JSON_NUMBER_OUT_OF_RANGE},
		{"99999999999999999999999999999999999999999999", JSON_NUMBER_OUT_OF_RANGE},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t value = 77;
		CHECK_INT(json_number_uint(bad[i].text, strlen(bad[i].text), UINT64_MAX, &value),
			  ==, bad[i].fault);
		CHECK_INT(value, ==, 77);
	}
}

TEST(json_number_keeps_to_both_ends_of_signed_ranges)
{
	static const struct {
		const char *text;
		int64_t min, max, value;
		enum json_number result;
	} cases[] = {
		{"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, JSON_NUMBER_OK},
		{"-9223372036854775809", INT64_MIN, INT64_MAX, 0, JSON_NUMBER_OUT_OF_RANGE},
		{"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, JSON_NUMBER_OK},
		{"9223372036854775808", INT64_MIN, INT64_MAX, 0, JSON_NUMBER_OUT_OF_RANGE},
		{"-2147483648", INT32_MIN, INT32_MAX, INT32_MIN, JSON_NUMBER_OK},
		{"-2147483649", INT32_MIN, INT32_MAX, 0, JSON_NUMBER_OUT_OF_RANGE},
		{"2147483647.0", INT32_MIN, INT32_MAX, INT32_MAX, JSON_NUMBER_OK},
		{"2147483648", INT32_MIN, INT32_MAX, 0, JSON_NUMBER_OUT_OF_RANGE},
		{"-1.5e0", INT32_MIN, INT32_MAX, 0, JSON_NUMBER_NOT_WHOLE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t value = 0;
		CHECK_INT(json_number_int(cases[i].text, strlen(cases[i].text), cases[i].min,
					  cases[i].max, &value),
			  ==, cases[i].result);
		CHECK_INT(value, ==, cases[i].value);
	}
}

static void check_written(double value, bool single, const char *want)
{
	char text[JSON_NUMBER_TEXT_MAX];
	size_t len = json_number_write(value, single, text);
	CHECK_STR(text, want);
	CHECK_INT(len, ==, strlen(want));
}

TEST(json_number_writes_the_shortest_text_that_reads_back)
{
	check_written(0, false, "0");
	check_written(-0.0, false, "-0");
	check_written(100, false, "100");
	check_written(-2.5, false, "-2.5");
	check_written(0.1, false, "0.1");
	check_written(1.0 / 3, false, "0.3333333333333333");
	check_written(0.1 + 0.2, false, "0.30000000000000004");
	check_written(1e15, false, "1e+15");
	check_written(999999999999999, false, "999999999999999");
	check_written(1e-7, false, "1e-07");
	check_written(DBL_MAX, false, "1.7976931348623157e+308");
	check_written(5e-324, false, "5e-324");
	check_written(0.1F, true, "0.1");
	check_written(16777216, true, "16777216");
	check_written(FLT_MAX, true, "3.4028235e+38");
}

TEST(json_number_doubles_come_back_to_the_bit)
{
	struct messages_random random = {.state = 5};
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = messages_draw(&random, UINT64_MAX);
		double value, back;
		char text[JSON_NUMBER_TEXT_MAX];
		memcpy(&value, &bits, sizeof value);
		if (!isfinite(value))
			continue;
		size_t len = json_number_write(value, false, text);
		CHECK_INT(json_number_double(text, len, false, &back), ==, JSON_NUMBER_OK);
		CHECK(memcmp(&value, &back, sizeof value) == 0);
	}
}

TEST(json_number_refuses_doubles_past_the_largest)
{
	double value = 7;
	CHECK_INT(json_number_double("1e308", 5, false, &value), ==, JSON_NUMBER_OK);
	CHECK(value == 1e308);
	CHECK_INT(json_number_double("1e309", 5, false, &value), ==, JSON_NUMBER_OUT_OF_RANGE);
	CHECK_INT(json_number_double("-1e309", 6, false, &value), ==, JSON_NUMBER_OUT_OF_RANGE);
	CHECK_INT(json_number_double("1e39", 4, true, &value), ==, JSON_NUMBER_OUT_OF_RANGE);
	CHECK(value == 1e308);
	CHECK_INT(json_number_double("1e-999", 6, false, &value), ==, JSON_NUMBER_OK);
	CHECK(value == 0);
}

TEST_MAIN(CASE(json_number_reads_whole_numbers_exactly),
	  CASE(json_number_refuses_fractions_and_what_does_not_fit),
	  CASE(json_number_keeps_to_both_ends_of_signed_ranges),
	  CASE(json_number_writes_the_shortest_text_that_reads_back),
	  CASE(json_number_doubles_come_back_to_the_bit),
	  CASE(json_number_refuses_doubles_past_the_largest))
