/* head: see head.h. */
#include "api/http/head.h"

#include "api/http/limits.h"
#include "api/http/request.h"

#include <string.h>
#include <strings.h>

/* Headers that a request may have once: a second one is another reader's truth. */
static const char *const SINGLE[] = {
	"Host",
	"Content-Length",
	"Transfer-Encoding",
	"Content-Type",
	"Content-Encoding",
	"Authorization",
	"Origin",
	"Expect",
	"If-None-Match",
	"Idempotency-Key",
	"Connect-Content-Encoding",
	"Connect-Timeout-Ms",
	"Grpc-Encoding",
	"Grpc-Timeout",
};
enum { SINGLE_COUNT = sizeof SINGLE / sizeof *SINGLE };

struct head_scan {
	const char *fault;
	size_t count;
	bool seen[SINGLE_COUNT];
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

static enum MHD_Result scan_header(void *context, enum MHD_ValueKind kind, const char *name,
				   size_t name_len, const char *value, size_t value_len)
{
	struct head_scan *scan = context;
	(void)kind;
	scan->count++;
	if (!is_token(name, name_len))
		scan->fault = "a header's name holds a character that no name may hold";
	for (size_t i = 0; value && i < value_len; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			scan->fault = "a header's value holds a control character";
	for (size_t i = 0; i < SINGLE_COUNT; i++) {
		if (strcasecmp(name, SINGLE[i]) != 0)
			continue;
		if (scan->seen[i])
			scan->fault = "a header that may be there once is there twice";
		scan->seen[i] = true;
	}
	if (value && strcasecmp(name, "Accept") == 0)
		media_accept_add(&scan->accept, value);
	if (value && strcasecmp(name, "Accept-Encoding") == 0)
		media_coding_add(&scan->coding, value);
	return MHD_YES;
}

static bool refuse(struct request *request, unsigned int status, const char *why)
{
	reply_refuse(request, status,
		     status == MHD_HTTP_NOT_IMPLEMENTED ? ERROR_CODE_UNIMPLEMENTED
							: ERROR_CODE_INVALID_ARGUMENT,
		     "%s", why);
	request->reply.close = true;
	return false;
}

static bool check_line(struct request *request, const char *method, const char *version)
{
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return refuse(request, MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED,
			      "only HTTP/1.0 and HTTP/1.1 are spoken here");
	if (!is_token(method, strlen(method)))
		return refuse(request, MHD_HTTP_BAD_REQUEST, "the request's method is no token");
	request->verb = route_verb(method);
	if (request->verb == ROUTE_UNKNOWN)
		return refuse(request, MHD_HTTP_NOT_IMPLEMENTED,
			      "the request's method is none of GET, HEAD, POST, PATCH, DELETE, "
			      "OPTIONS");
	for (const char *at = request->query; at && *at; at++)
		if (*at <= 0x20 || *at >= 0x7f)
			return refuse(request, MHD_HTTP_BAD_REQUEST,
				      "the query holds a byte that must be written as %XX");
	if (strlen(request->target) > LIMIT_TARGET_BYTES)
		return refuse(request, MHD_HTTP_URI_TOO_LONG, "the target is longer than 8 KiB");
	return true;
}

static bool check_size(struct request *request, const struct head_scan *scan)
{
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (scan->count > LIMIT_HEADERS)
		return refuse(request, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
			      "more than 64 headers");
	if (size && size->header_size > LIMIT_HEAD_BYTES)
		return refuse(request, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
			      "the head is longer than 16 KiB");
	return true;
}

static bool check_framing(struct request *request, const char *version)
{
	const char *coding = request_header(request, "Transfer-Encoding");
	const char *length = request_header(request, "Content-Length");
	const char *expect = request_header(request, "Expect");
	if (!request_header(request, "Host") && strcmp(version, "HTTP/1.0") != 0)
		return refuse(request, MHD_HTTP_BAD_REQUEST, "there is no Host header");
	if (coding && length)
		return refuse(request, MHD_HTTP_BAD_REQUEST,
			      "Content-Length and Transfer-Encoding exclude each other");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return refuse(request, MHD_HTTP_NOT_IMPLEMENTED,
			      "the only Transfer-Encoding understood is \"chunked\"");
	if (coding && strcmp(version, "HTTP/1.0") == 0)
		return refuse(request, MHD_HTTP_BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
	if (expect && strcasecmp(expect, "100-continue") != 0)
		return refuse(request, MHD_HTTP_EXPECTATION_FAILED,
			      "the only Expect understood is \"100-continue\"");
	request->chunked = coding;
	if (length) {
		size_t digits = strspn(length, "0123456789");
		if (!digits || digits > 18 || length[digits])
			return refuse(request, MHD_HTTP_BAD_REQUEST,
				      "Content-Length is not a number of bytes");
		for (; *length; length++)
			request->content_length =
				request->content_length * 10 + (uint64_t)(*length - '0');
	}
	return true;
}

bool head_check(struct request *request, const char *method, const char *version)
{
	struct head_scan scan = {0};
	MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, scan_header, &scan);
	if (!check_line(request, method, version))
		return false;
	if (scan.fault)
		return refuse(request, MHD_HTTP_BAD_REQUEST, scan.fault);
	if (!check_size(request, &scan) || !check_framing(request, version))
		return false;
	request->accept = scan.accept;
	request->accept_gzip = media_coding_gzip(&scan.coding);
	request->answer_media = media_accept_choose(&scan.accept);
	request->answer_protobuf = scan.accept.protobuf_type;
	return true;
}
