/*
 * sender_orders: applying what other threads asked for by the control calls of sender.h.
 * Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/** sender_orders_apply() - apply what was asked for since the last call; may set sender->end */
void sender_orders_apply(struct sender *sender, int64_t now_ns);

/** sender_orders_set_deadline() - the max_duration in force ends a job that has begun */
void sender_orders_set_deadline(struct sender *sender);

/** sender_orders_end() - nothing more will be sent: no order has anything left to change */
void sender_orders_end(struct sender *sender);
