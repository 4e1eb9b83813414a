/*
 * grpc_trailers: how a gRPC-Web call ended, as the header lines that end its body. An error is
 * also there as a google.rpc.Status, with its details. Pure; thread: any.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/error.h"

/** grpc_trailers_put() - "grpc-status: 5\r\ngrpc-message: …\r\n…"; @error NULL: status 0 */
void grpc_trailers_put(const struct error *error, struct json_buffer *out);
