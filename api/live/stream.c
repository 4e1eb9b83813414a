/* stream: see stream.h. What a face writes is in stream_face.c. */
#include "api/live/stream.h"

#include "api/http/limits.h"
#include "api/http/request.h"
#include "api/http/thread.h"
#include "api/live/stream_cache.h"
#include "api/live/stream_protocol.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct stream {
	struct request_context *context;
	struct connection *connection;
	struct MHD_Connection *mhd;
	struct agent_caller caller; /* its strings are the request's, which outlives the reading */
	struct stream_options options;
	struct agent_watch watch;
	ProtobufCMessage *message; /* owned; the watch points into it */
	struct json_buffer out;
	size_t taken;	       /* bytes of out that the library has */
	int64_t not_before_ms; /* the next look at the agent */
	int64_t heartbeat_ms;
	int64_t proven_ms; /* when the caller's token was last known to be good */
	bool ended;	   /* its last bytes are in out */
	struct waiter waiter;
};

struct stream *stream_free(struct stream *stream)
{
	if (!stream)
		return NULL;
	json_buffer_deinit(&stream->out);
	protobuf_c_message_free_unpacked(stream->message, NULL);
	free(stream);
	return NULL;
}

const char *stream_content_type(const struct stream *stream)
{
	return stream_face_type(stream->options.face, stream->options.codec == STREAM_PROTOBUF);
}

/* ---- what is to be written ---- */

static void end(struct stream *stream, const struct error *error)
{
	stream_face_end(stream->options.face, error, &stream->out);
	stream->ended = true;
}

static void put_change(struct stream *stream, const struct agent_change *change)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct json_buffer message = JSON_BUFFER_NULL;
	int r = stream_cache_event(stream->context->stream_cache, stream->context->agent, change,
				   stream->options.full, stream->options.codec, &message, &error);
	if (!r && message.failed)
		r = ERROR_CODE_UNAVAILABLE;
	if (!r)
		stream_face_event(stream->options.face, change->revision, &message,
				  stream->options.gzip, &stream->out);
	json_buffer_deinit(&message);
	if (r && r != ERROR_CODE_NOT_FOUND) /* gone: its deletion is the next change */
		end(stream, &error);
}

/* Look at the agent until there is nothing more, or enough to write. */
static int look(struct stream *stream, struct error *ret_error)
{
	struct agent_change changes[AGENT_WATCH_CHANGES_MAX];
	size_t count = AGENT_WATCH_CHANGES_MAX;
	while (count == AGENT_WATCH_CHANGES_MAX && stream->out.len < LIMIT_STREAM_BUFFER_BYTES &&
	       !stream->ended) {
		int r = agent_watch_next(stream->context->agent, &stream->caller, &stream->watch,
					 changes, &count, ret_error);
		if (r)
			return r;
		for (size_t i = 0; i < count && !stream->ended; i++)
			put_change(stream, &changes[i]);
	}
	if (stream->watch.over && !stream->ended)
		end(stream, NULL);
	return 0;
}

static bool has_news(const struct stream *stream)
{
	return agent_revision(stream->context->agent) > stream->watch.cursor;
}

/* A token that is revoked, or expires, ends what it opened, within two heartbeats. */
static void check_caller(struct stream *stream, int64_t now_ms)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (stream->ended || now_ms < stream->proven_ms + LIMIT_HEARTBEAT_MS)
		return;
	stream->proven_ms = now_ms;
	if (auth_holds(stream->context->auth, stream->caller.accessor))
		return;
	error_set(&error, ERROR_CODE_UNAUTHENTICATED, "the token has expired or been revoked");
	end(stream, &error);
}

