/*
 * head: what a request's head must be like before anything acts on it.
 *
 * libmicrohttpd is lenient where two readers of one byte stream may disagree about where a request
 * ends. Here whatever is open to two readings is refused: doubled headers that must be single,
 * Content-Length beside Transfer-Encoding, codings other than chunked, names that are not tokens,
 * control characters. Thread: the request's HTTP thread.
 */
#pragma once
#include "api/http/fields.h"
#include "api/http/media.h"
#include "api/http/route.h"

#include <stdbool.h>
#include <stdint.h>

struct head_line { /* the request line, as sent */
	const char *method;
	const char *target; /* without the query */
	const char *query;  /* NULL: none */
	const char *version;
};

struct head { /* what the head says */
	enum route_verb verb;
	bool chunked;
	uint64_t content_length; /* 0 where there is none */
	struct media_accept accept;
	bool accept_gzip; /* the answer may be compressed */
};

struct head_fault {
	unsigned int status; /* of HTTP */
	enum error_code code;
	char why[96];
};

/**
 * head_check() - judge request line and headers
 * @fields:       as fields_read() left them
 * @fields_fault: what it returned; NULL: nothing
 * @routes:       whose protocols say which further headers may be there once
 *
 * Return: true with *ret_head filled; false with *ret_fault: the connection is to be closed, since
 * nobody can tell where the next request begins
 */
bool head_check(const struct fields *fields, const char *fields_fault, const struct head_line *line,
		const struct routes *routes, struct head *ret_head, struct head_fault *ret_fault);
