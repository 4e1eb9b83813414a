/* Protobuf in: refused in words, or a message that both codecs carry unchanged; protobuf-c unpacks
 * whatever the scan let through. The first byte: codec.h; "?" behind it: unknown fields ignored. */
#include "fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (size < 1)
		return 0;
	const ProtobufCMessageDescriptor *type = codec_type(data[0]);
	bool lenient = size > 1 && data[1] == '?';
	size_t skip = lenient ? 2 : 1;
	ProtobufCMessage *message = NULL;
	int r = wire_read(type, data + skip, size - skip, lenient, &message, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
	FUZZ_CHECK(r == 0 || (error.message && error.message[0]));
	if (r)
		return 0;
	codec_round_trip(message);
	protobuf_c_message_free_unpacked(message, NULL);
	return 0;
}
