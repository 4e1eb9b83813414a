/*
 * stream_cache: the events made last, as bytes, for all watchers of the same jobs.
 *
 * 200 watchers of a job ask for the same event within a few milliseconds: the first one makes it,
 * the others copy it. Thread: any; one mutex, held while an event is made so that it is made once.
 */
#pragma once
#include "api/live/stream.h"

/**
 * stream_cache_event() - append the message of @change to @out: in @codec
 *
 * Return: 0; NOT_FOUND: the job is gone; UNAVAILABLE.
 */
int stream_cache_event(struct stream_cache *cache, struct agent *agent,
		       const struct agent_change *change, bool full, enum stream_codec codec,
		       struct json_buffer *out, struct error *ret_error);
