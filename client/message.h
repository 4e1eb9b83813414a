/*
 * message: messages of the schema on the heap, built by hand or unpacked. Thread: any; no state.
 */
#pragma once
#include "util.h"

#include <protobuf-c/protobuf-c.h>

/* A new message, owned; freed with the message that it becomes a part of. */
#define MESSAGE_NEW(type, init)                                                                    \
	({                                                                                         \
		__typeof__(type) inert_ = init;                                                    \
		__typeof__(inert_) *message_ = util_calloc(1, sizeof *message_);                   \
		*message_ = inert_;                                                                \
		message_;                                                                          \
	})

/** message_free() - @message with all its parts; NULL is fine */
void message_free(ProtobufCMessage *message);
