/* json_time: see json_time.h. Dates are the proleptic Gregorian calendar's, by civil-day sums. */
#include "api/codec/json_time.h"

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECONDS_MIN	     INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define SECONDS_MAX	     INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_SECONDS_MAX INT64_C(315576000000)

bool json_time_is(const ProtobufCMessageDescriptor *type)
{
	return type == &google__protobuf__timestamp__descriptor ||
	       type == &google__protobuf__duration__descriptor;
}

struct cursor {
	const char *at;
	const char *end;
};

static bool take_char(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static bool at_digit(const struct cursor *cursor)
{
	return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

/* Exactly @count digits within [@min, @max]. */
static bool take_number(struct cursor *cursor, int count, int min, int max, int *ret_value)
{
	int value = 0;
	for (int i = 0; i < count; i++) {
		if (!at_digit(cursor))
			return false;
		value = value * 10 + (*cursor->at++ - '0');
	}
	*ret_value = value;
	return value >= min && value <= max;
}

/* A point and 1 to 9 digits, or nothing. */
static bool take_fraction(struct cursor *cursor, int32_t *ret_nanos)
{
	*ret_nanos = 0;
	if (!take_char(cursor, '.'))
		return true;
	int32_t unit = 100000000;
	if (!at_digit(cursor))
		return false;
	for (; at_digit(cursor); unit /= 10) {
		if (!unit)
			return false;
		*ret_nanos += (*cursor->at++ - '0') * unit;
	}
	return true;
}

/* Days since 1970-01-01; the year begins in March, so that the leap day is its last. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era_day = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return y * 365 + y / 4 - y / 100 + y / 400 + era_day - 719468;
}

static void date_of(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097, day_of_era = z % 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	*ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

static int month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

static bool take_offset(struct cursor *cursor, int *ret_seconds)
{
	*ret_seconds = 0;
	if (take_char(cursor, 'Z'))
		return true;
	int sign = take_char(cursor, '+') ? 1 : take_char(cursor, '-') ? -1 : 0;
	int hours, minutes;
	if (!sign || !take_number(cursor, 2, 0, 23, &hours) || !take_char(cursor, ':') ||
	    !take_number(cursor, 2, 0, 59, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool json_time_read_timestamp(const char *text, size_t len, int64_t *ret_seconds,
			      int32_t *ret_nanos)
{
	struct cursor c = {text, text + len};
	int year, month, day, hour, minute, second, offset;
	int32_t nanos;
	if (!take_number(&c, 4, 1, 9999, &year) || !take_char(&c, '-') ||
	    !take_number(&c, 2, 1, 12, &month) || !take_char(&c, '-') ||
	    !take_number(&c, 2, 1, month_days(year, month), &day) || !take_char(&c, 'T') ||
	    !take_number(&c, 2, 0, 23, &hour) || !take_char(&c, ':') ||
	    !take_number(&c, 2, 0, 59, &minute) || !take_char(&c, ':') ||
	    !take_number(&c, 2, 0, 59, &second) || !take_fraction(&c, &nanos) ||
	    !take_offset(&c, &offset) || c.at != c.end)
		return false;
	int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	seconds -= offset;
	if (!json_time_timestamp_fits(seconds, nanos))
		return false;
	*ret_seconds = seconds;
	*ret_nanos = nanos;
	return true;
}

bool json_time_read_duration(const char *text, size_t len, int64_t *ret_seconds, int32_t *ret_nanos)
{
	struct cursor c = {text, text + len};
	bool negative = take_char(&c, '-');
	int64_t seconds = 0;
	int32_t nanos;
	if (!at_digit(&c))
		return false;
	while (at_digit(&c)) {
		seconds = seconds * 10 + (*c.at++ - '0');
		if (seconds > DURATION_SECONDS_MAX)
			return false;
	}
	if (!take_fraction(&c, &nanos) || !take_char(&c, 's') || c.at != c.end ||
	    !json_time_duration_fits(seconds, nanos))
		return false;
	*ret_seconds = negative ? -seconds : seconds;
	*ret_nanos = negative ? -nanos : nanos;
	return true;
}

bool json_time_timestamp_fits(int64_t seconds, int32_t nanos)
{
	return seconds >= SECONDS_MIN && seconds <= SECONDS_MAX && nanos >= 0 && nanos <= 999999999;
}

bool json_time_duration_fits(int64_t seconds, int32_t nanos)
{
	if (nanos < -999999999 || nanos > 999999999)
		return false;
	if ((seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
		return false;
	if (seconds == DURATION_SECONDS_MAX || seconds == -DURATION_SECONDS_MAX)
		return nanos == 0;
	return seconds > -DURATION_SECONDS_MAX && seconds < DURATION_SECONDS_MAX;
}

static size_t write_fraction(int32_t nanos, char *out)
{
	if (!nanos)
		return 0;
	if (nanos % 1000000 == 0)
		return (size_t)sprintf(out, ".%03" PRId32, nanos / 1000000);
	if (nanos % 1000 == 0)
		return (size_t)sprintf(out, ".%06" PRId32, nanos / 1000);
	return (size_t)sprintf(out, ".%09" PRId32, nanos);
}

size_t json_time_write_timestamp(int64_t seconds, int32_t nanos, char out[JSON_TIME_TEXT_MAX])
{
	int64_t since_first = seconds - SECONDS_MIN;
	int second_of_day = (int)(since_first % 86400);
	int year, month, day;
	date_of(since_first / 86400 + SECONDS_MIN / 86400, &year, &month, &day);
	size_t n = (size_t)snprintf(out, JSON_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", year,
				    month, day, second_of_day / 3600, second_of_day / 60 % 60,
				    second_of_day % 60);
	n += write_fraction(nanos, out + n);
	out[n++] = 'Z';
	out[n] = '\0';
	return n;
}

size_t json_time_write_duration(int64_t seconds, int32_t nanos, char out[JSON_TIME_TEXT_MAX])
{
	bool negative = seconds < 0 || nanos < 0;
	size_t n = (size_t)snprintf(out, JSON_TIME_TEXT_MAX, "%s%" PRId64, negative ? "-" : "",
				    negative ? -seconds : seconds);
	n += write_fraction(negative ? -nanos : nanos, out + n);
	out[n++] = 's';
	out[n] = '\0';
	return n;
}
