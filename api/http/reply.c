/* reply: see reply.h. */
#include "api/http/reply.h"

#include "api/codec/gzip.h"
#include "api/codec/json.h"
#include "api/codec/json_buffer.h"
#include "api/codec/wire.h"
#include "api/http/error_body.h"
#include "api/http/limits.h"
#include "api/http/request.h"
#include "api/http/thread.h"
#include "api/live/stream.h"
#include "api/rest/metrics.h"
#include "api/rpc/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char JSON_TYPE[] = "application/json";
static const char OUT_OF_MEMORY[] =
	"{\"code\":\"internal\",\"message\":\"out of memory\",\"details\":[]}";

void reply_deinit(struct reply *reply)
{
	for (size_t i = 0; i < reply->header_count; i++)
		free(reply->headers[i].value);
	free(reply->body);
	stream_free(reply->stream);
	*reply = (struct reply){0};
}

static void start(struct request *request, unsigned int status)
{
	bool close = request->reply.close;
	reply_deinit(&request->reply);
	request->reply.status = status;
	request->reply.close = close;
}

void reply_header(struct request *request, const char *name, const char *format, ...)
{
	struct reply *reply = &request->reply;
	char *value = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&value, format, args);
	va_end(args);
	if (n < 0)
		return;
	if (strpbrk(value, "\r\n") || reply->header_count == REPLY_HEADERS_MAX) {
		free(value);
		return;
	}
	reply->headers[reply->header_count++] = (struct reply_header){name, value};
}

void reply_message(struct request *request, unsigned int status, const ProtobufCMessage *message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char *body = NULL;
	size_t len = 0;
	bool protobuf = request->answer_media == MEDIA_PROTOBUF;
	int r = protobuf ? wire_write(message, (uint8_t **)&body, &len, &error)
			 : json_write(message, JSON_WITH_ZEROS, &body, &len, &error);
	if (r) {
		reply_error(request, &error);
		return;
	}
	start(request, status);
	request->reply.body = body;
	request->reply.len = len;
	request->reply.content_type = JSON_TYPE;
	if (protobuf)
		request->reply.content_type = request->answer_protobuf ? request->answer_protobuf
								       : "application/x-protobuf";
	reply_pack(request);
}

void reply_pack(struct request *request)
{
	struct reply *reply = &request->reply;
	reply->packed = request->accept_gzip && gzip_replace((uint8_t **)&reply->body, &reply->len);
	if (reply->packed)
		reply_header(request, "Content-Encoding", "gzip");
}

void reply_empty(struct request *request, unsigned int status)
{
	start(request, status);
}

void reply_stream(struct request *request, struct stream *stream)
{
	start(request, MHD_HTTP_OK);
	request->reply.stream = stream;
}

void reply_bytes(struct request *request, unsigned int status, const char *content_type,
		 const char *body, size_t len)
{
	start(request, status);
	request->reply.body = malloc(len ? len : 1);
	if (request->reply.body)
		memcpy(request->reply.body, body, len);
	request->reply.len = request->reply.body ? len : 0;
	request->reply.content_type = content_type;
}

void reply_take(struct request *request, unsigned int status, const char *content_type, char *body,
		size_t len)
{
	start(request, status);
	request->reply.body = body;
	request->reply.len = body ? len : 0;
	request->reply.content_type = content_type;
}

