/* sender_pause: see sender_pause.h. */
#include "sender/sender_pause.h"

#include "base/util.h"
#include "sender/sender_queue.h"
#include "sender/sender_schedule.h"
#include "sender/sender_snapshot.h"
#include "sender/sender_stream.h"

static void stop(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	if (stream->stopped || stream->state == SENDER_STREAM_ENDED)
		return;
	stream->stopped = true;
	stream->stopped_ns = now_ns;
	stream->start_moved |= !stream->first_ns;
	sender_stream_unblock(stream, now_ns);
	if (!sender->started)
		return;
	pacer_pause(stream->pacer, now_ns);
	sender_queue_park(sender, stream);
}

/* Unless the other of the two still stops it. */
static void go_on(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	if (!stream->stopped || sender->paused || stream->paused)
		return;
	stream->stopped = false;
	stream->held_seen_ns = limiter_held_ns(&sender->limiter, now_ns);
	if (!sender->started)
		return;
	int64_t span_ns = now_ns - stream->stopped_ns;
	pacer_resume(stream->pacer, now_ns);
	if (stream->start_ns > stream->stopped_ns)
		stream->start_ns += span_ns;
	if (stream->end_ns != SENDER_NEVER_NS)
		stream->end_ns += span_ns;
	stream->success_ns += span_ns;
	sender_schedule(sender, stream, now_ns);
}

void sender_pause_all(struct sender *sender, int64_t now_ns)
{
	sender->paused = true;
	for (size_t i = 0; i < sender->stream_count; i++)
		stop(sender, &sender->streams[i], now_ns);
	sender_snapshot_publish(sender, now_ns);
}

void sender_pause_end(struct sender *sender, int64_t now_ns)
{
	sender->paused = false;
	for (size_t i = 0; i < sender->stream_count; i++)
		go_on(sender, &sender->streams[i], now_ns);
	sender->sample_count = 0; /* the current rate knows nothing of the pause */
	sender_snapshot_publish(sender, now_ns);
}

void sender_pause_stream(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	stream->paused = true;
	stop(sender, stream, now_ns);
}

void sender_pause_resume(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	if (!stream->paused)
		return;
	stream->paused = false;
	stream->has_baseline = true;
	stream->baseline = sender_stream_account(stream);
	stream->baseline.packets_requested = account_attempted(&stream->baseline);
	go_on(sender, stream, now_ns);
}

void sender_pause_cancel(struct sender *sender, struct sender_stream *stream, int64_t now_ns)
{
	stream->cancelled = true;
	stream->paused = false;
	account_close(&stream->account, sender_stream_open_ended(stream));
	sender_schedule_leave(sender, stream, now_ns);
}

void sender_pause_begin(struct sender *sender, struct sender_stream *stream, int64_t base_ns)
{
	stream->stopped = false;
	if (stream->paused)
		stop(sender, stream, base_ns);
}
