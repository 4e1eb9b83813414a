/*
 * rpc_grpcweb: gRPC-Web in its binary form. Status 200 always; messages in envelopes, then the
 * trailers as a last one with flag 0x80. The text form (base64) is not spoken.
 */
#pragma once
#include "api/rpc/rpc_protocol.h"

extern const struct rpc_protocol RPC_GRPC_WEB;
