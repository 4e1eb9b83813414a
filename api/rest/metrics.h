/*
 * metrics: the agent's and the HTTP side's figures in the Prometheus text format (0.0.4).
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "api/http/request_counts.h"
#include "pagecast/metrics.h"

/** metrics_text() - everything, as Prometheus reads it */
void metrics_text(struct agent *agent, struct request_counts *requests, const char *version,
		  struct json_buffer *out);
