/*
 * json_read_value: see json_read_value.h. Each kind of field says itself what it would have taken.
 */
#include "api/codec/json_read_value.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/base64.h"
#include "api/codec/json_name.h"
#include "api/codec/json_number.h"
#include "api/codec/json_time.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

/* A string token without escapes (numbers, enums and times never need one) or a number, as text.
 * Return: false: it is something else. */
static bool bare_text(const struct json_reader *reader, const char **ret_text, size_t *ret_len)
{
	const struct json_scan *scan = &reader->scan;
	bool quoted = scan->token == JSON_TOKEN_STRING;
	*ret_text = scan->text + scan->begin + quoted;
	*ret_len = scan->end - scan->begin - 2 * quoted;
	return quoted || scan->token == JSON_TOKEN_NUMBER;
}

const char *json_read_kind(enum json_token token)
{
	switch (token) {
	case JSON_TOKEN_OBJECT: return "an object";
	case JSON_TOKEN_ARRAY: return "a list";
	case JSON_TOKEN_STRING: return "a string";
	case JSON_TOKEN_NUMBER: return "a number";
	case JSON_TOKEN_TRUE:
	case JSON_TOKEN_FALSE: return "a boolean";
	default: return "null";
	}
}

/* What the field would take, as words. */
static const char *wanted(const ProtobufCFieldDescriptor *field, char *room, size_t size)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32: return "a whole number, -2147483648 to 2147483647";
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: return "a whole number, 0 to 4294967295";
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return "a whole number, -9223372036854775808 to 9223372036854775807";
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: return "a whole number, 0 to 18446744073709551615";
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE: return "a number";
	case PROTOBUF_C_TYPE_BOOL: return "true or false";
	case PROTOBUF_C_TYPE_STRING: return "a string";
	case PROTOBUF_C_TYPE_BYTES: return "base64 in a string";
	case PROTOBUF_C_TYPE_ENUM:
		snprintf(room, size, "a name of %s",
			 ((const ProtobufCEnumDescriptor *)field->descriptor)->short_name);
		return room;
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
	if (field->descriptor == &google__protobuf__timestamp__descriptor)
		return "a time such as \"2026-01-31T12:00:00Z\"";
	if (field->descriptor == &google__protobuf__duration__descriptor)
		return "a duration such as \"1.5s\"";
	snprintf(room, size, "an object of %s",
		 ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name);
	return room;
}

bool json_read_mismatch(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			const struct json_place *place)
{
	const struct json_scan *scan = &reader->scan;
	char room[96];
	if (scan->token == JSON_TOKEN_OBJECT || scan->token == JSON_TOKEN_ARRAY) {
		json_fault(&reader->faults, place, "%s is not %s", json_read_kind(scan->token),
			   wanted(field, room, sizeof room));
	} else {
		struct json_quoted quoted =
			json_fault_quote(scan->text + scan->begin, scan->end - scan->begin);
		json_fault(&reader->faults, place, "%s is not %s", quoted.text,
			   wanted(field, room, sizeof room));
	}
	json_scan_skip(&reader->scan);
	return false;
}

void json_read_mismatch_list(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			     const struct json_place *place)
{
	char room[96];
	const char *element = wanted(field, room, sizeof room);
	json_fault(&reader->faults, place, "%s where a list […] is expected, each element %s",
		   json_read_kind(reader->scan.token), element);
	json_scan_skip(&reader->scan);
}

static bool read_int(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		     const struct json_place *place, void *member)
{
	const char *text;
	size_t len;
	bool wide = message_value_size(field->type) == 8;
	int64_t value;
	if (!bare_text(reader, &text, &len) || !json_scan_is_number(text, len) ||
	    json_number_int(text, len, wide ? INT64_MIN : INT32_MIN, wide ? INT64_MAX : INT32_MAX,
			    &value) != JSON_NUMBER_OK)
		return json_read_mismatch(reader, field, place);
	if (wide)
		*(int64_t *)member = value;
	else
		*(int32_t *)member = (int32_t)value;
	return true;
}

static bool read_uint(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		      const struct json_place *place, void *member)
{
	const char *text;
	size_t len;
	bool wide = message_value_size(field->type) == 8;
	uint64_t value;
	if (!bare_text(reader, &text, &len) || !json_scan_is_number(text, len) ||
	    json_number_uint(text, len, wide ? UINT64_MAX : UINT32_MAX, &value) != JSON_NUMBER_OK)
		return json_read_mismatch(reader, field, place);
	if (wide)
		*(uint64_t *)member = value;
	else
		*(uint32_t *)member = (uint32_t)value;
	return true;
}

