/* Numbers as people write and read them: what is taken, what is refused, how they are shown. */
#include "client/units.h"
#include "lib/test.h"

#include <math.h>

TEST(counts_are_whole_numbers_with_suffixes)
{
	static const struct {
		const char *text;
		uint64_t value;
	} GOOD[] = {
		{"0", 0},
		{"1", 1},
		{"10k", 10000},
		{"10K", 10000},
		{"2M", 2000000},
		{"1.5G", 1500000000},
		{"64Ki", 65536},
		{"18446744073709551615", UINT64_MAX},
		{"9007199254740993", 9007199254740993}, /* no double holds it */
	};
	for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
		uint64_t value = 7;
		CHECK(units_read_count(GOOD[i].text, &value));
		CHECK(value == GOOD[i].value);
	}
}

TEST(counts_refuse_what_is_no_whole_number)
{
	static const char *const BAD[] = {
		"",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.5",
		"0x10",
		"1e3",
		"1kk",
		"ten",
		"k",
		"99999999999G",
		"18446744073709551616",
		"1.0005k",
		"inf",
	};
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		uint64_t value = 7;
		if (units_read_count(BAD[i], &value))
			test_fail(__FILE__, __LINE__, "'%s' was taken for %llu", BAD[i],
				  (unsigned long long)value);
		CHECK_INT(value, ==, 7);
	}
}

TEST(rates_are_positive_and_may_have_fractions)
{
	double rate = 0;
	CHECK(units_read_rate("0.1", &rate) && fabs(rate - 0.1) < 1e-12);
	CHECK(units_read_rate("2.5M", &rate) && fabs(rate - 2.5e6) < 1e-6);
	CHECK(!units_read_rate("0", &rate));
	CHECK(!units_read_rate("-1", &rate));
	CHECK(!units_read_rate("nan", &rate));
	CHECK(!units_read_rate("1e9", &rate));
	CHECK(!units_read_rate("", &rate));
}

TEST(durations_need_a_unit)
{
	int64_t ns = 0;
	CHECK(units_read_duration("10s", &ns) && ns == 10000000000);
	CHECK(units_read_duration("500ms", &ns) && ns == 500000000);
	CHECK(units_read_duration("40us", &ns) && ns == 40000);
	CHECK(units_read_duration("40µs", &ns) && ns == 40000);
	CHECK(units_read_duration("1ns", &ns) && ns == 1);
	CHECK(units_read_duration("1m30s", &ns) && ns == 90000000000);
	CHECK(units_read_duration("1.5h", &ns) && ns == 5400000000000);
	CHECK(!units_read_duration("10", &ns));
	CHECK(!units_read_duration("0s", &ns));
	CHECK(!units_read_duration("s", &ns));
	CHECK(!units_read_duration("-1s", &ns));
	CHECK(!units_read_duration("1s ", &ns));
	CHECK(!units_read_duration("999999999h", &ns));
}

TEST(times_are_rfc_3339_with_a_zone)
{
	struct timespec time;
	CHECK(units_read_time("1970-01-01T00:00:00Z", &time) && time.tv_sec == 0);
	CHECK(units_read_time("2026-03-01T12:00:00Z", &time) && time.tv_sec == 1772366400);
	CHECK(units_read_time("2026-03-01T13:30:00.25+01:30", &time));
	CHECK_INT(time.tv_sec, ==, 1772366400);
	CHECK_INT(time.tv_nsec, ==, 250000000);
	CHECK(units_read_time("2024-02-29T00:00:00Z", &time));
	CHECK(units_read_time("2016-12-31T23:59:60Z", &time) && time.tv_sec == 1483228800);
	CHECK(!units_read_time("2026-02-29T00:00:00Z", &time));
	CHECK(!units_read_time("2026-04-31T00:00:00Z", &time));
	CHECK(!units_read_time("2026-03-01T12:00:00", &time)); /* whose noon? */
	CHECK(!units_read_time("2026-13-01T12:00:00Z", &time));
	CHECK(!units_read_time("2026-03-01T24:00:00Z", &time));
	CHECK(!units_read_time("2026-03-01T12:00:00Zx", &time));
	CHECK(!units_read_time("2026-03-00T12:00:00Z", &time));
	CHECK(!units_read_time("noon", &time));
}

