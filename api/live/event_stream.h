/*
 * event_stream: a live answer: the changes of one job or of all, in the format of a protocol.
 *
 * It pulls: its HTTP thread asks the agent what changed since the stream's cursor whenever the
 * client has taken what was written, and holds the connection as a waiter (wait.h) while there is
 * nothing. So a slow client costs a small buffer and sees the latest states; one that does not read
 * at all is ended by the reaper. Ownership moves with the connection: HTTP thread while it is read,
 * notifier while it is held; never both. Events of one job are made once and shared by its
 * watchers (event_cache.h).
 */
#pragma once
#include "api/live/event_cache.h"
#include "api/live/event_format.h"
#include "pagecast/agent.h"

#include <stdbool.h>
#include <stdint.h>

struct request;

struct event_stream_options {
	const struct event_format *format; /* static */
	const char *content_type;	   /* static */
	enum event_codec codec;		   /* of the messages */
	bool gzip;	     /* each message, where that makes it smaller and the format can */
	int64_t interval_ms; /* no more than one look at the agent within this */
	bool full;
};

/**
 * event_stream_open() - begin an event stream for @request, up to its .deadline_ms
 * @watch:   what to follow; what it points to lives as long as @message
 * @message: the request message; consumed, also on failure
 *
 * The first look is made at once, so that an unknown job or a cursor too old is an error and no
 * stream. Return: 0 with the reply set; an error_code.
 */
int event_stream_open(struct request *request, const struct event_stream_options *options,
		      const struct agent_watch *watch, ProtobufCMessage *message,
		      struct error *ret_error);
