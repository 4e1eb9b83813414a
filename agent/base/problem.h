/*
 * problem: the closed list of what can be said about a job besides its counts.
 *
 * A set holds each code once a stream at most: the first message, a count, the last errno. Thread:
 * one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum problem_code {
	PROBLEM_ENGINE_UNAVAILABLE,
	PROBLEM_NO_ROUTE,
	PROBLEM_NO_NEIGHBOUR,
	PROBLEM_PORT_UNREACHABLE,
	PROBLEM_MESSAGE_TOO_LONG,
	PROBLEM_PERMISSION,
	PROBLEM_INTERFACE_DOWN,
	PROBLEM_INTERFACE_GONE,
	PROBLEM_ADDRESS_GONE,
	PROBLEM_NO_ROOM,
	PROBLEM_MAX_DURATION,
	PROBLEM_START_MISSED,
	PROBLEM_HOLD_EXPIRED,
	PROBLEM_NOT_STARTED,
	PROBLEM_LEASE_EXPIRED,
	PROBLEM_ACCOUNT_FROM_SNAPSHOT,
	PROBLEM_RATE_NOT_HELD,
	PROBLEM_NOT_STORED,
	PROBLEM_DAMAGED,
	PROBLEM_KERNEL_ERROR,
	PROBLEM_CODE_COUNT,
};

enum problem_severity {
	PROBLEM_INFO = 1,
	PROBLEM_WARNING = 2,
	PROBLEM_ERROR = 3
}; /* = Severity of the proto */

enum { PROBLEM_MESSAGE_MAX = 240, PROBLEM_FIELD_MAX = 48, PROBLEM_SET_MAX = 64 };

struct problem {
	enum problem_code code;
	enum problem_severity severity;
	char message[PROBLEM_MESSAGE_MAX]; /* a sentence for people */
	char field[PROBLEM_FIELD_MAX];	   /* "streams[3]", "streams[0].interface", or empty */
	int error;			   /* positive errno, or 0 */
	uint64_t count;			   /* packets or events it stands for */
};

struct problem_set {
	struct problem problems[PROBLEM_SET_MAX];
	size_t count;
	size_t unlisted; /* more than fit */
};

/** problem_code_name() - as the API spells it: "no_neighbour"; static */
const char *problem_code_name(enum problem_code code);

/**
 * problem_add() - add a problem, or raise the count of the one with the same code and field (the
 * newer message replaces the older, so that a count in it stays true)
 */
void problem_add(struct problem_set *set, enum problem_code code, enum problem_severity severity,
		 const char *field, int error, uint64_t count, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

/** problem_put() - the same for what is counted elsewhere: @count is all there was so far, and
 * replaces the older count */
void problem_put(struct problem_set *set, enum problem_code code, enum problem_severity severity,
		 const char *field, int error, uint64_t count, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

/** problem_set_has_error() - does one of them say that the job cannot go on? */
bool problem_set_has_error(const struct problem_set *set);

/** errno_name() - "ENOBUFS"; "errno 4242" is never returned: unknown numbers give "E?" ; static */
const char *errno_name(int error);
