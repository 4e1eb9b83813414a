/* plan_bytes: the bytes of a plan's items and packets, when they are asked for. */
#pragma once
#include "packet/plan.h"

/** plan_item_payload() - which of the spec's payloads an item is made of */
size_t plan_item_payload(const struct plan_stream *stream, const struct plan_item *item);

/** plan_item_drawn_from() - the first byte that is drawn anew for each packet (RandomBytes.each);
 * item->len: none is */
uint32_t plan_item_drawn_from(const struct plan_stream *stream, const struct plan_item *item);

/**
 * plan_item_bytes() - the payload (UDP, raw IP), packet (header_included) or frame of an item
 * @item: one of @stream's
 *
 * Written the first time, there from then on. Return: [item->len], the plan's; NULL in an outline.
 */
const uint8_t *plan_item_bytes(const struct plan_stream *stream, const struct plan_item *item);

/**
 * plan_item_head() - the first bytes of an item, without writing all of it
 * @out: [size]
 *
 * The checksum in a frame's UDP header is 0 where the item was not written yet: it needs the whole.
 * Return: how many, MIN(item->len, @size); 0 where an item by hand has no bytes.
 */
size_t plan_item_head(const struct plan_stream *stream, const struct plan_item *item, uint8_t *out,
		      size_t size);

/**
 * plan_packet_write() - packet @number of @stream, an @item, as plan_item_bytes() with what
 * differs; the time of its stamp is 0
 * @out: [item->len]
 */
void plan_packet_write(const struct plan_stream *stream, const struct plan_item *item,
		       uint64_t number, uint8_t *out);

/**
 * plan_packets_draft() - @count packets of one item, from @number on, but for their stamps, where
 * the stream has them
 * @out: [count * item->len] they lie back to back, and are the bytes of the item, or packets of it
 *       that were drafted or written before
 */
void plan_packets_draft(const struct plan_stream *stream, const struct plan_item *item,
			uint64_t number, uint64_t count, uint8_t *out);

/**
 * plan_packets_stamp() - the stamps of packets that were drafted, with their time (CLOCK_REALTIME),
 * and in a frame's header what follows from them
 * @packets: [count * len], from @number on
 */
void plan_packets_stamp(const struct plan_stream *stream, uint64_t number, uint64_t count,
			int64_t time_ns, uint8_t *packets, uint32_t len);
