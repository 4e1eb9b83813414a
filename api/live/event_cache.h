/*
 * event_cache: the events made last, as bytes, for all watchers of the same jobs.
 *
 * 200 watchers of a job ask for the same event within a few milliseconds: the first one makes it,
 * the others copy it. Thread: any; one mutex, held while an event is made so that it is made once.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/agent.h"

#include <stdbool.h>

enum event_codec { EVENT_JSON_WITH_ZEROS, EVENT_JSON, EVENT_PROTOBUF };

struct event_cache;

struct event_cache *event_cache_new(void);
struct event_cache *event_cache_free(struct event_cache *cache);

/**
 * event_cache_put() - append the message of @change to @out: in @codec
 *
 * Return: 0; NOT_FOUND: the job is gone; UNAVAILABLE.
 */
int event_cache_put(struct event_cache *cache, struct agent *agent,
		    const struct agent_change *change, bool full, enum event_codec codec,
		    struct json_buffer *out, struct error *ret_error);
