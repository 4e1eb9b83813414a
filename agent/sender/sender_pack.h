/* sender_pack: one filling after the other for a stream. Thread: worker. */
#pragma once
#include "sender/sender_private.h"

/**
 * sender_pack() - pack the next filling of @stream and load it; the one before is retired first
 *
 * Return: 0; negative errno: nothing is loaded.
 */
int sender_pack(struct sender_stream *stream);
