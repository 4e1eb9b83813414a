/*
 * progress: live lines of jobs on standard error: redrawn in place on a terminal, with a bar for
 * each job; otherwise one plain line a second.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pagecast/v1/job.pb-c.h"

struct progress {
	bool terminal;
	size_t drawn;	 /* lines on the terminal now */
	int64_t next_ns; /* not drawn again before */
};

void progress_init(struct progress *progress);
/** progress_due() - is it time to draw? */
bool progress_due(const struct progress *progress, int64_t now_ns);
/** progress_begin() - back to the first line; then one progress_line() a job, then progress_end()
 */
void progress_begin(struct progress *progress, int64_t now_ns);
void progress_line(struct progress *progress, const char *prefix, const Pagecast__V1__Job *job);
void progress_end(struct progress *progress);
/** progress_clear() - remove the lines from the terminal, before other output */
void progress_clear(struct progress *progress);
