/*
 * listing: GET /v1/jobs with the filters of the command line, page by page, and the table of jobs.
 */
#pragma once
#include "call.h"

#include "pagecast/v1/transmit_service.pb-c.h"

extern const struct option LISTING_OPTIONS[]; /* --state, --label, --page-size */

/** listing_query() - "page_size=50&states=…" without a page token; *ret_query owned
 * Return: 0; EXIT_USAGE, printed */
int listing_query(const struct options *options, char **ret_query);
/** listing_path() - of one page; @token NULL or "" for the first; owned */
char *listing_path(const char *query, const char *token);
/* A call_printer for a ListJobsResponse: the table of its jobs. */
void listing_print(const ProtobufCMessage *message, FILE *out, void *context);
