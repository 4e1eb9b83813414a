/* json_scan: see json_scan.h. */
#include "api/codec/json_scan.h"

#include <assert.h>
#include <string.h>

#include "api/codec/utf8.h"

static enum json_token invalid(struct json_scan *scan, size_t at, const char *fault)
{
	scan->fault = fault;
	scan->fault_at = at;
	return scan->token = JSON_TOKEN_INVALID;
}

static enum json_token found(struct json_scan *scan, enum json_token token, size_t len)
{
	scan->end = scan->at = scan->begin + len;
	return scan->token = token;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits behind "\u"; -1 where they are not four hex digits. */
static int32_t hex4(const char *digits, size_t left)
{
	if (left < 4)
		return -1;
	int32_t unit = 0;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_digit(digits[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* At "\u": length of the escape (6, or 12 for a pair), 0 with the fault noted. */
static size_t unicode_escape(struct json_scan *scan, size_t at)
{
	const char *p = scan->text + at;
	size_t left = scan->len - at;
	int32_t unit = hex4(p + 2, left - 2);
	if (unit < 0)
		invalid(scan, at, "\\u needs four hexadecimal digits");
	else if (unit == 0)
		invalid(scan, at, "\\u0000 is not allowed in a string");
	else if (unit >= 0xDC00 && unit <= 0xDFFF)
		invalid(scan, at, "a low surrogate without the high one before it");
	else if (unit < 0xD800 || unit > 0xDBFF)
		return 6;
	else if (left >= 12 && p[6] == '\\' && p[7] == 'u' &&
		 (hex4(p + 8, left - 8) & ~0x3FF) == 0xDC00)
		return 12;
	else
		invalid(scan, at, "a high surrogate without the low one behind it");
	return 0;
}

/* At a backslash: length of the escape, 0 with the fault noted. */
static size_t escape(struct json_scan *scan, size_t at)
{
	if (scan->len - at < 2) {
		invalid(scan, scan->len, "the string does not end");
		return 0;
	}
	char kind = scan->text[at + 1];
	if (kind == 'u')
		return unicode_escape(scan, at);
	if (kind && strchr("\"\\/bfnrt", kind))
		return 2;
	invalid(scan, at, "no such escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
	return 0;
}

static enum json_token scan_string(struct json_scan *scan)
{
	const uint8_t *text = (const uint8_t *)scan->text;
	size_t at = scan->begin + 1;
	while (at < scan->len && text[at] != '"') {
		size_t n;
		if (text[at] == '\\') {
			n = escape(scan, at);
			if (!n)
				return scan->token;
		} else if (text[at] < 0x20) {
			return invalid(scan, at, "a control character in a string must be escaped");
		} else {
			n = utf8_sequence(text + at, scan->len - at);
			if (!n)
				return invalid(scan, at, "this is not UTF-8");
		}
		at += n;
	}
	if (at >= scan->len)
		return invalid(scan, scan->len, "the string does not end");
	return found(scan, JSON_TOKEN_STRING, at + 1 - scan->begin);
}

static size_t digits(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

/* Length of the number at @text; 0 with a sentence in *ret_fault. */
static size_t number_len(const char *text, size_t len, const char **ret_fault)
{
	size_t at = len && text[0] == '-';
	size_t n = digits(text + at, len - at);
	*ret_fault = n ? "a number must not begin with a zero" : "a digit must follow the minus";
	if (!n || (n > 1 && text[at] == '0'))
		return 0;
	at += n;
	if (at < len && text[at] == '.') {
		n = digits(text + at + 1, len - at - 1);
		*ret_fault = "a digit must follow the decimal point";
		if (!n)
			return 0;
		at += n + 1;
	}
	if (at < len && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		at += at < len && (text[at] == '+' || text[at] == '-');
		n = digits(text + at, len - at);
		*ret_fault = "the exponent needs a digit";
		if (!n)
			return 0;
		at += n;
	}
	*ret_fault = "a number of more than 1100 characters";
	return at <= JSON_NUMBER_LEN_MAX ? at : 0;
}

static enum json_token scan_number(struct json_scan *scan)
{
	const char *fault;
	size_t n = number_len(scan->text + scan->begin, scan->len - scan->begin, &fault);
	return n ? found(scan, JSON_TOKEN_NUMBER, n) : invalid(scan, scan->begin, fault);
}

bool json_scan_is_number(const char *text, size_t len)
{
	const char *fault;
	return len && number_len(text, len, &fault) == len;
}

static enum json_token scan_word(struct json_scan *scan)
{
	static const struct {
		const char *word;
		enum json_token token;
	} words[] = {
		{"true", JSON_TOKEN_TRUE}, {"false", JSON_TOKEN_FALSE}, {"null", JSON_TOKEN_NULL}};
	const char *at = scan->text + scan->begin;
	size_t left = scan->len - scan->begin, n = 0;
	while (n < left && ((at[n] | 0x20) >= 'a' && (at[n] | 0x20) <= 'z'))
		n++;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (n == strlen(words[i].word) && memcmp(at, words[i].word, n) == 0)
			return found(scan, words[i].token, n);
	return invalid(scan, scan->begin,
		       n ? "no such word; JSON has true, false and null, in lower case"
			 : "no JSON value begins so");
}

enum json_token json_scan_next(struct json_scan *scan)
{
	static const char blanks[] = " \t\n\r";
	while (scan->at < scan->len && scan->text[scan->at] && strchr(blanks, scan->text[scan->at]))
		scan->at++;
	scan->begin = scan->at;
	if (scan->at == scan->len)
		return found(scan, JSON_TOKEN_END, 0);
	switch (scan->text[scan->at]) {
	case '{': return found(scan, JSON_TOKEN_OBJECT, 1);
	case '}': return found(scan, JSON_TOKEN_OBJECT_END, 1);
	case '[': return found(scan, JSON_TOKEN_ARRAY, 1);
	case ']': return found(scan, JSON_TOKEN_ARRAY_END, 1);
	case ':': return found(scan, JSON_TOKEN_COLON, 1);
	case ',': return found(scan, JSON_TOKEN_COMMA, 1);
	case '"': return scan_string(scan);
	case '-':
	case '0' ... '9': return scan_number(scan);
	default: return scan_word(scan);
	}
}

void json_scan_skip(struct json_scan *scan)
{
	size_t depth = 0;
	for (;;) {
		if (scan->token == JSON_TOKEN_OBJECT || scan->token == JSON_TOKEN_ARRAY)
			depth++;
		else if (scan->token == JSON_TOKEN_OBJECT_END ||
			 scan->token == JSON_TOKEN_ARRAY_END)
			depth--;
		if (!depth)
			return;
		json_scan_next(scan);
		assert(scan->token != JSON_TOKEN_END && scan->token != JSON_TOKEN_INVALID);
	}
}

struct json_bytes json_bytes_of(const char *quoted)
{
	return (struct json_bytes){.at = quoted + 1};
}

/* At a backslash of a checked string: its bytes become the pending ones. */
static void resolve(struct json_bytes *bytes)
{
	static const char kinds[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	char kind = bytes->at[1];
	bytes->next = 0;
	if (kind != 'u') {
		bytes->pending[0] = means[strchr(kinds, kind) - kinds];
		bytes->count = 1;
		bytes->at += 2;
		return;
	}
	uint32_t unit = (uint32_t)hex4(bytes->at + 2, 4);
	bytes->at += 6;
	if (unit >= 0xD800 && unit <= 0xDBFF) {
		uint32_t low = (uint32_t)hex4(bytes->at + 2, 4);
		unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
		bytes->at += 6;
	}
	bytes->count = (uint8_t)utf8_encode(unit, bytes->pending);
}

int json_bytes_next(struct json_bytes *bytes)
{
	if (bytes->next == bytes->count && *bytes->at == '\\')
		resolve(bytes);
	if (bytes->next < bytes->count)
		return (unsigned char)bytes->pending[bytes->next++];
	return *bytes->at == '"' ? -1 : (unsigned char)*bytes->at++;
}

size_t json_bytes_copy(struct json_bytes *bytes, char *out)
{
	size_t n = 0;
	for (int byte; (byte = json_bytes_next(bytes)) >= 0;)
		out[n++] = (char)byte;
	return n;
}
