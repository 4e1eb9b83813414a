/*
 * envelope: the five bytes in front of each message of Connect streaming and gRPC-Web: one flag
 * byte, then the length as four bytes big-endian.
 *
 * Reading borrows from the request's body. Thread: any; no state.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ENVELOPE_HEAD_BYTES = 5,
	ENVELOPE_COMPRESSED = 0x01,
	ENVELOPE_CONNECT_END = 0x02,  /* Connect: the JSON that ends a stream */
	ENVELOPE_GRPC_TRAILERS = 0x80 /* gRPC-Web: the trailers */
};

struct envelope {
	uint8_t flags;
	const uint8_t *message; /* [len], borrowed from the body */
	size_t len;
};

/**
 * envelope_read_only() - the one request message that these calls carry
 * @body: [len] the whole request body; borrowed, *ret_envelope points into it
 *
 * Return: 0; UNIMPLEMENTED for none or more than one message, INVALID_ARGUMENT for a cut one or for
 * flags that a request message must not have.
 */
int envelope_read_only(const uint8_t *body, size_t len, struct envelope *ret_envelope,
		       struct error *ret_error);

/** envelope_head() - the five bytes for a message of @len bytes (below 4 GiB) */
void envelope_head(uint8_t head[static ENVELOPE_HEAD_BYTES], uint8_t flags, size_t len);

/** envelope_put() - the five bytes and @data, [len] (below 4 GiB) */
void envelope_put(struct json_buffer *out, uint8_t flags, const void *data, size_t len);

/** envelope_put_message() - a message in its envelope; @gzip: compressed where that makes it
 * smaller
 */
void envelope_put_message(struct json_buffer *out, const struct json_buffer *message, bool gzip);
