/*
 * spec: a JobSpec with one stream from the flags of `send`; flags and fields have the same names.
 */
#pragma once
#include "options.h"

#include "pagecast/v1/job_spec.pb-c.h"

enum {
	SPEC_MAX_BYTES = 4 << 20,  /* the longest JobSpec that an agent takes */
	SPEC_NAME_MAX_BYTES = 128, /* of a job or a stream */
};

/* The flags of `send`, in three tables: `rate` has the second one, too. */
extern const struct option SPEC_PAYLOAD_OPTIONS[]; /* ends with the heading of the next */
extern const struct option SPEC_RATE_OPTIONS[];
extern const struct option SPEC_JOB_OPTIONS[];

/** spec_read() - *ret_spec owned (message_free). Return: 0; EXIT_USAGE, printed */
int spec_read(const struct options *options, const char *url, Pagecast__V1__JobSpec **ret_spec);

/** spec_rate() - from SPEC_RATE_OPTIONS;
 * *ret_rate NULL when none is given */
int spec_rate(const struct options *options, Pagecast__V1__Rate **ret_rate);

/** spec_label() - "key=value", added to a list. Return: 0; EXIT_USAGE, printed */
int spec_label(const struct options *options, const char *value, Pagecast__V1__Label ***labels,
	       size_t *count);
/** spec_start_at() - --start-at as a time; *ret_time owned, NULL where it is not given. Return: 0;
 * EXIT_USAGE, printed */
int spec_start_at(const struct options *options, Google__Protobuf__Timestamp **ret_time);
/** spec_labels() - every --label */
int spec_labels(const struct options *options, Pagecast__V1__Label ***labels, size_t *count);
