/* units: see units.h. */
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct suffix {
	const char *name;
	double factor;
};

static const struct suffix COUNT_SUFFIXES[] = {
	{"", 1},
	{"k", 1e3},
	{"K", 1e3},
	{"M", 1e6},
	{"G", 1e9},
	{"Ki", 1024.0},
	{"Mi", 1024.0 * 1024},
	{"Gi", 1024.0 * 1048576},
};
static const struct suffix DURATION_SUFFIXES[] = {
	{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
};

/* One plain decimal number: no sign, no hexadecimal, no exponent, no "inf". Moves @text past it. */
static bool read_decimal(const char **text, double *ret_value)
{
	const char *end = *text;
	while (isdigit((unsigned char)*end))
		end++;
	if (end == *text)
		return false;
	if (*end == '.' && isdigit((unsigned char)end[1]))
		for (end++; isdigit((unsigned char)*end); end++)
			;
	char copy[64];
	size_t len = (size_t)(end - *text);
	if (len >= sizeof copy)
		return false;
	memcpy(copy, *text, len);
	copy[len] = 0;
	*ret_value = strtod(copy, NULL);
	*text = end;
	return true;
}

static const struct suffix *find_suffix(const struct suffix *suffixes, size_t count,
					const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(suffixes[i].name) == len && memcmp(suffixes[i].name, name, len) == 0)
			return &suffixes[i];
	return NULL;
}

bool units_read_rate(const char *text, double *ret_value)
{
	double value;
	if (!read_decimal(&text, &value))
		return false;
	const struct suffix *suffix = find_suffix(
		COUNT_SUFFIXES, sizeof COUNT_SUFFIXES / sizeof *COUNT_SUFFIXES, text, strlen(text));
	if (!suffix || !(value * suffix->factor > 0))
		return false;
	*ret_value = value * suffix->factor;
	return true;
}

bool units_read_count(const char *text, uint64_t *ret_value)
{
	if (isdigit((unsigned char)*text)) { /* exact beyond 2^53 */
		char *end;
		errno = 0;
		unsigned long long whole = strtoull(text, &end, 10);
		if (!*end && errno)
			return false;
		if (!*end) {
			*ret_value = whole;
			return true;
		}
	}
	double value;
	if (!units_read_rate(text, &value))
		return false;
	if (value != floor(value) || value >= 18446744073709551616.0)
		return false;
	*ret_value = (uint64_t)value;
	return true;
}

bool units_read_int(const char *text, int64_t *ret_value)
{
	const char *digits = text + (*text == '-' || *text == '+');
	if (!isdigit((unsigned char)*digits))
		return false;
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (*end || errno)
		return false;
	*ret_value = value;
	return true;
}

bool units_read_duration(const char *text, int64_t *ret_ns)
{
	double total = 0;
	if (!*text)
		return false;
	while (*text) {
		double value;
		if (!read_decimal(&text, &value))
			return false;
		size_t len = 0;
		while (text[len] && !isdigit((unsigned char)text[len]))
			len++;
		const struct suffix *suffix = find_suffix(
			DURATION_SUFFIXES, sizeof DURATION_SUFFIXES / sizeof *DURATION_SUFFIXES,
			text, len);
		if (!suffix)
			return false;
		total += value * suffix->factor;
		text += len;
	}
	if (!(total >= 1) || total > 9.2e18)
		return false;
	*ret_ns = (int64_t)llround(total);
	return true;
}

static bool read_digits(const char **text, int count, int *ret_value)
{
	int value = 0;
	for (int i = 0; i < count; i++, (*text)++) {
		if (!isdigit((unsigned char)**text))
			return false;
		value = value * 10 + (**text - '0');
	}
	*ret_value = value;
	return true;
}

static bool skip(const char **text, const char *one_of)
{
	if (!**text || !strchr(one_of, **text))
		return false;
	(*text)++;
	return true;
}

static bool read_fraction(const char **text, long *ret_ns)
{
	*ret_ns = 0;
	if (!skip(text, "."))
		return true;
	long unit = 100000000;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++, unit /= 10)
		*ret_ns += (**text - '0') * unit;
	return true;
}

