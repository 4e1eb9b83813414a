/* queue: the counters of an interface's queues (qdiscs). Any thread; see link.h for what holds for
 * the room. */
#pragma once
#include <stdint.h>

/**
 * queue_drops() - packets that the queues of an interface have dropped since they exist
 * @ret_drops: wraps at 2^32, as the kernel's counter does; 0 where the interface has no queue
 *
 * No other counter holds what a queue drops of a train that it cut itself. Return: 0; -EINVAL;
 * negative errno.
 */
int queue_drops(uint32_t ifindex, uint32_t *ret_drops);
