/* Envelopes of Connect streaming and gRPC-Web, and gzip inside: bounded, whatever is sent. */
#include <string.h>

#include "api/codec/gzip.h"
#include "api/rpc/envelope.h"
#include "fuzz/fuzz.h"

enum { UNPACKED_MAX = 65536 };

static void check_gzip(const uint8_t *data, size_t len)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *plain = NULL, *packed = NULL, *again = NULL;
	size_t plain_len = 0, packed_len = 0, again_len = 0;
	int r = gzip_unpack(data, len, UNPACKED_MAX, &plain, &plain_len, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT ||
		   r == ERROR_CODE_RESOURCE_EXHAUSTED);
	if (r)
		return;
	FUZZ_CHECK(plain_len <= UNPACKED_MAX);
	FUZZ_CHECK(gzip_pack(plain, plain_len, &packed, &packed_len, &error) == 0);
	FUZZ_CHECK(gzip_unpack(packed, packed_len, UNPACKED_MAX, &again, &again_len, &error) == 0);
	FUZZ_CHECK(plain_len == again_len && (!plain_len || !memcmp(plain, again, plain_len)));
	free(plain);
	free(packed);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct envelope envelope = {0};
	int r = envelope_read_only(data, size, &envelope, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT || r == ERROR_CODE_UNIMPLEMENTED);
	if (!r) {
		uint8_t head[ENVELOPE_HEAD_BYTES];
		FUZZ_CHECK(envelope.len + sizeof head == size);
		envelope_head(head, envelope.flags, envelope.len);
		FUZZ_CHECK(memcmp(head, data, sizeof head) == 0);
		if (envelope.flags & ENVELOPE_COMPRESSED)
			check_gzip(envelope.message, envelope.len);
	}
	check_gzip(data, size);
	return 0;
}
