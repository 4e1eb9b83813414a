/* sender_schedule: see sender_schedule.h. */
#include "sender/sender_schedule.h"

#include "sender/sender_limit.h"
#include "sender/sender_queue.h"
#include "sender/sender_share.h"
#include "sender/sender_stream.h"

void sender_schedule(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	uint64_t packets;
	if (sender->limiter.active)
		sender_limit_postpone(sender, stream, now_ns);
	int64_t due_ns = pacer_next(stream->pacer, now_ns, &packets);
	if (pacer_unlimited(stream->pacer) && due_ns <= now_ns && !stream->blocked) {
		sender_queue_ready(sender, stream);
		return;
	}
	if (due_ns >= stream->end_ns && !sender_stream_overdue(stream, now_ns))
		due_ns = stream->end_ns;
	sender_queue_put(sender, stream, due_ns);
}

void sender_schedule_all(struct sender *sender, int64_t now_ns)
{
	for (size_t i = 0; sender->started && i < sender->stream_count; i++) {
		struct sender_stream *stream = &sender->streams[i];
		if (stream->state != SENDER_STREAM_ENDED && !stream->stopped)
			sender_schedule(sender, stream, now_ns);
	}
}

void sender_schedule_leave(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	sender_queue_end(sender, stream);
	sender_share_note(stream, now_ns);
	sender->active_count--;
	sender->dirty = true;
	sender_stream_unblock(stream, now_ns);
}

void sender_schedule_end(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	sender_schedule_leave(sender, stream, now_ns);
	if (sender_share_applies(sender)) {
		sender_share(sender, now_ns);
		sender_schedule_all(sender, now_ns);
	}
}
