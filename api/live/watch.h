/*
 * watch: WatchJob and WatchJobs by any protocol: their request messages as what an event stream
 * follows.
 *
 * Thread: whoever owns the request.
 */
#pragma once
#include "api/live/event_stream.h"

/**
 * watch_open() - begin the event stream that @message asks for
 * @options: interval and view are read from @message, the rest is the caller's
 * @message: a WatchJobRequest or WatchJobsRequest; consumed, also on failure
 *
 * Return: 0 with the reply set; an error_code.
 */
int watch_open(struct request *request, struct event_stream_options *options,
	       ProtobufCMessage *message, struct error *ret_error);