TEST(times_from_now)
{
	struct timespec now, time;
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(units_read_time("+1.5s", &time));
	int64_t ahead_ns = (time.tv_sec - now.tv_sec) * 1000000000 + time.tv_nsec - now.tv_nsec;
	CHECK_INT(ahead_ns, >=, 1500000000);
	CHECK_INT(ahead_ns, <, 2500000000);
	CHECK_INT(time.tv_nsec, <, 1000000000);
	CHECK(!units_read_time("+5", &time));
	CHECK(!units_read_time("+-5s", &time));
}

TEST(shown_with_separators_and_units)
{
	CHECK_STR(units_count(0).s, "0");
	CHECK_STR(units_count(999).s, "999");
	CHECK_STR(units_count(1000).s, "1,000");
	CHECK_STR(units_count(1234567).s, "1,234,567");
	CHECK_STR(units_count(UINT64_MAX).s, "18,446,744,073,709,551,615");
	CHECK_STR(units_pps(100).s, "100.0");
	CHECK_STR(units_pps(0.1).s, "0.100");
	CHECK_STR(units_pps(999.96).s, "1,000");
	CHECK_STR(units_pps(42000123.4).s, "42,000,123");
	CHECK_STR(units_bps(0).s, "0 bit/s");
	CHECK_STR(units_bps(40000).s, "40.0 kbit/s");
	CHECK_STR(units_bps(1.234e9).s, "1.23 Gbit/s");
	CHECK_STR(units_bps(100e6).s, "100 Mbit/s");
	CHECK_STR(units_bps(999.9e6).s, "1.00 Gbit/s");
	CHECK_STR(units_duration(0).s, "0 ns");
	CHECK_STR(units_duration(850).s, "850 ns");
	CHECK_STR(units_duration(4100).s, "4.1 µs");
	CHECK_STR(units_duration(41000).s, "41 µs");
	CHECK_STR(units_duration(9.99e9).s, "9.99 s");
	CHECK_STR(units_duration(125e9).s, "2 m 05 s");
	CHECK_STR(units_duration(3720e9).s, "1 h 02 m");
	CHECK_STR(units_duration(-5).s, "0 ns");
	CHECK_STR(units_percent(0.999).s, "99 %"); /* 100 % is for what is complete */
	CHECK_STR(units_percent(1).s, "100 %");
	CHECK_STR(units_percent(7).s, "100 %");
}

