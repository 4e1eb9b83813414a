/*
 * query: the query string of a request, taken apart strictly.
 *
 * name=value pairs divided by '&'; %XX and '+' are decoded in both. A parameter may be repeated;
 * what that means is the reader's to say. Thread: a struct query belongs to one request.
 */
#pragma once
#include "api/http/limits.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct query_param {
	const char *name, *value; /* decoded, UTF-8 without NUL; borrowed from the query's text */
};

struct query {
	char *text; /* owned */
	struct query_param params[LIMIT_QUERY_PARAMS];
	size_t count;
};

#define QUERY_NULL ((struct query){0})

/**
 * query_parse() - take @raw apart
 * @raw: what follows the '?', NULL: no query; borrowed
 *
 * Return: 0; INVALID_ARGUMENT for a malformed escape, NUL, invalid UTF-8 or too many parameters;
 * INTERNAL out of memory.
 */
int query_parse(struct query *ret_query, const char *raw, struct error *ret_error);
void query_deinit(struct query *query);

/**
 * query_one() - the value of a parameter that may be given once
 * Return: 0 with *ret_value NULL where it is absent; INVALID_ARGUMENT when it is there twice
 */
int query_one(const struct query *query, const char *name, const char **ret_value,
	      struct error *ret_error);

/** query_unescape() - decode %XX (and '+' where @plus) in place. Return: false when malformed or
 * NUL */
bool query_unescape(char *text, bool plus);

/** query_unescape_bytes() - as query_unescape(), of [*len] characters to any bytes, NUL too */
bool query_unescape_bytes(char *text, size_t *len, bool plus);

/** query_is() - is @name, as somebody wrote it, the parameter @snake: page_size or pageSize? */
bool query_is(const char *name, const char *snake);

/** query_duration() - "30", "30s", "0.5s", "500ms". Return: false: not one of these, or more than
 * QUERY_DURATION_S_MAX */
enum { QUERY_DURATION_S_MAX = 1000000000 };
bool query_duration(const char *text, int64_t *ret_ns);
