/*
 * sender_queue: which stream of a job is next; see sender_queue.h.
 *
 * A binary heap by key_ns holds the streams that wait for an instant: with 1,024 streams a choice
 * costs ten comparisons. A ring holds those that may always send; each turn goes to its end.
 */
#include "sender/sender_queue.h"

static void heap_set(struct sender *sender, size_t index, struct sender_stream *stream)
{
	sender->heap[index] = stream;
	stream->heap_index = index;
}

static void heap_up(struct sender *sender, size_t index)
{
	struct sender_stream *stream = sender->heap[index];
	while (index > 0) {
		size_t parent = (index - 1) / 2;
		if (sender->heap[parent]->key_ns <= stream->key_ns)
			break;
		heap_set(sender, index, sender->heap[parent]);
		index = parent;
	}
	heap_set(sender, index, stream);
}

static void heap_down(struct sender *sender, size_t index)
{
	struct sender_stream *stream = sender->heap[index];
	for (;;) {
		size_t child = 2 * index + 1;
		if (child >= sender->heap_count)
			break;
		if (child + 1 < sender->heap_count &&
		    sender->heap[child + 1]->key_ns < sender->heap[child]->key_ns)
			child++;
		if (stream->key_ns <= sender->heap[child]->key_ns)
			break;
		heap_set(sender, index, sender->heap[child]);
		index = child;
	}
	heap_set(sender, index, stream);
}

static void heap_remove(struct sender *sender, struct sender_stream *stream)
{
	size_t index = stream->heap_index;
	struct sender_stream *last = sender->heap[--sender->heap_count];
	if (last == stream)
		return;
	heap_set(sender, index, last);
	heap_up(sender, index);
	heap_down(sender, last->heap_index);
}

static void ring_remove(struct sender *sender, const struct sender_stream *stream)
{
	size_t kept = 0;
	for (size_t i = 0; i < sender->ring_count; i++) {
		struct sender_stream *other =
			sender->ring[(sender->ring_head + i) % sender->stream_count];
		if (other != stream)
			sender->ring[(sender->ring_head + kept++) % sender->stream_count] = other;
	}
	sender->ring_count = kept;
}

/* Out of where it is. A stream that was taken from the ring is in neither. */
static void leave(struct sender *sender, struct sender_stream *stream)
{
	if (stream->state == SENDER_STREAM_QUEUED && stream->heap_index < sender->heap_count &&
	    sender->heap[stream->heap_index] == stream)
		heap_remove(sender, stream);
	else if (stream->state == SENDER_STREAM_READY)
		ring_remove(sender, stream);
}

void sender_queue_put(struct sender *sender, struct sender_stream *stream, int64_t key_ns)
{
	leave(sender, stream);
	stream->state = SENDER_STREAM_QUEUED;
	stream->key_ns = key_ns;
	sender->heap[sender->heap_count] = stream;
	heap_up(sender, sender->heap_count++);
}

void sender_queue_ready(struct sender *sender, struct sender_stream *stream)
{
	leave(sender, stream);
	stream->state = SENDER_STREAM_READY;
	sender->ring[(sender->ring_head + sender->ring_count++) % sender->stream_count] = stream;
}

void sender_queue_park(struct sender *sender, struct sender_stream *stream)
{
	leave(sender, stream);
	stream->state = SENDER_STREAM_PARKED;
}

void sender_queue_end(struct sender *sender, struct sender_stream *stream)
{
	leave(sender, stream);
	stream->state = SENDER_STREAM_ENDED;
}

struct sender_stream *sender_queue_first(const struct sender *sender)
{
	return sender->heap_count ? sender->heap[0] : NULL;
}

struct sender_stream *sender_queue_take_ready(struct sender *sender)
{
	if (!sender->ring_count)
		return NULL;
	struct sender_stream *stream = sender->ring[sender->ring_head];
	sender->ring_head = (sender->ring_head + 1) % sender->stream_count;
	sender->ring_count--;
	stream->state = SENDER_STREAM_QUEUED; /* in the hands of the caller, who puts it back */
	stream->heap_index = SIZE_MAX;
	return stream;
}