static bool read_zone(const char **text, int *ret_offset_s)
{
	*ret_offset_s = 0;
	if (skip(text, "Zz"))
		return true;
	int sign = **text == '-' ? -1 : 1, hours, minutes;
	if (!skip(text, "+-") || !read_digits(text, 2, &hours) || !skip(text, ":") ||
	    !read_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool read_rfc3339(const char *text, struct timespec *ret_time)
{
	struct tm tm = {0};
	int offset_s;
	long ns;
	if (!read_digits(&text, 4, &tm.tm_year) || !skip(&text, "-") ||
	    !read_digits(&text, 2, &tm.tm_mon) || !skip(&text, "-") ||
	    !read_digits(&text, 2, &tm.tm_mday) || !skip(&text, "Tt ") ||
	    !read_digits(&text, 2, &tm.tm_hour) || !skip(&text, ":") ||
	    !read_digits(&text, 2, &tm.tm_min) || !skip(&text, ":") ||
	    !read_digits(&text, 2, &tm.tm_sec) || !read_fraction(&text, &ns) ||
	    !read_zone(&text, &offset_s) || *text)
		return false;
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || tm.tm_mon < 1 || tm.tm_mon > 12)
		return false;
	int day = tm.tm_mday, second = tm.tm_sec;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	tm.tm_sec = 0; /* a leap second would carry into the next day */
	time_t minute = timegm(&tm);
	if (tm.tm_mday != day) /* the 31st of a month of 30 days was carried */
		return false;
	ret_time->tv_sec = minute + second - offset_s;
	ret_time->tv_nsec = ns;
	return true;
}

bool units_read_time(const char *text, struct timespec *ret_time)
{
	if (*text != '+')
		return read_rfc3339(text, ret_time);
	int64_t delay_ns;
	if (!units_read_duration(text + 1, &delay_ns))
		return false;
	clock_gettime(CLOCK_REALTIME, ret_time);
	int64_t ns = ret_time->tv_nsec + delay_ns % 1000000000;
	ret_time->tv_sec += delay_ns / 1000000000 + ns / 1000000000;
	ret_time->tv_nsec = ns % 1000000000;
	return true;
}

struct units_text units_count(uint64_t n)
{
	char digits[24];
	struct units_text text;
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			text.s[at++] = ',';
		text.s[at++] = digits[i];
	}
	text.s[at] = 0;
	return text;
}

struct units_text units_pps(double pps)
{
	struct units_text text;
	if (pps >= 999.95 && pps < 1.8e19)
		return units_count((uint64_t)round(pps));
	snprintf(text.s, sizeof text.s, pps > 0 && pps < 1 ? "%.3f" : "%.1f", pps);
	return text;
}

struct units_text units_bps(double bps)
{
	static const char *const UNITS[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
	size_t unit = 0;
	while (bps >= 999.5 && unit + 1 < sizeof UNITS / sizeof *UNITS) {
		bps /= 1000;
		unit++;
	}
	struct units_text text;
	int decimals = unit == 0 || bps >= 99.95 ? 0 : bps >= 9.995 ? 1 : 2;
	snprintf(text.s, sizeof text.s, "%.*f %s", decimals, bps, UNITS[unit]);
	return text;
}

struct units_text units_duration(double ns)
{
	struct units_text text;
	if (ns < 0)
		ns = 0;
	double s = ns / 1e9;
	if (ns < 999.5)
		snprintf(text.s, sizeof text.s, "%.0f ns", ns);
	else if (ns < 9.95e3)
		snprintf(text.s, sizeof text.s, "%.1f µs", ns / 1e3);
	else if (ns < 999.5e3)
		snprintf(text.s, sizeof text.s, "%.0f µs", ns / 1e3);
	else if (ns < 9.95e6)
		snprintf(text.s, sizeof text.s, "%.1f ms", ns / 1e6);
	else if (ns < 999.5e6)
		snprintf(text.s, sizeof text.s, "%.0f ms", ns / 1e6);
	else if (s < 59.995)
		snprintf(text.s, sizeof text.s, "%.2f s", s);
	else if (s < 3599.5)
		snprintf(text.s, sizeof text.s, "%d m %02d s", (int)(lround(s) / 60),
			 (int)(lround(s) % 60));
	else if (s < 86400 * 2 - 0.5)
		snprintf(text.s, sizeof text.s, "%d h %02d m", (int)(lround(s) / 3600),
			 (int)(lround(s) / 60 % 60));
	else
		snprintf(text.s, sizeof text.s, "%.0f d", floor(round(s) / 86400));
	return text;
}

struct units_text units_percent(double fraction)
{
	struct units_text text;
	fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
	/* 100 % is for what is complete. */
	snprintf(text.s, sizeof text.s, "%.0f %%", floor(fraction * 100));
	return text;
}

struct units_text units_time(int64_t seconds, int32_t nanos)
{
	struct units_text text;
	struct tm tm;
	time_t time = seconds;
	char date[24], zone[8];
	if (!localtime_r(&time, &tm) || !strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm) ||
	    !strftime(zone, sizeof zone, "%z", &tm)) {
		snprintf(text.s, sizeof text.s, "%lld s", (long long)seconds);
		return text;
	}
	snprintf(text.s, sizeof text.s, "%s.%03d %s", date, nanos / 1000000 % 1000, zone);
	return text;
}
