/*
 * wire_image: a packet of a plan as it is on the wire: with the headers that the kernel will write.
 *
 * For previews. What is unknown before the packet leaves is shown as zero: a source port that the
 * kernel will choose, the IPv4 identification, the IPv6 flow label (and, with an unknown port, the
 * UDP checksum is that of port 0). A datagram longer than the path's MTU is shown whole; the kernel
 * sends it in fragments. Thread: any; wire_image_context_init() asks the kernel for the route.
 */
#pragma once
#include "net/net_ip.h"
#include "packet/plan.h"

#include <stddef.h>
#include <stdint.h>

enum { WIRE_IMAGE_SUMMARY_MAX = 200 };

struct wire_image_context { /* what the host adds to the packets of one stream */
	union net_ip source;
	uint32_t mtu; /* 0: unknown */
	uint8_t ttl;  /* that the kernel will write */
	bool routed;  /* there is a route now */
};

/** wire_image_context_init() - route, source address, TTL. Never fails; what is unknown stays zero
 */
void wire_image_context_init(struct wire_image_context *context, const struct plan_stream *stream);

/** wire_image_len() - bytes of the IP packet or frame */
size_t wire_image_len(const struct plan_stream *stream, const struct plan_item *item);

/** wire_image_write() - packet @number of @stream; @bytes: [wire_image_len()] */
void wire_image_write(const struct wire_image_context *context, const struct plan_stream *stream,
		      const struct plan_item *item, uint64_t number, uint8_t *bytes);

/** wire_image_summary() - one line for people: "UDP 198.18.0.1:4000 > 198.18.0.2:9, 100 B, 3
 * fragments"
 */
void wire_image_summary(const struct wire_image_context *context, const struct plan_stream *stream,
			const struct plan_item *item, char summary[static WIRE_IMAGE_SUMMARY_MAX]);
