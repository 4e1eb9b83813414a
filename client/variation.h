/*
 * variation: what makes the packets of `send` differ: --modify, --stamp, --stamp-id,
 * --stamp-covers-payload.
 */
#pragma once
#include "options.h"

#include "pagecast/v1/job_spec.pb-c.h"

/** variation_read() - the stream's modifiers and stamp. Return: 0; EXIT_USAGE, printed */
int variation_read(const struct options *options, Pagecast__V1__Stream *stream);
