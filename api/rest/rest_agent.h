/*
 * rest_agent: what the agent is, allows and can, whether it is alive, its figures, and the
 * description of the API.
 */
#pragma once
#include "api/http/route.h"

extern const struct route_list REST_AGENT_ROUTES;
