/* utf8: well-formed UTF-8 by RFC 3629 (no overlong forms, no surrogates, nothing past U+10FFFF). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** utf8_sequence() - Return: bytes (1-4) of the well-formed sequence at @at, 0 where there is none
 */
size_t utf8_sequence(const void *at, size_t left);

/** utf8_bad_offset() - Return: offset of the first byte that is not UTF-8; @len where all is well
 */
size_t utf8_bad_offset(const void *text, size_t len);

/** utf8_encode() - Return: bytes written to @out (1-4) for a code point that is not a surrogate */
size_t utf8_encode(uint32_t code_point, char out[4]);
