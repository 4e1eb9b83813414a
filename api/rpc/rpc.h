/*
 * rpc: Connect and gRPC-Web over HTTP/1.1. One dispatcher for every method of the schema, three
 * protocols: Connect's unary calls (POST, and GET for what has no side effects), Connect's server
 * streams, gRPC-Web for both.
 *
 * A path is /pagecast.v1.<Service>/<Method>; the protocol follows from the method and the
 * Content-Type. The dispatcher reads the request message (by the protocol: from body, envelope or
 * query), calls the method that REST calls too, and has the protocol write the answer. JSON here is
 * canonical proto3 JSON.
 *
 * Thread: whoever owns the request; the route table is made once and then immutable.
 */
#pragma once
#include "api/http/route.h"

/** rpc_routes() - POST of every method of the schema, GET of those without side effects */
const struct route_table *rpc_routes(void);
