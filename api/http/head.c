/* head: see head.h. */
#include "api/http/head.h"

#include "api/http/limits.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Headers that a request of any protocol may have once: a second one is another reader's truth. */
static const struct route_header HEADERS[] = {
	{"Host", true},		{"Content-Length", true},   {"Transfer-Encoding", true},
	{"Content-Type", true}, {"Content-Encoding", true}, {"Authorization", true},
	{"Origin", true},	{"Expect", true},	    {NULL, false},
};
enum { HEADERS_MAX = 64 }; /* of these and of all protocols */

struct scan {
	const struct routes *routes;
	const char *fault;
	uint64_t seen; /* a bit a header that may be there once */
	struct media_accept accept;
	struct media_coding coding;
};

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return len > 0;
}

/* @first: the bit of the first of @headers. Return: the bit after their last */
static unsigned int note_single(struct scan *scan, const struct route_header *headers,
				unsigned int first, const char *name)
{
	for (; headers && headers->name; headers++, first++) {
		assert(first < HEADERS_MAX);
		if (!headers->single || strcasecmp(name, headers->name) != 0)
			continue;
		if (scan->seen >> first & 1)
			scan->fault = "a header that is allowed once is given twice";
		scan->seen |= UINT64_C(1) << first;
	}
	return first;
}

static void scan_field(struct scan *scan, const struct field *field)
{
	if (!is_token(field->name, strlen(field->name)))
		scan->fault = "a header name contains an invalid character";
	for (const char *at = field->value; *at; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			scan->fault = "a header value contains a control character";
	unsigned int next = note_single(scan, HEADERS, 0, field->name);
	for (size_t i = 0; i < scan->routes->count; i++)
		next = note_single(scan, scan->routes->tables[i]->request_headers, next,
				   field->name);
	if (strcasecmp(field->name, "Accept") == 0)
		media_accept_add(&scan->accept, field->value);
	if (strcasecmp(field->name, "Accept-Encoding") == 0)
		media_coding_add(&scan->coding, field->value);
}

static bool refuse(struct head_fault *fault, unsigned int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool refuse(struct head_fault *fault, unsigned int status, const char *format, ...)
{
	va_list args;
	fault->status = status;
	fault->code = status == MHD_HTTP_NOT_IMPLEMENTED ? ERROR_CODE_UNIMPLEMENTED
							 : ERROR_CODE_INVALID_ARGUMENT;
	va_start(args, format);
	vsnprintf(fault->why, sizeof fault->why, format, args);
	va_end(args);
	return false;
}

static bool check_line(const struct head_line *line, struct head *head, struct head_fault *fault)
{
	if (strcmp(line->version, "HTTP/1.1") != 0 && strcmp(line->version, "HTTP/1.0") != 0)
		return refuse(fault, MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED,
			      "unsupported HTTP version; use HTTP/1.1 or HTTP/1.0");
	if (!is_token(line->method, strlen(line->method)))
		return refuse(fault, MHD_HTTP_BAD_REQUEST,
			      "the request method contains an invalid character");
	head->verb = route_verb(line->method);
	if (head->verb == ROUTE_UNKNOWN)
		return refuse(
			fault, MHD_HTTP_NOT_IMPLEMENTED,
			"unknown request method; use GET, HEAD, POST, PATCH, DELETE or OPTIONS");
	for (const char *at = line->query; at && *at; at++)
		if (*at <= 0x20 || *at >= 0x7f)
			return refuse(fault, MHD_HTTP_BAD_REQUEST,
				      "the query contains a byte that must be escaped as %%XX");
	if (strlen(line->target) > LIMIT_TARGET_BYTES)
		return refuse(fault, MHD_HTTP_URI_TOO_LONG,
			      "the target is longer than the maximum of %d bytes",
			      LIMIT_TARGET_BYTES);
	return true;
}

static bool check_size(const struct fields *fields, struct head_fault *fault)
{
	if (fields->too_many)
		return refuse(fault, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
			      "more than the maximum of %d headers", FIELDS_MAX);
	if (fields->head_bytes > LIMIT_HEAD_BYTES)
		return refuse(fault, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
			      "the head is longer than the maximum of %d bytes", LIMIT_HEAD_BYTES);
	return true;
}

static bool check_framing(const struct fields *fields, const char *version, struct head *head,
			  struct head_fault *fault)
{
	const char *coding = fields_get(fields, "Transfer-Encoding");
	const char *length = fields_get(fields, "Content-Length");
	const char *expect = fields_get(fields, "Expect");
	if (!fields_get(fields, "Host") && strcmp(version, "HTTP/1.0") != 0)
		return refuse(fault, MHD_HTTP_BAD_REQUEST, "missing Host header");
	if (coding && length)
		return refuse(fault, MHD_HTTP_BAD_REQUEST,
			      "Content-Length and Transfer-Encoding cannot be combined");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return refuse(fault, MHD_HTTP_NOT_IMPLEMENTED,
			      "unsupported Transfer-Encoding; only \"chunked\" is supported");
	if (coding && strcmp(version, "HTTP/1.0") == 0)
		return refuse(fault, MHD_HTTP_BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
	if (expect && strcasecmp(expect, "100-continue") != 0)
		return refuse(fault, MHD_HTTP_EXPECTATION_FAILED,
			      "unsupported Expect; only \"100-continue\" is supported");
	head->chunked = coding;
	if (length) {
		size_t digits = strspn(length, "0123456789");
		if (!digits || digits > 18 || length[digits])
			return refuse(fault, MHD_HTTP_BAD_REQUEST,
				      "Content-Length is not a number of bytes");
		for (; *length; length++)
			head->content_length =
				head->content_length * 10 + (uint64_t)(*length - '0');
	}
	return true;
}

bool head_check(const struct fields *fields, const char *fields_fault, const struct head_line *line,
		const struct routes *routes, struct head *ret_head, struct head_fault *ret_fault)
{
	struct scan scan = {.routes = routes};
	struct head head = {0};
	for (size_t i = 0; i < fields->count; i++)
		scan_field(&scan, &fields->list[i]);
	if (!check_line(line, &head, ret_fault))
		return false;
	if (fields_fault)
		return refuse(ret_fault, MHD_HTTP_BAD_REQUEST, "%s", fields_fault);
	if (scan.fault)
		return refuse(ret_fault, MHD_HTTP_BAD_REQUEST, "%s", scan.fault);
	if (!check_size(fields, ret_fault) ||
	    !check_framing(fields, line->version, &head, ret_fault))
		return false;
	head.accept = scan.accept;
	head.accept_gzip = media_coding_gzip(&scan.coding);
	*ret_head = head;
	return true;
}
