/* rpc_connect: see rpc_connect.h. */
#include "api/rpc/rpc_connect.h"

#include "api/codec/error_json.h"
#include "api/rpc/envelope.h"
#include "api/rpc/rpc_judge.h"
#include "api/rpc/rpc_query.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_DIGITS_MAX = 10 };

static bool judge_timeout(struct request *request)
{
	const char *timeout = request_header(request, "Connect-Timeout-Ms");
	if (!timeout)
		return true;
	size_t digits = strspn(timeout, "0123456789");
	if (digits && digits <= TIMEOUT_DIGITS_MAX && !timeout[digits])
		return rpc_judge_timeout(request, strtoll(timeout, NULL, 10));
	request_refuse(
		request, 0, ERROR_CODE_INVALID_ARGUMENT,
		"Connect-Timeout-Ms: \"%.40s\" is not a number of milliseconds of at most %d "
		"digits",
		timeout, TIMEOUT_DIGITS_MAX);
	return false;
}

/* ---- unary ---- */

static bool judge_query(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct rpc_query *query = NULL;
	int r = rpc_query_read(request->query, &query, &error);
	if (r) {
		request_error(request, &error);
		if (r == ERROR_CODE_UNIMPLEMENTED)
			reply_header(&request->reply, "Accept-Encoding", "gzip, identity");
		return false;
	}
	request->handler_state = query;
	if (query->codec == MEDIA_NONE) {
		request_refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
			       ERROR_CODE_INVALID_ARGUMENT, "encoding must be json or proto");
		return false;
	}
	request->body_media = request->reply.form.media = query->codec;
	return true;
}

static bool judge_unary(struct request *request)
{
	bool get = request->route->verb == ROUTE_GET;
	request->reply.form.gzip = request->head.accept_gzip;
	if (get ? !judge_query(request) : !rpc_judge_type(request))
		return false;
	return (get || rpc_judge_encoding(request, request_header(request, "Content-Encoding"),
					  "Accept-Encoding")) &&
	       judge_timeout(request);
}

static unsigned int unary_status(enum error_code code)
{
	return code == ERROR_CODE_FAILED_PRECONDITION ? MHD_HTTP_BAD_REQUEST : reply_status(code);
}

static void put_unary_error(struct request *request, unsigned int status, const struct error *error)
{
	reply_error_json(&request->reply, status ? status : unary_status(error->code), error);
}

static int take_unary(const struct request *request, struct rpc_bytes *ret_message,
		      struct error *ret_error)
{
	const struct rpc_query *query = request->handler_state;
	bool compressed = query ? query->compressed : request->body_gzip;
	*ret_message = query ? (struct rpc_bytes){query->message, query->len, NULL}
			     : (struct rpc_bytes){request->body, request->body_len, NULL};
	return compressed ? rpc_message_unpack(request, ret_message, ret_error) : 0;
}

static void answer_unary(struct request *request, uint8_t *message, size_t len)
{
	bool packed = rpc_message_pack(request, &message, &len);
	reply_take(&request->reply, MHD_HTTP_OK,
		   request->reply.form.media == MEDIA_JSON ? "application/json"
							   : "application/proto",
		   (char *)message, len);
	if (packed)
		reply_header(&request->reply, "Content-Encoding", "gzip");
}

static const struct rpc_type UNARY_TYPES[] = {{"application/json", MEDIA_JSON},
					      {"application/proto", MEDIA_PROTOBUF},
					      {NULL, MEDIA_NONE}};

const struct rpc_protocol RPC_CONNECT = {
	.protocol = {.judge = judge_unary, .put_error = put_unary_error},
	.types = UNARY_TYPES,
	.take = take_unary,
	.answer = answer_unary,
};

/* ---- server streaming ---- */

static bool judge_stream(struct request *request)
{
	if (!rpc_judge_type(request))
		return false;
	request->reply.form.gzip =
		media_lists(request_header(request, "Connect-Accept-Encoding"), "gzip");
	return rpc_judge_encoding(request, request_header(request, "Connect-Content-Encoding"),
				  "Connect-Accept-Encoding") &&
	       judge_timeout(request);
}

static void put_event(uint64_t revision, const struct json_buffer *message, bool gzip,
		      struct json_buffer *out)
{
	(void)revision; /* it is in the message, too */
	envelope_put_message(out, message, gzip);
}

static void put_end(const struct error *error, struct json_buffer *out)
{
	struct json_buffer body = JSON_BUFFER_NULL;
	json_buffer_text(&body, error ? "{\"error\":" : "{");
	if (error)
		error_json_put(error, &body);
	json_buffer_char(&body, '}');
	envelope_put(out, ENVELOPE_CONNECT_END, body.data, body.len);
	out->failed |= body.failed;
	json_buffer_deinit(&body);
}

static const struct event_format EVENTS = {.put = put_event, .end = put_end};

/* A stream that ends before its first message; to what asked for no stream, an answer of HTTP. */
static void put_stream_error(struct request *request, unsigned int status,
			     const struct error *error)
{
	struct json_buffer out = JSON_BUFFER_NULL;
	const char *type = rpc_protocol_answer_type(request);
	size_t len = 0;
	if (!type) {
		put_unary_error(request, status, error);
		return;
	}
	put_end(error, &out);
	char *body = json_buffer_take(&out, &len);
	reply_take(&request->reply, MHD_HTTP_OK, type, body, len);
}

static const struct rpc_type STREAM_TYPES[] = {{"application/connect+json", MEDIA_JSON},
					       {"application/connect+proto", MEDIA_PROTOBUF},
					       {NULL, MEDIA_NONE}};

const struct rpc_protocol RPC_CONNECT_STREAM = {
	.protocol = {.judge = judge_stream, .put_error = put_stream_error},
	.events = &EVENTS,
	.types = STREAM_TYPES,
	.take = rpc_message_take_envelope,
	.encoding_header = "Connect-Content-Encoding",
};
