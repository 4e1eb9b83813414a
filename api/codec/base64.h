/* base64: RFC 4648, standard and URL-safe alphabets. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum base64_form {
	BASE64_STANDARD,	  /* + / and padding */
	BASE64_STANDARD_UNPADDED, /* the `value` of a Connect error detail */
	BASE64_URL_UNPADDED,	  /* - _ without padding: page tokens, URLs */
};

/** base64_encoded_len() - characters that base64_encode() writes, without a NUL */
size_t base64_encoded_len(size_t len, enum base64_form form);

/** base64_encode() - @out: room for base64_encoded_len(); no NUL is written */
void base64_encode(const void *data, size_t len, enum base64_form form, char *out);

/**
 * base64_decode() - either alphabet, padded or not
 * @out: room for len / 4 * 3 + 2 bytes; may be @text itself
 *
 * Padding, where there is any, must be complete; bits behind the last byte must be zero, so that
 * bytes have one spelling.
 *
 * Return: true with *ret_len bytes in @out; false with the offset of the first fault in *ret_len.
 */
bool base64_decode(const char *text, size_t len, uint8_t *out, size_t *ret_len);
