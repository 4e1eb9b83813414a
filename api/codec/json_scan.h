/*
 * json_scan: strict RFC 8259 tokens, one after the other, without allocation or recursion.
 *
 * A token is a range of the text; nothing is copied. What a string holds is read through
 * json_bytes, which resolves escapes. U+0000 is refused, raw or escaped: every string of the
 * schema ends up in a C string, and a cut string is a wrong string. Thread: any; no shared state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_token {
	JSON_TOKEN_END,
	JSON_TOKEN_OBJECT,
	JSON_TOKEN_OBJECT_END,
	JSON_TOKEN_ARRAY,
	JSON_TOKEN_ARRAY_END,
	JSON_TOKEN_COLON,
	JSON_TOKEN_COMMA,
	JSON_TOKEN_STRING,
	JSON_TOKEN_NUMBER,
	JSON_TOKEN_TRUE,
	JSON_TOKEN_FALSE,
	JSON_TOKEN_NULL,
	JSON_TOKEN_INVALID,
};

/* The longest exact decimal form of a double has 1,076 characters and an exponent; a longer number
 * is an attack on strtod(). */
enum { JSON_NUMBER_LEN_MAX = 1100 };

struct json_scan {
	const char *text; /* borrowed, [len]; need not end in NUL */
	size_t len;
	size_t at;	       /* where the next token is looked for */
	enum json_token token; /* the last one: text[begin .. end), a string with its quotes */
	size_t begin;
	size_t end;
	const char *fault; /* JSON_TOKEN_INVALID: what is wrong at fault_at, a static sentence */
	size_t fault_at;
};

/** json_scan_next() - step to the next token. Return: it; at the end again and again END */
enum json_token json_scan_next(struct json_scan *scan);

/** json_scan_skip() - step over the value whose first token is the current one (checked text only):
 * afterwards its last token is the current one */
void json_scan_skip(struct json_scan *scan);

/** json_scan_is_number() - is text[0 .. len) one number by the grammar, and nothing else? */
bool json_scan_is_number(const char *text, size_t len);

/* The bytes of a checked string, escapes resolved. */
struct json_bytes {
	const char *at; /* into the text, ahead of the closing quote or on it */
	char pending[4];
	uint8_t count;
	uint8_t next;
};

/** json_bytes_of() - @quoted: at the opening quote */
struct json_bytes json_bytes_of(const char *quoted);
/** json_bytes_next() - Return: the next byte, 0-255; -1 at the end */
int json_bytes_next(struct json_bytes *bytes);
/** json_bytes_copy() - write all that is left to @out, which has room for the quoted length.
 * Return: bytes written */
size_t json_bytes_copy(struct json_bytes *bytes, char *out);
