/*
 * json_read: canonical proto3 JSON to a protobuf-c message, driven by descriptors alone.
 *
 * The message is built straight from the checked text: a tree of json-c in between costs 70 to 250
 * bytes a value, more than the 1 MiB that a hostile 64 KiB body may take (heap_budget.h). Names:
 * lowerCamelCase and snake_case; enums by name, name without prefix (in any case), or number;
 * 64-bit integers as strings or numbers; bytes base64 standard or URL-safe; Timestamp and Duration
 * as strings; null = absent; NaN and Infinity as strings. Thread: any; no shared state.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

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
