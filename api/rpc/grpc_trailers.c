/* grpc_trailers: see grpc_trailers.h. */
#include "api/rpc/grpc_trailers.h"

#include "api/codec/error_detail.h"

#include <stdlib.h>

#include "pagecast/rpc/v1/status.pb-c.h"

/* gRPC's percent-encoding: printable ASCII but '%' as it is. */
static void put_percent(const char *text, struct json_buffer *out)
{
	static const char HEX[] = "0123456789ABCDEF";
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= 0x20 && c <= 0x7e && c != '%') {
			json_buffer_char(out, (char)c);
			continue;
		}
		json_buffer_char(out, '%');
		json_buffer_char(out, HEX[c >> 4]);
		json_buffer_char(out, HEX[c & 15]);
	}
}

static void put_status(const struct error *error, struct json_buffer *out)
{
	Pagecast__Rpc__V1__Status status = PAGECAST__RPC__V1__STATUS__INIT;
	Google__Protobuf__Any any[ERROR_DETAILS_MAX], *list[ERROR_DETAILS_MAX];
	struct error_detail details[ERROR_DETAILS_MAX];
	size_t count = error_details_make(error, details);
	for (size_t i = 0; i < count; i++) {
		google__protobuf__any__init(&any[i]);
		any[i].type_url = (char *)details[i].type_url;
		any[i].value = (ProtobufCBinaryData){details[i].len, details[i].packed};
		list[i] = &any[i];
	}
	status.code = (int32_t)error->code;
	status.message = (char *)error_message(error);
	status.n_details = count;
	status.details = list;
	size_t len = protobuf_c_message_get_packed_size(&status.base);
	uint8_t *packed = malloc(len ? len : 1);
	if (packed) {
		protobuf_c_message_pack(&status.base, packed);
		json_buffer_text(out, "grpc-status-details-bin: ");
		size_t room = base64_encoded_len(len, BASE64_STANDARD_UNPADDED);
		char *at = json_buffer_reserve(out, room);
		if (at) {
			base64_encode(packed, len, BASE64_STANDARD_UNPADDED, at);
			out->len += room;
		}
		json_buffer_text(out, "\r\n");
	}
	free(packed);
	error_details_free(details, count);
}

void grpc_trailers_put(const struct error *error, struct json_buffer *out)
{
	json_buffer_text(out, "grpc-status: ");
	json_buffer_uint(out, error ? error->code : 0);
	json_buffer_text(out, "\r\n");
	if (!error)
		return;
	json_buffer_text(out, "grpc-message: ");
	put_percent(error_message(error), out);
	json_buffer_text(out, "\r\n");
	put_status(error, out);
}
