/* utf8: see utf8.h. The second byte's range depends on the first (RFC 3629, section 4). */
#include "api/codec/utf8.h"

static bool is_tail(uint8_t byte)
{
	return (byte & 0xC0) == 0x80;
}

static bool second_fits(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xE0: return second >= 0xA0 && second <= 0xBF; /* below: overlong */
	case 0xED: return second >= 0x80 && second <= 0x9F; /* above: surrogates */
	case 0xF0: return second >= 0x90 && second <= 0xBF; /* below: overlong */
	case 0xF4: return second >= 0x80 && second <= 0x8F; /* above: past U+10FFFF */
	default: return is_tail(second);
	}
}

size_t utf8_sequence(const void *at, size_t left)
{
	const uint8_t *p = at;
	if (!left)
		return 0;
	if (p[0] < 0x80)
		return 1;
	size_t want = p[0] >= 0xC2 && p[0] <= 0xDF   ? 2
		      : p[0] >= 0xE0 && p[0] <= 0xEF ? 3
		      : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4
						     : 0;
	if (!want || left < want || !second_fits(p[0], p[1]))
		return 0;
	for (size_t i = 2; i < want; i++)
		if (!is_tail(p[i]))
			return 0;
	return want;
}

size_t utf8_bad_offset(const void *text, size_t len)
{
	const uint8_t *p = text;
	size_t at = 0;
	while (at < len) {
		size_t n = utf8_sequence(p + at, len - at);
		if (!n)
			return at;
		at += n;
	}
	return len;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	size_t n = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = {[2] = 0xC0, [3] = 0xE0, [4] = 0xF0};
	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code_point & 0x3F));
		code_point >>= 6;
	}
	out[0] = (char)(lead[n] | code_point);
	return n;
}
