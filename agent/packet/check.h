/*
 * check: how the parts of plan_compile() say what is wrong with a spec.
 *
 * A check knows where in the message it stands, as the path of the JSON form ("streams[0].udp"),
 * and adds a fault with the name of a field below it. Helpers for what many fields share give one
 * wording for each kind of fault. Thread: one; lives on the stack of plan_compile().
 */
#pragma once
#include "pagecast/error.h"

#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHECK_PATH_BYTES = 160,	 /* deepest: streams[1023].payloads[65535].pattern.length */
	CHECK_QUOTE_BYTES = 72,	 /* a value shown in a fault; longer ones are cut */
	CHECK_FAULT_BYTES = 320, /* one description */
};
/* Nanoseconds in int64_t end in 2262: no later time is accepted. A duration is 100 years at most,
 * as in a policy: an instant of either clock plus two of them fits. */
#define CHECK_SECONDS_MAX	   INT64_C(9223372035)
#define CHECK_DURATION_SECONDS_MAX INT64_C(3153600000)

struct check {
	struct error *error;
	size_t absent;	 /* faults that only report an unknown interface */
	size_t unlisted; /* faults past ERROR_VIOLATIONS_MAX: counted here, reported by
			  * check_finish()
			  */
	size_t path_len;
	char path[CHECK_PATH_BYTES];
};

/** check_enter() - go down to a field, as check_enter(c, "payloads[%zu]", i). Return: the mark for
 * check_leave() */
size_t check_enter(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void check_leave(struct check *check, size_t mark);

/** check_fault() - @field of the message entered is wrong; "" : the message itself */
void check_fault(struct check *check, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** check_count() - faults so far */
size_t check_count(const struct check *check);

/** check_finish() - at the end: the error's count is complete from here on */
void check_finish(struct check *check);

/** check_range() - Return: true when @min <= @value <= @max, else a fault */
bool check_range(struct check *check, const char *field, uint64_t value, uint64_t min,
		 uint64_t max);

/** check_enum() - Return: true when the schema has @value (0, unspecified, too), else a fault */
bool check_enum(struct check *check, const char *field, const ProtobufCEnumDescriptor *descriptor,
		int value);

/** check_text() - at most @bytes_max bytes */
bool check_text(struct check *check, const char *field, const char *text, size_t bytes_max);

/** check_duration() - a valid duration of @min_ns at least; NULL is 0. Return: true with *ret_ns */
bool check_duration(struct check *check, const char *field,
		    const Google__Protobuf__Duration *duration, int64_t min_ns, int64_t *ret_ns);

/** check_timestamp() - a valid instant from 1970 on; required. Return: true with *ret_ns,
 * never
 * 0 */
bool check_timestamp(struct check *check, const char *field,
		     const Google__Protobuf__Timestamp *timestamp, int64_t *ret_ns);

/** check_not_offered() - a fault when @present: known to the schema, not to this version */
void check_not_offered(struct check *check, const char *field, bool present);

/** check_quote() - @text in quotes, cut between characters where it is long. Return: @buffer */
const char *check_quote(char buffer[static CHECK_QUOTE_BYTES], const char *text);
#define check_quoted(text) check_quote((char[CHECK_QUOTE_BYTES]){0}, (text))
