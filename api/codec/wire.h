/*
 * wire: the gate in front of protobuf_c_message_unpack(): a descriptor-driven scan without
 * recursion on hostile depth, then unpacking with a byte-capped allocator.
 *
 * Refused: depth > 16, more than 65,536 fields, a singular field twice, two members of one oneof,
 * unknown fields, wrong wire types, strings that are not UTF-8 or hold NUL, trailing bytes. Packed
 * and unpacked repeated scalars are both read. Thread: any; no shared state.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { WIRE_DEPTH_MAX = 16, WIRE_FIELDS_MAX = 65536 };

/**
 * wire_read() - scan and unpack
 * @ignore_unknown: skip unknown fields instead of refusing them
 *
 * Return: 0 with *ret_message owned (protobuf_c_message_free_unpacked(m, NULL)); INVALID_ARGUMENT
 * naming field path and offset.
 */
int wire_read(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
	      bool ignore_unknown, ProtobufCMessage **ret_message, struct error *ret_error);

/** wire_write() - *ret_data owned. Return: 0; INTERNAL */
int wire_write(const ProtobufCMessage *message, uint8_t **ret_data, size_t *ret_len,
	       struct error *ret_error);
