/*
 * sender_queue: which stream of a job is next: a heap by instant, and a ring of those that may
 * always send. Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/** sender_queue_put() - look at @stream again at @key_ns; enters the heap or moves within it */
void sender_queue_put(struct sender *sender, struct sender_stream *stream, int64_t key_ns);
/** sender_queue_ready() - @stream may always send: behind the others in the ring */
void sender_queue_ready(struct sender *sender, struct sender_stream *stream);
/** sender_queue_park() - @stream is paused: in neither, until it is put back */
void sender_queue_park(struct sender *sender, struct sender_stream *stream);
/** sender_queue_end() - @stream is done: in neither */
void sender_queue_end(struct sender *sender, struct sender_stream *stream);
/** sender_queue_first() - the earliest in the heap, or NULL */
struct sender_stream *sender_queue_first(const struct sender *sender);
/** sender_queue_take_ready() - the head of the ring, taken out; NULL: the ring is empty */
struct sender_stream *sender_queue_take_ready(struct sender *sender);
