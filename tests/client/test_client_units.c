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

TEST_MAIN(CASE(counts_are_whole_numbers_with_suffixes), CASE(counts_refuse_what_is_no_whole_number),
	  CASE(rates_are_positive_and_may_have_fractions), CASE(durations_need_a_unit),
	  CASE(times_are_rfc_3339_with_a_zone), CASE(times_from_now),
	  CASE(shown_with_separators_and_units))
