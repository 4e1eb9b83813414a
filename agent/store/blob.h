/*
 * blob: bytes that never change once shared, with a count of references.
 *
 * Packed messages are kept as blobs: a reader takes a reference under the agent's lock and reads
 * without it. Thread: blob_new() to the first sharing: one; from then on any.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct blob {
	_Atomic uint32_t references; /* any thread raises (relaxed) and lowers (acquire-release) */
	size_t len;
	uint8_t data[];
};

/** blob_new() - @len bytes to be filled. Return: owned; NULL: out of memory */
struct blob *blob_new(size_t len);
/** blob_pack() - a message as protobuf bytes. Return: owned; NULL: out of memory */
struct blob *blob_pack(const ProtobufCMessage *message);
/** blob_ref() - one more owner; NULL-safe. Return: @blob */
struct blob *blob_ref(struct blob *blob);
/** blob_unref() - one owner less; NULL-safe. Return: NULL */
struct blob *blob_unref(struct blob *blob);

static inline size_t blob_len(const struct blob *blob)
{
	return blob ? blob->len : 0;
}

static inline void blob_unref_variable(struct blob **blob)
{
	*blob = blob_unref(*blob);
}
#define _cleanup_blob_ __attribute__((cleanup(blob_unref_variable)))
