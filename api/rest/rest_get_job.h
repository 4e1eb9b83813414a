/*
 * rest_get_job: one job over REST, and the held GET.
 *
 * GET …?wait=S answers at once when there is news: a revision newer than the one that
 * If-None-Match names (without it: than the one at arrival), or, with until=end, the end of the
 * job. Otherwise the request is held by api/live/wait, which compares the job's position after each
 * change; no Job is built until the request is answered, in the pool.
 */
#pragma once
#include "api/http/route.h"

extern const struct route_list REST_GET_JOB_ROUTES;
