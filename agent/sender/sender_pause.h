/*
 * sender_pause: streams stopped for a while, by their names or with their job, or for good. A
 * stream sends only while neither it nor the job is paused; the time in between does not count for
 * its schedule, its start_delay and its duration. Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/** sender_pause_all(), sender_pause_end() - the job; published */
void sender_pause_all(struct sender *sender, int64_t now_ns);
void sender_pause_end(struct sender *sender, int64_t now_ns);

/** sender_pause_stream() - one stream, by its name; it is not done. Shares, and what is published,
 * are for the caller to see to, here and below */
void sender_pause_stream(struct sender *sender, struct sender_stream *stream, int64_t now_ns);
/** sender_pause_resume() - one stream that was paused so: its baseline is taken */
void sender_pause_resume(struct sender *sender, struct sender_stream *stream, int64_t now_ns);
/** sender_pause_cancel() - one stream that is not done ends; its account is closed */
void sender_pause_cancel(struct sender *sender, struct sender_stream *stream, int64_t now_ns);

/** sender_pause_begin() - the job begins, at stream->start_ns less its start_delay: a stream that
 * is paused by its name does not */
void sender_pause_begin(struct sender *sender, struct sender_stream *stream, int64_t base_ns);
