/*
 * stream: a live answer: the changes of one job or of all, as server-sent events, Connect or
 * gRPC-Web messages.
 *
 * A stream pulls: its HTTP thread asks the agent what changed since the stream's cursor whenever
 * the client has taken what was written, and holds the connection as a waiter (wait.h) while there
 * is nothing. So a slow reader costs a small buffer and sees the latest states; one that does not
 * read at all is ended by the reaper. Ownership moves with the connection: HTTP thread while it is
 * read, notifier while it is held; never both. Events of one job are made once and shared by its
 * watchers (struct stream_cache).
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "api/live/wait.h"
#include "api/rpc/envelope.h"
#include "pagecast/agent.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct request;
struct stream;
struct stream_cache;

enum stream_face { STREAM_SSE, STREAM_CONNECT, STREAM_GRPC_WEB };
enum stream_codec { STREAM_JSON_WITH_ZEROS, STREAM_JSON, STREAM_PROTOBUF };

struct stream_options {
	enum stream_face face;
	enum stream_codec codec; /* of the messages; SSE is STREAM_JSON_WITH_ZEROS always */
	bool gzip;		 /* each message, where that makes it smaller (Connect, gRPC-Web) */
	int64_t interval_ms;	 /* no more than one look at the agent within this */
	int64_t deadline_ms;	 /* thread_now_ms(): ends with deadline_exceeded; INT64_MAX: none */
	bool full;
};

/**
 * stream_open() - begin a stream for @request
 * @watch:   what to follow; what it points to lives as long as @message
 * @message: the request message; consumed, also on failure
 *
 * The first look is made at once, so that an unknown job or a cursor too old is an error and no
 * stream. Return: 0 with the reply set; an error_code.
 */
int stream_open(struct request *request, const struct stream_options *options,
		const struct agent_watch *watch, ProtobufCMessage *message,
		struct error *ret_error);

/** stream_response() - the stream as a body; consumed. Return: NULL: out of memory */
struct MHD_Response *stream_response(struct stream *stream);
const char *stream_content_type(const struct stream *stream);
struct stream *stream_free(struct stream *stream);

/** stream_cache_new() - the last event made, for all streams of a server */
struct stream_cache *stream_cache_new(void);
struct stream_cache *stream_cache_free(struct stream_cache *cache);
