/* json_number: see json_number.h. */
#include "api/codec/json_number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/json_scan.h"

/* More digits than this are past every 64-bit integer. */
enum { EXPONENT_FAR = 1000000 };

struct whole {
	bool negative;
	uint64_t magnitude;
};

/* The exponent behind "e", clamped. */
static long read_exponent(const char *at, const char *end)
{
	bool negative = at < end && *at == '-';
	long value = 0;
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (; at < end && value < EXPONENT_FAR; at++)
		value = value * 10 + (*at - '0');
	return negative ? -value : value;
}

/*
 * The number is its digits times ten to the power of @scale. Zeros at the end are held back, so
 * that 1200e-2 is whole and 1e3 too; then digits count while the scale is not negative.
 */
static enum json_number read_whole(const char *text, size_t len, struct whole *ret_whole)
{
	const char *end = text + len, *at = text;
	const char *mark = memchr(text, 'e', len) ?: memchr(text, 'E', len);
	const char *digits_end = mark ?: end;
	long scale = mark ? read_exponent(mark + 1, end) : 0;
	long zeros = 0; /* trailing ones so far */
	bool fraction = false;
	uint64_t value = 0;
	bool big = false;
	ret_whole->negative = at < end && *at == '-';
	for (at += ret_whole->negative; at < digits_end; at++) {
		if (*at == '.') {
			fraction = true;
			continue;
		}
		scale -= fraction;
		if (*at == '0') {
			zeros += value || big;
			continue;
		}
		for (; zeros; zeros--)
			big |= __builtin_mul_overflow(value, UINT64_C(10), &value);
		big |= __builtin_mul_overflow(value, UINT64_C(10), &value);
		big |= __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
	}
	scale += zeros;
	if (!value && !big)
		scale = 0;
	if (scale < 0)
		return JSON_NUMBER_NOT_WHOLE;
	for (; scale > 0 && !big; scale--)
		big |= __builtin_mul_overflow(value, UINT64_C(10), &value);
	ret_whole->magnitude = value;
	return big ? JSON_NUMBER_OUT_OF_RANGE : JSON_NUMBER_OK;
}

enum json_number json_number_int(const char *text, size_t len, int64_t min, int64_t max,
				 int64_t *ret_value)
{
	struct whole whole;
	enum json_number r = read_whole(text, len, &whole);
	if (r)
		return r;
	uint64_t most = whole.negative ? -(uint64_t)min : (uint64_t)max;
	if (whole.magnitude > most)
		return JSON_NUMBER_OUT_OF_RANGE;
	*ret_value = (int64_t)(whole.negative ? -whole.magnitude : whole.magnitude);
	return JSON_NUMBER_OK;
}

enum json_number json_number_uint(const char *text, size_t len, uint64_t max, uint64_t *ret_value)
{
	struct whole whole;
	enum json_number r = read_whole(text, len, &whole);
	if (r)
		return r;
	if (whole.magnitude > max || (whole.negative && whole.magnitude))
		return JSON_NUMBER_OUT_OF_RANGE;
	*ret_value = whole.magnitude;
	return JSON_NUMBER_OK;
}

enum json_number json_number_double(const char *text, size_t len, bool single, double *ret_value)
{
	char copy[JSON_NUMBER_LEN_MAX + 1];
	if (len >= sizeof copy)
		return JSON_NUMBER_OUT_OF_RANGE;
	memcpy(copy, text, len);
	copy[len] = '\0';
	double value = single ? (double)strtof(copy, NULL) : strtod(copy, NULL);
	if (!isfinite(value))
		return JSON_NUMBER_OUT_OF_RANGE;
	*ret_value = value;
	return JSON_NUMBER_OK;
}

size_t json_number_write(double value, bool single, char out[JSON_NUMBER_TEXT_MAX])
{
	if (value == trunc(value) && fabs(value) < 1e15 && !(value == 0 && signbit(value)))
		return (size_t)snprintf(out, JSON_NUMBER_TEXT_MAX, "%" PRId64, (int64_t)value);
	/* Whatever has fewer digits than the type is sure of ends in zeros, which %g leaves out;
	 * only subnormals are sure of less. */
	int most = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
	bool subnormal = fabs(value) < (single ? (double)FLT_MIN : DBL_MIN);
	int n = 0;
	for (int digits = subnormal ? 1 : single ? FLT_DIG : DBL_DIG; digits <= most; digits++) {
		n = snprintf(out, JSON_NUMBER_TEXT_MAX, "%.*g", digits, value);
		if ((single ? (double)strtof(out, NULL) : strtod(out, NULL)) == value)
			break;
	}
	return (size_t)n;
}
