/* event_stream: see event_stream.h. */
#include "api/live/event_stream.h"

#include "api/http/limits.h"
#include "api/http/request.h"
#include "api/http/thread.h"
#include "api/live/live.h"
#include "api/live/wait.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct event_stream {
	struct body_source source;
	struct request *request; /* outlives the reading */
	struct live *live;
	struct event_stream_options options;
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

static void event_stream_free(struct event_stream *stream)
{
	json_buffer_deinit(&stream->out);
	protobuf_c_message_free_unpacked(stream->message, NULL);
	free(stream);
}

/* ---- what is to be written ---- */

static void end(struct event_stream *stream, const struct error *error)
{
	stream->options.format->end(error, &stream->out);
	stream->ended = true;
}

static void put_change(struct event_stream *stream, const struct agent_change *change)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct json_buffer message = JSON_BUFFER_NULL;
	int r = event_cache_put(stream->live->cache, stream->live->agent, change,
				stream->options.full, stream->options.codec, &message, &error);
	if (!r && message.failed)
		r = ERROR_CODE_UNAVAILABLE;
	if (!r)
		stream->options.format->put(change->revision, &message, stream->options.gzip,
					    &stream->out);
	json_buffer_deinit(&message);
	if (r && r != ERROR_CODE_NOT_FOUND) /* gone: its deletion is the next change */
		end(stream, &error);
}

/* Look at the agent until there is nothing more, or enough to write. */
static int look(struct event_stream *stream, struct error *ret_error)
{
	struct agent_change changes[AGENT_WATCH_CHANGES_MAX];
	size_t count = AGENT_WATCH_CHANGES_MAX;
	while (count == AGENT_WATCH_CHANGES_MAX && stream->out.len < LIMIT_EVENTS_BUFFER_BYTES &&
	       !stream->ended) {
		int r = agent_watch_next(stream->live->agent, &stream->request->caller,
					 &stream->watch, changes, &count, ret_error);
		if (r)
			return r;
		for (size_t i = 0; i < count && !stream->ended; i++)
			put_change(stream, &changes[i]);
	}
	if (stream->watch.over && !stream->ended)
		end(stream, NULL);
	return 0;
}

static bool has_news(const struct event_stream *stream)
{
	return agent_revision(stream->live->agent) > stream->watch.cursor;
}

/* A token that is revoked, or expires, ends what it opened, within two heartbeats. */
static void check_caller(struct event_stream *stream, int64_t now_ms)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (stream->ended || now_ms < stream->proven_ms + LIMIT_HEARTBEAT_MS)
		return;
	stream->proven_ms = now_ms;
	if (auth_holds(stream->request->context->auth, stream->request->caller.accessor))
		return;
	error_set(&error, ERROR_CODE_UNAUTHENTICATED, "the token has expired or been revoked");
	end(stream, &error);
}

static void fill(struct event_stream *stream)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	int64_t now_ms = thread_now_ms();
	bool stopping = atomic_load(&stream->request->context->stopping);
	bool late = now_ms >= stream->request->deadline_ms;
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
		error_set(&error, ERROR_CODE_DEADLINE_EXCEEDED, "deadline exceeded");
		end(stream, &error);
	}
	if (!stream->out.len && now_ms >= stream->heartbeat_ms && stream->options.format->heartbeat)
		stream->options.format->heartbeat(&stream->out);
	if (stream->out.len || now_ms >= stream->heartbeat_ms)
		stream->heartbeat_ms = now_ms + LIMIT_HEARTBEAT_MS;
}

/* ---- holding ---- */

static struct event_stream *stream_of_waiter(struct waiter *waiter)
{
	return (struct event_stream *)((char *)waiter - offsetof(struct event_stream, waiter));
}

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool waiter_ready(struct waiter *waiter)
{
	struct event_stream *stream = stream_of_waiter(waiter);
	if (!has_news(stream))
		return false;
	if (thread_now_ms() >= stream->not_before_ms)
		return true;
	waiter->until_ms = earliest(waiter->until_ms, stream->not_before_ms);
	return false;
}

static void waiter_wake(struct waiter *waiter, bool expired)
{
	struct event_stream *stream = stream_of_waiter(waiter);
	(void)expired; /* fill() looks at the time itself */
	request_resume(stream->request);
}

/* Off the HTTP thread until there is something to write. */
static void hold(struct event_stream *stream)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	stream->waiter = (struct waiter){
		.until_ms = earliest(stream->heartbeat_ms, stream->request->deadline_ms),
		.ready = waiter_ready,
		.wake = waiter_wake,
	};
	request_suspend(stream->request);
	if (!waits_add(stream->live->waits, &stream->waiter, &error))
		return;
	end(stream, &error);
	request_resume(stream->request);
}

static ssize_t take(struct event_stream *stream, char *buffer, size_t max)
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

static struct event_stream *stream_of_source(struct body_source *source)
{
	return (struct event_stream *)((char *)source - offsetof(struct event_stream, source));
}

/* The client has taken what it was given. */
static ssize_t source_read(struct body_source *source, char *buffer, size_t max)
{
	struct event_stream *stream = stream_of_source(source);
	connection_due(stream->request->connection, LIMIT_EVENTS_STALL_MS);
	if (!stream->out.len && !stream->ended)
		fill(stream);
	if (stream->out.failed)
		return BODY_SOURCE_FAILED;
	if (stream->out.len)
		return take(stream, buffer, max);
	if (stream->ended)
		return BODY_SOURCE_END;
	hold(stream);
	return 0;
}

static void source_free(struct body_source *source)
{
	event_stream_free(stream_of_source(source));
}

int event_stream_open(struct request *request, const struct event_stream_options *options,
		      const struct agent_watch *watch, ProtobufCMessage *message,
		      struct error *ret_error)
{
	struct event_stream *stream = calloc(1, sizeof *stream);
	if (!stream) {
		protobuf_c_message_free_unpacked(message, NULL);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	}
	stream->source = (struct body_source){source_read, source_free, LIMIT_EVENTS_BLOCK_BYTES};
	stream->request = request;
	stream->live = live_of(request);
	stream->options = *options;
	stream->watch = *watch;
	stream->message = message;
	stream->out = JSON_BUFFER_NULL;
	stream->proven_ms = thread_now_ms();
	stream->heartbeat_ms = stream->proven_ms + LIMIT_HEARTBEAT_MS;
	stream->not_before_ms = thread_now_ms() + options->interval_ms;
	if (options->format->begin)
		options->format->begin(&stream->out);
	int r = look(stream, ret_error);
	if (r) {
		event_stream_free(stream);
		return r;
	}
	reply_source(&request->reply, options->content_type, &stream->source);
	return 0;
}
