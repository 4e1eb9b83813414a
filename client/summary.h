/*
 * summary: a Job as text: counts, rate, path and problems.
 */
#pragma once
#include "print.h"

#include <stdbool.h>
#include <stdio.h>

#include "pagecast/v1/job.pb-c.h"

/** summary_print() - a block of lines: the result of a job, or its state so far
 * @in_full: also name, labels, times, CPU, reasons, each stream */
void summary_print(const Pagecast__V1__Job *job, bool in_full, FILE *out);

/** summary_line() - one line of progress: state, share, counts, live rate, time left; owned */
char *summary_line(const Pagecast__V1__Job *job);

/** summary_ended() - is the state a final one? */
bool summary_ended(const Pagecast__V1__Job *job);

const char *summary_state(const Pagecast__V1__Job *job); /* "RUNNING" */
/** summary_colour() - of the state */
enum print_colour summary_colour(const Pagecast__V1__Job *job);

/** summary_ns_between() - 0 when one of them is absent or the order is wrong */
double summary_ns_between(const Google__Protobuf__Timestamp *from,
			  const Google__Protobuf__Timestamp *to);
