/*
 * json_buffer: JSON text as it grows. Every append is a no-op once memory ran out, so that only the
 * end need look.
 *
 *   struct json_buffer buffer = JSON_BUFFER_NULL;
 *   json_buffer_text(&buffer, "{\"code\":");
 *   json_buffer_quote(&buffer, code);
 *   json_buffer_text(&buffer, "}");
 *   char *text = json_buffer_take(&buffer, &len);
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/codec/base64.h"

struct json_buffer {
	char *data; /* owned */
	size_t len;
	size_t capacity;
	bool failed;
};

#define JSON_BUFFER_NULL ((struct json_buffer){0})

/** json_buffer_reserve() - Return: where @len more bytes may be written (then add them to ->len);
 * NULL: no memory */
char *json_buffer_reserve(struct json_buffer *buffer, size_t len);
void json_buffer_append(struct json_buffer *buffer, const char *text, size_t len);
/** json_buffer_text() - append as it is */
void json_buffer_text(struct json_buffer *buffer, const char *text);
static inline void json_buffer_char(struct json_buffer *buffer, char c)
{
	char *at = buffer->len < buffer->capacity && !buffer->failed
			   ? buffer->data + buffer->len
			   : json_buffer_reserve(buffer, 1);
	if (!at)
		return;
	*at = c;
	buffer->len++;
}
/** json_buffer_quote() - append as a JSON string; what is not UTF-8 becomes U+FFFD */
void json_buffer_quote(struct json_buffer *buffer, const char *text);
void json_buffer_quote_bytes(struct json_buffer *buffer, const char *text, size_t len);
/** json_buffer_base64() - append the encoded data in double quotes */
void json_buffer_base64(struct json_buffer *buffer, const void *data, size_t len,
			enum base64_form form);
void json_buffer_uint(struct json_buffer *buffer, uint64_t value);
void json_buffer_int(struct json_buffer *buffer, int64_t value);

/** json_buffer_take() - Return: the text, NUL-terminated, owned; NULL: memory ran out. The buffer
 * is empty afterwards. @ret_len may be NULL */
char *json_buffer_take(struct json_buffer *buffer, size_t *ret_len);
void json_buffer_deinit(struct json_buffer *buffer);
#define _cleanup_json_buffer_ __attribute__((cleanup(json_buffer_deinit)))
