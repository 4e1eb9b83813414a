/* message: see message.h. */
#include "api/codec/message.h"

#include <string.h>

enum { FIRST_CAPACITY = 4 };

size_t message_value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_ENUM: return 4;
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return 8;
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
	return sizeof(void *);
}

static bool is_zero(const void *member, ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING: {
		const char *text = *(char *const *)member;
		return !text || !*text;
	}
	case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)member)->len == 0;
	case PROTOBUF_C_TYPE_DOUBLE:
		return *(const double *)member == 0; /* as protobuf-c: -0 too */
	case PROTOBUF_C_TYPE_FLOAT: return *(const float *)member == 0;
	default: break;
	}
	static const uint8_t zeros[sizeof(void *)];
	return memcmp(member, zeros, message_value_size(type)) == 0;
}

bool message_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	if (message_is_oneof(field) &&
	    *(uint32_t *)message_at(message, field->quantifier_offset) != field->id)
		return false;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return true;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void **)message_member(message, field) != NULL;
	return true;
}

bool message_has(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	if (!message_present(message, field))
		return false;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return message_repeated_count(message, field) > 0;
	return message_is_oneof(field) || field->type == PROTOBUF_C_TYPE_MESSAGE ||
	       !is_zero(message_member(message, field), field->type);
}

void *message_allocate(size_t size, struct heap_budget *budget)
{
	size = size ? size : 1;
	return heap_budget_take(budget, size) ? malloc(size) : NULL;
}

ProtobufCMessage *message_new(const ProtobufCMessageDescriptor *type, struct heap_budget *budget)
{
	ProtobufCMessage *message = message_allocate(type->sizeof_message, budget);
	if (message)
		protobuf_c_message_init(type, message);
	return message;
}

static bool resize(void **array, size_t from, size_t to, struct heap_budget *budget)
{
	if (!heap_budget_take(budget, to)) /* old and new live side by side for a moment */
		return false;
	void *moved = realloc(*array, to);
	if (!moved)
		return false;
	*array = moved;
	if (from)
		heap_budget_give_back(budget, from);
	return true;
}

void *message_append(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
		     size_t *capacity, struct heap_budget *budget)
{
	size_t *count = message_at(message, field->quantifier_offset);
	void **array = message_member(message, field);
	size_t size = message_value_size(field->type);
	if (*count == *capacity) {
		size_t grown = *capacity ? *capacity * 2 : FIRST_CAPACITY;
		if (!resize(array, *capacity * size, grown * size, budget))
			return NULL;
		*capacity = grown;
	}
	void *value = (uint8_t *)*array + *count * size;
	memset(value, 0, size);
	++*count;
	return value;
}

void message_append_done(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
			 size_t capacity, struct heap_budget *budget)
{
	size_t count = message_repeated_count(message, field);
	void **array = message_member(message, field);
	size_t size = message_value_size(field->type);
	if (!capacity || count == capacity)
		return;
	if (!count) {
		free(*array);
		*array = NULL;
		heap_budget_give_back(budget, capacity * size);
		return;
	}
	void *moved = realloc(*array, count * size);
	if (!moved)
		return;
	*array = moved;
	heap_budget_give_back(budget, capacity * size);
	budget->left -= heap_budget_chunk(count * size); /* no more than was just given back */
}

void message_set_case(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	if (message_is_oneof(field))
		*(uint32_t *)message_at(message, field->quantifier_offset) = field->id;
	else if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
		 field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_STRING)
		*(protobuf_c_boolean *)message_at(message, field->quantifier_offset) = true;
}
