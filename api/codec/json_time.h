/*
 * json_time: google.protobuf.Timestamp and Duration as proto3 JSON spells them.
 *
 * Timestamp: RFC 3339 with Z or an offset, 0 to 9 digits of a second, years 0001 to 9999, no leap
 * second. Duration: seconds with 0 to 9 digits behind the point and an "s", within 10,000 years.
 * Out: Z, and 0, 3, 6 or 9 digits. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { JSON_TIME_TEXT_MAX = 40 };

/** json_time_is() - is it a Timestamp or a Duration, a string in JSON? */
bool json_time_is(const ProtobufCMessageDescriptor *type);

/** json_time_read_timestamp() - Return: false: not one, or out of range */
bool json_time_read_timestamp(const char *text, size_t len, int64_t *ret_seconds,
			      int32_t *ret_nanos);
bool json_time_read_duration(const char *text, size_t len, int64_t *ret_seconds,
			     int32_t *ret_nanos);

/** json_time_timestamp_fits() - may it be printed? nanos 0 .. 999,999,999 */
bool json_time_timestamp_fits(int64_t seconds, int32_t nanos);
/** json_time_duration_fits() - may it be printed? The signs of both must agree */
bool json_time_duration_fits(int64_t seconds, int32_t nanos);

/** json_time_write_*() - of values that fit. Return: the length */
size_t json_time_write_timestamp(int64_t seconds, int32_t nanos, char out[JSON_TIME_TEXT_MAX]);
size_t json_time_write_duration(int64_t seconds, int32_t nanos, char out[JSON_TIME_TEXT_MAX]);
