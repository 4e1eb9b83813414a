/* payload: see payload.h. */
#include "packet/payload.h"

#include <string.h>

#include "base/util.h"
#include "packet/plan.h"
#include "packet/prng.h"

enum { NOT_HEX = -1, HEX_SPACE = -2 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' ? HEX_SPACE : NOT_HEX;
}

static bool check_hex(struct check *check, const char *hex, uint64_t *ret_len)
{
	uint64_t digits = 0;
	for (const char *c = hex; *c; c++) {
		int digit = hex_digit(*c);
		if (digit == NOT_HEX) {
			check_fault(check, "hex",
				    "%s at position %zu is not a hexadecimal digit; write bytes as "
				    "\"de ad\"",
				    check_quoted(((char[2]){*c & 0x80 ? '?' : *c, 0})), c - hex);
			return false;
		}
		digits += digit >= 0;
	}
	if (digits % 2) {
		check_fault(check, "hex",
			    "%llu digits are not whole bytes: give two digits for each byte",
			    (unsigned long long)digits);
		return false;
	}
	*ret_len = digits / 2;
	return true;
}

static void write_hex(const char *hex, uint8_t *out, size_t len)
{
	for (size_t digits = 0; *hex && digits < 2 * len; hex++) {
		int digit = hex_digit(*hex);
		if (digit < 0)
			continue;
		out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | digit);
		digits++;
	}
}

static bool check_pattern(struct check *check, const Pagecast__V1__Pattern *pattern,
			  uint64_t *ret_len)
{
	size_t before = check_count(check), mark = check_enter(check, "pattern");
	bool repeats = pattern->kind == PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_REPEAT_UNIT;
	if (pattern->kind == PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_UNSPECIFIED)
		check_fault(check, "kind", "missing: ZEROS, ONES, INCREMENTING or REPEAT_UNIT");
	else
		check_enum(check, "kind", &pagecast__v1__pattern_kind__descriptor, pattern->kind);
	check_range(check, "length", pattern->length, 0, PLAN_FRAME_BYTES_MAX);
	if (repeats && !pattern->unit.len)
		check_fault(check, "unit", "missing: the bytes that REPEAT_UNIT repeats");
	if (!repeats && pattern->unit.len)
		check_fault(check, "unit", "%zu bytes, but only REPEAT_UNIT has a unit",
			    pattern->unit.len);
	check_leave(check, mark);
	*ret_len = pattern->length;
	return check_count(check) == before;
}

static void write_pattern(const Pagecast__V1__Pattern *pattern, uint8_t *out, size_t len)
{
	switch (pattern->kind) {
	case PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ONES: memset(out, 0xff, len); break;
	case PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_INCREMENTING:
		for (size_t i = 0; i < len; i++)
			out[i] = (uint8_t)i;
		break;
	case PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_REPEAT_UNIT:
		for (size_t i = 0; i < len; i++)
			out[i] = pattern->unit.data[i % pattern->unit.len];
		break;
	default: /* ZEROS: they are there */ break;
	}
}

static bool check_random(struct check *check, const Pagecast__V1__RandomBytes *random,
			 uint64_t *ret_len)
{
	*ret_len = random->length;
	return check_range(check, "random.length", random->length, 0, PLAN_FRAME_BYTES_MAX);
}

bool payload_check(struct check *check, const Pagecast__V1__Payload *payload, uint64_t *ret_len)
{
	switch (payload->content_case) {
	case PAGECAST__V1__PAYLOAD__CONTENT_TEXT: *ret_len = strlen(payload->text); return true;
	case PAGECAST__V1__PAYLOAD__CONTENT_BYTES: *ret_len = payload->bytes.len; return true;
	case PAGECAST__V1__PAYLOAD__CONTENT_HEX: return check_hex(check, payload->hex, ret_len);
	case PAGECAST__V1__PAYLOAD__CONTENT_PATTERN:
		return check_pattern(check, payload->pattern, ret_len);
	case PAGECAST__V1__PAYLOAD__CONTENT_RANDOM:
		return check_random(check, payload->random, ret_len);
	case PAGECAST__V1__PAYLOAD__CONTENT_PAYLOAD_ID:
		check_not_offered(check, "payloadId", true);
		return false;
	case PAGECAST__V1__PAYLOAD__CONTENT_PCAP:
		check_not_offered(check, "pcap", true);
		return false;
	default:
		check_fault(check, "",
			    "empty: give one of text, bytes, hex, pattern, random; an empty "
			    "datagram is {\"text\":\"\"}");
		return false;
	}
}

void payload_write(const Pagecast__V1__Payload *payload, uint8_t *out, size_t len)
{
	memset(out, 0, len);
	switch (payload->content_case) {
	case PAGECAST__V1__PAYLOAD__CONTENT_TEXT:
		memcpy(out, payload->text, strnlen(payload->text, len));
		break;
	case PAGECAST__V1__PAYLOAD__CONTENT_BYTES:
		if (payload->bytes.len)
			memcpy(out, payload->bytes.data, MIN(payload->bytes.len, len));
		break;
	case PAGECAST__V1__PAYLOAD__CONTENT_HEX: write_hex(payload->hex, out, len); break;
	case PAGECAST__V1__PAYLOAD__CONTENT_PATTERN:
		write_pattern(payload->pattern, out, MIN((size_t)payload->pattern->length, len));
		break;
	case PAGECAST__V1__PAYLOAD__CONTENT_RANDOM:
		prng_fill(payload->random->seed, out, MIN((size_t)payload->random->length, len));
		break;
	default: /* refused by payload_check() */ break;
	}
}
