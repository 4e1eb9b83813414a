/*
 * wire: see wire.h. The scan recurses on sub-messages of the schema only, WIRE_DEPTH_MAX deep at
 * most; protobuf-c unpacks only what passed.
 *
 * Own code, because protobuf_c_message_unpack() 1.4.1 does not defend itself: it recurses without a
 * limit, merges a singular sub-message that comes twice (each merge copies: n²), cuts strings at
 * NUL and does not check their UTF-8, silently truncates integers, and takes 40 bytes of scratch a
 * field. Its memory is capped (heap_budget.h).
 */
#include "api/codec/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/json_fault.h"
#include "api/codec/json_name.h"
#include "api/codec/json_read_value.h"
#include "api/codec/json_time.h"
#include "api/codec/message.h"
#include "api/codec/utf8.h"

enum { TAG_LEN_MAX = 5, LENGTH_LEN_MAX = 5, VARINT_LEN_MAX = 10 };
enum { WIRE_GROUP_START = 3, WIRE_GROUP_END = 4 };
#define FIELD_NUMBER_MAX 536870911U

struct reader {
	const uint8_t *start; /* of the whole body: offsets in messages count from here */
	size_t fields;
	bool ignore_unknown;
	struct json_faults faults; /* of values; one of the structure ends the scan: what follows
				      cannot be trusted */
	uint64_t unknown;	   /* field number of the outermost message; 0: none */
	size_t unknown_at;
};

/* One message in the body, or the elements of a packed list. */
struct span {
	const uint8_t *at;
	const uint8_t *end;
};

/* A message being scanned. */
struct frame {
	const ProtobufCMessageDescriptor *type;
	const struct json_place *place;
	unsigned depth;
	uint32_t seen[MESSAGE_FIELDS_MAX]; /* how often a field came, by index */
	int64_t seconds;		   /* of a Timestamp or Duration */
	int64_t nanos;
};

static bool scan_message(struct reader *reader, struct span span,
			 const ProtobufCMessageDescriptor *type, const struct json_place *place,
			 unsigned depth);

/* What is wrong with a value: the rest can be read all the same. */
static void note(struct reader *reader, const struct json_place *place, const uint8_t *at,
		 const char *fault)
{
	json_fault(&reader->faults, place, "%s (at byte %zu)", fault, (size_t)(at - reader->start));
}

/* What is wrong with the structure. Return: false */
static bool refuse(struct reader *reader, const struct json_place *place, const uint8_t *at,
		   const char *fault)
{
	note(reader, place, at, fault);
	return false;
}

static bool take_varint(struct reader *reader, struct span *span, const struct json_place *place,
			size_t len_max, uint64_t *ret_value)
{
	uint64_t value = 0;
	const uint8_t *p = span->at;
	for (size_t i = 0; i < len_max; i++, p++) {
		if (p == span->end)
			return refuse(reader, place, p, "the message is truncated inside a number");
		if (i == VARINT_LEN_MAX - 1 && *p > 1)
			return refuse(reader, place, p, "a number of more than 64 bits");
		value |= (uint64_t)(*p & 0x7F) << (7 * i);
		if (*p < 0x80) {
			span->at = p + 1;
			*ret_value = value;
			return true;
		}
	}
	return refuse(reader, place, span->at, "a number encoded in too many bytes");
}

/* A length and as many bytes: *ret_inside. */
static bool take_delimited(struct reader *reader, struct span *span, const struct json_place *place,
			   struct span *ret_inside)
{
	uint64_t len;
	const uint8_t *at = span->at;
	if (!take_varint(reader, span, place, LENGTH_LEN_MAX, &len))
		return false;
	if (len > (size_t)(span->end - span->at))
		return refuse(reader, place, at, "a length past the end of the message");
	*ret_inside = (struct span){span->at, span->at + len};
	span->at += len;
	return true;
}

static bool take_fixed(struct reader *reader, struct span *span, const struct json_place *place,
		       size_t len)
{
	if ((size_t)(span->end - span->at) < len)
		return refuse(reader, place, span->at, "the message is truncated inside a number");
	span->at += len;
	return true;
}

