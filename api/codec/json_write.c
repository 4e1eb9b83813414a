/*
 * json_write: messages as proto3 JSON text, by descriptor, into one growing buffer.
 *
 * Recursion is as deep as the message type, which has no cycles. Keys are made lowerCamelCase on
 * the way; integers of 64 bits are strings, doubles as short as reads back the same.
 */
#include "api/codec/json_write.h"

#include <math.h>
#include <string.h>

#include "api/codec/json_buffer.h"
#include "api/codec/json_name.h"
#include "api/codec/json_number.h"
#include "api/codec/json_time.h"
#include "api/codec/message.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

struct writer {
	struct json_buffer buffer;
	enum json_style style;
	const char *bad_time; /* name of a message type whose value is out of range */
};

static void write_message(struct writer *writer, const ProtobufCMessage *message);

static void write_double(struct json_buffer *buffer, double value, bool single)
{
	char text[JSON_NUMBER_TEXT_MAX];
	if (isnan(value))
		json_buffer_text(buffer, "\"NaN\"");
	else if (isinf(value))
		json_buffer_text(buffer, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else
		json_buffer_append(buffer, text, json_number_write(value, single, text));
}

static void write_enum(struct json_buffer *buffer, const ProtobufCEnumDescriptor *type, int value)
{
	const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);
	if (known)
		json_buffer_quote(buffer, known->name);
	else
		json_buffer_int(buffer, value);
}

static void write_int64(struct json_buffer *buffer, int64_t value)
{
	json_buffer_char(buffer, '"');
	json_buffer_int(buffer, value);
	json_buffer_char(buffer, '"');
}

static void write_uint64(struct json_buffer *buffer, uint64_t value)
{
	json_buffer_char(buffer, '"');
	json_buffer_uint(buffer, value);
	json_buffer_char(buffer, '"');
}

static void write_timestamp(struct writer *writer, const Google__Protobuf__Timestamp *time)
{
	char text[JSON_TIME_TEXT_MAX] = "";
	if (json_time_timestamp_fits(time->seconds, time->nanos))
		json_time_write_timestamp(time->seconds, time->nanos, text);
	else
		writer->bad_time = "Timestamp";
	json_buffer_quote(&writer->buffer, text);
}

static void write_duration(struct writer *writer, const Google__Protobuf__Duration *time)
{
	char text[JSON_TIME_TEXT_MAX] = "";
	if (json_time_duration_fits(time->seconds, time->nanos))
		json_time_write_duration(time->seconds, time->nanos, text);
	else
		writer->bad_time = "Duration";
	json_buffer_quote(&writer->buffer, text);
}

static void write_sub_message(struct writer *writer, const ProtobufCMessage *message)
{
	if (message->descriptor == &google__protobuf__timestamp__descriptor)
		write_timestamp(writer, (const Google__Protobuf__Timestamp *)message);
	else if (message->descriptor == &google__protobuf__duration__descriptor)
		write_duration(writer, (const Google__Protobuf__Duration *)message);
	else
		write_message(writer, message);
}

static void write_value(struct writer *writer, const ProtobufCFieldDescriptor *field,
			const void *member)
{
	struct json_buffer *buffer = &writer->buffer;
	const char *text;
	const ProtobufCBinaryData *bytes;
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32: json_buffer_int(buffer, *(const int32_t *)member); break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: json_buffer_uint(buffer, *(const uint32_t *)member); break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: write_int64(buffer, *(const int64_t *)member); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: write_uint64(buffer, *(const uint64_t *)member); break;
	case PROTOBUF_C_TYPE_FLOAT: write_double(buffer, *(const float *)member, true); break;
	case PROTOBUF_C_TYPE_DOUBLE: write_double(buffer, *(const double *)member, false); break;
	case PROTOBUF_C_TYPE_BOOL:
		json_buffer_text(buffer, *(const protobuf_c_boolean *)member ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		write_enum(buffer, field->descriptor, *(const int32_t *)member);
		break;
	case PROTOBUF_C_TYPE_STRING:
		text = *(char *const *)member;
		json_buffer_quote(buffer, text ? text : "");
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes = member;
		json_buffer_base64(buffer, bytes->data, bytes->len, BASE64_STANDARD);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		write_sub_message(writer, *(ProtobufCMessage *const *)member);
		break;
	}
}

static void write_list(struct writer *writer, const ProtobufCMessage *message,
		       const ProtobufCFieldDescriptor *field)
{
	const uint8_t *values = *(uint8_t **)message_member(message, field);
	size_t count = message_repeated_count(message, field);
	size_t stride = message_value_size(field->type);
	json_buffer_char(&writer->buffer, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			json_buffer_char(&writer->buffer, ',');
		write_value(writer, field, values + i * stride);
	}
	json_buffer_char(&writer->buffer, ']');
}

static void write_field(struct writer *writer, const ProtobufCMessage *message,
			const ProtobufCFieldDescriptor *field)
{
	char *key = json_buffer_reserve(&writer->buffer, JSON_NAME_MAX + 3);
	if (!key)
		return;
	*key = '"';
	size_t len = 1 + json_name_camel(field->name, key + 1);
	key[len++] = '"';
	key[len++] = ':';
	writer->buffer.len += len;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		write_list(writer, message, field);
	else
		write_value(writer, field, message_member(message, field));
}

static void write_message(struct writer *writer, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	bool first = true;
	json_buffer_char(&writer->buffer, '{');
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		if (writer->style == JSON_WITH_ZEROS ? !message_present(message, field)
						     : !message_has(message, field))
			continue;
		if (!first)
			json_buffer_char(&writer->buffer, ',');
		first = false;
		write_field(writer, message, field);
	}
	json_buffer_char(&writer->buffer, '}');
}

int json_write(const ProtobufCMessage *message, enum json_style style, char **ret_text,
	       size_t *ret_len, struct error *ret_error)
{
	struct writer writer = {.buffer = JSON_BUFFER_NULL, .style = style};
	write_message(&writer, message);
	if (writer.bad_time) {
		json_buffer_deinit(&writer.buffer);
		return error_set(ret_error, ERROR_CODE_INTERNAL,
				 "out of range: a %s in an answer of type %s", writer.bad_time,
				 message->descriptor->short_name);
	}
	char *text = json_buffer_take(&writer.buffer, ret_len);
	if (!text)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	*ret_text = text;
	return 0;
}
