/*
 * rest_events: live events over REST: server-sent events of one job and of all.
 */
#pragma once
#include "api/http/route.h"

extern const struct route_list REST_EVENTS_ROUTES;
