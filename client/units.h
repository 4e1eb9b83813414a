/*
 * units: numbers and times as text for people. Reading is strict (a whole argument, in range, with
 * a unit where one is needed); writing gives a small struct by value, so that
 * printf("%s", units_count(n).s) needs no buffer. Thread: any; no state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/** units_read_count() - "1000", "10k", "2M", "1.5G", "64Ki": a whole number. Return: read or not */
bool units_read_count(const char *text, uint64_t *ret_value);
/** units_read_rate() - "0.5", "100", "10k", "2.5G": a positive number. Return: read or not */
bool units_read_rate(const char *text, double *ret_value);
/** units_read_int() - a decimal whole number with a sign. Return: read or not */
bool units_read_int(const char *text, int64_t *ret_value);
/** units_read_duration() - "10s", "500ms", "1m30s", "1.5h", "40us": > 0 ns. Return: read or not */
bool units_read_duration(const char *text, int64_t *ret_ns);
/** units_read_time() - RFC 3339, or "+5s" from now by CLOCK_REALTIME. Return: read or not */
bool units_read_time(const char *text, struct timespec *ret_time);

struct units_text {
	char s[48];
};
struct units_text units_count(uint64_t n);	  /* 1,234,567 */
struct units_text units_pps(double pps);	  /* 100.0; 1,234,567 */
struct units_text units_bps(double bps);	  /* 1.23 Gbit/s */
struct units_text units_duration(double ns);	  /* 41 µs; 9.99 s; 2 m 05 s; 1 h 02 m */
struct units_text units_percent(double fraction); /* 45 % */
struct units_text units_time(int64_t seconds, int32_t nanos); /* local time with its zone */
