/* openapi_schemas: see openapi_schemas.h. */
#include "api/rest/openapi_schemas.h"

#include "api/codec/json_name.h"
#include "api/codec/json_time.h"
#include "api/codec/message.h"
#include "api/tables/tables.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool is_type(const ProtobufCMessageDescriptor *type, const char *full_name)
{
	return strcmp(type->name, full_name) == 0;
}

static void add_enum(struct openapi_types *types, const ProtobufCEnumDescriptor *type)
{
	for (size_t i = 0; i < types->enum_count; i++)
		if (types->enums[i] == type)
			return;
	assert(types->enum_count < OPENAPI_TYPES_MAX);
	types->enums[types->enum_count++] = type;
}

static bool known(const struct openapi_types *types, const ProtobufCMessageDescriptor *type)
{
	for (size_t i = 0; i < types->message_count; i++)
		if (types->messages[i] == type)
			return true;
	return false;
}

static void add_message(struct openapi_types *types, const ProtobufCMessageDescriptor *type)
{
	if (json_time_is(type) || known(types, type))
		return;
	assert(types->message_count < OPENAPI_TYPES_MAX);
	types->messages[types->message_count++] = type;
}

void openapi_types_add_field(struct openapi_types *types, const ProtobufCFieldDescriptor *field)
{
	if (field->type == PROTOBUF_C_TYPE_ENUM)
		add_enum(types, field->descriptor);
	else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		openapi_types_add(types, field->descriptor);
}

/* No recursion over the schema's depth: the list itself is the queue. */
void openapi_types_add(struct openapi_types *types, const ProtobufCMessageDescriptor *type)
{
	size_t next = types->message_count;
	add_message(types, type);
	for (; next < types->message_count; next++) {
		const ProtobufCMessageDescriptor *at = types->messages[next];
		for (unsigned int i = 0; i < at->n_fields; i++) {
			if (at->fields[i].type == PROTOBUF_C_TYPE_ENUM)
				add_enum(types, at->fields[i].descriptor);
			else if (at->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
				add_message(types, at->fields[i].descriptor);
		}
	}
}

void openapi_ref(struct json_buffer *out, const char *short_name)
{
	json_buffer_text(out, "{\"$ref\":\"#/components/schemas/");
	json_buffer_text(out, short_name);
	json_buffer_text(out, "\"}");
}

static const char *skip_indent(const char *text)
{
	return text + strspn(text, " ");
}

bool openapi_description(struct json_buffer *out, const char *full_name, bool comma)
{
	const char *text = tables_doc(full_name);
	if (!text)
		return false;
	struct json_buffer tidy = JSON_BUFFER_NULL;
	for (text = skip_indent(text); *text; text++) {
		if (*text != '\n')
			json_buffer_char(&tidy, *text);
		else if (text[1]) /* lines of a comment are one text; an empty line divides
				     paragraphs */
			json_buffer_char(&tidy, text[1] == '\n' ? '\n' : ' ');
		if (*text == '\n')
			text = skip_indent(text + 1) - 1;
	}
	char *line = json_buffer_take(&tidy, NULL);
	if (line) {
		json_buffer_text(out, comma ? ",\"description\":" : "\"description\":");
		json_buffer_quote(out, line);
	} else {
		out->failed = true;
	}
	free(line);
	return true;
}

static void time_schema(struct json_buffer *out, const ProtobufCMessageDescriptor *type)
{
	if (is_type(type, "google.protobuf.Timestamp"))
		json_buffer_text(out, "\"type\":\"string\",\"format\":\"date-time\"");
	else
		json_buffer_text(out, "\"type\":\"string\",\"pattern\":"
				      "\"^-?[0-9]{1,12}([.][0-9]{1,9})?s$\"");
}

static void value_schema(struct json_buffer *out, const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		json_buffer_text(out, "\"type\":\"integer\",\"format\":\"int32\"");
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		json_buffer_text(out, "\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295");
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		json_buffer_text(out, "\"type\":[\"string\",\"integer\"],\"format\":\"int64\","
				      "\"pattern\":\"^-?[0-9]{1,19}$\"");
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		json_buffer_text(out, "\"type\":[\"string\",\"integer\"],\"format\":\"uint64\","
				      "\"pattern\":\"^[0-9]{1,20}$\",\"minimum\":0");
		break;
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		json_buffer_text(out, "\"type\":\"number\",\"format\":\"double\"");
		break;
	case PROTOBUF_C_TYPE_BOOL: json_buffer_text(out, "\"type\":\"boolean\""); break;
	case PROTOBUF_C_TYPE_STRING: json_buffer_text(out, "\"type\":\"string\""); break;
	case PROTOBUF_C_TYPE_BYTES:
		json_buffer_text(out, "\"type\":\"string\",\"contentEncoding\":\"base64\"");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		json_buffer_text(out, "\"$ref\":\"#/components/schemas/");
		json_buffer_text(out,
				 ((const ProtobufCEnumDescriptor *)field->descriptor)->short_name);
		json_buffer_text(out, "\"");
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		if (json_time_is(field->descriptor)) {
			time_schema(out, field->descriptor);
			break;
		}
		json_buffer_text(out, "\"$ref\":\"#/components/schemas/");
		json_buffer_text(
			out, ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name);
		json_buffer_text(out, "\"");
		break;
	}
}

