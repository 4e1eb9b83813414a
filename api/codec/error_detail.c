/* error_detail: see error_detail.h. */
#include "api/codec/error_detail.h"

#include <stdlib.h>

#include "pagecast/rpc/v1/status.pb-c.h"

#define TYPE_PREFIX "type.googleapis.com/"

static const char DOMAIN[] = "pagecast"; /* of the reasons */

static bool pack(struct error_detail *detail, const ProtobufCMessage *message)
{
	detail->len = protobuf_c_message_get_packed_size(message);
	detail->packed = malloc(detail->len);
	if (detail->packed)
		protobuf_c_message_pack(message, detail->packed);
	return detail->packed != NULL;
}

static bool pack_bad_request(const struct error *error, struct error_detail *detail)
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

static bool pack_error_info(const struct error *error, struct error_detail *detail)
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

size_t error_details_make(const struct error *error,
			  struct error_detail ret_details[static ERROR_DETAILS_MAX])
{
	struct error_detail bad_request = {
		.type_url = TYPE_PREFIX "google.rpc.BadRequest",
		.type = "google.rpc.BadRequest",
		.put_debug = put_violations,
	};
	struct error_detail info = {
		.type_url = TYPE_PREFIX "google.rpc.ErrorInfo",
		.type = "google.rpc.ErrorInfo",
		.put_debug = put_info,
	};
	size_t count = 0;
	if (error->violation_count && pack_bad_request(error, &bad_request))
		ret_details[count++] = bad_request;
	if (error->reason && pack_error_info(error, &info))
		ret_details[count++] = info;
	return count;
}

void error_details_free(struct error_detail *details, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(details[i].packed);
}
