/*
 * json_name: the spellings of proto3 JSON: lowerCamelCase field names (protobuf-c keeps only the
 * proto's own), enum values with and without their prefix, and the nearest name to a mistyped one.
 * Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/* Longer than any name of the schema (a test looks). */
enum { JSON_NAME_MAX = 64 };

/** json_name_camel() - "max_bps_l2" -> "maxBpsL2" in @out, NUL-terminated. Return: its length */
size_t json_name_camel(const char *proto_name, char out[JSON_NAME_MAX]);

/** json_name_is() - does @name, [@len], spell the field, in either way? */
bool json_name_is(const char *proto_name, const char *name, size_t len);

/** json_name_field() - the field of that name, in either spelling; NULL: none */
const ProtobufCFieldDescriptor *json_name_field(const ProtobufCMessageDescriptor *type,
						const char *name, size_t len);

/** json_name_near_field() - lowerCamelCase name most like @name in @out. Return: false: none is
 * near
 */
bool json_name_near_field(const ProtobufCMessageDescriptor *type, const char *name, size_t len,
			  char out[JSON_NAME_MAX]);

/** json_name_enum() - the value called @name, with or without prefix, in any case; NULL: none */
const ProtobufCEnumValue *json_name_enum(const ProtobufCEnumDescriptor *type, const char *name,
					 size_t len);

/** json_name_enum_short() - "ENGINE_KIND_COPY" -> "COPY": into the value's own name */
const char *json_name_enum_short(const ProtobufCEnumDescriptor *type,
				 const ProtobufCEnumValue *value);