void openapi_field_schema(struct json_buffer *out, const ProtobufCMessageDescriptor *type,
			  const ProtobufCFieldDescriptor *field)
{
	char full_name[OPENAPI_NAME_MAX];
	bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
	snprintf(full_name, sizeof full_name, "%s.%s", type->name, field->name);
	json_buffer_text(out, repeated ? "{\"type\":\"array\",\"items\":{" : "{");
	value_schema(out, field);
	if (repeated)
		json_buffer_text(out, "}");
	openapi_description(out, full_name, true);
	json_buffer_text(out, "}");
}

static void put_name(struct json_buffer *out, const ProtobufCFieldDescriptor *field)
{
	char name[JSON_NAME_MAX];
	json_name_camel(field->name, name);
	json_buffer_quote(out, name);
}

static bool in_oneof(const ProtobufCFieldDescriptor *field, unsigned int case_offset)
{
	return message_is_oneof(field) && field->quantifier_offset == case_offset;
}

/* One member of a oneof, or none:
 * {"oneOf":[{"required":["a"]},…,{"not":{"anyOf":[{"required":["a"]},…]}}]} */
static void put_oneof(struct json_buffer *out, const ProtobufCMessageDescriptor *type,
		      unsigned int case_offset)
{
	json_buffer_text(out, "{\"oneOf\":[");
	for (unsigned int i = 0; i < type->n_fields; i++) {
		if (!in_oneof(&type->fields[i], case_offset))
			continue;
		json_buffer_text(out, "{\"required\":[");
		put_name(out, &type->fields[i]);
		json_buffer_text(out, "]},");
	}
	json_buffer_text(out, "{\"not\":{\"anyOf\":[");
	bool first = true;
	for (unsigned int i = 0; i < type->n_fields; i++) {
		if (!in_oneof(&type->fields[i], case_offset))
			continue;
		json_buffer_text(out, first ? "{\"required\":[" : ",{\"required\":[");
		put_name(out, &type->fields[i]);
		json_buffer_text(out, "]}");
		first = false;
	}
	json_buffer_text(out, "]}}]}");
}

/* Fields of one oneof share the offset of its case; a oneof is written at its first member. */
static bool first_of_oneof(const ProtobufCMessageDescriptor *type, unsigned int index)
{
	if (!message_is_oneof(&type->fields[index]))
		return false;
	for (unsigned int i = 0; i < index; i++)
		if (in_oneof(&type->fields[i], type->fields[index].quantifier_offset))
			return false;
	return true;
}

static void put_oneofs(struct json_buffer *out, const ProtobufCMessageDescriptor *type)
{
	bool first = true;
	for (unsigned int i = 0; i < type->n_fields; i++) {
		if (!first_of_oneof(type, i))
			continue;
		json_buffer_text(out, first ? ",\"allOf\":[" : ",");
		put_oneof(out, type, type->fields[i].quantifier_offset);
		first = false;
	}
	if (!first)
		json_buffer_text(out, "]");
}

static void put_message(struct json_buffer *out, const ProtobufCMessageDescriptor *type)
{
	json_buffer_quote(out, type->short_name);
	json_buffer_text(out, ":{\"type\":\"object\",\"additionalProperties\":false");
	openapi_description(out, type->name, true);
	json_buffer_text(out, ",\"properties\":{");
	for (unsigned int i = 0; i < type->n_fields; i++) {
		if (i)
			json_buffer_char(out, ',');
		put_name(out, &type->fields[i]);
		json_buffer_char(out, ':');
		openapi_field_schema(out, type, &type->fields[i]);
	}
	json_buffer_char(out, '}');
	put_oneofs(out, type);
	json_buffer_char(out, '}');
}

static void put_enum(struct json_buffer *out, const ProtobufCEnumDescriptor *type)
{
	json_buffer_quote(out, type->short_name);
	json_buffer_text(out, ":{\"type\":\"string\"");
	openapi_description(out, type->name, true);
	json_buffer_text(out, ",\"enum\":[");
	for (unsigned int i = 0; i < type->n_values; i++) {
		if (i)
			json_buffer_char(out, ',');
		json_buffer_quote(out, type->values[i].name);
	}
	json_buffer_text(out, "]}");
}

void openapi_schemas(struct json_buffer *out, const struct openapi_types *types)
{
	for (size_t i = 0; i < types->message_count; i++) {
		if (i)
			json_buffer_char(out, ',');
		put_message(out, types->messages[i]);
	}
	for (size_t i = 0; i < types->enum_count; i++) {
		if (types->message_count || i)
			json_buffer_char(out, ',');
		put_enum(out, types->enums[i]);
	}
}
