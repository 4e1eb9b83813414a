/*
 * gzip: Content-Encoding: gzip both ways, on zlib.
 *
 * What comes in is hostile: the size after unpacking is bounded by the route's body limit, checked
 * while unpacking, so that a small bomb costs no more than an honest body of that size. Thread:
 * any; no state.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * gzip_unpack() - one gzip member
 * @limit_bytes: longest result
 *
 * Return: 0 with *ret_data owned (free()) and *ret_len; INVALID_ARGUMENT: no valid gzip, or cut, or
 * followed by something; RESOURCE_EXHAUSTED: longer than @limit_bytes.
 */
int gzip_unpack(const uint8_t *data, size_t len, size_t limit_bytes, uint8_t **ret_data,
		size_t *ret_len, struct error *ret_error);

/* Below this gzip's own bytes eat the gain, and one packet carries either. */
enum { GZIP_WORTH_BYTES = 512 };

/** gzip_replace() - compress *data [*len] (owned) in place of itself where that makes it smaller.
 * Return: whether it is compressed now */
bool gzip_replace(uint8_t **data, size_t *len);

/** gzip_pack() - Return: 0 with *ret_data owned; INTERNAL when out of memory */
int gzip_pack(const uint8_t *data, size_t len, uint8_t **ret_data, size_t *ret_len,
	      struct error *ret_error);
