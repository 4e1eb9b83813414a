/*
 * metrics: the agent's and the HTTP side's figures in the Prometheus text format (0.0.4), and the
 * count of requests.
 *
 * Requests are counted by route and status code, never by path: a scanner cannot grow the table.
 * Thread: any; one mutex.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/metrics.h"

#include <stdint.h>

struct metrics_requests;
struct route;

struct metrics_requests *metrics_requests_new(void);
struct metrics_requests *metrics_requests_free(struct metrics_requests *requests);

/** metrics_count() - one request was answered; @route NULL: no such path */
void metrics_count(struct metrics_requests *requests, const struct route *route,
		   unsigned int status, int64_t took_ns);

/** metrics_text() - everything, as Prometheus reads it */
void metrics_text(struct agent *agent, struct metrics_requests *requests, const char *version,
		  struct json_buffer *out);
