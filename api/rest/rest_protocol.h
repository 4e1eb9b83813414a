/*
 * rest_protocol: what REST takes and answers: JSON or protobuf, plain or compressed, and errors
 * with their HTTP status.
 */
#pragma once
#include "api/http/protocol.h"

extern const struct protocol REST_PROTOCOL;
