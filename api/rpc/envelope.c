/* envelope: see envelope.h. */
#include "api/rpc/envelope.h"

#include "api/codec/gzip.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

static uint32_t length_of(const uint8_t *head)
{
	return (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
}

int envelope_read_only(const uint8_t *body, size_t len, struct envelope *ret_envelope,
		       struct error *ret_error)
{
	if (len == 0)
		return error_set(ret_error, ERROR_CODE_UNIMPLEMENTED,
				 "the body holds no message; this call takes exactly one");
	if (len < ENVELOPE_HEAD_BYTES)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "the body is truncated: %zu bytes, but a message begins with a "
				 "prefix of %d bytes",
				 len, ENVELOPE_HEAD_BYTES);
	uint32_t message_len = length_of(body);
	if (body[0] & ~ENVELOPE_COMPRESSED)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "unknown flags 0x%02x of the request message; only bit 0 "
				 "(compressed) is known",
				 body[0]);
	if (message_len > len - ENVELOPE_HEAD_BYTES)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "the prefix gives %" PRIu32
				 " bytes of message, but only %zu follow",
				 message_len, len - ENVELOPE_HEAD_BYTES);
	if (message_len < len - ENVELOPE_HEAD_BYTES)
		return error_set(
			ret_error, ERROR_CODE_UNIMPLEMENTED,
			"the body holds more than one message; this call takes exactly one");
	*ret_envelope = (struct envelope){body[0], body + ENVELOPE_HEAD_BYTES, message_len};
	return 0;
}

void envelope_head(uint8_t head[static ENVELOPE_HEAD_BYTES], uint8_t flags, size_t len)
{
	assert(len <= UINT32_MAX);
	head[0] = flags;
	head[1] = (uint8_t)(len >> 24);
	head[2] = (uint8_t)(len >> 16);
	head[3] = (uint8_t)(len >> 8);
	head[4] = (uint8_t)len;
}

void envelope_put(struct json_buffer *out, uint8_t flags, const void *data, size_t len)
{
	uint8_t head[ENVELOPE_HEAD_BYTES];
	envelope_head(head, flags, len);
	json_buffer_append(out, (const char *)head, sizeof head);
	json_buffer_append(out, data, len);
}

void envelope_put_message(struct json_buffer *out, const struct json_buffer *message, bool gzip)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *packed = NULL;
	size_t len;
	if (gzip && message->len >= GZIP_WORTH_BYTES &&
	    gzip_pack((const uint8_t *)message->data, message->len, &packed, &len, &error) == 0 &&
	    len < message->len)
		envelope_put(out, ENVELOPE_COMPRESSED, packed, len);
	else
		envelope_put(out, 0, message->data, message->len);
	free(packed);
}
