/* error_body: see error_body.h. */
#include "api/http/error_body.h"

#include <stdlib.h>
#include <string.h>

#include "pagecast/rpc/v1/status.pb-c.h"

static const char BAD_REQUEST_URL[] = "type.googleapis.com/google.rpc.BadRequest";

/* The violations as a packed google.rpc.BadRequest. Return: owned; NULL: no memory, or there are
 * none */
static uint8_t *pack_bad_request(const struct error *error, size_t *ret_len)
{
	size_t count = error->violation_count;
	Pagecast__Rpc__V1__BadRequest message = PAGECAST__RPC__V1__BAD_REQUEST__INIT;
	Pagecast__Rpc__V1__BadRequest__FieldViolation violations[ERROR_VIOLATIONS_MAX];
	Pagecast__Rpc__V1__BadRequest__FieldViolation *list[ERROR_VIOLATIONS_MAX];
	if (!count)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		pagecast__rpc__v1__bad_request__field_violation__init(&violations[i]);
		violations[i].field = error->violations[i].field;
		violations[i].description = error->violations[i].description;
		list[i] = &violations[i];
	}
	message.n_field_violations = count;
	message.field_violations = list;
	*ret_len = protobuf_c_message_get_packed_size(&message.base);
	uint8_t *packed = malloc(*ret_len);
	if (packed)
		protobuf_c_message_pack(&message.base, packed);
	return packed;
}

static void put_debug(const struct error *error, struct json_buffer *out)
{
	json_buffer_text(out, "{\"fieldViolations\":[");
	for (size_t i = 0; i < error->violation_count; i++) {
		json_buffer_text(out, i ? ",{\"field\":" : "{\"field\":");
		json_buffer_quote(out, error->violations[i].field);
		json_buffer_text(out, ",\"description\":");
		json_buffer_quote(out, error->violations[i].description);
		json_buffer_char(out, '}');
	}
	json_buffer_text(out, "]}");
}

void error_body_put(const struct error *error, struct json_buffer *out)
{
	size_t len;
	uint8_t *packed = pack_bad_request(error, &len);
	json_buffer_text(out, "{\"code\":");
	json_buffer_quote(out, error_code_name(error->code));
	json_buffer_text(out, ",\"message\":");
	json_buffer_quote(out, error_message(error));
	json_buffer_text(out, ",\"details\":[");
	if (packed) {
		json_buffer_text(out, "{\"type\":\"google.rpc.BadRequest\",\"value\":");
		json_buffer_base64(out, packed, len, BASE64_STANDARD_UNPADDED);
		json_buffer_text(out, ",\"debug\":");
		put_debug(error, out);
		json_buffer_char(out, '}');
	}
	json_buffer_text(out, "]}");
	free(packed);
}

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
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *details[] = {&any};
	status.code = (int32_t)error->code;
	status.message = (char *)error_message(error);
	any.value.data = pack_bad_request(error, &any.value.len);
	any.type_url = (char *)BAD_REQUEST_URL;
	status.n_details = any.value.data ? 1 : 0;
	status.details = details;
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
	free(any.value.data);
}

void error_body_trailers(const struct error *error, struct json_buffer *out)
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
