/*
 * error_body: a struct error as each face writes it: Connect's JSON (REST's too), gRPC-Web's
 * trailers with a google.rpc.Status inside. Pure functions on buffers; thread: any.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/error.h"

/** error_body_put() - {"code":…,"message":…,"details":[…]} */
void error_body_put(const struct error *error, struct json_buffer *out);

/** error_body_trailers() - "grpc-status: 5\r\ngrpc-message: …\r\n…"; @error NULL: status 0 */
void error_body_trailers(const struct error *error, struct json_buffer *out);
