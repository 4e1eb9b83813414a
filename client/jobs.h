/*
 * jobs: commands that send the same request for each of several job ids: get, cancel, pause,
 * resume, rate, delete.
 */
#pragma once
#include "call.h"

#include "pagecast/v1/job.pb-c.h"

/**
 * jobs_each() - one call an id and agent, answers printed as JSON or by @printer
 * @call:   method, body and answer; its path is filled in
 * @suffix: behind /v1/jobs/ID: ":cancel"
 *
 * Return: an exit code for all.
 */
int jobs_each(const struct client *client, const struct options *options, const struct call *call,
	      const char *suffix, call_printer printer);

/* A call_printer for a Job: its summary. */
void jobs_print_summary(const ProtobufCMessage *message, FILE *out, void *context);
/* A call_printer for a Job: id and state in a line, with the live rate. */
void jobs_print_state(const ProtobufCMessage *message, FILE *out, void *context);

/** jobs_streams() - every --stream of a command, to name streams of a job. *ret_names owned, their
 * texts borrowed; NULL where there is none. Return: 0; EXIT_USAGE, printed */
int jobs_streams(const struct options *options, char ***ret_names, size_t *ret_count);
