/* blob: see blob.h. */
#include "store/blob.h"

#include <stdlib.h>

struct blob *blob_new(size_t len)
{
	struct blob *blob = malloc(sizeof *blob + len);
	if (!blob)
		return NULL;
	atomic_init(&blob->references, 1);
	blob->len = len;
	return blob;
}

struct blob *blob_pack(const ProtobufCMessage *message)
{
	struct blob *blob = blob_new(protobuf_c_message_get_packed_size(message));
	if (blob)
		protobuf_c_message_pack(message, blob->data);
	return blob;
}

struct blob *blob_ref(struct blob *blob)
{
	if (blob)
		atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
	return blob;
}

struct blob *blob_unref(struct blob *blob)
{
	if (blob && atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel) == 1)
		free(blob);
	return NULL;
}
