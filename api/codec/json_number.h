/*
 * json_number: decimal text to exact integers and doubles, doubles to the shortest decimal text
 * that reads back the same.
 *
 * Integers are read digit by digit, never through a double: "1e3", 1.0 and 9007199254740993 are
 * what they say, 1.5 is not an integer. Works in the C locale, which the agent never leaves.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_NUMBER_TEXT_MAX = 32 };

enum json_number {
	JSON_NUMBER_OK,
	JSON_NUMBER_NOT_WHOLE,	  /* it has a fraction */
	JSON_NUMBER_OUT_OF_RANGE, /* it does not fit */
};

/** json_number_int() - @text, [@len]: a number by the grammar (json_scan_is_number) */
enum json_number json_number_int(const char *text, size_t len, int64_t min, int64_t max,
				 int64_t *ret_value);
enum json_number json_number_uint(const char *text, size_t len, uint64_t max, uint64_t *ret_value);
/** json_number_double() - rounded to nearest; OUT_OF_RANGE past the largest finite one of the type
 */
enum json_number json_number_double(const char *text, size_t len, bool single, double *ret_value);

/** json_number_write() - of a finite value. Return: the length */
size_t json_number_write(double value, bool single, char out[JSON_NUMBER_TEXT_MAX]);
