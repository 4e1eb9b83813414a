/*
 * json: canonical proto3 JSON <-> protobuf-c messages, driven by descriptors alone.
 *
 * json_check() is the strict RFC 8259 gate (depth, counts, duplicate keys, UTF-8). json_read() then
 * builds the message straight from the text, json_write() prints into one buffer: a tree of json-c
 * in between costs 70 to 250 bytes a value, more than the 1 MiB that a hostile 64 KiB body may take
 * (heap_budget.h). Names in: lowerCamelCase and snake_case; enums by name, name without prefix (in
 * any case), or number; 64-bit integers as strings or numbers; bytes base64 standard or URL-safe;
 * Timestamp and Duration as strings; null = absent; NaN and Infinity as strings. For text that is
 * no message (errors) see json_buffer.h. Thread: any; no shared state.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 262144 };

/** json_check() - is @text [@len bytes] strictly valid, and no string with U+0000 in it? Return: 0;
 * INVALID_ARGUMENT naming offset, line and column */
int json_check(const char *text, size_t len, struct error *ret_error);

struct json_read_options {
	bool ignore_unknown; /* Connect's leniency header; otherwise an unknown field is an error
				naming it */
	const char *field_prefix; /* put before every field path, as "spec."; NULL: none */
	/* Where there were faults: look at what could be read too and add what is wrong with it
	   (error_violate_new()), so that a caller hears of everything at once. NULL: nobody. */
	void (*judge)(void *context, const ProtobufCMessage *message, struct error *error);
	void *judge_context;
	/* A field of the outermost message that is unknown there, but has a place elsewhere: its
	   proto name, and where to put it. NULL: none. */
	const char *misplaced, *misplaced_where;
};

/**
 * json_read() - check, parse and build a message
 * @ret_message: owned; freed with protobuf_c_message_free_unpacked(m, NULL)
 *
 * Return: 0; INVALID_ARGUMENT with one violation a fault (path as "streams[0].udp.port").
 */
int json_read(const ProtobufCMessageDescriptor *type, const char *text, size_t len,
	      const struct json_read_options *options, ProtobufCMessage **ret_message,
	      struct error *ret_error);

enum json_style {
	JSON_CANONICAL,	 /* RPC faces: fields at their default are left out */
	JSON_WITH_ZEROS, /* REST and --json: also fields that are zero, false, unspecified or an
			    empty string or list; not absent messages or oneofs */
};

/** json_write() - *ret_text is NUL-terminated, owned, *ret_len bytes. Return: 0; INTERNAL */
int json_write(const ProtobufCMessage *message, enum json_style style, char **ret_text,
	       size_t *ret_len, struct error *ret_error);
