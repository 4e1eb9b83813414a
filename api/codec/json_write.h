/*
 * json_write: a protobuf-c message as proto3 JSON, driven by descriptors alone, into one buffer.
 *
 * For text that is not a message (errors) see json_buffer.h. Thread: any; no shared state.
 */
#pragma once
#include "pagecast/error.h"

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

enum json_style {
	JSON_CANONICAL,	 /* the RPC protocols: fields at their default are left out */
	JSON_WITH_ZEROS, /* REST and --json: also fields that are zero, false, unspecified or an
			    empty string or list; not absent messages or oneofs */
};

/** json_write() - *ret_text is NUL-terminated, owned, *ret_len bytes. Return: 0; INTERNAL */
int json_write(const ProtobufCMessage *message, enum json_style style, char **ret_text,
	       size_t *ret_len, struct error *ret_error);
