/* Timestamps and durations as text, both ways, against the C library's calendar. */
#include "api/codec/json_time.h"

#include <time.h>

#include "lib/messages.h"
#include "lib/test.h"

static void check_timestamp(const char *text, int64_t seconds, int32_t nanos, const char *printed)
{
	int64_t s = 0;
	int32_t n = 0;
	char out[JSON_TIME_TEXT_MAX];
	if (!json_time_read_timestamp(text, strlen(text), &s, &n))
		test_fail(__FILE__, __LINE__, "refused: %s", text);
	CHECK_INT(s, ==, seconds);
	CHECK_INT(n, ==, nanos);
	size_t len = json_time_write_timestamp(s, n, out);
	CHECK_STR(out, printed ? printed : text);
	CHECK_INT(len, ==, strlen(out));
}

TEST(json_time_reads_and_writes_timestamps)
{
	check_timestamp("1970-01-01T00:00:00Z", 0, 0, NULL);
	check_timestamp("1972-01-01T10:00:20.021Z", 63108020, 21000000, NULL);
	check_timestamp("1969-12-31T23:59:59.999999999Z", -1, 999999999, NULL);
	check_timestamp("2000-02-29T12:00:00.100Z", 951825600, 100000000, NULL);
	check_timestamp("2026-01-31T12:00:00.000001Z", 1769860800, 1000, NULL);
	check_timestamp("0001-01-01T00:00:00Z", -62135596800, 0, NULL);
	check_timestamp("9999-12-31T23:59:59.999999999Z", 253402300799, 999999999, NULL);
	check_timestamp("1970-01-01T01:00:00+01:00", 0, 0, "1970-01-01T00:00:00Z");
	check_timestamp("1969-12-31T14:30:00-09:30", 0, 0, "1970-01-01T00:00:00Z");
	check_timestamp("1970-01-01T00:00:00.5-00:00", 0, 500000000, "1970-01-01T00:00:00.500Z");
	check_timestamp("1970-01-01T00:00:00.000000Z", 0, 0, "1970-01-01T00:00:00Z");
	check_timestamp("1970-01-01T00:00:00.1234567Z", 0, 123456700,
			"1970-01-01T00:00:00.123456700Z");
}

TEST(json_time_refuses_what_is_no_timestamp)
{
	static const char *const bad[] = {
		"",
		"now",
		"2026-01-31",
		"2026-01-31T12:00:00",
		"2026-01-31 12:00:00Z",
		"2026-01-31t12:00:00Z",
		"2026-01-31T12:00:00z",
		"2026-01-31T12:00Z",
		"2026-1-31T12:00:00Z",
		"2026-13-01T12:00:00Z",
		"2026-00-01T12:00:00Z",
		"2026-02-30T12:00:00Z",
		"2025-02-29T12:00:00Z",
		"1900-02-29T12:00:00Z",
		"2026-04-31T12:00:00Z",
		"2026-01-00T12:00:00Z",
		"2026-01-31T24:00:00Z",
		"2026-01-31T12:60:00Z",
		"2026-01-31T12:00:60Z",
		"2026-01-31T12:00:00.Z",
		"2026-01-31T12:00:00,5Z",
		"2026-01-31T12:00:00.1234567890Z",
		"2026-01-31T12:00:00+1:00",
		"2026-01-31T12:00:00+0100",
		"2026-01-31T12:00:00+24:00",
		"2026-01-31T12:00:00+01:60",
		"2026-01-31T12:00:00Z ",
		" 2026-01-31T12:00:00Z",
		"2026-01-31T12:00:00ZZ",
		"0000-12-31T23:59:59Z",
		"0001-01-01T00:00:00+00:01", /* in year 0 */
		"9999-12-31T23:59:59-00:01", /* in year 10000 */
		"10000-01-01T00:00:00Z",
		"-001-01-01T00:00:00Z",
		"1769860800",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int64_t seconds;
		int32_t nanos;
		if (json_time_read_timestamp(bad[i], strlen(bad[i]), &seconds, &nanos))
			test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
	}
}

