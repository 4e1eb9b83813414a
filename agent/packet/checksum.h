/*
 * checksum: the Internet checksum (RFC 1071) of headers that are built here instead of by the
 * kernel. Pure.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** checksum_add() - the 16-bit words of @bytes, an odd last byte padded with zero; sums may be
 * added up */
uint64_t checksum_add(const uint8_t *bytes, size_t len);

/** checksum_fold() - the one's complement of a sum, in network byte order */
uint16_t checksum_fold(uint64_t sum);

/** checksum_put() - store a 16-bit value that is in network byte order already */
void checksum_put(uint8_t *at, uint16_t network_order);

/**
 * checksum_pseudo() - the sum over addresses, protocol and length ahead of a UDP or ICMPv6 message
 * @addresses: source and destination in one piece
 * @addresses_len: 8 (IPv4) or 32 (IPv6)
 */
uint64_t checksum_pseudo(const uint8_t *addresses, size_t addresses_len, uint8_t protocol,
			 uint32_t message_len);
