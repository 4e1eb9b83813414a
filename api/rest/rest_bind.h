/*
 * rest_bind: a path, its query and its body become the request message of the route's RPC.
 *
 * Thread: whoever owns the request.
 */
#pragma once
#include "api/http/request.h"

/**
 * rest_bind() - make the request message of the route's method
 * @ret_message: owned; protobuf_c_message_free_unpacked(m, NULL)
 *
 * Return: 0; INVALID_ARGUMENT with all faults found; INTERNAL
 */
int rest_bind(struct request *request, ProtobufCMessage **ret_message, struct error *ret_error);

/** rest_bind_string() - give a string field of @message the copy of @value. Return: 0; INTERNAL */
int rest_bind_string(ProtobufCMessage *message, const char *field, const char *value,
		     struct error *ret_error);

/** rest_bind_names() - @fault, whose fields are named as JSON does (pageSize), in the names that a
 * query has (page_size) */
void rest_bind_names(const struct error *fault, struct error *ret_error);
