/* json_buffer: see json_buffer.h. */
#include "api/codec/json_buffer.h"

#include <stdlib.h>
#include <string.h>

#include "api/codec/utf8.h"

enum { FIRST_CAPACITY = 1024 /* a job without its streams */ };

char *json_buffer_reserve(struct json_buffer *buffer, size_t len)
{
	if (buffer->failed)
		return NULL;
	if (!buffer->data || len > buffer->capacity - buffer->len) {
		size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
		while (capacity - buffer->len < len && capacity <= SIZE_MAX / 4)
			capacity *= 2;
		char *grown = capacity - buffer->len < len ? NULL : realloc(buffer->data, capacity);
		buffer->failed = !grown;
		if (!grown)
			return NULL;
		buffer->data = grown;
		buffer->capacity = capacity;
	}
	return buffer->data + buffer->len;
}

void json_buffer_append(struct json_buffer *buffer, const char *text, size_t len)
{
	char *at = json_buffer_reserve(buffer, len);
	if (!at || !len)
		return;
	memcpy(at, text, len);
	buffer->len += len;
}

void json_buffer_text(struct json_buffer *buffer, const char *text)
{
	json_buffer_append(buffer, text, strlen(text));
}

static void quote_control(struct json_buffer *buffer, uint8_t byte)
{
	static const char shorts[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	static const char hex[] = "0123456789abcdef";
	const char *kind = byte ? strchr(shorts, byte) : NULL;
	if (kind)
		json_buffer_append(buffer, (char[]){'\\', letters[kind - shorts]}, 2);
	else
		json_buffer_append(
			buffer, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
}

/* Of ASCII: what stands in a JSON string as it is. */
static bool is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

void json_buffer_quote_bytes(struct json_buffer *buffer, const char *text, size_t len)
{
	size_t done = 0, at = 0;
	json_buffer_char(buffer, '"');
	for (;;) {
		while (at < len && is_plain((uint8_t)text[at]))
			at++;
		if (at == len)
			break;
		uint8_t byte = (uint8_t)text[at];
		size_t n = byte < 0x80 ? 1 : utf8_sequence(text + at, len - at);
		if (n && byte >= 0x80) {
			at += n;
			continue;
		}
		json_buffer_append(buffer, text + done, at - done);
		if (n)
			quote_control(buffer, byte);
		else
			json_buffer_text(buffer, "\xEF\xBF\xBD");
		done = ++at;
	}
	json_buffer_append(buffer, text + done, at - done);
	json_buffer_char(buffer, '"');
}

void json_buffer_quote(struct json_buffer *buffer, const char *text)
{
	json_buffer_quote_bytes(buffer, text, strlen(text));
}

void json_buffer_base64(struct json_buffer *buffer, const void *data, size_t len,
			enum base64_form form)
{
	size_t encoded = base64_encoded_len(len, form);
	json_buffer_char(buffer, '"');
	char *at = json_buffer_reserve(buffer, encoded);
	if (at) {
		base64_encode(data, len, form, at);
		buffer->len += encoded;
	}
	json_buffer_char(buffer, '"');
}

void json_buffer_uint(struct json_buffer *buffer, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	json_buffer_append(buffer, digits + at, sizeof digits - at);
}

void json_buffer_int(struct json_buffer *buffer, int64_t value)
{
	if (value < 0)
		json_buffer_char(buffer, '-');
	json_buffer_uint(buffer, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

char *json_buffer_take(struct json_buffer *buffer, size_t *ret_len)
{
	json_buffer_char(buffer, '\0');
	char *text = buffer->data;
	if (buffer->failed) {
		json_buffer_deinit(buffer);
		return NULL;
	}
	if (ret_len)
		*ret_len = buffer->len - 1;
	*buffer = JSON_BUFFER_NULL;
	return text;
}

void json_buffer_deinit(struct json_buffer *buffer)
{
	free(buffer->data);
	*buffer = JSON_BUFFER_NULL;
}