/* "NaN" and the infinities, which JSON numbers cannot be. */
static bool special_double(const char *text, size_t len, double *ret_value)
{
	static const struct {
		const char *name;
		double value;
	} specials[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		if (strlen(specials[i].name) == len && memcmp(specials[i].name, text, len) == 0) {
			*ret_value = specials[i].value;
			return true;
		}
	return false;
}

static bool too_large(struct json_reader *reader, bool single, const struct json_place *place)
{
	const struct json_scan *scan = &reader->scan;
	struct json_quoted quoted =
		json_fault_quote(scan->text + scan->begin, scan->end - scan->begin);
	json_fault(&reader->faults, place, "%s is not a number from %s", quoted.text,
		   single ? "-3.4e38 to 3.4e38" : "-1.79e308 to 1.79e308");
	return false;
}

static bool read_double(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			const struct json_place *place, void *member)
{
	const char *text;
	size_t len;
	bool single = field->type == PROTOBUF_C_TYPE_FLOAT;
	double value;
	bool quoted = reader->scan.token == JSON_TOKEN_STRING;
	if (!bare_text(reader, &text, &len))
		return json_read_mismatch(reader, field, place);
	if (!(quoted && special_double(text, len, &value))) {
		if (!json_scan_is_number(text, len))
			return json_read_mismatch(reader, field, place);
		if (json_number_double(text, len, single, &value) != JSON_NUMBER_OK)
			return too_large(reader, single, place);
	}
	if (single)
		*(float *)member = (float)value;
	else
		*(double *)member = value;
	return true;
}

static bool read_bool(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		      const struct json_place *place, protobuf_c_boolean *member)
{
	if (reader->scan.token != JSON_TOKEN_TRUE && reader->scan.token != JSON_TOKEN_FALSE)
		return json_read_mismatch(reader, field, place);
	*member = reader->scan.token == JSON_TOKEN_TRUE;
	return true;
}

/* Tells the names there are; the schema's enums are short. */
static bool unknown_enum(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			 const struct json_place *place)
{
	const ProtobufCEnumDescriptor *type = field->descriptor;
	const struct json_scan *scan = &reader->scan;
	struct json_quoted quoted =
		json_fault_quote(scan->text + scan->begin, scan->end - scan->begin);
	char names[512];
	size_t n = 0;
	names[0] = '\0';
	for (unsigned i = 0; i < type->n_values && n < sizeof names; i++) {
		if (type->values[i].value == 0)
			continue; /* …_UNSPECIFIED: the same as leaving it out */
		n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "",
				      json_name_enum_short(type, &type->values[i]));
	}
	json_fault(&reader->faults, place, "%s is not a value of %s; those are %s", quoted.text,
		   type->short_name, names);
	return false;
}

static bool read_enum(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		      const struct json_place *place, int32_t *member)
{
	const ProtobufCEnumDescriptor *type = field->descriptor;
	const ProtobufCEnumValue *value = NULL;
	const char *text;
	size_t len;
	int64_t number;
	if (!bare_text(reader, &text, &len))
		return json_read_mismatch(reader, field, place);
	if (reader->scan.token == JSON_TOKEN_STRING)
		value = json_name_enum(type, text, len);
	else if (json_number_int(text, len, INT32_MIN, INT32_MAX, &number) == JSON_NUMBER_OK)
		value = protobuf_c_enum_descriptor_get_value(type, (int)number);
	if (!value)
		return unknown_enum(reader, field, place);
	*member = value->value;
	return true;
}

/* The resolved string token, NUL-terminated and owned; NULL: the reader is stopped. */
static char *copy_string(struct json_reader *reader, size_t *ret_len)
{
	const struct json_scan *scan = &reader->scan;
	char *copy = message_allocate(scan->end - scan->begin - 1, &reader->budget);
	if (!copy) {
		reader->stopped = true;
		return NULL;
	}
	struct json_bytes bytes = json_bytes_of(scan->text + scan->begin);
	*ret_len = json_bytes_copy(&bytes, copy);
	copy[*ret_len] = '\0';
	return copy;
}

static bool read_string(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			const struct json_place *place, char **member)
{
	size_t len;
	if (reader->scan.token != JSON_TOKEN_STRING)
		return json_read_mismatch(reader, field, place);
	bool empty = reader->scan.end - reader->scan.begin == 2;
	if (empty && field->label != PROTOBUF_C_LABEL_REPEATED && !message_is_oneof(field))
		return true; /* the default is in place already */
	char *copy = copy_string(reader, &len);
	if (!copy)
		return false;
	*member = copy;
	return true;
}

static bool read_bytes(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		       const struct json_place *place, ProtobufCBinaryData *member)
{
	size_t len, decoded;
	if (reader->scan.token != JSON_TOKEN_STRING)
		return json_read_mismatch(reader, field, place);
	if (reader->scan.end - reader->scan.begin == 2)
		return true; /* no bytes: NULL and 0, as unpacking leaves it */
	char *copy = copy_string(reader, &len);
	if (!copy)
		return false;
	if (!base64_decode(copy, len, (uint8_t *)copy, &decoded)) {
		free(copy);
		json_fault(&reader->faults, place, "not valid base64 at character %zu", decoded);
		return false;
	}
	*member = (ProtobufCBinaryData){decoded, (uint8_t *)copy};
	return true;
}

bool json_read_time(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		    const struct json_place *place, ProtobufCMessage *message)
{
	const char *text;
	size_t len;
	bool ok = bare_text(reader, &text, &len) && reader->scan.token == JSON_TOKEN_STRING;
	if (field->descriptor == &google__protobuf__timestamp__descriptor) {
		Google__Protobuf__Timestamp *time = (Google__Protobuf__Timestamp *)message;
		ok = ok && json_time_read_timestamp(text, len, &time->seconds, &time->nanos);
	} else {
		Google__Protobuf__Duration *time = (Google__Protobuf__Duration *)message;
		ok = ok && json_time_read_duration(text, len, &time->seconds, &time->nanos);
	}
	return ok || json_read_mismatch(reader, field, place);
}

bool json_read_scalar(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		      const struct json_place *place, void *member)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: return read_int(reader, field, place, member);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: return read_uint(reader, field, place, member);
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE: return read_double(reader, field, place, member);
	case PROTOBUF_C_TYPE_BOOL: return read_bool(reader, field, place, member);
	case PROTOBUF_C_TYPE_ENUM: return read_enum(reader, field, place, member);
	case PROTOBUF_C_TYPE_STRING: return read_string(reader, field, place, member);
	case PROTOBUF_C_TYPE_BYTES: return read_bytes(reader, field, place, member);
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
	assert(!"a message is not a scalar");
	return false;
}
