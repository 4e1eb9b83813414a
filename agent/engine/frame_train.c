/* frame_train: see frame_train.h. */
#include "engine/frame_train.h"

#include "packet/checksum.h"

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

_Static_assert(sizeof(struct virtio_net_hdr) == FRAME_TRAIN_VNET_BYTES, "as the kernel reads it");

enum {
	IP_AT = ETH_HLEN,
	IP4_ID_AT = IP_AT + offsetof(struct iphdr, id),
	IP4_SUM_AT = IP_AT + offsetof(struct iphdr, check),
	IP4_DONT_FRAGMENT = 0x4000,
	IP4_FRAGMENT_BITS = 0x3fff, /* more fragments, and the offset */
};

/* What the headers of a frame say; ip_bytes 0: not one that can be cut. */
struct shape {
	uint32_t ip_bytes;
	uint32_t udp_at, payload_at;
	bool any_id;
};

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static bool ip4(const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + IP_AT;
	return len > IP_AT + sizeof(struct iphdr) + sizeof(struct udphdr) && ip[0] == 0x45 &&
	       get16(ip + offsetof(struct iphdr, tot_len)) == len - IP_AT &&
	       ip[offsetof(struct iphdr, protocol)] == IPPROTO_UDP &&
	       !(get16(ip + offsetof(struct iphdr, frag_off)) & IP4_FRAGMENT_BITS) &&
	       checksum_fold(checksum_add(ip, sizeof(struct iphdr))) == 0;
}

static bool ip6(const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + IP_AT;
	return len > IP_AT + sizeof(struct ip6_hdr) + sizeof(struct udphdr) && ip[0] >> 4 == 6 &&
	       get16(ip + offsetof(struct ip6_hdr, ip6_plen)) ==
		       len - IP_AT - sizeof(struct ip6_hdr) &&
	       ip[offsetof(struct ip6_hdr, ip6_nxt)] == IPPROTO_UDP;
}

/* Addresses of both families end where UDP begins. */
static uint64_t pseudo_sum(const uint8_t *frame, const struct shape *shape, uint32_t udp_bytes)
{
	uint32_t addresses = shape->ip_bytes == sizeof(struct iphdr) ? 8 : 32;
	return checksum_pseudo(frame + shape->udp_at - addresses, addresses, IPPROTO_UDP,
			       udp_bytes);
}

static bool udp_is_right(const uint8_t *frame, const struct shape *shape, uint32_t len)
{
	const uint8_t *udp = frame + shape->udp_at;
	uint32_t udp_bytes = len - shape->udp_at;
	return get16(udp + offsetof(struct udphdr, len)) == udp_bytes &&
	       get16(udp + offsetof(struct udphdr, check)) &&
	       checksum_fold(pseudo_sum(frame, shape, udp_bytes) + checksum_add(udp, udp_bytes)) ==
		       0;
}

/* Of a frame whose headers were looked at before, or that is long enough for them. */
static struct shape shape_of(const uint8_t *frame, uint32_t len)
{
	struct shape shape = {0};
	if (len < ETH_HLEN)
		return shape;
	uint32_t type = get16(frame + offsetof(struct ethhdr, h_proto));
	if (type == ETH_P_IP && ip4(frame, len)) {
		shape.ip_bytes = sizeof(struct iphdr);
		shape.any_id =
			get16(frame + IP_AT + offsetof(struct iphdr, frag_off)) & IP4_DONT_FRAGMENT;
	} else if (type == ETH_P_IPV6 && ip6(frame, len)) {
		shape.ip_bytes = sizeof(struct ip6_hdr);
	}
	shape.udp_at = IP_AT + shape.ip_bytes;
	shape.payload_at = shape.udp_at + (uint32_t)sizeof(struct udphdr);
	return shape;
}

