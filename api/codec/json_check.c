/*
 * json_check: the strict gate: structure, depth, counts and duplicate keys over json_scan's tokens.
 *
 * Own code although json-c parses too: json-c 0.16 at its strictest accepts texts that RFC 8259
 * forbids, silently keeps the last of duplicate keys, cuts a key at \u0000, saturates integers, and
 * takes 277 MB for 1 MiB of [{},{},…]. What passes here is safe to hand to it.
 *
 * No recursion: open objects and arrays are a fixed stack. The keys of all open objects are one
 * array of offsets (4 bytes a key); when an object closes, its keys are sorted by what they mean,
 * escapes resolved, so that duplicates are neighbours: n log n, whatever the keys are.
 */
#include "api/codec/json_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/json_fault.h"
#include "api/codec/json_scan.h"

enum expect {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* behind [ */
	EXPECT_KEY,
	EXPECT_KEY_OR_END, /* behind { */
	EXPECT_COLON,
	EXPECT_COMMA_OR_END, /* behind a value inside something */
	EXPECT_NOTHING,	     /* behind the outermost value */
};

struct check {
	struct json_scan scan;
	enum expect expect;
	struct {
		bool object;
		size_t first_key; /* index into keys */
	} open[JSON_DEPTH_MAX];
	size_t depth;
	size_t values;
	uint32_t *keys; /* owned; offsets of opening quotes */
	size_t key_count;
	size_t key_capacity;
	struct error *error;
};

static int refuse(const struct check *check, size_t offset, const char *fault)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (check->scan.text[i] == '\n') {
			line++;
			column = 1;
		} else if ((check->scan.text[i] & 0xC0) != 0x80) {
			column++;
		}
	}
	error_set(check->error, ERROR_CODE_INVALID_ARGUMENT,
		  "not valid JSON at offset %zu (line %zu, column %zu): %s", offset, line, column,
		  fault);
	check->error->reason = "INVALID_JSON";
	error_fact(check->error, "offset", "%zu", offset);
	error_fact(check->error, "line", "%zu", line);
	error_fact(check->error, "column", "%zu", column);
	error_fact(check->error, "fault", "%s", fault);
	return ERROR_CODE_INVALID_ARGUMENT;
}

static int refuse_unexpected(const struct check *check)
{
	static const char *const faults[] = {
		[EXPECT_VALUE] = "a value is expected here",
		[EXPECT_VALUE_OR_END] = "a value or ] is expected here",
		[EXPECT_KEY] = "a key in double quotes is expected here",
		[EXPECT_KEY_OR_END] = "a key in double quotes or } is expected here",
		[EXPECT_COLON] = "a colon is expected after the key",
		[EXPECT_NOTHING] = "nothing may follow the value",
	};
	const char *fault = faults[check->expect];
	if (check->expect == EXPECT_COMMA_OR_END)
		fault = check->open[check->depth - 1].object ? "a comma or } is expected here"
							     : "a comma or ] is expected here";
	return refuse(check, check->scan.begin, fault);
}

static int compare_keys(const void *a, const void *b, void *text)
{
	struct json_bytes x = json_bytes_of((const char *)text + *(const uint32_t *)a);
	struct json_bytes y = json_bytes_of((const char *)text + *(const uint32_t *)b);
	int from_x, from_y;
	do {
		from_x = json_bytes_next(&x);
		from_y = json_bytes_next(&y);
	} while (from_x == from_y && from_x >= 0);
	return from_x - from_y;
}

static int push_key(struct check *check)
{
	if (check->key_count == check->key_capacity) {
		size_t capacity = check->key_capacity ? check->key_capacity * 2 : 64;
		uint32_t *grown = reallocarray(check->keys, capacity, sizeof *grown);
		if (!grown)
			return error_set(check->error, ERROR_CODE_INTERNAL, "out of memory");
		check->keys = grown;
		check->key_capacity = capacity;
	}
	check->keys[check->key_count++] = (uint32_t)check->scan.begin;
	check->expect = EXPECT_COLON;
	return 0;
}

/* @offset: of its opening quote */
static int refuse_repeated(const struct check *check, size_t offset)
{
	char fault[JSON_FAULT_QUOTE_MAX + 64];
	struct json_bytes end = json_bytes_of(check->scan.text + offset);
	const char *key = check->scan.text + offset + 1;
	while (json_bytes_next(&end) >= 0)
		;
	struct json_quoted quoted = json_fault_quote(key, (size_t)(end.at - key));
	snprintf(fault, sizeof fault, "the key \"%s\" appears twice in one object", quoted.text);
	return refuse(check, offset, fault);
}

