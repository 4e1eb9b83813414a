/*
 * sender_schedule: where a stream belongs now: in the ring of those that may always send, or in the
 * heap until it is due. Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/** sender_schedule() - put @stream where it belongs */
void sender_schedule(struct sender *sender, struct sender_stream *stream, int64_t now_ns);

/** sender_schedule_all() - the same for all that are neither done nor paused, after rates or times
 * changed; nothing before the job has begun */
void sender_schedule_all(struct sender *sender, int64_t now_ns);

/** sender_schedule_leave() - @stream is done; its share of the job's maximum is the caller's to
 * give to the others */
void sender_schedule_leave(struct sender *sender, struct sender_stream *stream, int64_t now_ns);
/** sender_schedule_end() - the same, and they get it */
void sender_schedule_end(struct sender *sender, struct sender_stream *stream, int64_t now_ns);