/* Equal headers, as far as the kernel copies them from the first; @nth: the frame's place. */
static bool alike(const uint8_t *first, const uint8_t *frame, const struct shape *shape,
		  uint32_t len, uint32_t nth)
{
	uint32_t udp_sum_at = shape->udp_at + (uint32_t)offsetof(struct udphdr, check);
	if (shape->ip_bytes == sizeof(struct ip6_hdr)) {
		if (memcmp(first, frame, udp_sum_at) != 0)
			return false;
		return udp_is_right(frame, shape, len);
	}
	uint32_t id = (get16(first + IP4_ID_AT) + nth) & 0xffff;
	return memcmp(first, frame, IP4_ID_AT) == 0 &&
	       (shape->any_id || get16(frame + IP4_ID_AT) == id) &&
	       memcmp(first + IP4_ID_AT + 2, frame + IP4_ID_AT + 2, IP4_SUM_AT - IP4_ID_AT - 2) ==
		       0 &&
	       memcmp(first + IP4_SUM_AT + 2, frame + IP4_SUM_AT + 2,
		      udp_sum_at - IP4_SUM_AT - 2) == 0 &&
	       checksum_fold(checksum_add(frame + IP_AT, sizeof(struct iphdr))) == 0 &&
	       udp_is_right(frame, shape, len);
}

bool frame_train_follows(const uint8_t *first, const uint8_t *next, uint32_t len)
{
	struct shape shape = shape_of(first, len);
	return shape.ip_bytes && alike(first, next, &shape, len, 1) &&
	       udp_is_right(first, &shape, len);
}

uint32_t frame_train_run(const uint8_t *frames, uint32_t len, uint32_t count)
{
	uint32_t run = 1;
	struct shape shape = shape_of(frames, len);
	if (count < 2 || !shape.ip_bytes || !udp_is_right(frames, &shape, len))
		return 1;
	while (run < count && alike(frames, frames + (size_t)run * len, &shape, len, run))
		run++;
	return run;
}

uint32_t frame_train_bytes(const uint8_t *frames, uint32_t len, uint32_t count)
{
	uint32_t headers = count > 1 ? shape_of(frames, len).payload_at : 0;
	return FRAME_TRAIN_VNET_BYTES + headers + count * (len - headers);
}

static void write_headers(uint8_t *frame, const struct shape *shape, uint32_t len)
{
	uint8_t *ip = frame + IP_AT;
	uint32_t udp_bytes = len - shape->udp_at;
	if (shape->ip_bytes == sizeof(struct iphdr)) {
		put16(ip + offsetof(struct iphdr, tot_len), len - IP_AT);
		put16(ip + offsetof(struct iphdr, check), 0);
		checksum_put(ip + offsetof(struct iphdr, check),
			     checksum_fold(checksum_add(ip, sizeof(struct iphdr))));
	} else {
		put16(ip + offsetof(struct ip6_hdr, ip6_plen), udp_bytes);
	}
	put16(frame + shape->udp_at + offsetof(struct udphdr, len), udp_bytes);
	/* the device goes on from the sum of what is not in the packet: not inverted */
	checksum_put(frame + shape->udp_at + offsetof(struct udphdr, check),
		     (uint16_t)~checksum_fold(pseudo_sum(frame, shape, udp_bytes)));
}

void frame_train_write(uint8_t *to, const uint8_t *frames, uint32_t len, uint32_t count)
{
	struct virtio_net_hdr vnet = {0};
	uint8_t *frame = to + sizeof vnet;
	memcpy(frame, frames, len);
	if (count > 1) {
		struct shape shape = shape_of(frames, len);
		uint32_t payload = len - shape.payload_at;
		for (uint32_t i = 1; i < count; i++)
			memcpy(frame + len + (size_t)(i - 1) * payload,
			       frames + (size_t)i * len + shape.payload_at, payload);
		write_headers(frame, &shape, len + (count - 1) * payload);
		vnet = (struct virtio_net_hdr){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
			.hdr_len = (uint16_t)shape.payload_at,
			.gso_size = (uint16_t)payload,
			.csum_start = (uint16_t)shape.udp_at,
			.csum_offset = offsetof(struct udphdr, check),
		};
	}
	memcpy(to, &vnet, sizeof vnet);
}

void frame_train_write_lone(uint8_t *to, const uint8_t *frame, uint32_t len)
{
	struct virtio_net_hdr vnet = {.hdr_len = (uint16_t)len};
	memcpy(to, &vnet, sizeof vnet);
	memcpy(to + sizeof vnet, frame, len);
}
