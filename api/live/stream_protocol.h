/*
 * stream_face: the bytes of each kind of live stream around the messages. Pure functions on
 * buffers; thread: any.
 *
 * SSE: "id:", "data:" and comments. Connect: envelopes, the last one JSON with flag 2. gRPC-Web:
 * envelopes, the last one the trailers with flag 0x80.
 */
#pragma once
#include "api/live/stream.h"

/** stream_face_type() - the Content-Type; static */
const char *stream_face_type(enum stream_face face, bool protobuf);

/** stream_face_begin() - what says that the stream is open before anything happened */
void stream_face_begin(enum stream_face face, struct json_buffer *out);

/** stream_face_event() - one message; @message: bare JSON or protobuf, borrowed */
void stream_face_event(enum stream_face face, uint64_t revision, const struct json_buffer *message,
		       bool gzip, struct json_buffer *out);

/** stream_face_heartbeat() - a sign of life, where the face has one */
void stream_face_heartbeat(enum stream_face face, struct json_buffer *out);

/** stream_face_end() - the end; @error NULL: a good one */
void stream_face_end(enum stream_face face, const struct error *error, struct json_buffer *out);
