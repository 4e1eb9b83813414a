/*
 * error: the one form in which a request is refused, from the compiler of a spec up to the HTTP
 * answer.
 *
 * A code of the Connect/gRPC list, a sentence for people, and, for faults of an input, one
 * violation a field path, all of them at once. Functions that can refuse take a `struct error
 * *ret_error` and return the code (> 0); what is not the caller's fault is ERROR_CODE_INTERNAL or
 * ERROR_CODE_UNAVAILABLE. Thread: a struct error belongs to one thread; no locking.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum error_code { /* numbers of google.rpc.Code */
		  ERROR_CODE_OK = 0,
		  ERROR_CODE_CANCELED = 1,
		  ERROR_CODE_UNKNOWN = 2,
		  ERROR_CODE_INVALID_ARGUMENT = 3,
		  ERROR_CODE_DEADLINE_EXCEEDED = 4,
		  ERROR_CODE_NOT_FOUND = 5,
		  ERROR_CODE_ALREADY_EXISTS = 6,
		  ERROR_CODE_PERMISSION_DENIED = 7,
		  ERROR_CODE_RESOURCE_EXHAUSTED = 8,
		  ERROR_CODE_FAILED_PRECONDITION = 9,
		  ERROR_CODE_ABORTED = 10,
		  ERROR_CODE_OUT_OF_RANGE = 11,
		  ERROR_CODE_UNIMPLEMENTED = 12,
		  ERROR_CODE_INTERNAL = 13,
		  ERROR_CODE_UNAVAILABLE = 14,
		  ERROR_CODE_DATA_LOSS = 15,
		  ERROR_CODE_UNAUTHENTICATED = 16,
};

struct error_violation {
	char *field;	   /* path in the message's JSON form, as "streams[0].udp.port" */
	char *description; /* what is wrong, with the value, and what would be right */
};

/* More faults than this in one request are counted, not listed: an answer stays readable and
 * bounded. */
enum { ERROR_VIOLATIONS_MAX = 64 };

struct error_fact {
	const char *name; /* static */
	char *value;	  /* owned */
};

enum { ERROR_FACTS_MAX = 4 }; /* the most that a reason has */

struct error {
	enum error_code code;
	char *message; /* owned; for violations "field: description" of the first (and "; N more")
			*/
	struct error_violation *violations; /* owned, [violation_count] */
	size_t violation_count;
	size_t violations_unlisted;
	const char *reason; /* for programs, where the code says too little: a static constant as
			       "INVALID_JSON"; NULL: none */
	struct error_fact facts[ERROR_FACTS_MAX]; /* what belongs to the reason */
	size_t fact_count;
	const char *rule; /* of the policy, that refused: static, "allowedNetworks"; NULL: none */
	uint32_t retry_after_s; /* 0: no hint */
};

#define ERROR_NULL ((struct error){0})

/**
 * error_set() - refuse with a code and a sentence; replaces what was there
 *
 * Return: the code, so that `return error_set(…)` reads well.
 */
int error_set(struct error *error, enum error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * error_violate() - add one fault of the input
 * @field:  path of the field, copied
 * @format: what is wrong with it, with its value, and what would be right
 *
 * The code becomes INVALID_ARGUMENT unless one is set already. Past ERROR_VIOLATIONS_MAX only
 * counted.
 */
void error_violate(struct error *error, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * error_fact() - add one fact for programs: they must not have to read the sentence
 * @name:   static; at most ERROR_FACTS_MAX different ones
 * @format: its value
 */
void error_fact(struct error *error, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * error_violate_new() - add the violations of @more, but those at, above or below a place that has
 * one already: they would only say again, or in consequence, what was said
 */
void error_violate_new(struct error *error, const struct error *more);

/** error_nest() - what it was found in is the field @name of a larger message: "streams[0]" becomes
 * "spec.streams[0]" */
void error_nest(struct error *error, const char *name);

/** error_unnest() - the field @name is all that the caller sent: the other way round */
void error_unnest(struct error *error, const char *name);

/**
 * error_rename() - what was found at the field @from is a fault of the field @to
 * error_rename_within() - the same, and what was found inside of @from is inside of @to
 *
 * Of several equal violations one stays: the same fault of one field is listed once.
 */
void error_rename(struct error *error, const char *from, const char *to);
void error_rename_within(struct error *error, const char *from, const char *to);

/** error_message() - the sentence, never NULL: an allocation that failed gives a fixed one */
const char *error_message(const struct error *error);

/** error_code_name() - the Connect spelling, as "invalid_argument"; a static string */
const char *error_code_name(enum error_code code);

/** error_move() - hand over ownership; @from is ERROR_NULL afterwards */
void error_move(struct error *to, struct error *from);

void error_deinit(struct error *error);
#define _cleanup_error_ __attribute__((cleanup(error_deinit)))
