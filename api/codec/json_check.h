/*
 * json_check: the strict gate in front of the JSON reader: RFC 8259, and bounds of depth, counts,
 * duplicate keys and UTF-8. Thread: any; no shared state.
 */
#pragma once
#include "pagecast/error.h"

#include <stddef.h>

enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 262144 };

/** json_check() - is @text [@len bytes] strictly valid, and no string with U+0000 in it? Return: 0;
 * INVALID_ARGUMENT naming offset, line and column */
int json_check(const char *text, size_t len, struct error *ret_error);