static void fill(struct stream *stream)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	int64_t now_ms = thread_now_ms();
	bool stopping = atomic_load(&stream->context->stopping);
	bool late = now_ms >= stream->options.deadline_ms;
	check_caller(stream, now_ms);
	if (!stream->ended && stream->out.len == 0 &&
	    (stopping || late || now_ms >= stream->not_before_ms) && has_news(stream)) {
		if (look(stream, &error))
			end(stream, &error);
		stream->not_before_ms = now_ms + stream->options.interval_ms;
	}
	if (!stream->ended && stopping) {
		error_set(&error, ERROR_CODE_UNAVAILABLE, "the agent is stopping");
		end(stream, &error);
	} else if (!stream->ended && late) {
		error_set(&error, ERROR_CODE_DEADLINE_EXCEEDED,
			  "the time that the caller gave is over");
		end(stream, &error);
	}
	if (!stream->out.len && now_ms >= stream->heartbeat_ms)
		stream_face_heartbeat(stream->options.face, &stream->out);
	if (stream->out.len || now_ms >= stream->heartbeat_ms)
		stream->heartbeat_ms = now_ms + LIMIT_HEARTBEAT_MS;
}

/* ---- holding ---- */

static struct stream *stream_of(struct waiter *waiter)
{
	return (struct stream *)((char *)waiter - offsetof(struct stream, waiter));
}

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool waiter_ready(struct waiter *waiter)
{
	struct stream *stream = stream_of(waiter);
	if (!has_news(stream))
		return false;
	if (thread_now_ms() >= stream->not_before_ms)
		return true;
	waiter->until_ms = earliest(waiter->until_ms, stream->not_before_ms);
	return false;
}

static void waiter_wake(struct waiter *waiter, bool expired)
{
	struct stream *stream = stream_of(waiter);
	(void)expired; /* fill() looks at the time itself */
	MHD_resume_connection(stream->mhd);
}

/* Off the HTTP thread until there is something to write. */
static void hold(struct stream *stream)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	stream->waiter = (struct waiter){
		.until_ms = earliest(stream->heartbeat_ms, stream->options.deadline_ms),
		.ready = waiter_ready,
		.wake = waiter_wake,
	};
	connection_due(stream->connection, INT64_MAX);
	MHD_suspend_connection(stream->mhd);
	if (!waits_add(stream->context->waits, &stream->waiter, &error))
		return;
	end(stream, &error);
	MHD_resume_connection(stream->mhd);
}

static ssize_t take(struct stream *stream, char *buffer, size_t max)
{
	size_t len = stream->out.len - stream->taken;
	if (len > max)
		len = max;
	memcpy(buffer, stream->out.data + stream->taken, len);
	stream->taken += len;
	if (stream->taken == stream->out.len)
		stream->taken = stream->out.len = 0;
	return (ssize_t)len;
}

/* The library's content reader: it is called when the client has taken what it was given. */
static ssize_t on_read(void *context, uint64_t position, char *buffer, size_t max)
{
	struct stream *stream = context;
	(void)position;
	connection_due(stream->connection, LIMIT_STREAM_STALL_MS);
	if (!stream->out.len && !stream->ended)
		fill(stream);
	if (stream->out.failed)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (stream->out.len)
		return take(stream, buffer, max);
	if (stream->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	hold(stream);
	return 0;
}

static void on_free(void *context)
{
	stream_free(context);
}

struct MHD_Response *stream_response(struct stream *stream)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, LIMIT_STREAM_BLOCK_BYTES, on_read, stream, on_free);
	if (!response)
		stream_free(stream);
	return response;
}

int stream_open(struct request *request, const struct stream_options *options,
		const struct agent_watch *watch, ProtobufCMessage *message, struct error *ret_error)
{
	struct stream *stream = calloc(1, sizeof *stream);
	if (!stream) {
		protobuf_c_message_free_unpacked(message, NULL);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	}
	stream->context = request->context;
	stream->connection = request->connection;
	stream->mhd = request->mhd;
	stream->caller = request->caller;
	stream->options = *options;
	stream->watch = *watch;
	stream->message = message;
	stream->out = JSON_BUFFER_NULL;
	stream->proven_ms = thread_now_ms();
	stream->heartbeat_ms = stream->proven_ms + LIMIT_HEARTBEAT_MS;
	stream->not_before_ms = thread_now_ms() + options->interval_ms;
	stream_face_begin(options->face, &stream->out);
	int r = look(stream, ret_error);
	if (r) {
		stream_free(stream);
		return r;
	}
	reply_stream(request, stream);
	return 0;
}
