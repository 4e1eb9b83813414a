/*
 * watch: WatchJob and WatchJobs on any face: their request messages as what a stream follows.
 *
 * Thread: whoever owns the request.
 */
#pragma once
#include "api/live/stream.h"

/**
 * watch_open() - begin the stream that @message asks for
 * @options: face, codec, gzip and deadline are the caller's; interval and view are read from
 * @message
 * @message: a WatchJobRequest or WatchJobsRequest; consumed, also on failure
 *
 * Return: 0 with the reply set; an error_code.
 */
int watch_open(struct request *request, struct stream_options *options, ProtobufCMessage *message,
	       struct error *ret_error);
