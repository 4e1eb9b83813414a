/* gzip: see gzip.h. */
#include "api/codec/gzip.h"

#include <limits.h>
#include <stdlib.h>

#include <zlib.h>

enum {
	GZIP_WINDOW = 15 + 16, /* zlib: 32 KiB window, gzip header instead of zlib's */
	GZIP_MEMORY_LEVEL = 8,
	FIRST_ROOM_BYTES = 4096,
};

/* Room for more, doubled, never beyond the limit and one byte, by which "longer" is noticed. */
static bool grow(uint8_t **data, size_t *room, size_t limit_bytes)
{
	size_t next = *room ? *room * 2 : FIRST_ROOM_BYTES;
	if (next > limit_bytes + 1)
		next = limit_bytes + 1;
	uint8_t *grown = realloc(*data, next);
	if (!grown)
		return false;
	*data = grown;
	*room = next;
	return true;
}

static int unpack_all(z_stream *stream, size_t limit_bytes, uint8_t **data, struct error *ret_error)
{
	size_t room = 0;
	for (;;) {
		if (stream->total_out == room && !grow(data, &room, limit_bytes))
			return error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED, "out of memory");
		stream->next_out = *data + stream->total_out;
		stream->avail_out = (uInt)(room - stream->total_out);
		int r = inflate(stream, Z_NO_FLUSH);
		if (stream->total_out > limit_bytes)
			return error_set(
				ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
				"the uncompressed body is longer than the maximum of %zu bytes",
				limit_bytes);
		if (r == Z_STREAM_END)
			break;
		if (r == Z_BUF_ERROR || (r == Z_OK && stream->avail_in == 0 && stream->avail_out))
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "the gzip data is truncated");
		if (r != Z_OK)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "the body is not valid gzip, near byte %lu",
					 stream->total_in);
	}
	if (stream->avail_in)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "%u bytes follow the gzip data", stream->avail_in);
	return 0;
}

int gzip_unpack(const uint8_t *data, size_t len, size_t limit_bytes, uint8_t **ret_data,
		size_t *ret_len, struct error *ret_error)
{
	z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)len};
	if (len > UINT_MAX || limit_bytes >= UINT_MAX)
		return error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED, "the body is too long");
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED, "out of memory");
	uint8_t *unpacked = NULL;
	int r = unpack_all(&stream, limit_bytes, &unpacked, ret_error);
	inflateEnd(&stream);
	if (r) {
		free(unpacked);
		return r;
	}
	*ret_data = unpacked;
	*ret_len = stream.total_out;
	return 0;
}

int gzip_pack(const uint8_t *data, size_t len, uint8_t **ret_data, size_t *ret_len,
	      struct error *ret_error)
{
	z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)len};
	if (len > UINT_MAX / 2 || deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW,
					       GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	size_t room = deflateBound(&stream, len);
	uint8_t *packed = malloc(room);
	stream.next_out = packed;
	stream.avail_out = (uInt)room;
	int r = packed ? deflate(&stream, Z_FINISH) : Z_MEM_ERROR;
	deflateEnd(&stream);
	if (r != Z_STREAM_END) {
		free(packed);
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	}
	*ret_data = packed;
	*ret_len = stream.total_out;
	return 0;
}

bool gzip_replace(uint8_t **data, size_t *len)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *packed = NULL;
	size_t packed_len = 0;
	if (*len < GZIP_WORTH_BYTES || gzip_pack(*data, *len, &packed, &packed_len, &error))
		return false;
	if (packed_len >= *len) {
		free(packed);
		return false;
	}
	free(*data);
	*data = packed;
	*len = packed_len;
	return true;
}
