/* base64: see base64.h. */
#include "api/codec/base64.h"

static const char STANDARD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encoded_len(size_t len, enum base64_form form)
{
	size_t rest = len % 3;
	size_t tail = !rest ? 0 : form == BASE64_STANDARD ? 4 : rest + 1;
	return len / 3 * 4 + tail;
}

void base64_encode(const void *data, size_t len, enum base64_form form, char *out)
{
	const char *alphabet = form == BASE64_URL_UNPADDED ? URL : STANDARD;
	const uint8_t *in = data;
	for (; len >= 3; in += 3, len -= 3) {
		uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		for (int shift = 18; shift >= 0; shift -= 6)
			*out++ = alphabet[bits >> shift & 63];
	}
	if (!len)
		return;
	uint32_t bits = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
	*out++ = alphabet[bits >> 18 & 63];
	*out++ = alphabet[bits >> 12 & 63];
	if (len == 2)
		*out++ = alphabet[bits >> 6 & 63];
	if (form != BASE64_STANDARD)
		return;
	if (len == 1)
		*out++ = '=';
	*out = '=';
}

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

bool base64_decode(const char *text, size_t len, uint8_t *out, size_t *ret_len)
{
	size_t digits = len, n = 0;
	if (len % 4 == 0 && len && text[len - 1] == '=')
		digits -= text[len - 2] == '=' ? 2 : 1;
	uint32_t bits = 0;
	for (size_t i = 0; i < digits; i++) {
		int digit = digit_of(text[i]);
		*ret_len = i;
		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4)
			out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_len = digits ? digits - 1 : 0;
	uint32_t unused = digits % 4 == 2 ? 0xF : digits % 4 == 3 ? 0x3 : 0;
	if (digits % 4 == 1 || (bits & unused))
		return false;
	*ret_len = n;
	return true;
}
