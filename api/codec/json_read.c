/*
 * json_read: checked JSON text straight into protobuf-c messages, by descriptor.
 *
 * The text has passed json_check(), so that this pass meets only well-formed tokens, at most 32
 * deep: it recurses on sub-messages only. There is no tree in between: json-c takes 70 to 250 bytes
 * a value, which a 64 KiB body of numbers turns into megabytes before the first field is looked at.
 * Faults do not end the pass; all of them are reported. Memory running past the budget does.
 */
#include "api/codec/json_read.h"
#include "api/codec/json_check.h"

#include <assert.h>
#include <string.h>

#include "api/codec/json_fault.h"
#include "api/codec/json_name.h"
#include "api/codec/json_read_value.h"
#include "api/codec/json_scan.h"
#include "api/codec/json_time.h"
#include "api/codec/message.h"

enum field_state { FIELD_UNSEEN, FIELD_NULL, FIELD_GIVEN };

struct object {
	ProtobufCMessage *message;
	const struct json_place *place;
	uint8_t state[MESSAGE_FIELDS_MAX]; /* enum field_state, by index of the field */
};

static bool read_object(struct json_reader *reader, ProtobufCMessage *message,
			const struct json_place *place);

static bool out_of_memory(struct json_reader *reader)
{
	reader->stopped = true;
	return false;
}

static bool read_message(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
			 const struct json_place *place, ProtobufCMessage **ret_message)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;
	bool is_time = json_time_is(type);
	if (!is_time && reader->scan.token != JSON_TOKEN_OBJECT)
		return json_read_mismatch(reader, field, place);
	/* In its place before it is filled: an outer free reaches it whatever happens. */
	*ret_message = message_new(type, &reader->budget);
	if (!*ret_message)
		return out_of_memory(reader);
	return is_time ? json_read_time(reader, field, place, *ret_message)
		       : read_object(reader, *ret_message, place);
}

/* What could not be read is an empty one of its kind: the element of a list, or the member that a
 * oneof's case names, is never NULL, also for those who judge what else there is. */
static void fill_hole(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		      void **member)
{
	if (*member)
		return;
	*member = field->type == PROTOBUF_C_TYPE_MESSAGE
			  ? (void *)message_new(field->descriptor, &reader->budget)
			  : message_allocate(1, &reader->budget);
	if (!*member)
		out_of_memory(reader);
	else if (field->type == PROTOBUF_C_TYPE_STRING)
		*(char *)*member = '\0';
}

/* Reads the current value into @member, one value of the field's type; steps past it in any case.
 */
static void read_value(struct json_reader *reader, const ProtobufCFieldDescriptor *field,
		       const struct json_place *place, void *member)
{
	bool message = field->type == PROTOBUF_C_TYPE_MESSAGE;
	bool read = message ? read_message(reader, field, place, member)
			    : json_read_scalar(reader, field, place, member);
	if (!read && !reader->stopped && (message || field->type == PROTOBUF_C_TYPE_STRING))
		fill_hole(reader, field, member);
}

static void read_list(struct json_reader *reader, ProtobufCMessage *message,
		      const ProtobufCFieldDescriptor *field, const struct json_place *place)
{
	if (reader->scan.token != JSON_TOKEN_ARRAY) {
		json_read_mismatch_list(reader, field, place);
		return;
	}
	struct json_place element = {.parent = place};
	size_t capacity = 0;
	while (!reader->stopped && json_scan_next(&reader->scan) != JSON_TOKEN_ARRAY_END) {
		if (reader->scan.token == JSON_TOKEN_COMMA)
			continue;
		if (reader->scan.token == JSON_TOKEN_NULL) {
			json_fault(&reader->faults, &element,
				   "null is not allowed as an element of a list");
		} else {
			void *value = message_append(message, field, &capacity, &reader->budget);
			if (value)
				read_value(reader, field, &element, value);
			else
				out_of_memory(reader);
		}
		element.index++;
	}
	message_append_done(message, field, capacity, &reader->budget);
}

/* The member of @field's oneof that was given before it; NULL: none. */
static const ProtobufCFieldDescriptor *rival(const struct object *object,
					     const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *type = object->message->descriptor;
	if (!message_is_oneof(field))
		return NULL;
	for (unsigned i = 0; i < type->n_fields; i++)
		if (&type->fields[i] != field && message_is_oneof(&type->fields[i]) &&
		    type->fields[i].quantifier_offset == field->quantifier_offset &&
		    object->state[i] == FIELD_GIVEN)
			return &type->fields[i];
	return NULL;
}

/* The current token is the value of @field. */
static void read_field(struct json_reader *reader, struct object *object,
		       const ProtobufCFieldDescriptor *field, const struct json_place *place)
{
	uint8_t *state = &object->state[field - object->message->descriptor->fields];
	const ProtobufCFieldDescriptor *other = rival(object, field);
	char camel[JSON_NAME_MAX], camel_other[JSON_NAME_MAX];
	json_name_camel(field->name, camel);
	if (*state != FIELD_UNSEEN) {
		json_fault(&reader->faults, place, "given twice, as %s and as %s", field->name,
			   camel);
		json_scan_skip(&reader->scan);
		return;
	}
	*state = reader->scan.token == JSON_TOKEN_NULL ? FIELD_NULL : FIELD_GIVEN;
	if (*state == FIELD_NULL)
		return;
	if (other) {
		json_name_camel(other->name, camel_other);
		json_fault(&reader->faults, place,
			   "cannot be combined with %s; give one of the two", camel_other);
		json_scan_skip(&reader->scan);
		return;
	}
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		read_list(reader, object->message, field, place);
		return;
	}
	/* The case first: what a fault leaves half read is then freed with the message. */
	message_set_case(object->message, field);
	read_value(reader, field, place, message_member(object->message, field));
}

