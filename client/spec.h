/*
 * spec: a JobSpec with one stream from the flags of `send`; flags and fields bear the same name.
 */
#pragma once
#include "options.h"

#include "pagecast/v1/job_spec.pb-c.h"

extern const struct option SPEC_OPTIONS[];

/** spec_read() - *ret_spec owned (call_free). Return: 0; EXIT_USAGE, told */
int spec_read(const struct options *options, const char *url, Pagecast__V1__JobSpec **ret_spec);

/** spec_rate() - --pps, --bps, --line-percent, --unlimited with --layer and --max-back-to-back;
 * *ret_rate NULL when none is given */
int spec_rate(const struct options *options, Pagecast__V1__Rate **ret_rate);

/** spec_label() - "key=value", added to a list. Return: 0; EXIT_USAGE, told */
int spec_label(const struct options *options, const char *value, Pagecast__V1__Label ***labels,
	       size_t *count);
/** spec_labels() - every --label */
int spec_labels(const struct options *options, Pagecast__V1__Label ***labels, size_t *count);

Google__Protobuf__Duration *spec_duration(int64_t ns);
