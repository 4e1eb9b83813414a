/* destination: where a stream goes, for UDP and raw IP; Ethernet is in frame. */
#pragma once
#include "packet/check.h"
#include "packet/plan.h"

/** destination_udp() - check "udp", fill @ret (zeroed before). With faults @ret is filled in part;
 * its family is set if it is known */
void destination_udp(struct check *check, const Pagecast__V1__UdpDestination *udp,
		     struct plan_destination *ret);

/** destination_raw_ip() - the same for "rawIp" */
void destination_raw_ip(struct check *check, const Pagecast__V1__RawIpDestination *raw,
			struct plan_destination *ret);

/** destination_overhead_l3() - bytes of IP and UDP header the kernel writes before a payload */
uint16_t destination_overhead_l3(const struct plan_destination *destination);

/** destination_payload_max() - the longest payload that a packet to there holds */
uint32_t destination_payload_max(const struct plan_destination *destination);

/**
 * destination_check_header() - the IP header that a header_included packet begins with
 * @head: [min(len, 60)] its first bytes
 * @len:  of the whole packet
 *
 * The kernel writes the total length and the header checksum itself, and routes by the
 * destination's address: a header with another destination would be sent by a route that does not
 * belong to it.
 */
enum { DESTINATION_HEAD_BYTES = 20 };
void destination_check_header(struct check *check, const struct plan_destination *destination,
			      const uint8_t *head, uint64_t len);
