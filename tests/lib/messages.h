/*
 * messages: the schema's message types, and random and equal messages of any type, by descriptor.
 * For the codecs' tests and fuzz targets.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/** messages_types() - every message type that the services reach, and EveryType; the last is NULL
 */
const ProtobufCMessageDescriptor *const *messages_types(void);

struct messages_random {
	uint64_t state; /* any seed; the same one makes the same messages */
};

uint64_t messages_draw(struct messages_random *random, uint64_t below);

/** messages_random_new() - a message that both codecs must be able to carry: known enum values,
 * UTF-8, times in range. Freed with protobuf_c_message_free_unpacked(m, NULL) */
ProtobufCMessage *messages_random_new(struct messages_random *random,
				      const ProtobufCMessageDescriptor *type);

/** messages_equal() - same fields, same values; -0 is 0, one NaN is another */
bool messages_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);
