/* rest: see rest.h. */
#include "api/rest/rest.h"

#include "api/rest/rest_agent.h"
#include "api/rest/rest_events.h"
#include "api/rest/rest_get_job.h"
#include "api/rest/rest_jobs.h"

static const struct route_list *const LISTS[] = {&REST_JOBS_ROUTES, &REST_GET_JOB_ROUTES,
						 &REST_EVENTS_ROUTES, &REST_AGENT_ROUTES};

static const struct route_header HEADERS[] = {
	{"Idempotency-Key", true},
	{"If-None-Match", true},
	{"Last-Event-ID", false},
	{NULL, false},
};

const struct route_table REST_ROUTES = {
	.lists = LISTS,
	.list_count = sizeof LISTS / sizeof *LISTS,
	.request_headers = HEADERS,
	.response_headers = "ETag, Location, Retry-After",
};