static unsigned wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT: return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE: return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	default: return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

static void check_varint(struct reader *reader, const ProtobufCFieldDescriptor *field,
			 const struct json_place *place, const uint8_t *at, uint64_t value)
{
	const ProtobufCEnumDescriptor *names = field->descriptor;
	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_SINT32:
		if (value <= UINT32_MAX)
			return;
		break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		if ((int64_t)value < INT32_MIN || (int64_t)value > INT32_MAX)
			break;
		if (field->type == PROTOBUF_C_TYPE_INT32 ||
		    protobuf_c_enum_descriptor_get_value(names, (int)(int64_t)value))
			return;
		json_fault(&reader->faults, place, "%" PRId64 " is not a value of %s (at byte %zu)",
			   (int64_t)value, names->short_name, (size_t)(at - reader->start));
		return;
	default: return;
	}
	note(reader, place, at, "a number of more than 32 bits");
}

/* One number of the field's type. */
static bool scan_number(struct reader *reader, struct span *span, struct frame *frame,
			const ProtobufCFieldDescriptor *field, const struct json_place *place)
{
	const uint8_t *at = span->at;
	uint64_t value;
	switch (wire_type_of(field->type)) {
	case PROTOBUF_C_WIRE_TYPE_32BIT: return take_fixed(reader, span, place, 4);
	case PROTOBUF_C_WIRE_TYPE_64BIT: return take_fixed(reader, span, place, 8);
	default: break;
	}
	if (!take_varint(reader, span, place, VARINT_LEN_MAX, &value))
		return false;
	check_varint(reader, field, place, at, value);
	if (json_time_is(frame->type))
		*(field->id == 1 ? &frame->seconds : &frame->nanos) = (int64_t)value;
	return true;
}

static void check_string(struct reader *reader, struct span text, const struct json_place *place)
{
	size_t len = (size_t)(text.end - text.at);
	const uint8_t *nul = len ? memchr(text.at, 0, len) : NULL;
	size_t bad = utf8_bad_offset(text.at, len);
	if (nul)
		note(reader, place, nul, "a NUL in a string");
	else if (bad < len)
		note(reader, place, text.at + bad, "not valid UTF-8");
}

static bool scan_delimited(struct reader *reader, struct span *span, struct frame *frame,
			   const ProtobufCFieldDescriptor *field, const struct json_place *place)
{
	struct span inside;
	if (!take_delimited(reader, span, place, &inside))
		return false;
	switch (field->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		return scan_message(reader, inside, field->descriptor, place, frame->depth + 1);
	case PROTOBUF_C_TYPE_STRING: check_string(reader, inside, place); return true;
	case PROTOBUF_C_TYPE_BYTES: return true;
	default: break;
	}
	while (inside.at < inside.end) /* packed */
		if (!scan_number(reader, &inside, frame, field, place))
			return false;
	return true;
}

/* A value of one of the four types that have a length. */
static bool skip(struct reader *reader, struct span *span, const struct json_place *place,
		 unsigned wire_type)
{
	uint64_t value;
	struct span inside;
	switch (wire_type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return take_varint(reader, span, place, VARINT_LEN_MAX, &value);
	case PROTOBUF_C_WIRE_TYPE_64BIT: return take_fixed(reader, span, place, 8);
	case PROTOBUF_C_WIRE_TYPE_32BIT: return take_fixed(reader, span, place, 4);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		return take_delimited(reader, span, place, &inside);
	default: return false;
	}
}

