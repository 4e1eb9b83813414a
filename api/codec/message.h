/*
 * message: protobuf-c messages handled by descriptor: where a field lies, what is set, how one is
 * built.
 *
 * What message_*() builds is laid out as protobuf_c_message_unpack() would have left it, so that
 * protobuf_c_message_free_unpacked(m, NULL) frees it: every message, string, bytes value and array
 * a malloc() of its own; an empty singular string the field's static default. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "api/codec/heap_budget.h"

/* The widest message has 19 fields; per-field state of a reader is an array of this many. */
enum { MESSAGE_FIELDS_MAX = 64 };

static inline void *message_at(const ProtobufCMessage *message, size_t offset)
{
	return (uint8_t *)(uintptr_t)message + offset;
}

/** message_member() - the field's own storage: a scalar, a pointer, or the array pointer */
static inline void *message_member(const ProtobufCMessage *message,
				   const ProtobufCFieldDescriptor *field)
{
	return message_at(message, field->offset);
}

static inline size_t message_repeated_count(const ProtobufCMessage *message,
					    const ProtobufCFieldDescriptor *field)
{
	return *(const size_t *)message_at(message, field->quantifier_offset);
}

static inline bool message_is_oneof(const ProtobufCFieldDescriptor *field)
{
	return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/** message_value_size() - bytes of one value in its C form (an array's stride) */
size_t message_value_size(ProtobufCType type);

/** message_has() - would this field be on the wire? Oneof members by their case, sub-messages by
 * presence, lists by not being empty, everything else by not being zero */
bool message_has(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/** message_present() - can its value be printed? As message_has(), but true for zeros and empty
 * lists */
bool message_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/** message_new() - Return: an empty message, owned; NULL: no memory or past the budget */
ProtobufCMessage *message_new(const ProtobufCMessageDescriptor *type, struct heap_budget *budget);

/** message_allocate() - plain memory within the budget, at least one byte */
void *message_allocate(size_t size, struct heap_budget *budget);

/**
 * message_append() - room for one more value at the end of a list, zeroed and counted
 * @capacity: elements allocated so far; the caller's, 0 at first
 *
 * Return: where the value goes; NULL: no memory or past the budget (the list is unchanged)
 */
void *message_append(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
		     size_t *capacity, struct heap_budget *budget);

/** message_append_done() - give back what growing reserved too much */
void message_append_done(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
			 size_t capacity, struct heap_budget *budget);

/** message_set_case() - mark the oneof member as the one that is set, or an optional scalar as
 * given */
void message_set_case(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
