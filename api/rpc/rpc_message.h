/*
 * rpc_message: the messages of an RPC: out of the request's body, and into the answer's.
 *
 * Thread: whoever owns the request.
 */
#pragma once
#include "api/http/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rpc_bytes {	     /* a request message as it was sent, not yet read */
	const uint8_t *data; /* [len]; borrowed from the request, or from .owned */
	size_t len;
	uint8_t *owned; /* free() */
};

/** rpc_message_take_envelope() - the one enveloped message of the body, unpacked: a .take */
int rpc_message_take_envelope(const struct request *request, struct rpc_bytes *ret_message,
			      struct error *ret_error);

/** rpc_message_unpack() - @message (gzip) in place of itself */
int rpc_message_unpack(const struct request *request, struct rpc_bytes *message,
		       struct error *ret_error);

/** rpc_message_decode() - the request message of the route's method. Return: 0; INVALID_ARGUMENT */
int rpc_message_decode(const struct request *request, const struct rpc_bytes *bytes,
		       ProtobufCMessage **ret_message, struct error *ret_error);

/** rpc_message_pack() - compress *message [*len] (owned) where that is agreed and makes it smaller.
 * Return: whether it is compressed now */
bool rpc_message_pack(const struct request *request, uint8_t **message, size_t *len);
