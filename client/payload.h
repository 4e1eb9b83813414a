/*
 * payload: what `send` sends: --text, --hex, --file, --random, --zeros, --ones, --incrementing, in
 * the order given, each optionally followed by --repeat. --size pads or cuts them.
 */
#pragma once
#include "options.h"

#include "pagecast/v1/job_spec.pb-c.h"

/** payload_read() - the stream's payloads and size. Return: 0; EXIT_USAGE, printed */
int payload_read(const struct options *options, Pagecast__V1__Stream *stream);
