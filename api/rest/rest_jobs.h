/*
 * rest_jobs: jobs over REST: submit, list, change, act on, preview. One job is got by rest_get_job.
 */
#pragma once
#include "api/http/route.h"

extern const struct route_list REST_JOBS_ROUTES;
