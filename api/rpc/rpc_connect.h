/*
 * rpc_connect: the Connect protocol. A unary call is the bare message, by POST or GET, with errors
 * as JSON and an HTTP status of their own; a stream is envelopes under status 200, the last of
 * which, with flag 2, says how it ended.
 */
#pragma once
#include "api/rpc/rpc_protocol.h"

extern const struct rpc_protocol RPC_CONNECT, RPC_CONNECT_STREAM;