void reply_text(struct request *request, unsigned int status, const char *text)
{
	reply_bytes(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

unsigned int reply_status(enum error_code code)
{
	switch (code) {
	case ERROR_CODE_OK: return MHD_HTTP_OK;
	case ERROR_CODE_CANCELED: return 499;
	case ERROR_CODE_INVALID_ARGUMENT:
	case ERROR_CODE_OUT_OF_RANGE: return MHD_HTTP_BAD_REQUEST;
	case ERROR_CODE_DEADLINE_EXCEEDED: return MHD_HTTP_GATEWAY_TIMEOUT;
	case ERROR_CODE_NOT_FOUND: return MHD_HTTP_NOT_FOUND;
	case ERROR_CODE_ALREADY_EXISTS:
	case ERROR_CODE_FAILED_PRECONDITION:
	case ERROR_CODE_ABORTED: return MHD_HTTP_CONFLICT;
	case ERROR_CODE_PERMISSION_DENIED: return MHD_HTTP_FORBIDDEN;
	case ERROR_CODE_RESOURCE_EXHAUSTED: return MHD_HTTP_TOO_MANY_REQUESTS;
	case ERROR_CODE_UNIMPLEMENTED: return MHD_HTTP_NOT_IMPLEMENTED;
	case ERROR_CODE_UNAVAILABLE: return MHD_HTTP_SERVICE_UNAVAILABLE;
	case ERROR_CODE_UNAUTHENTICATED: return MHD_HTTP_UNAUTHORIZED;
	case ERROR_CODE_UNKNOWN:
	case ERROR_CODE_INTERNAL:
	case ERROR_CODE_DATA_LOSS: return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void reply_error_json(struct request *request, unsigned int status, const struct error *error)
{
	struct json_buffer json = JSON_BUFFER_NULL;
	error_body_put(error, &json);
	json_buffer_char(&json, '\n');
	start(request, status);
	request->reply.content_type = JSON_TYPE;
	request->reply.body = json_buffer_take(&json, &request->reply.len);
	if (error->retry_after_s)
		reply_header(request, "Retry-After", "%u", error->retry_after_s);
	else if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
		reply_header(request, "Retry-After", "1");
	if (status == MHD_HTTP_UNAUTHORIZED)
		reply_header(request, "WWW-Authenticate", "Bearer");
}

void reply_error(struct request *request, const struct error *error)
{
	request->face->put_error(request, 0, error);
}

void reply_refuse(struct request *request, unsigned int status, enum error_code code,
		  const char *format, ...)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char *message = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&message, format, args);
	va_end(args);
	error_set(&error, code, "%s", n < 0 ? "out of memory" : message);
	if (n >= 0)
		free(message);
	request->face->put_error(request, status, &error);
}

static void add_cors(struct request *request)
{
	const char *origin = request_header(request, "Origin");
	if (!origin || !guard_origin(&request->context->guard, origin,
				     request_header(request, "Host"), request->connection->tls))
		return;
	reply_header(request, "Access-Control-Allow-Origin", "%s", origin);
	reply_header(request, "Access-Control-Expose-Headers",
		     "ETag, Location, Retry-After, " RPC_RESPONSE_HEADERS);
}

static struct MHD_Response *make_response(struct reply *reply)
{
	struct MHD_Response *response;
	if (reply->stream) {
		reply->content_type = stream_content_type(reply->stream);
		response = stream_response(reply->stream);
		reply->stream = NULL;			  /* the response owns it */
	} else if (reply->content_type && !reply->body) { /* memory ran out on the way */
		reply->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		reply->content_type = JSON_TYPE;
		response = MHD_create_response_from_buffer(
			sizeof OUT_OF_MEMORY - 1, (void *)OUT_OF_MEMORY, MHD_RESPMEM_PERSISTENT);
	} else {
		response = MHD_create_response_from_buffer(reply->len, reply->body,
							   MHD_RESPMEM_MUST_FREE);
		if (response)
			reply->body = NULL; /* the response owns it */
	}
	if (!response)
		return NULL;
	if (reply->content_type)
		MHD_add_response_header(response, "Content-Type", reply->content_type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Vary", "Accept, Accept-Encoding, Origin");
	for (size_t i = 0; i < reply->header_count; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	if (reply->close)
		MHD_add_response_header(response, "Connection", "close");
	return response;
}

enum MHD_Result reply_queue(struct request *request)
{
	struct reply *reply = &request->reply;
	add_cors(request);
	if (atomic_load(&request->context->stopping))
		reply->close = true;
	metrics_count(request->context->metrics, request->route, reply->status,
		      thread_now_ns() - request->started_ns);
	int64_t due_ms = LIMIT_REPLY_MS + (int64_t)(reply->len / LIMIT_REPLY_BYTES_PER_MS);
	struct MHD_Response *response = make_response(reply);
	if (!response)
		return MHD_NO;
	connection_due(request->connection, due_ms);
	enum MHD_Result r = MHD_queue_response(request->mhd, reply->status, response);
	MHD_destroy_response(response);
	return r;
}
