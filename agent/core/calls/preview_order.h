/*
 * preview_order: the packets of a job in the order in which they would leave, and when.
 *
 * Every stream has a pacer of its own on a clock that nobody waits for; a heap by due time says
 * whose packet is next. Skipping goes run by run, not packet by packet, where one stream sends many
 * before another's turn. Thread: one.
 */
#pragma once
#include "packet/wire_image.h"
#include "sender/sender.h"

struct preview_order;

/* Steps that preview_order_skip() takes at most: 10 ms of a slow machine. */
enum { PREVIEW_ORDER_STEPS_MAX = 100000 };

struct preview_next { /* one packet; borrowed until the next call */
	const struct plan_stream *stream;
	const struct plan_item *item;
	const struct wire_image_context *image;
	uint64_t number; /* in its stream, from 0 */
	int64_t due_ns;	 /* from the start of the job */
};

/**
 * preview_order_new() - at the first packet
 * @plan, @sender: borrowed; the sender knows the lines' speeds
 *
 * Return: 0; -ENOMEM; -EINVAL: a rate that is none.
 */
int preview_order_new(struct preview_order **ret_order, const struct plan *plan,
		      const struct sender *sender);
struct preview_order *preview_order_free(struct preview_order *order);

/**
 * preview_order_skip() - leave out the first @packets
 *
 * Return: how many were left out: fewer where the job has fewer, or where the steps ran out.
 */
uint64_t preview_order_skip(struct preview_order *order, uint64_t packets);

/** preview_order_peek() - the next packet. Return: false: there is none */
bool preview_order_peek(struct preview_order *order, struct preview_next *ret_next);
/** preview_order_advance() - it is done with */
void preview_order_advance(struct preview_order *order);