static int close_object(struct check *check)
{
	size_t first = check->open[check->depth - 1].first_key;
	size_t count = check->key_count - first;
	void *text = (void *)(uintptr_t)check->scan.text;
	check->key_count = first;
	if (count < 2)
		return 0; /* there may be no keys yet: NULL + 0 is undefined */
	uint32_t *keys = check->keys + first;
	qsort_r(keys, count, sizeof *keys, compare_keys, text);
	for (size_t i = 1; i < count; i++)
		if (compare_keys(&keys[i - 1], &keys[i], text) == 0)
			return refuse_repeated(check,
					       keys[i - 1] > keys[i] ? keys[i - 1] : keys[i]);
	return 0;
}

static void after_value(struct check *check)
{
	check->expect = check->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static int open_container(struct check *check, bool object)
{
	if (check->depth == JSON_DEPTH_MAX)
		return refuse(check, check->scan.begin, "nested deeper than 32");
	check->open[check->depth].object = object;
	check->open[check->depth].first_key = check->key_count;
	check->depth++;
	check->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
	return 0;
}

static int close_container(struct check *check)
{
	if (check->open[check->depth - 1].object) {
		int r = close_object(check);
		if (r)
			return r;
	}
	check->depth--;
	after_value(check);
	return 0;
}

static int take_value(struct check *check)
{
	if (++check->values > JSON_VALUES_MAX)
		return refuse(check, check->scan.begin, "more than 262144 values");
	switch (check->scan.token) {
	case JSON_TOKEN_OBJECT: return open_container(check, true);
	case JSON_TOKEN_ARRAY: return open_container(check, false);
	case JSON_TOKEN_STRING:
	case JSON_TOKEN_NUMBER:
	case JSON_TOKEN_TRUE:
	case JSON_TOKEN_FALSE:
	case JSON_TOKEN_NULL: after_value(check); return 0;
	default: return refuse_unexpected(check);
	}
}

/* Behind a value, inside an object or an array. */
static int take_comma_or_end(struct check *check)
{
	bool object = check->open[check->depth - 1].object;
	if (check->scan.token == JSON_TOKEN_COMMA) {
		check->expect = object ? EXPECT_KEY : EXPECT_VALUE;
		return 0;
	}
	if (check->scan.token == (object ? JSON_TOKEN_OBJECT_END : JSON_TOKEN_ARRAY_END))
		return close_container(check);
	return refuse_unexpected(check);
}

static int take_key(struct check *check)
{
	if (check->scan.token == JSON_TOKEN_STRING)
		return push_key(check);
	if (check->scan.token == JSON_TOKEN_OBJECT_END && check->expect == EXPECT_KEY_OR_END)
		return close_container(check);
	return refuse_unexpected(check);
}

static int take(struct check *check)
{
	switch (check->expect) {
	case EXPECT_VALUE_OR_END:
		if (check->scan.token == JSON_TOKEN_ARRAY_END)
			return close_container(check);
		return take_value(check);
	case EXPECT_VALUE: return take_value(check);
	case EXPECT_KEY:
	case EXPECT_KEY_OR_END: return take_key(check);
	case EXPECT_COLON:
		if (check->scan.token != JSON_TOKEN_COLON)
			return refuse_unexpected(check);
		check->expect = EXPECT_VALUE;
		return 0;
	case EXPECT_COMMA_OR_END: return take_comma_or_end(check);
	case EXPECT_NOTHING: break;
	}
	return refuse_unexpected(check);
}

int json_check(const char *text, size_t len, struct error *ret_error)
{
	struct check check = {.scan = {.text = text, .len = len}, .error = ret_error};
	int r = 0;
	if (len > UINT32_MAX)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "a JSON text of %zu bytes; the maximum is 4 GiB", len);
	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		return refuse(&check, 0, "a byte order mark is not allowed in JSON");
	while (!r) {
		enum json_token token = json_scan_next(&check.scan);
		if (token == JSON_TOKEN_INVALID)
			r = refuse(&check, check.scan.fault_at, check.scan.fault);
		else if (token == JSON_TOKEN_END && check.expect == EXPECT_NOTHING)
			break;
		else
			r = take(&check);
	}
	free(check.keys);
	return r;
}
