/*
 * error_json: an error as JSON, in the form of Connect, which is REST's too. Pure; thread: any.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/error.h"

/** error_json_put() - {"code":…,"message":…,"details":[…]} */
void error_json_put(const struct error *error, struct json_buffer *out);
