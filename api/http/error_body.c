/* error_body: see error_body.h. */
#include "api/http/error_body.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pagecast/rpc/v1/status.pb-c.h"

enum { DETAILS_MAX = 2 }; /* BadRequest, ErrorInfo */

static const char DOMAIN[] = "pagecast"; /* of the reasons */

/* One entry of an error's details: a message of google.rpc, packed. */
struct detail {
	const char *type_url;
	uint8_t *packed; /* owned */
	size_t len;
	void (*put_debug)(const struct error *error, struct json_buffer *out);
};

static const char TYPE_PREFIX[] = "type.googleapis.com/";

static bool pack(struct detail *detail, const ProtobufCMessage *message)
{
	detail->len = protobuf_c_message_get_packed_size(message);
	detail->packed = malloc(detail->len);
	if (detail->packed)
		protobuf_c_message_pack(message, detail->packed);
	return detail->packed != NULL;
}

static bool pack_bad_request(const struct error *error, struct detail *detail)
{
	size_t count = error->violation_count;
	Pagecast__Rpc__V1__BadRequest message = PAGECAST__RPC__V1__BAD_REQUEST__INIT;
	Pagecast__Rpc__V1__BadRequest__FieldViolation violations[ERROR_VIOLATIONS_MAX];
	Pagecast__Rpc__V1__BadRequest__FieldViolation *list[ERROR_VIOLATIONS_MAX];
	for (size_t i = 0; i < count; i++) {
		pagecast__rpc__v1__bad_request__field_violation__init(&violations[i]);
		violations[i].field = error->violations[i].field;
		violations[i].description = error->violations[i].description;
		list[i] = &violations[i];
	}
	message.n_field_violations = count;
	message.field_violations = list;
	return pack(detail, &message.base);
}

static bool pack_error_info(const struct error *error, struct detail *detail)
{
	size_t count = error->fact_count;
	Pagecast__Rpc__V1__ErrorInfo message = PAGECAST__RPC__V1__ERROR_INFO__INIT;
	Pagecast__Rpc__V1__ErrorInfo__MetadataEntry entries[ERROR_FACTS_MAX];
	Pagecast__Rpc__V1__ErrorInfo__MetadataEntry *list[ERROR_FACTS_MAX];
	for (size_t i = 0; i < count; i++) {
		pagecast__rpc__v1__error_info__metadata_entry__init(&entries[i]);
		entries[i].key = (char *)error->facts[i].name;
		entries[i].value = error->facts[i].value;
		list[i] = &entries[i];
	}
	message.reason = (char *)error->reason;
	message.domain = (char *)DOMAIN;
	message.n_metadata = count;
	message.metadata = list;
	return pack(detail, &message.base);
}

static void put_violations(const struct error *error, struct json_buffer *out)
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

static void put_info(const struct error *error, struct json_buffer *out)
{
	json_buffer_text(out, "{\"reason\":");
	json_buffer_quote(out, error->reason);
	json_buffer_text(out, ",\"domain\":");
	json_buffer_quote(out, DOMAIN);
	json_buffer_text(out, ",\"metadata\":{");
	for (size_t i = 0; i < error->fact_count; i++) {
		json_buffer_text(out, i ? "," : "");
		json_buffer_quote(out, error->facts[i].name);
		json_buffer_char(out, ':');
		json_buffer_quote(out, error->facts[i].value);
	}
	json_buffer_text(out, "}}");
}

/* Return: how many of @ret_details were made; without memory for one it is left out */
static size_t make_details(const struct error *error, struct detail ret_details[DETAILS_MAX])
{
	struct detail bad_request = {
		.type_url = "type.googleapis.com/google.rpc.BadRequest",
		.put_debug = put_violations,
	};
	struct detail info = {
		.type_url = "type.googleapis.com/google.rpc.ErrorInfo",
		.put_debug = put_info,
	};
	size_t count = 0;
	if (error->violation_count && pack_bad_request(error, &bad_request))
		ret_details[count++] = bad_request;
	if (error->reason && pack_error_info(error, &info))
		ret_details[count++] = info;
	return count;
}

static void free_details(struct detail *details, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(details[i].packed);
}

void error_body_put(const struct error *error, struct json_buffer *out)
{
	struct detail details[DETAILS_MAX];
	size_t count = make_details(error, details);
	json_buffer_text(out, "{\"code\":");
	json_buffer_quote(out, error_code_name(error->code));
	json_buffer_text(out, ",\"message\":");
	json_buffer_quote(out, error_message(error));
	json_buffer_text(out, ",\"details\":[");
	for (size_t i = 0; i < count; i++) {
		json_buffer_text(out, i ? ",{\"type\":" : "{\"type\":");
		json_buffer_quote(out, details[i].type_url + strlen(TYPE_PREFIX));
		json_buffer_text(out, ",\"value\":");
		json_buffer_base64(out, details[i].packed, details[i].len,
				   BASE64_STANDARD_UNPADDED);
		json_buffer_text(out, ",\"debug\":");
		details[i].put_debug(error, out);
		json_buffer_char(out, '}');
	}
	json_buffer_text(out, "]}");
	free_details(details, count);
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
	Google__Protobuf__Any any[DETAILS_MAX], *list[DETAILS_MAX];
	struct detail details[DETAILS_MAX];
	size_t count = make_details(error, details);
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
	free_details(details, count);
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
