/*
 * sse: the format of server-sent events: "id:" and "data:" lines, and comments as a sign of life.
 */
#pragma once
#include "api/live/event_format.h"

#define SSE_TYPE "text/event-stream"

extern const struct event_format SSE_FORMAT;
