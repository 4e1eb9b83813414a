/*
 * rpc_query: the query of a Connect GET: ?encoding=json|proto&message=…[&base64=1]
 * [&compression=gzip][&connect=v1], in any order; what else stands there is ignored.
 *
 * The message may be any bytes, NUL too, as %XX or as base64 (base64=1; either alphabet, padded or
 * not). Pure; thread: any.
 */
#pragma once
#include "api/http/media.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rpc_query {
	enum media codec; /* MEDIA_NONE: `encoding` is absent or names none that is known */
	bool compressed;  /* the message is gzip */
	size_t len;
	uint8_t message[]; /* [len] */
};

/**
 * rpc_query_read() - take @raw (what follows the '?', NULL: nothing) apart
 * Return: 0 with *ret_query owned, one block: free(); INVALID_ARGUMENT: a parameter is malformed or
 * there twice, no message is given, connect is not v1; UNIMPLEMENTED: another compression; INTERNAL
 */
int rpc_query_read(const char *raw, struct rpc_query **ret_query, struct error *ret_error);
