/*
 * summary: a Job in words: what it did, how truly, by which path, and what to doubt.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "pagecast/v1/job.pb-c.h"

/** summary_print() - the block of lines at the end of a job, or of what it is so far
 * @in_full: also where the time went, why this path, each stream */
void summary_print(const Pagecast__V1__Job *job, bool in_full, FILE *out);

/** summary_line() - one line of progress: state, share, counts, live rate, time left; owned */
char *summary_line(const Pagecast__V1__Job *job);

/** summary_ended() - is the state one that never changes again? */
bool summary_ended(const Pagecast__V1__Job *job);

const char *summary_state(const Pagecast__V1__Job *job); /* "RUNNING" */
/** summary_colour() - of the state, as an enum print_colour */
int summary_colour(const Pagecast__V1__Job *job);

/** summary_ns_between() - 0 when one of them is absent or the order is wrong */
double summary_ns_between(const Google__Protobuf__Timestamp *from,
			  const Google__Protobuf__Timestamp *to);
