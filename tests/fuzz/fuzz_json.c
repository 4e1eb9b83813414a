/* JSON in: refused in words, or a message that both codecs carry unchanged. The first byte:
 * codec.h; a "?" behind it asks for leniency with unknown fields. */
#include "fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (size < 1)
		return 0;
	const ProtobufCMessageDescriptor *type = codec_type(data[0]);
	struct json_read_options options = {.ignore_unknown = size > 1 && data[1] == '?'};
	size_t skip = options.ignore_unknown ? 2 : 1;
	ProtobufCMessage *message = NULL;
	int r = json_read(type, (const char *)data + skip, size - skip, &options, &message, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
	FUZZ_CHECK(r == 0 ? error.violation_count == 0 : error.message && error.message[0]);
	if (r)
		return 0;
	codec_round_trip(message);
	protobuf_c_message_free_unpacked(message, NULL);
	return 0;
}