static bool skip_unknown(struct reader *reader, struct span *span, const struct frame *frame,
			 uint64_t number, unsigned wire_type, const uint8_t *tag)
{
	bool known_type = wire_type <= PROTOBUF_C_WIRE_TYPE_32BIT &&
			  wire_type != WIRE_GROUP_START && wire_type != WIRE_GROUP_END;
	if (!known_type) {
		json_fault(&reader->faults, frame->place,
			   wire_type == WIRE_GROUP_START || wire_type == WIRE_GROUP_END
				   ? "field number %" PRIu64 " of %s is a group (at byte %zu)"
				   : "unknown field number %" PRIu64 " of %s (at byte %zu)",
			   number, frame->type->short_name, (size_t)(tag - reader->start));
		return false;
	}
	if (!reader->ignore_unknown && frame->place->parent) {
		json_fault(&reader->faults, frame->place,
			   "unknown field number %" PRIu64 " of %s (at byte %zu)", number,
			   frame->type->short_name, (size_t)(tag - reader->start));
	} else if (!reader->ignore_unknown && !reader->unknown) {
		reader->unknown = number;
		reader->unknown_at = (size_t)(tag - reader->start);
	}
	return skip(reader, span, frame->place, wire_type);
}

/* Was the field, or its rival in a oneof, here before? */
static void check_once(struct reader *reader, const struct frame *frame,
		       const ProtobufCFieldDescriptor *field, const struct json_place *place,
		       const uint8_t *tag)
{
	char camel[JSON_NAME_MAX];
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return;
	if (frame->seen[field - frame->type->fields]) {
		note(reader, place, tag, "given twice");
		return;
	}
	if (!message_is_oneof(field))
		return;
	for (unsigned i = 0; i < frame->type->n_fields; i++) {
		const ProtobufCFieldDescriptor *other = &frame->type->fields[i];
		if (!frame->seen[i] || !message_is_oneof(other) ||
		    other->quantifier_offset != field->quantifier_offset)
			continue;
		json_name_camel(other->name, camel);
		json_fault(&reader->faults, place,
			   "cannot be combined with %s; give one of the two (at byte %zu)", camel,
			   (size_t)(tag - reader->start));
		return;
	}
}

static bool scan_known(struct reader *reader, struct span *span, struct frame *frame,
		       const ProtobufCFieldDescriptor *field, unsigned wire_type,
		       const uint8_t *tag)
{
	bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
	bool delimited = wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	bool number = wire_type_of(field->type) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	uint32_t *seen = &frame->seen[field - frame->type->fields];
	struct json_place place = {.parent = frame->place, .name = field->name};
	struct json_place element = {.parent = &place, .index = *seen};
	if (wire_type != wire_type_of(field->type) && !(list && number && delimited)) {
		note(reader, &place, tag, "wrong wire type for this field");
		return skip(reader, span, &place, wire_type);
	}
	check_once(reader, frame, field, &place, tag);
	++*seen;
	const struct json_place *here = list && !(number && delimited) ? &element : &place;
	return delimited ? scan_delimited(reader, span, frame, field, here)
			 : scan_number(reader, span, frame, field, here);
}

static bool scan_field(struct reader *reader, struct span *span, struct frame *frame)
{
	const uint8_t *tag_at = span->at;
	uint64_t tag;
	if (!take_varint(reader, span, frame->place, TAG_LEN_MAX, &tag))
		return false;
	uint64_t number = tag >> 3;
	unsigned wire_type = tag & 7;
	if (number == 0 || number > FIELD_NUMBER_MAX)
		return refuse(reader, frame->place, tag_at, "no such field number");
	if (++reader->fields > WIRE_FIELDS_MAX)
		return refuse(reader, frame->place, tag_at, "more than 65536 fields");
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field(frame->type, (unsigned)number);
	if (!field)
		return skip_unknown(reader, span, frame, number, wire_type, tag_at);
	return scan_known(reader, span, frame, field, wire_type, tag_at);
}

