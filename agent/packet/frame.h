/*
 * frame: Ethernet destinations. Payloads are whole frames; or a FrameHeader describes what precedes
 * them, and the frame is built: MACs, VLAN tags, IP, UDP, lengths and checksums.
 *
 * What a FrameHeader leaves open is looked up when it is compiled: the source MAC and address from
 * the interface and route, the destination's MAC from its address (broadcast, multicast) or the
 * neighbour table; an entry that is missing there is resolved when the job starts (resolve.h). What
 * stays unknown is a fault that names the field to fill in.
 */
#pragma once
#include "net/link.h"
#include "packet/check.h"
#include "packet/plan.h"

enum {
	FRAME_HEADER_BYTES_MAX = 14 + 4 * PLAN_VLANS_MAX + 40 + 8,
};

struct frame {					/* zeroed: payloads are whole frames */
	uint8_t header[FRAME_HEADER_BYTES_MAX]; /* lengths and checksums still 0 */
	uint8_t header_bytes;
	uint8_t ip_at, udp_at; /* 0: none */
	uint8_t vlan_bytes;
	bool ipv6;
};

/** frame_compile() - check "ethernet", fill @ret and the header of its frames
 * @link: the interface looked up last, index 0 before the first: the streams of a job mostly share
 * one */
void frame_compile(struct check *check, const Pagecast__V1__EthernetDestination *ethernet,
		   struct link *link, struct plan_destination *ret, struct frame *ret_frame);

/** frame_bytes_max() - the longest frame this header can have: an IP length ends at 65535 */
uint32_t frame_bytes_max(const struct frame *frame);

/** frame_finish() - write the header of a frame whose payload is in place
 * @bytes: [len] the frame; len >= header_bytes */
void frame_finish(const struct frame *frame, uint8_t *bytes, uint32_t len);

/** frame_head() - the same of the first @have bytes of a frame of @len; its UDP checksum stays 0 */
void frame_head(const struct frame *frame, uint8_t *bytes, size_t have, uint32_t len);