/* The last value that is shown in one way, and the first that is shown in the next. */
TEST(shown_at_the_edges_of_each_unit)
{
	static const struct {
		double ns;
		const char *text;
	} DURATIONS[] = {
		{0.4, "0 ns"},		 {999.4, "999 ns"},	  {999.5, "1.0 µs"},
		{9949, "9.9 µs"},	 {9950, "10 µs"},	  {999499, "999 µs"},
		{999500, "1.0 ms"},	 {9949e3, "9.9 ms"},	  {9950e3, "10 ms"},
		{999499e3, "999 ms"},	 {999500e3, "1.00 s"},	  {59.9949e9, "59.99 s"},
		{59.995e9, "1 m 00 s"},	 {119.4e9, "1 m 59 s"},	  {119.5e9, "2 m 00 s"},
		{3599.4e9, "59 m 59 s"}, {3599.5e9, "1 h 00 m"},  {7199.4e9, "1 h 59 m"},
		{7199.5e9, "2 h 00 m"},	 {172799e9, "47 h 59 m"}, {172799.5e9, "2 d"},
		{259199e9, "2 d"},	 {259200e9, "3 d"},
	};
	static const struct {
		double bps;
		const char *text;
	} RATES[] = {
		{999.4, "999 bit/s"},	{999.5, "1.00 kbit/s"},	 {9994, "9.99 kbit/s"},
		{9996, "10.0 kbit/s"},	{99949, "99.9 kbit/s"},	 {99950, "100 kbit/s"},
		{999499, "999 kbit/s"}, {999500, "1.00 Mbit/s"}, {999.5e9, "1.00 Tbit/s"},
		{1e15, "1000 Tbit/s"},
	};
	for (size_t i = 0; i < sizeof DURATIONS / sizeof *DURATIONS; i++)
		CHECK_STR(units_duration(DURATIONS[i].ns).s, DURATIONS[i].text);
	for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++)
		CHECK_STR(units_bps(RATES[i].bps).s, RATES[i].text);
	CHECK_STR(units_pps(999.94).s, "999.9");
	CHECK_STR(units_pps(999.95).s, "1,000");
	CHECK_STR(units_pps(0.9994).s, "0.999");
	CHECK_STR(units_pps(1).s, "1.0");
	CHECK_STR(units_pps(1.7e19).s, "17,000,000,000,000,000,000");
	CHECK_STR(units_pps(0).s, "0.0");
	CHECK_STR(units_count(999999).s, "999,999");
	CHECK_STR(units_count(1000000).s, "1,000,000");
	CHECK_STR(units_percent(-0.5).s, "0 %");
	CHECK_STR(units_percent(0.0099).s, "0 %");
	CHECK_STR(units_percent(0.01).s, "1 %");
}

/* The largest and smallest that each unit may have, and one beyond. */
TEST(read_at_the_edges_of_each_unit)
{
	uint64_t count;
	int64_t ns, whole;
	double rate;
	CHECK(units_read_count("18446744073709551Ki", &count) == false);
	CHECK(units_read_count("17179869183Gi", &count) && count == UINT64_C(17179869183) << 30);
	CHECK(!units_read_count("17179869184Gi", &count)); /* 2^64 */
	CHECK(units_read_count("1Mi", &count) && count == 1048576);
	CHECK(units_read_count("0.5Ki", &count) && count == 512);
	CHECK(!units_read_count("0.3Ki", &count));
	CHECK(units_read_int("9223372036854775807", &whole) && whole == INT64_MAX);
	CHECK(units_read_int("-9223372036854775808", &whole) && whole == INT64_MIN);
	CHECK(!units_read_int("9223372036854775808", &whole));
	CHECK(!units_read_int("-9223372036854775809", &whole));
	CHECK(units_read_int("+7", &whole) && whole == 7);
	CHECK(!units_read_int("--7", &whole) && !units_read_int("", &whole) &&
	      !units_read_int("7 ", &whole));
	CHECK(units_read_rate("0.001", &rate) && fabs(rate - 0.001) < 1e-15);
	CHECK(units_read_duration("2555555h", &ns) && ns == INT64_C(9199998000000000000));
	CHECK(!units_read_duration("2555556h", &ns)); /* 9.2e18 ns are the most */
	CHECK(!units_read_duration("0.4ns", &ns));
	CHECK(units_read_duration("1h1m1s1ms1us1ns", &ns) && ns == INT64_C(3661001001001));
	CHECK(!units_read_duration("1x", &ns) && !units_read_duration("1hm", &ns) &&
	      !units_read_duration("h1", &ns));
}

TEST_MAIN(CASE(counts_are_whole_numbers_with_suffixes), CASE(counts_refuse_what_is_no_whole_number),
	  CASE(rates_are_positive_and_may_have_fractions), CASE(durations_need_a_unit),
	  CASE(times_are_rfc_3339_with_a_zone), CASE(times_from_now),
	  CASE(shown_with_separators_and_units), CASE(shown_at_the_edges_of_each_unit),
	  CASE(read_at_the_edges_of_each_unit))
