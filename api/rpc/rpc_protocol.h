/*
 * rpc_protocol: what Connect's unary calls, its server streams and gRPC-Web do differently.
 */
#pragma once
#include "api/http/media.h"
#include "api/http/request.h"
#include "api/live/event_format.h"
#include "api/rpc/rpc_message.h"

struct rpc_type { /* a Content-Type and the codec that it stands for */
	const char *name;
	enum media codec;
};

struct rpc_protocol {
	struct protocol protocol;	   /* first: a request's protocol is this one's */
	const struct event_format *events; /* of its server streams */
	const struct rpc_type *types;	   /* the Content-Types it answers to; NULL-ended */
	/* The request message out of the request. Return: 0; an error_code */
	int (*take)(const struct request *request, struct rpc_bytes *ret_message,
		    struct error *ret_error);
	/* The whole answer of a unary call. @message: [len]; consumed */
	void (*answer)(struct request *request, uint8_t *message, size_t len);
	const char *encoding_header; /* by which an answer says that it is compressed */
};

/** rpc_protocol_of() - that of a request which an RPC route got */
const struct rpc_protocol *rpc_protocol_of(const struct request *request);
/** rpc_protocol_type() - what of @protocol's types @content_type is. Return: NULL: it is not one of
 * them */
const struct rpc_type *rpc_protocol_type(const struct rpc_protocol *protocol,
					 const char *content_type);
/** rpc_protocol_answer_type() - the Content-Type of an answer, which is the request's. Return:
 * NULL: that is not one of the protocol's */
const char *rpc_protocol_answer_type(const struct request *request);