TEST(json_time_agrees_with_the_calendar_of_the_c_library)
{
	struct messages_random random = {.state = 3};
	for (int i = 0; i < 20000; i++) {
		int64_t seconds =
			-INT64_C(62135596800) + (int64_t)messages_draw(&random, 315537897600);
		char ours[JSON_TIME_TEXT_MAX], theirs[64];
		struct tm tm;
		time_t t = seconds;
		int64_t back;
		int32_t nanos;
		gmtime_r(&t, &tm);
		snprintf(theirs, sizeof theirs, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		size_t len = json_time_write_timestamp(seconds, 0, ours);
		CHECK_STR(ours, theirs);
		CHECK(json_time_read_timestamp(ours, len, &back, &nanos));
		CHECK_INT(back, ==, seconds);
	}
}

static void check_duration(const char *text, int64_t seconds, int32_t nanos, const char *printed)
{
	int64_t s = 0;
	int32_t n = 0;
	char out[JSON_TIME_TEXT_MAX];
	if (!json_time_read_duration(text, strlen(text), &s, &n))
		test_fail(__FILE__, __LINE__, "refused: %s", text);
	CHECK_INT(s, ==, seconds);
	CHECK_INT(n, ==, nanos);
	json_time_write_duration(s, n, out);
	CHECK_STR(out, printed ? printed : text);
}

TEST(json_time_reads_and_writes_durations)
{
	check_duration("0s", 0, 0, NULL);
	check_duration("10s", 10, 0, NULL);
	check_duration("1.500s", 1, 500000000, NULL);
	check_duration("1.5s", 1, 500000000, "1.500s");
	check_duration("0.000001s", 0, 1000, NULL);
	check_duration("0.000000001s", 0, 1, NULL);
	check_duration("-0.500s", 0, -500000000, NULL);
	check_duration("-3.000000001s", -3, -1, NULL);
	check_duration("-0s", 0, 0, "0s");
	check_duration("007s", 7, 0, "7s");
	check_duration("315576000000s", 315576000000, 0, NULL);
	check_duration("-315576000000s", -315576000000, 0, NULL);
}

TEST(json_time_refuses_what_is_no_duration)
{
	static const char *const bad[] = {
		"",
		"s",
		"10",
		"1.5",
		"10 s",
		"10S",
		"+1s",
		".5s",
		"1.s",
		"1.0000000001s",
		"1,5s",
		"1e3s",
		"10ms",
		"1m",
		"--1s",
		"1s ",
		" 1s",
		"PT10S",
		"Infinitys",
		"315576000001s",
		"NaN",
		"-315576000000.000000001s",
		"99999999999999999999999999s",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int64_t seconds;
		int32_t nanos;
		if (json_time_read_duration(bad[i], strlen(bad[i]), &seconds, &nanos))
			test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
	}
}

TEST(json_time_knows_what_can_be_printed)
{
	CHECK(json_time_timestamp_fits(0, 999999999));
	CHECK(!json_time_timestamp_fits(0, 1000000000));
	CHECK(!json_time_timestamp_fits(0, -1));
	CHECK(!json_time_timestamp_fits(-62135596801, 0));
	CHECK(!json_time_timestamp_fits(253402300800, 0));
	CHECK(!json_time_timestamp_fits(INT64_MIN, 0));
	CHECK(json_time_duration_fits(-1, -1));
	CHECK(!json_time_duration_fits(1, -1));
	CHECK(!json_time_duration_fits(-1, 1));
	CHECK(!json_time_duration_fits(315576000000, 1));
	CHECK(!json_time_duration_fits(INT64_MIN, INT32_MIN));
}

TEST_MAIN(CASE(json_time_reads_and_writes_timestamps), CASE(json_time_refuses_what_is_no_timestamp),
	  CASE(json_time_agrees_with_the_calendar_of_the_c_library),
	  CASE(json_time_reads_and_writes_durations), CASE(json_time_refuses_what_is_no_duration),
	  CASE(json_time_knows_what_can_be_printed))
