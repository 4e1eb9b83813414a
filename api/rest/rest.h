/*
 * rest: the REST face: a path, its query and its body become the RPC's own request message, the
 * RPC's answer becomes an HTTP answer. Nothing is decided here that the RPC faces would not get
 * too.
 *
 * Thread: whoever owns the request.
 */
#pragma once
#include "api/http/protocol.h"
#include "api/http/route.h"
#include "pagecast/error.h"

#include <protobuf-c/protobuf-c.h>

extern const struct face REST_FACE;
extern const struct route_table REST_JOBS_ROUTES;
extern const struct route_table REST_AGENT_ROUTES;
extern const struct route_table REST_WATCH_ROUTES;

/**
 * rest_bind() - make the request message of the route's method
 * @ret_message: owned; protobuf_c_message_free_unpacked(m, NULL)
 *
 * Return: 0; INVALID_ARGUMENT with all faults found; INTERNAL
 */
int rest_bind(struct request *request, ProtobufCMessage **ret_message, struct error *ret_error);

/** rest_call() - bind, call the route's method, render. A route's .handle. Return: true (answered)
 */
bool rest_call(struct request *request);

/** rest_set_string() - give a string field of @message the copy of @value. Return: 0; INTERNAL */
int rest_set_string(ProtobufCMessage *message, const char *field, const char *value,
		    struct error *ret_error);
