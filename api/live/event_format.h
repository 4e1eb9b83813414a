/*
 * event_format: the bytes of an event stream around its messages. Each protocol brings its own;
 * this room knows none. Pure functions on buffers, static. Thread: any.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>

struct event_format {
	/* What says that the stream is open before anything happened. NULL: nothing */
	void (*begin)(struct json_buffer *out);
	/* One message; @message: bare JSON or protobuf, borrowed; @gzip: it may be compressed */
	void (*put)(uint64_t revision, const struct json_buffer *message, bool gzip,
		    struct json_buffer *out);
	/* A sign of life. NULL: there is none */
	void (*heartbeat)(struct json_buffer *out);
	/* The end; @error NULL: a good one */
	void (*end)(const struct error *error, struct json_buffer *out);
};
