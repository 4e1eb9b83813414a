/*
 * rest: the REST protocol: all of its routes, and the headers that it reads and writes.
 */
#pragma once
#include "api/http/route.h"

extern const struct route_table REST_ROUTES;