static bool scan_message(struct reader *reader, struct span span,
			 const ProtobufCMessageDescriptor *type, const struct json_place *place,
			 unsigned depth)
{
	struct frame frame = {.type = type, .place = place, .depth = depth};
	const uint8_t *start = span.at;
	assert(type->n_fields <= MESSAGE_FIELDS_MAX);
	if (depth > WIRE_DEPTH_MAX)
		return refuse(reader, place, start, "nested deeper than 16");
	while (span.at < span.end)
		if (!scan_field(reader, &span, &frame))
			return false;
	if (!json_time_is(type))
		return true;
	bool fits = !strcmp(type->short_name, "Timestamp")
			    ? json_time_timestamp_fits(frame.seconds, (int32_t)frame.nanos)
			    : json_time_duration_fits(frame.seconds, (int32_t)frame.nanos);
	if (!fits)
		note(reader, place, start, "out of range for a time");
	return true;
}

static void *capped_alloc(void *budget, size_t size)
{
	return heap_budget_take(budget, size) ? malloc(size) : NULL;
}

static void capped_free(void *budget, void *pointer)
{
	if (pointer)
		heap_budget_give_back(budget, malloc_usable_size(pointer));
	free(pointer);
}

/* Unknown fields were asked to be ignored: then nothing of them may be stored or sent on. */
static void strip_unknown(ProtobufCMessage *message)
{
	for (unsigned i = 0; i < message->n_unknown_fields; i++)
		free(message->unknown_fields[i].data);
	free(message->unknown_fields);
	message->unknown_fields = NULL;
	message->n_unknown_fields = 0;
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		if (field->type != PROTOBUF_C_TYPE_MESSAGE || !message_has(message, field))
			continue;
		bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
		size_t count = list ? message_repeated_count(message, field) : 1;
		ProtobufCMessage **members = list ? *(void **)message_member(message, field)
						  : message_member(message, field);
		for (size_t j = 0; j < count; j++)
			strip_unknown(members[j]);
	}
}

static int unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
		  ProtobufCMessage **ret_message, struct error *ret_error)
{
	struct heap_budget budget = heap_budget_for(len);
	ProtobufCAllocator allocator = {capped_alloc, capped_free, &budget};
	ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, len, data);
	if (message) {
		*ret_message = message;
		return 0;
	}
	if (budget.exceeded)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "%zu bytes of protobuf that would take more than %zu bytes of "
				 "memory: too many small elements",
				 len, heap_budget_for(len).left);
	return error_set(ret_error, ERROR_CODE_INTERNAL, "cannot decode the message");
}

/* Of the outermost message, which has no field to name. */
static void note_unknown(struct reader *reader, const ProtobufCMessageDescriptor *type,
			 const struct json_place *document)
{
	static const char FORMAT[] = "unknown field number %" PRIu64 " of %s (at byte %zu)";
	if (!reader->faults.count)
		json_fault(&reader->faults, document, FORMAT, reader->unknown, type->short_name,
			   reader->unknown_at);
	else
		error_violate(reader->faults.error, "", FORMAT, reader->unknown, type->short_name,
			      reader->unknown_at);
}

int wire_read(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
	      bool ignore_unknown, ProtobufCMessage **ret_message, struct error *ret_error)
{
	static const uint8_t nothing[1];
	const struct json_place document = {.parent = NULL};
	struct reader reader = {
		.start = data ? data : nothing,
		.ignore_unknown = ignore_unknown,
		.faults = {.error = ret_error},
	};
	struct span span = {reader.start, reader.start + len};
	bool whole = scan_message(&reader, span, type, &document, 1);
	if (whole && reader.unknown)
		note_unknown(&reader, type, &document);
	if (reader.faults.count && !ret_error->violation_count) /* of no field: what was it? */
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "not a valid %s in protobuf: %s", type->short_name,
				 error_message(ret_error));
	if (reader.faults.count)
		return json_faults_end(&reader.faults);
	int r = unpack(type, reader.start, len, ret_message, ret_error);
	if (!r && ignore_unknown)
		strip_unknown(*ret_message);
	return r;
}

int wire_write(const ProtobufCMessage *message, uint8_t **ret_data, size_t *ret_len,
	       struct error *ret_error)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *data = malloc(len ? len : 1);
	if (!data)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	*ret_len = protobuf_c_message_pack(message, data);
	*ret_data = data;
	return 0;
}
