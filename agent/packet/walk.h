/*
 * walk: the headers of a packet, one after the other: the inverse of building it.
 *
 * A walk knows where each header is, what it is and how long it is, the addresses and ports in it,
 * and what it could not open. It follows every encapsulation of the tables in walk_link.c
 * (EtherTypes, PPP), walk_ip.c (IP protocols) and walk_tunnel.c (UDP ports). What is not in them is
 * a leaf. Headers quoted in ICMP errors are not followed: they describe a packet of the past.
 *
 *   walk_start_ethernet(&walk, bytes, len, len);
 *   while (walk_next(&walk))
 *           use(walk.header, walk.addresses, …);
 *   if (walk.end != WALK_LEAF)
 *           refuse(walk_reason(&walk, …));
 *
 * The cost is bounded by WALK_BYTES_MAX and WALK_HEADERS_MAX, whatever the bytes are. Nothing is
 * allocated. Thread: any; a walk belongs to one.
 */
#pragma once
#include "packet/walk_header.h"

/* Where a walk starts. @bytes: [len], borrowed until the walk ends; @total: bytes of the whole
 * packet, of which the first @len are there. More than WALK_BYTES_MAX are not looked at. */
void walk_start_ethernet(struct walk *walk, const uint8_t *bytes, size_t len, size_t total);
void walk_start_ip(struct walk *walk, const uint8_t *bytes, size_t len, size_t total);

/**
 * walk_start_protocol() - behind an IP header that is not among the bytes, as on a raw socket
 * @ipv6_target: [16], borrowed; destination in that header; NULL: it is IPv4
 */
void walk_start_protocol(struct walk *walk, uint8_t protocol, const uint8_t *ipv6_target,
			 const uint8_t *bytes, size_t len, size_t total);

/** walk_start_udp() - behind a UDP header that is not among the bytes; a source port that is not
 * known is 0 */
void walk_start_udp(struct walk *walk, uint16_t source_port, uint16_t target_port,
		    const uint8_t *bytes, size_t len, size_t total);

/** walk_next() - the next header. Return: true with what struct walk says; false: the walk ended */
bool walk_next(struct walk *walk);

/** walk_reason() - why a walk ended that left something unopened: "the GRE header at byte 20 is
 * cut". Return: @text */
enum { WALK_REASON_BYTES = 160 };
const char *walk_reason(const struct walk *walk, char text[static WALK_REASON_BYTES]);

/** walk_udp_opens() - can a datagram between these ports carry another packet? */
bool walk_udp_opens(uint16_t source_port, uint16_t target_port);

/** walk_protocol_opens() - is there anything to be found behind IP protocol @protocol? */
bool walk_protocol_opens(uint8_t protocol);