/* Is it a name for which the caller gave the right place? */
static bool misplaced(const struct json_reader *reader, const struct json_place *place)
{
	const char *name = reader->options ? reader->options->misplaced : NULL;
	return name && !place->parent->parent && json_name_is(name, place->name, place->name_len);
}

static void read_unknown(struct json_reader *reader, const struct object *object,
			 const struct json_place *place)
{
	char near[JSON_NAME_MAX];
	struct json_quoted name = json_fault_quote(place->name, place->name_len);
	const ProtobufCMessageDescriptor *type = object->message->descriptor;
	if (!reader->ignore_unknown) {
		if (misplaced(reader, place))
			json_fault(&reader->faults, place, "not a field of %s: %s",
				   type->short_name, reader->options->misplaced_where);
		else if (reader->faults.count < ERROR_VIOLATIONS_MAX &&
			 json_name_near_field(type, place->name, place->name_len, near))
			json_fault(&reader->faults, place,
				   "unknown field \"%s\"; did you mean \"%s\"?", name.text, near);
		else
			json_fault(&reader->faults, place, "unknown field \"%s\" of %s", name.text,
				   type->short_name);
	}
	json_scan_skip(&reader->scan);
}

/* The current token is a key: reads it and its value. */
static void read_member(struct json_reader *reader, struct object *object)
{
	const char *raw = reader->scan.text + reader->scan.begin;
	size_t len = reader->scan.end - reader->scan.begin;
	char resolved[6 * JSON_NAME_MAX];
	struct json_place place = {
		.parent = object->place, .name = raw + 1, .name_len = len - 2, .raw = true};
	if (len <= sizeof resolved && memchr(raw, '\\', len)) {
		struct json_bytes bytes = json_bytes_of(raw);
		place.name_len = json_bytes_copy(&bytes, resolved);
		place.name = resolved;
	}
	json_scan_next(&reader->scan); /* the colon */
	json_scan_next(&reader->scan);
	const ProtobufCFieldDescriptor *field =
		json_name_field(object->message->descriptor, place.name, place.name_len);
	if (!field) {
		read_unknown(reader, object, &place);
		return;
	}
	place.raw = false;
	place.name = field->name;
	read_field(reader, object, field, &place);
}

static bool read_object(struct json_reader *reader, ProtobufCMessage *message,
			const struct json_place *place)
{
	struct object object = {.message = message, .place = place};
	assert(message->descriptor->n_fields <= MESSAGE_FIELDS_MAX);
	while (!reader->stopped && json_scan_next(&reader->scan) != JSON_TOKEN_OBJECT_END)
		if (reader->scan.token == JSON_TOKEN_STRING)
			read_member(reader, &object);
	return !reader->stopped;
}

static int read_document(struct json_reader *reader, const ProtobufCMessageDescriptor *type,
			 const struct json_read_options *options, ProtobufCMessage **ret_message)
{
	struct error *error = reader->faults.error;
	const struct json_place document = {.parent = NULL};
	json_scan_next(&reader->scan);
	if (reader->scan.token != JSON_TOKEN_OBJECT)
		return error_set(error, ERROR_CODE_INVALID_ARGUMENT,
				 "%s where an object {…} of type %s is expected",
				 json_read_kind(reader->scan.token), type->short_name);
	ProtobufCMessage *message = message_new(type, &reader->budget);
	if (!message)
		return error_set(error, ERROR_CODE_INTERNAL, "out of memory");
	read_object(reader, message, &document);
	int r = json_faults_end(&reader->faults);
	if (reader->budget.exceeded)
		r = error_set(
			error, ERROR_CODE_INVALID_ARGUMENT,
			"%zu bytes of JSON that would take more than %zu bytes of memory: too many "
			"small elements",
			reader->scan.len, heap_budget_for(reader->scan.len).left);
	else if (reader->stopped)
		r = error_set(error, ERROR_CODE_INTERNAL, "out of memory");
	else if (r && options && options->judge)
		options->judge(options->judge_context, message, error);
	if (r)
		protobuf_c_message_free_unpacked(message, NULL);
	else
		*ret_message = message;
	return r;
}

int json_read(const ProtobufCMessageDescriptor *type, const char *text, size_t len,
	      const struct json_read_options *options, ProtobufCMessage **ret_message,
	      struct error *ret_error)
{
	int r = json_check(text, len, ret_error);
	if (r)
		return r;
	struct json_reader reader = {
		.scan = {.text = text, .len = len},
		.budget = heap_budget_for(len),
		.faults = {.error = ret_error, .prefix = options ? options->field_prefix : NULL},
		.options = options,
		.ignore_unknown = options && options->ignore_unknown,
	};
	return read_document(&reader, type, options, ret_message);
}
