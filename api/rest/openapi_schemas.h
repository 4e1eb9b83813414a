/*
 * openapi_schemas: message types as JSON Schema, in the proto3 JSON form that REST uses.
 *
 * Thread: any; no shared state.
 */
#pragma once
#include "api/codec/json_buffer.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

enum { OPENAPI_NAME_MAX = 160 }; /* a full name of the schema */

/* The message and enum types that the document describes, each once. */
enum { OPENAPI_TYPES_MAX = 160 };
struct openapi_types {
	const ProtobufCMessageDescriptor *messages[OPENAPI_TYPES_MAX];
	size_t message_count;
	const ProtobufCEnumDescriptor *enums[OPENAPI_TYPES_MAX];
	size_t enum_count;
};

/** openapi_types_add() - @type and all that its fields lead to */
void openapi_types_add(struct openapi_types *types, const ProtobufCMessageDescriptor *type);

/** openapi_types_add_field() - the type of @field's value and all that it leads to, without the
 * message that the field is of */
void openapi_types_add_field(struct openapi_types *types, const ProtobufCFieldDescriptor *field);

/** openapi_ref() - {"$ref":"#/components/schemas/Job"} */
void openapi_ref(struct json_buffer *out, const char *short_name);

/** openapi_field_schema() - the schema of a field's value, lists included */
void openapi_field_schema(struct json_buffer *out, const ProtobufCMessageDescriptor *type,
			  const ProtobufCFieldDescriptor *field);

/** openapi_schemas() - the members of components.schemas for @types */
void openapi_schemas(struct json_buffer *out, const struct openapi_types *types);

/** openapi_description() - "description":"…" from the schema's comment, tidied; with a leading
 * comma if @comma and there is one. Return: whether something was written */
bool openapi_description(struct json_buffer *out, const char *full_name, bool comma);
