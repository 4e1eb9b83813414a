/* stream_face: see stream_face.h. */
#include "api/live/stream_protocol.h"

#include "api/codec/gzip.h"
#include "api/http/error_body.h"

#include <stdlib.h>

enum { SSE_RETRY_MS = 2000 };

const char *stream_face_type(enum stream_face face, bool protobuf)
{
	switch (face) {
	case STREAM_SSE: return "text/event-stream";
	case STREAM_CONNECT:
		return protobuf ? "application/connect+proto" : "application/connect+json";
	case STREAM_GRPC_WEB:
		return protobuf ? "application/grpc-web+proto" : "application/grpc-web+json";
	}
	return "application/octet-stream";
}

void stream_face_begin(enum stream_face face, struct json_buffer *out)
{
	if (face != STREAM_SSE)
		return;
	json_buffer_text(out, "retry: ");
	json_buffer_uint(out, SSE_RETRY_MS);
	json_buffer_text(out, "\n\n");
}

static void put_envelope(uint8_t flags, const void *data, size_t len, struct json_buffer *out)
{
	uint8_t head[ENVELOPE_HEAD_BYTES];
	envelope_head(head, flags, len);
	json_buffer_append(out, (const char *)head, sizeof head);
	json_buffer_append(out, data, len);
}

static void put_message(const struct json_buffer *message, bool gzip, struct json_buffer *out)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *packed = NULL;
	size_t len;
	if (gzip && message->len >= GZIP_WORTH_BYTES &&
	    gzip_pack((const uint8_t *)message->data, message->len, &packed, &len, &error) == 0 &&
	    len < message->len)
		put_envelope(ENVELOPE_COMPRESSED, packed, len, out);
	else
		put_envelope(0, message->data, message->len, out);
	free(packed);
}

/* JSON of this API has no line breaks: one data line an event. */
static void put_sse(uint64_t revision, const struct json_buffer *message, struct json_buffer *out)
{
	json_buffer_text(out, "id: ");
	json_buffer_uint(out, revision);
	json_buffer_text(out, "\ndata: ");
	json_buffer_append(out, message->data, message->len);
	json_buffer_text(out, "\n\n");
}

void stream_face_event(enum stream_face face, uint64_t revision, const struct json_buffer *message,
		       bool gzip, struct json_buffer *out)
{
	if (face == STREAM_SSE)
		put_sse(revision, message, out);
	else
		put_message(message, gzip, out);
}

void stream_face_heartbeat(enum stream_face face, struct json_buffer *out)
{
	if (face == STREAM_SSE)
		json_buffer_text(out, ":\n\n");
}

static void end_sse(const struct error *error, struct json_buffer *out)
{
	if (!error)
		return;
	json_buffer_text(out, "event: error\ndata: ");
	error_body_put(error, out);
	json_buffer_text(out, "\n\n");
}

static void end_connect(const struct error *error, struct json_buffer *out)
{
	struct json_buffer body = JSON_BUFFER_NULL;
	json_buffer_text(&body, error ? "{\"error\":" : "{");
	if (error)
		error_body_put(error, &body);
	json_buffer_char(&body, '}');
	put_envelope(ENVELOPE_CONNECT_END, body.data, body.len, out);
	out->failed |= body.failed;
	json_buffer_deinit(&body);
}

static void end_grpc_web(const struct error *error, struct json_buffer *out)
{
	struct json_buffer trailers = JSON_BUFFER_NULL;
	error_body_trailers(error, &trailers);
	put_envelope(ENVELOPE_GRPC_TRAILERS, trailers.data, trailers.len, out);
	out->failed |= trailers.failed;
	json_buffer_deinit(&trailers);
}

void stream_face_end(enum stream_face face, const struct error *error, struct json_buffer *out)
{
	switch (face) {
	case STREAM_SSE: end_sse(error, out); break;
	case STREAM_CONNECT: end_connect(error, out); break;
	case STREAM_GRPC_WEB: end_grpc_web(error, out); break;
	}
}
