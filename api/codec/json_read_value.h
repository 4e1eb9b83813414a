/* json_read_value: one JSON value into one value of a field's type. Private to json_read. */
#pragma once
#include <stdbool.h>

#include "api/codec/json_fault.h"
#include "api/codec/json_scan.h"
#include "api/codec/message.h"

struct json_reader {
	struct json_scan scan; /* over checked text; the current token begins the value */
	struct heap_budget budget;
	struct json_faults faults;
	const struct json_read_options *options; /* NULL: none */
	bool ignore_unknown;
	bool stopped; /* no memory, or past the budget: unwind */
};

/** json_read_scalar() - the current value, which is not null, into @member (a scalar's storage, a
 * char * or a ProtobufCBinaryData); steps to its last token. Return: false: a fault was reported,
 * or the reader is stopped; @member is unchanged */
bool json_read_scalar(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		      const struct json_place *place, void *member);

/** json_read_time() - a string into a Timestamp or Duration */
bool json_read_time(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		    const struct json_place *place, ProtobufCMessage *message);

/** json_read_mismatch() - report a value of the wrong kind, step past it. Return: false */
bool json_read_mismatch(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			const struct json_place *place);
/** json_read_mismatch_list() - report that a list was expected, step past the value */
void json_read_mismatch_list(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			     const struct json_place *place);

/** json_read_kind() - "a list", "an object", … */
const char *json_read_kind(enum json_token token);
