/*
 * sender_handover: one hand-over of one stream: how much may leave, flow_send(), the account, the
 * next instant. Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/**
 * sender_handover() - @stream's turn: hand over what is due, end the stream where it is done, put
 * it back where it belongs
 * @budget_ns: how long the turn may take where the stream has no rate; INT64_MAX: as long as it
 * likes
 *
 * Return: now.
 */
int64_t sender_handover(struct sender *sender, struct sender_stream *stream, int64_t now_ns,
			int64_t budget_ns);
