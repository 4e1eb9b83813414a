/* reply: see reply.h. */
#include "api/http/reply.h"

#include "api/codec/error_json.h"
#include "api/codec/gzip.h"
#include "api/codec/json_buffer.h"
#include "api/codec/json_write.h"
#include "api/codec/wire.h"
#include "api/http/limits.h"

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
	if (reply->source)
		reply->source->free(reply->source);
	*reply = (struct reply){0};
}

static void start(struct reply *reply, unsigned int status)
{
	bool close = reply->close;
	struct reply_form form = reply->form;
	reply_deinit(reply);
	reply->status = status;
	reply->close = close;
	reply->form = form;
}

void reply_header(struct reply *reply, const char *name, const char *format, ...)
{
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

void reply_message(struct reply *reply, unsigned int status, const ProtobufCMessage *message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char *body = NULL;
	size_t len = 0;
	bool protobuf = reply->form.media == MEDIA_PROTOBUF;
	int r = protobuf ? wire_write(message, (uint8_t **)&body, &len, &error)
			 : json_write(message, JSON_WITH_ZEROS, &body, &len, &error);
	if (r) {
		reply_error_json(reply, reply_status((enum error_code)r), &error);
		return;
	}
	start(reply, status);
	reply->body = body;
	reply->len = len;
	reply->content_type = JSON_TYPE;
	if (protobuf)
		reply->content_type = reply->form.protobuf_type ? reply->form.protobuf_type
								: "application/x-protobuf";
	reply_pack(reply);
}

void reply_pack(struct reply *reply)
{
	reply->packed = reply->form.gzip && gzip_replace((uint8_t **)&reply->body, &reply->len);
	if (reply->packed)
		reply_header(reply, "Content-Encoding", "gzip");
}

void reply_empty(struct reply *reply, unsigned int status)
{
	start(reply, status);
}

void reply_source(struct reply *reply, const char *content_type, struct body_source *source)
{
	start(reply, MHD_HTTP_OK);
	reply->content_type = content_type;
	reply->source = source;
}

void reply_bytes(struct reply *reply, unsigned int status, const char *content_type,
		 const char *body, size_t len)
{
	start(reply, status);
	reply->body = malloc(len ? len : 1);
	if (reply->body)
		memcpy(reply->body, body, len);
	reply->len = reply->body ? len : 0;
	reply->content_type = content_type;
}

void reply_take(struct reply *reply, unsigned int status, const char *content_type, char *body,
		size_t len)
{
	start(reply, status);
	reply->body = body;
	reply->len = body ? len : 0;
	reply->content_type = content_type;
}

void reply_text(struct reply *reply, unsigned int status, const char *text)
{
	reply_bytes(reply, status, "text/plain; charset=utf-8", text, strlen(text));
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

void reply_error_json(struct reply *reply, unsigned int status, const struct error *error)
{
	struct json_buffer json = JSON_BUFFER_NULL;
	error_json_put(error, &json);
	json_buffer_char(&json, '\n');
	start(reply, status);
	reply->content_type = JSON_TYPE;
	reply->body = json_buffer_take(&json, &reply->len);
	if (error->retry_after_s)
		reply_header(reply, "Retry-After", "%u", error->retry_after_s);
	else if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
		reply_header(reply, "Retry-After", "1");
	if (status == MHD_HTTP_UNAUTHORIZED)
		reply_header(reply, "WWW-Authenticate", "Bearer");
}

static ssize_t on_read(void *context, uint64_t position, char *buffer, size_t max)
{
	struct body_source *source = context;
	(void)position;
	return source->read(source, buffer, max);
}

static void on_free(void *context)
{
	struct body_source *source = context;
	source->free(source);
}

struct MHD_Response *reply_response(struct reply *reply)
{
	struct MHD_Response *response;
	if (reply->source) {
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
							     reply->source->block_bytes, on_read,
							     reply->source, on_free);
		if (response)
			reply->source = NULL;		  /* the response owns it */
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
